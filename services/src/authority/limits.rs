//! How much of the authority one requester may use, and how hard one target may be looked at.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use mecai::request::Problem;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The rates of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Requests a minute by one requester (an IPv4 address, an IPv6 /64).
    pub requester: NonZeroU32,
    /// Requests a minute for one host and port.
    pub host: NonZeroU32,
    /// Probes a minute of one address.
    pub address: NonZeroU32,
    /// Requests that are worked on at a time.
    pub at_once: usize,
}

/// Over a limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Limited {
    /// Too many requests of one kind in a minute.
    #[error("more than {per_minute} a minute for {whom}; try again in {} s", .retry_after.as_secs())]
    Rate {
        /// Whose limit it is.
        whom: String,
        /// The limit.
        per_minute: u32,
        /// Whole seconds, at least one.
        retry_after: Duration,
    },
    /// Too many requests at once.
    #[error("this authority works on {at_once} requests already; try again in {} s", .retry_after.as_secs())]
    Overloaded {
        /// The limit.
        at_once: usize,
        /// Whole seconds, at least one.
        retry_after: Duration,
    },
}

impl Limited {
    /// What an authority answers for it (spec 9).
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Rate { .. } => Problem::RateLimited,
            Self::Overloaded { .. } => Problem::Overloaded,
        }
    }

    /// For the header Retry-After.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Rate { retry_after, .. } | Self::Overloaded { retry_after, .. } => *retry_after,
        }
    }
}

/// How long whoever meets an overloaded authority should wait.
const OVERLOADED: Duration = Duration::from_secs(5);

/// Refusals for being over a limit that are recorded a minute, by requester.
const RECORDED: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// The limits, with what was used of them.
pub struct Limits {
    rates: Rates,
    requesters: DefaultKeyedRateLimiter<IpAddr>,
    hosts: DefaultKeyedRateLimiter<(String, u16)>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    recorded: DefaultKeyedRateLimiter<IpAddr>,
    places: Arc<Semaphore>,
}

impl Limits {
    /// Nothing used yet. Each rate may be used up at once.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            rates,
            requesters: DefaultKeyedRateLimiter::keyed(Quota::per_minute(rates.requester)),
            hosts: DefaultKeyedRateLimiter::keyed(Quota::per_minute(rates.host)),
            addresses: DefaultKeyedRateLimiter::keyed(Quota::per_minute(rates.address)),
            recorded: DefaultKeyedRateLimiter::keyed(Quota::per_minute(RECORDED)),
            places: Arc::new(Semaphore::new(rates.at_once)),
        }
    }

    /// A place among the requests that are worked on, kept until it is dropped.
    ///
    /// # Errors
    /// [`Limited::Overloaded`].
    pub fn place(&self) -> Result<OwnedSemaphorePermit, Limited> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Limited::Overloaded { at_once: self.rates.at_once, retry_after: OVERLOADED })
    }

    /// Counts a request by `requester`.
    ///
    /// # Errors
    /// [`Limited::Rate`].
    pub fn requester(&self, requester: IpAddr) -> Result<(), Limited> {
        let key = network(requester);
        count(&self.requesters, &key, self.rates.requester, || format!("the requester {key}"))
    }

    /// Counts a request for a host and port.
    ///
    /// # Errors
    /// [`Limited::Rate`].
    pub fn host(&self, host: &str, port: u16) -> Result<(), Limited> {
        let key = (host.to_owned(), port);
        count(&self.hosts, &key, self.rates.host, || format!("{host} port {port}"))
    }

    /// Counts a probe of an address.
    ///
    /// # Errors
    /// [`Limited::Rate`].
    pub fn address(&self, address: IpAddr) -> Result<(), Limited> {
        count(&self.addresses, &address, self.rates.address, || format!("the address {address}"))
    }

    /// Whether one more refusal of `requester` for being over a limit goes into the journal: a flood must not fill it.
    pub fn may_record(&self, requester: IpAddr) -> bool {
        self.recorded.check_key(&network(requester)).is_ok()
    }

    /// Forgets those that have not used their limit of late; to be called now and then.
    pub fn forget_idle(&self) {
        self.requesters.retain_recent();
        self.hosts.retain_recent();
        self.addresses.retain_recent();
        self.recorded.retain_recent();
    }
}

fn count<K: Clone + Eq + Hash>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
    rate: NonZeroU32,
    whom: impl FnOnce() -> String,
) -> Result<(), Limited> {
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        Limited::Rate { whom: whom(), per_minute: rate.get(), retry_after: Duration::from_secs(wait.as_secs() + 1) }
    })
}

/// Whoever has an IPv6 address has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn limits() -> Limits {
        let two = NonZeroU32::new(2).unwrap();
        Limits::new(Rates { requester: two, host: two, address: two, at_once: 1 })
    }

    #[test]
    fn a_requester_is_limited_by_its_network_and_others_are_not() {
        let limits = limits();
        let ip = |text: &str| text.parse().unwrap();
        limits.requester(ip("2001:db8:1:2::1")).unwrap();
        limits.requester(ip("2001:db8:1:2::2")).unwrap();
        let limited = limits.requester(ip("2001:db8:1:2::3")).unwrap_err();
        assert_eq!(limited.problem(), Problem::RateLimited);
        assert!((1..=31).contains(&limited.retry_after().as_secs()), "{limited}");
        assert!(limited.to_string().starts_with("more than 2 a minute for the requester 2001:db8:1:2::;"), "{limited}");
        limits.requester(ip("2001:db8:1:3::1")).unwrap();
        limits.requester(ip("192.0.2.1")).unwrap();
        limits.requester(ip("::ffff:192.0.2.1")).unwrap();
        assert!(limits.requester(ip("192.0.2.1")).is_err());
    }

    #[test]
    fn a_target_is_limited_whoever_asks() {
        let limits = limits();
        for _ in 0..2 {
            limits.host("www.shop.example", 443).unwrap();
            limits.address("192.0.2.1".parse().unwrap()).unwrap();
        }
        assert!(limits.host("www.shop.example", 443).is_err());
        assert!(limits.address("192.0.2.1".parse().unwrap()).is_err());
        limits.host("www.shop.example", 8443).unwrap();
        limits.address("192.0.2.2".parse().unwrap()).unwrap();
    }

    #[test]
    fn a_place_is_free_again_when_it_is_left() {
        let limits = limits();
        let place = limits.place().unwrap();
        let limited = limits.place().unwrap_err();
        assert_eq!((limited.problem(), limited.retry_after()), (Problem::Overloaded, OVERLOADED));
        drop(place);
        assert!(limits.place().is_ok());
    }
}
