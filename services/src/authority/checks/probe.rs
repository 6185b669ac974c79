//! Looks for a certificate at the addresses of a host.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mecai::request::Problem;
use thiserror::Error;
use tokio::sync::Semaphore;

use super::handshake::{Endpoint, HandshakeFailure, Handshaker, Presented};
use super::hex;
use super::shown::{NotCounted, Others, Shown, Wanted};

/// Why the certificate was not seen at one address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProbeFailure {
    /// No handshake finished.
    #[error(transparent)]
    Handshake(#[from] HandshakeFailure),
    /// Handshakes finished, and showed other certificates, or the wanted one in a way that does not count.
    #[error("{0}")]
    OtherCertificate(Others),
    /// The deadline passed.
    #[error("the handshake did not finish within {} s", .0.as_secs_f32())]
    Timeout(Duration),
}

/// What a probe found at one address.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// The address.
    pub address: IpAddr,
    /// The wanted certificate as the server showed it, or why it was not seen.
    pub result: Result<Shown, ProbeFailure>,
}

/// No address showed the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the certificate {} was not seen: {}", hex(.wanted), describe(.failures))]
pub struct NotSeen {
    /// The SHA-256 of the certificate that was looked for.
    pub wanted: [u8; 32],
    /// What was found instead at each address.
    pub failures: Vec<(IpAddr, ProbeFailure)>,
}

impl NotSeen {
    /// What an authority answers for it (spec 9): that of the address that got furthest.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let problems = self.failures.iter().map(|(_, failure)| failure.problem());
        problems
            .max_by_key(|problem| match problem {
                Problem::WrongCertificate => 2,
                Problem::HandshakeFailed => 1,
                _ => 0,
            })
            .unwrap_or(Problem::ConnectionFailed)
    }
}

impl ProbeFailure {
    fn problem(&self) -> Problem {
        match self {
            Self::OtherCertificate(_) => Problem::WrongCertificate,
            Self::Handshake(HandshakeFailure::Connect(_)) => Problem::ConnectionFailed,
            Self::Handshake(_) | Self::Timeout(_) => Problem::HandshakeFailed,
        }
    }
}

/// Probes servers.
pub struct Prober {
    handshaker: Handshaker,
    deadline: Duration,
    /// Bounds the handshakes under way in the whole process.
    places: Arc<Semaphore>,
}

impl Prober {
    /// A prober with `places` handshakes at a time, each probe of one address ending by `deadline`.
    #[must_use]
    pub fn new(handshaker: Handshaker, deadline: Duration, places: usize) -> Self {
        Self { handshaker, deadline, places: Arc::new(Semaphore::new(places)) }
    }

    /// Probes all `addresses` at once, with the wanted host as SNI unless that is an address.
    pub async fn probe(&self, addresses: &[IpAddr], wanted: &Wanted<'_>) -> Vec<Sighting> {
        join_all(addresses.iter().map(|&address| async move {
            let sni = wanted.host.parse::<IpAddr>().is_err().then_some(wanted.host);
            let (socket, protocol) = (SocketAddr::new(address, wanted.port), wanted.protocol);
            let looking = self.look(Endpoint { address: socket, protocol, sni }, wanted);
            let result =
                tokio::time::timeout(self.deadline, looking).await.unwrap_or(Err(ProbeFailure::Timeout(self.deadline)));
            Sighting { address, result }
        }))
        .await
    }

    /// The default handshake first; if it does not show the wanted certificate, one for each other type of key, since a
    /// server may hold one certificate per type, and an alternate and staged ones for each.
    async fn look(&self, endpoint: Endpoint<'_>, wanted: &Wanted<'_>) -> Result<Shown, ProbeFailure> {
        let _place = self.places.acquire().await;
        let (first, broken) = self.first(&endpoint).await?;
        let (asks, key_type) = (broken.is_none(), first.key_type);
        let mut others = match wanted.find(first) {
            Ok(shown) => return Ok(shown),
            Err(others) => others,
        };
        others.not_counted.extend(broken);
        for &key_type in key_type.others() {
            // A server without a certificate of that type refuses the handshake: nothing to report.
            let Ok(presented) = self.handshaker.shake(&endpoint, Some(key_type), asks).await else {
                continue;
            };
            match wanted.find(presented) {
                Ok(shown) => return Ok(shown),
                Err(more) => others.add(more),
            }
        }
        Err(ProbeFailure::OtherCertificate(others))
    }

    /// The default handshake, with questions or else without them: a server that cannot put its answers into a handshake
    /// must not lose the vouchers of the certificate that it has in use. Says why the one with questions broke off.
    async fn first(&self, endpoint: &Endpoint<'_>) -> Result<(Presented, Option<NotCounted>), HandshakeFailure> {
        match self.handshaker.shake(endpoint, None, true).await {
            Ok(presented) => Ok((presented, None)),
            Err(HandshakeFailure::Tls(cause)) => match self.handshaker.shake(endpoint, None, false).await {
                Ok(presented) => Ok((presented, Some(NotCounted::Questions(cause)))),
                Err(_) => Err(HandshakeFailure::Tls(cause)),
            },
            Err(failure) => Err(failure),
        }
    }
}

/// The addresses at which the certificate was seen with what was shown there.
///
/// # Errors
/// [`NotSeen`] if there is none.
pub fn seen(sightings: Vec<Sighting>, wanted: [u8; 32]) -> Result<Vec<(IpAddr, Shown)>, NotSeen> {
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for sighting in sightings {
        match sighting.result {
            Ok(shown) => found.push((sighting.address, shown)),
            Err(failure) => failures.push((sighting.address, failure)),
        }
    }
    if found.is_empty() {
        return Err(NotSeen { wanted, failures });
    }
    Ok(found)
}

fn describe(failures: &[(IpAddr, ProbeFailure)]) -> String {
    let words: Vec<String> = failures.iter().map(|(address, failure)| format!("{address}: {failure}")).collect();
    words.join("; ")
}
