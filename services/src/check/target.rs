//! What is checked: `HOST[:PORT]`.

use std::net::IpAddr;
use std::str::FromStr;

use mecai::host;
use mecai::request::Protocol;

use crate::starttls;

/// A host, as statements spell it, a port, and how to get to TLS there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
}

/// A host as statements spell it, and a port if one was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    host: String,
    port: Option<u16>,
}

/// A text that names no host and port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetError {
    #[error("{0:?} is not a port from 1 to 65535")]
    Port(String),
    #[error("{0:?} is neither a host name in A-labels nor an address")]
    Host(String),
}

impl Target {
    /// The address, if the host is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        host::address(&self.host)
    }
}

impl Named {
    /// What is meant where this protocol is spoken.
    pub(super) fn speaking(&self, protocol: Protocol) -> Target {
        let port = self.port.unwrap_or_else(|| starttls::port(protocol));
        Target { host: self.host.clone(), port, protocol }
    }
}

impl FromStr for Named {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (name, port) = split(text)?;
        let lower = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        // One spelling, whatever was typed: `2001:DB8:0::1` is `2001:db8::1`.
        let host = lower.parse::<IpAddr>().map_or(lower, |address| host::plain_address(address).to_string());
        if host::is_host(&host) { Ok(Self { host, port }) } else { Err(TargetError::Host(name.to_owned())) }
    }
}

/// Where to connect instead: `ADDR[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Via {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
}

impl FromStr for Via {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (address, port) = split(text)?;
        let address = address.parse().map_err(|_| TargetError::Host(address.to_owned()))?;
        Ok(Self { address, port })
    }
}

/// Splits off the port: `host:1`, `[::1]:1`; an IPv6 address without brackets has none.
fn split(text: &str) -> Result<(&str, Option<u16>), TargetError> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| TargetError::Host(text.to_owned()))?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(TargetError::Host(text.to_owned())),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        }
    };
    let read = |port: &str| match port.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(TargetError::Port(port.to_owned())),
    };
    Ok((host, port.map(read).transpose()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (text, host, port) in [
            ("www.shop.example", "www.shop.example", None),
            ("WWW.Shop.Example.:8443", "www.shop.example", Some(8443)),
            ("192.0.2.1:1", "192.0.2.1", Some(1)),
            ("2001:DB8:0::1", "2001:db8::1", None),
            ("[2001:db8::1]:25", "2001:db8::1", Some(25)),
            ("[::ffff:192.0.2.1]", "192.0.2.1", None),
        ] {
            assert_eq!(text.parse::<Named>().unwrap(), Named { host: host.to_owned(), port }, "{text}");
        }
        for text in ["", ":443", "a b", "*.example", "www:0", "www:65536", "www:", "[::1", "[::1]x", "bücher.example"]
        {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_port_is_that_of_the_protocol_unless_it_is_said() {
        let port = |text: &str, protocol| text.parse::<Named>().unwrap().speaking(protocol).port;
        assert_eq!(Protocol::ALL.map(|protocol| port("mail.example", protocol)), [443, 25, 143, 110, 5432]);
        assert_eq!(port("mail.example:587", Protocol::Smtp), 587);
    }
}
