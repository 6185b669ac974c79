//! Which addresses and ports the authority may connect to.
//!
//! The host, and through certificates the OCSP and CRL locations, are chosen by strangers; a name of theirs must not
//! make the authority connect into the network that it stands in (spec 9). Every connection, of probes and of
//! fetches, goes to an address that was checked here, never to a name.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mecai::request::Problem;
use thiserror::Error;

/// An address that the authority does not connect to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the address {address} is in {range} ({purpose}), a range that the configuration key `allow` does not list")]
pub struct AddressRefused {
    /// The address that was refused.
    pub address: IpAddr,
    /// The special-purpose range that it is in.
    pub range: IpNet,
    /// What the range is for, with its reference.
    pub purpose: &'static str,
}

impl AddressRefused {
    /// What an authority answers for it (spec 9).
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem::AddressRefused
    }
}

/// A port that the authority does not connect to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the port {port} is not among those that this authority connects to: {}", list(.allowed))]
pub struct PortRefused {
    /// The port that was refused.
    pub port: u16,
    /// The ports that are allowed.
    pub allowed: BTreeSet<u16>,
}

impl PortRefused {
    /// What an authority answers for it (spec 9).
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem::PortRefused
    }
}

/// Refuses special-purpose addresses unless they are in an allowed range.
#[derive(Debug, Clone, Default)]
pub struct AddressFilter {
    allowed: Vec<IpNet>,
}

impl AddressFilter {
    /// A filter that allows, besides ordinary public addresses, those in `allowed`.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Passes `address`, or names the range that refuses it.
    ///
    /// An IPv6 address that carries an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) leads to that
    /// address, so both must pass: allowing NAT64 does not open `10.0.0.0/8`.
    ///
    /// # Errors
    /// [`AddressRefused`] with the first special-purpose range that is not allowed.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        if let Some((range, purpose)) = special_range(address)
            && !self.allowed.iter().any(|net| net.contains(&address))
        {
            return Err(AddressRefused { address, range, purpose });
        }
        if let IpAddr::V6(v6) = address {
            for inner in embedded_ipv4(v6) {
                self.check(IpAddr::V4(inner)).map_err(|refused| AddressRefused { address, ..refused })?;
            }
        }
        Ok(())
    }
}

/// The ports that may be connected to.
#[derive(Debug, Clone)]
pub struct PortFilter {
    allowed: BTreeSet<u16>,
}

impl PortFilter {
    /// A filter that allows exactly `allowed`.
    pub fn new(allowed: impl IntoIterator<Item = u16>) -> Self {
        Self { allowed: allowed.into_iter().collect() }
    }

    /// Passes `port` if it is allowed.
    ///
    /// # Errors
    /// [`PortRefused`] with the allowed ports.
    pub fn check(&self, port: u16) -> Result<(), PortRefused> {
        if self.allowed.contains(&port) { Ok(()) } else { Err(PortRefused { port, allowed: self.allowed.clone() }) }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// IANA IPv4 Special-Purpose Address Registry, and multicast.
const SPECIAL_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this network, RFC 791"),
    (v4(10, 0, 0, 0, 8), "private use, RFC 1918"),
    (v4(100, 64, 0, 0, 10), "shared address space, RFC 6598"),
    (v4(127, 0, 0, 0, 8), "loopback, RFC 1122"),
    (v4(169, 254, 0, 0, 16), "link local, RFC 3927"),
    (v4(172, 16, 0, 0, 12), "private use, RFC 1918"),
    (v4(192, 0, 0, 0, 24), "IETF protocol assignments, RFC 6890"),
    (v4(192, 0, 2, 0, 24), "documentation, RFC 5737"),
    (v4(192, 31, 196, 0, 24), "AS112, RFC 7535"),
    (v4(192, 52, 193, 0, 24), "AMT, RFC 7450"),
    (v4(192, 88, 99, 0, 24), "6to4 relay anycast, RFC 7526"),
    (v4(192, 168, 0, 0, 16), "private use, RFC 1918"),
    (v4(192, 175, 48, 0, 24), "AS112, RFC 7534"),
    (v4(198, 18, 0, 0, 15), "benchmarking, RFC 2544"),
    (v4(198, 51, 100, 0, 24), "documentation, RFC 5737"),
    (v4(203, 0, 113, 0, 24), "documentation, RFC 5737"),
    (v4(224, 0, 0, 0, 4), "multicast, RFC 5771"),
    (v4(240, 0, 0, 0, 4), "reserved and broadcast, RFC 1112"),
];

/// IANA IPv6 Special-Purpose Address Registry, multicast, and what is deprecated.
const SPECIAL_V6: &[(Ipv6Net, &str)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified, RFC 4291"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback, RFC 4291"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "IPv4-compatible, RFC 4291"),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), "IPv4-mapped, RFC 4291"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "IPv4-IPv6 translation, RFC 6052"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "IPv4-IPv6 translation, RFC 8215"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discard only, RFC 6666"),
    (v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64), "dummy prefix, RFC 9780"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "Teredo, RFC 4380"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "IETF protocol assignments, RFC 2928"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation, RFC 3849"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4, RFC 3056"),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), "AS112, RFC 7534"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation, RFC 9637"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "segment routing, RFC 9602"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local, RFC 4193"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link local, RFC 4291"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site local, RFC 3879"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast, RFC 4291"),
];

/// Global unicast IPv6 is assigned from here only.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

fn special_range(address: IpAddr) -> Option<(IpNet, &'static str)> {
    match address {
        IpAddr::V4(v4) => {
            SPECIAL_V4.iter().find(|(net, _)| net.contains(&v4)).map(|(net, purpose)| (IpNet::V4(*net), *purpose))
        }
        IpAddr::V6(v6) => SPECIAL_V6
            .iter()
            .find(|(net, _)| net.contains(&v6))
            .map(|(net, purpose)| (IpNet::V6(*net), *purpose))
            .or_else(|| {
                let all = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0);
                (!GLOBAL_UNICAST.contains(&v6)).then_some((IpNet::V6(all), "outside 2000::/3, RFC 4291"))
            }),
    }
}

/// The IPv4 addresses that packets to `address` may end up at.
fn embedded_ipv4(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let at = |start: usize| Ipv4Addr::new(octets[start], octets[start + 1], octets[start + 2], octets[start + 3]);
    let segments = address.segments();
    match segments {
        // Loopback and unspecified carry nothing.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => vec![at(12)],
        // RFC 6052 section 2.2: a /48 prefix has the address around octet 8, a /96 one at the end.
        [0x64, 0xff9b, 1, ..] => vec![Ipv4Addr::new(octets[6], octets[7], octets[9], octets[10]), at(12)],
        [0x2002, ..] => vec![at(2)],
        // Teredo: the server in clear, the client with every bit flipped.
        [0x2001, 0, ..] => vec![at(4), Ipv4Addr::from_bits(!at(12).to_bits())],
        // ISATAP interface identifiers (RFC 5214) may stand below any prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => vec![at(12)],
        _ => Vec::new(),
    }
}

fn list(ports: &BTreeSet<u16>) -> String {
    if ports.is_empty() {
        return "none".to_owned();
    }
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn public_addresses_pass() {
        let filter = AddressFilter::default();
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2001:200::1",
            "2a00::1",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert_eq!(filter.check(ip(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn ssrf_every_special_range_is_refused_at_both_ends() {
        let filter = AddressFilter::default();
        for (net, _) in SPECIAL_V4 {
            for end in [net.network(), net.broadcast()] {
                assert!(filter.check(IpAddr::V4(end)).is_err(), "{end}");
            }
        }
        for (net, _) in SPECIAL_V6 {
            for end in [net.network(), net.broadcast()] {
                assert!(filter.check(IpAddr::V6(end)).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn ssrf_addresses_that_carry_a_private_ipv4_are_refused() {
        let filter = AddressFilter::default();
        for text in [
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1:a00:0:100::",
            "2002:a00:1::1",
            "2001:0:a00:1::1",
            "2a00::5efe:10.0.0.1",
            "4000::1",
        ] {
            assert!(filter.check(ip(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn ssrf_allowing_a_tunnel_does_not_allow_what_is_behind_it() {
        let allow = |nets: &[&str]| AddressFilter::new(nets.iter().map(|net| net.parse().unwrap()).collect());
        let nat64 = allow(&["64:ff9b::/96"]);
        assert_eq!(nat64.check(ip("64:ff9b::1.1.1.1")), Ok(()));
        let refused = nat64.check(ip("64:ff9b::169.254.169.254")).unwrap_err();
        assert_eq!(refused.address, ip("64:ff9b::169.254.169.254"));
        assert_eq!(refused.range.to_string(), "169.254.0.0/16");

        let teredo = allow(&["2001::/32"]);
        // The client's 192.168.0.1 with its bits flipped.
        assert!(teredo.check(ip("2001:0:101:101:0:0:3f57:fffe")).is_err());
        assert_eq!(teredo.check(ip("2001:0:101:101:0:0:fefe:fefe")), Ok(()));
    }

    #[test]
    fn an_allowed_range_passes_and_nothing_beside_it() {
        let filter = AddressFilter::new(vec!["127.0.0.0/24".parse().unwrap()]);
        assert_eq!(filter.check(ip("127.0.0.9")), Ok(()));
        let refused = filter.check(ip("127.0.1.9")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the address 127.0.1.9 is in 127.0.0.0/8 (loopback, RFC 1122), a range that the configuration key \
             `allow` does not list"
        );
        assert_eq!(refused.problem(), Problem::AddressRefused);
    }

    #[test]
    fn ports_are_an_allow_list() {
        let filter = PortFilter::new([443, 8443]);
        assert_eq!(filter.check(443), Ok(()));
        let refused = filter.check(22).unwrap_err();
        assert_eq!(refused.to_string(), "the port 22 is not among those that this authority connects to: 443, 8443");
    }
}
