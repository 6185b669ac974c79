//! Host names of statements, addresses, and what a client meant to reach (spec section 1, section 8).

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets in the longest host name.
pub const HOST_MAX: usize = 253;

/// Whether `host` may stand in a statement: a lower-case A-label name, or an address in its one spelling.
#[must_use]
pub fn is_host(host: &str) -> bool {
    is_name(host) || address(host).is_some()
}

/// The address that `host` is, if it is one in the one spelling that a statement allows.
#[must_use]
pub fn address(host: &str) -> Option<IpAddr> {
    let address = parse_address(host)?;
    (spells(&address, host) && !is_v4_mapped(&address)).then_some(address)
}

/// The address in 4 or 16 octets; none for another length, or an IPv4 address in IPv6 clothes.
#[must_use]
pub fn address_from_octets(octets: &[u8]) -> Option<IpAddr> {
    let address = if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        IpAddr::V4(Ipv4Addr::from(v4))
    } else {
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?))
    };
    (!is_v4_mapped(&address)).then_some(address)
}

/// A peer's address as statements spell it: IPv4-mapped IPv6 becomes IPv4.
#[must_use]
pub fn plain_address(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// What the program meant to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    /// A host name, in any case.
    Name(&'a str),
    /// Any host name that ends with this, which begins with a dot.
    Suffix(&'a str),
    /// An address.
    Address(IpAddr),
}

impl<'a> Reference<'a> {
    /// Reads what a program configured: an address, a leading dot as a suffix, else a name (one dot at the end dropped).
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Some(address) = parse_address(name.trim_start_matches('[').trim_end_matches(']')) {
            Self::Address(plain_address(address))
        } else if name.starts_with('.') {
            Self::Suffix(name)
        } else {
            Self::Name(name)
        }
    }

    /// Whether a statement for `host` speaks of what was meant.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => name.eq_ignore_ascii_case(host),
            Self::Suffix(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .filter(|label| *label > 0)
                .and_then(|label| host.get(label..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
            Self::Address(meant) => address(host) == Some(*meant),
        }
    }
}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Suffix(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Reads an address. Most texts are names, which is seen at a glance.
fn parse_address(text: &str) -> Option<IpAddr> {
    let may_be = text.ends_with(|last: char| last.is_ascii_digit()) || text.contains(':');
    may_be.then(|| text.parse().ok())?
}

fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= HOST_MAX
        && host.split('.').all(is_label)
        && host.rsplit('.').next().is_some_and(|last| !last.bytes().all(|octet| octet.is_ascii_digit()))
}

fn is_v4_mapped(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

/// Whether `text` is how the standard library (RFC 5952) writes `address`; compared piece by piece, without a copy.
fn spells(address: &IpAddr, text: &str) -> bool {
    struct Remaining<'a>(&'a str);
    impl fmt::Write for Remaining<'_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(piece).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    let mut remaining = Remaining(text);
    write!(remaining, "{address}").is_ok() && remaining.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_host() {
        for good in
            ["www.shop.example", "localhost", "a-b.c", "1.2.3.a", "192.0.2.1", "2001:db8::1", "xn--bcher-kva.example"]
        {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "A.example",
            "*.example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "1.2.3",
            "192.0.2.01",
            "192.0.2.256",
            "2001:DB8::1",
            "2001:db8:0::1",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "::ffff:192.0.2.1",
            "bücher.example",
            "a b",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
        assert!(!is_host(&"a.".repeat(126).trim_end_matches('.').replace("a.a", &"a".repeat(64))));
    }

    #[test]
    fn references_match_names_suffixes_and_addresses() {
        assert!(Reference::parse("WWW.Shop.Example.").matches("www.shop.example"));
        assert!(!Reference::parse("shop.example").matches("www.shop.example"));
        assert!(Reference::parse(".shop.example").matches("www.shop.example"));
        assert!(!Reference::parse(".shop.example").matches("shop.example"));
        assert!(!Reference::parse(".shop.example").matches(".shop.example"));
        assert!(Reference::parse("[2001:DB8:0::1]").matches("2001:db8::1"));
        assert!(Reference::parse("::ffff:192.0.2.1").matches("192.0.2.1"));
    }
}
