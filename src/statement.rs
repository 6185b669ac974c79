//! What is vouched for: a host, a port, its addresses, a certificate, and for how long (spec section 2).

use std::net::IpAddr;

use der::asn1::{GeneralizedTime, OctetStringRef, SequenceOf, Utf8StringRef};
use der::{Encode, Sequence};

use crate::element::{self, Elements, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, UTF8_STRING};
use crate::time::UnixTime;
use crate::{Sha256, host, octets};

/// The longest time from `producedAt` to `notAfter`, in seconds.
pub const LIFETIME_MAX: u64 = 86_400;
/// The most addresses in one statement.
pub const ADDRESSES_MAX: usize = 16;
/// The longest promise to go on showing vouchers, in days.
pub const STAY_MAX: u8 = 30;

/// A structure that is not what the spec says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not strict DER, or a value out of its bounds.
    #[error("malformed {structure}: {problem}")]
    Malformed {
        /// The structure's name in the ASN.1 module.
        structure: &'static str,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The statement's version is not 1.
    #[error("a statement of a version other than 1")]
    UnknownVersion,
    /// Right in everything but its lifetime.
    #[error("a statement that lives from {produced_at} to {not_after}, longer than {LIFETIME_MAX} seconds")]
    TooLongLived {
        /// `producedAt`.
        produced_at: UnixTime,
        /// `notAfter`.
        not_after: UnixTime,
    },
}

/// Why a structure is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The octets are not strict DER of this structure.
    #[error("{0}")]
    Der(der::Error),
    /// A value breaks a rule of the spec.
    #[error("{0}")]
    Rule(&'static str),
}

impl DecodeError {
    pub(crate) fn der(structure: &'static str) -> impl Fn(der::Error) -> Self {
        move |error| Self::Malformed { structure, problem: Problem::Der(error) }
    }

    pub(crate) fn not_der(structure: &'static str) -> Self {
        Self::rule(structure, "not strict DER, or not of this structure")
    }

    pub(crate) fn rule(structure: &'static str, rule: &'static str) -> Self {
        Self::Malformed { structure, problem: Problem::Rule(rule) }
    }
}

/// A statement that follows every rule of spec section 2, read in place: it borrows the octets that it was read from.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    der: &'a [u8],
    host: &'a str,
    port: u16,
    addresses: Addresses<'a>,
    certificate: Sha256,
    produced_at: UnixTime,
    not_after: UnixTime,
    stay: Option<u8>,
}

impl<'a> Statement<'a> {
    /// Reads the DER of one statement, all of `der`.
    pub fn from_der(der: &'a [u8]) -> Result<Self, DecodeError> {
        check_version(der)?;
        let statement = Fields::read(der).ok_or_else(|| DecodeError::not_der(STRUCTURE))?.check(der)?;
        if statement.not_after().since(statement.produced_at()) > LIFETIME_MAX {
            return Err(DecodeError::TooLongLived {
                produced_at: statement.produced_at(),
                not_after: statement.not_after(),
            });
        }
        Ok(statement)
    }

    /// The octets that were read.
    #[must_use]
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// SHA-256 of [`Self::der`], which is what endorsements sign.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        octets::sha256(&[self.der])
    }

    /// The host: a lower-case A-label name, or an address.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host
    }

    /// The port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses, in the order that `seen` bits refer to.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = IpAddr> + '_ {
        // Every one was read once in `check`, so none falls back.
        self.addresses
            .map(|octets| host::address_from_octets(octets).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)))
    }

    /// SHA-256 of the end-entity certificate.
    #[must_use]
    pub fn certificate(&self) -> &Sha256 {
        &self.certificate
    }

    /// When the agent made it.
    #[must_use]
    pub fn produced_at(&self) -> UnixTime {
        self.produced_at
    }

    /// The last second in which it is in force.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// For how many days the site promises to go on showing vouchers.
    #[must_use]
    pub fn stay(&self) -> Option<u8> {
        self.stay
    }
}

/// The fields of a statement that an agent is about to propose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// A lower-case A-label name, or an address.
    pub host: &'a str,
    /// Not 0.
    pub port: u16,
    /// 1 to 16, in any order.
    pub addresses: &'a [IpAddr],
    /// SHA-256 of the end-entity certificate.
    pub certificate: Sha256,
    /// Now.
    pub produced_at: UnixTime,
    /// At most [`LIFETIME_MAX`] later.
    pub not_after: UnixTime,
    /// At most [`STAY_MAX`] days.
    pub stay: Option<u8>,
}

impl Proposal<'_> {
    /// The DER of the statement, or why it would be none.
    pub fn to_der(&self) -> Result<Vec<u8>, DecodeError> {
        let mut addresses: Vec<Vec<u8>> = self.addresses.iter().map(address_octets).collect();
        addresses.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        addresses.dedup();
        let der = self.encode(&addresses).map_err(DecodeError::der(STRUCTURE))?;
        Statement::from_der(&der)?;
        Ok(der)
    }

    fn encode(&self, addresses: &[Vec<u8>]) -> der::Result<Vec<u8>> {
        let mut list = SequenceOf::new();
        for address in addresses {
            list.add(OctetStringRef::new(address)?)?;
        }
        let wire = Wire {
            version: 1,
            host: Utf8StringRef::new(self.host)?,
            port: self.port,
            addresses: list,
            certificate: OctetStringRef::new(&self.certificate)?,
            produced_at: self.produced_at.to_der()?,
            not_after: self.not_after.to_der()?,
            stay: self.stay,
        };
        wire.to_der()
    }
}

const STRUCTURE: &str = "Statement";
/// The tag of `stay`.
const STAY: u8 = 0x80;

#[derive(Clone, Debug, Sequence)]
struct Wire<'a> {
    version: u8,
    host: Utf8StringRef<'a>,
    port: u16,
    addresses: SequenceOf<&'a OctetStringRef, ADDRESSES_MAX>,
    certificate: &'a OctetStringRef,
    produced_at: GeneralizedTime,
    not_after: GeneralizedTime,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    stay: Option<u8>,
}

/// The fields as DER has them; rules that DER types do not express are not checked yet.
#[derive(Debug, PartialEq, Eq)]
struct Fields<'a> {
    host: &'a str,
    port: u16,
    addresses: Addresses<'a>,
    certificate: &'a [u8],
    produced_at: UnixTime,
    not_after: UnixTime,
    stay: Option<u8>,
}

impl<'a> Fields<'a> {
    /// Reads the fields behind the version.
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = Elements::new(Elements::new(der).last(SEQUENCE)?.contents);
        fields.next(INTEGER)?;
        let host = std::str::from_utf8(fields.next(UTF8_STRING)?.contents).ok()?;
        let port = element::unsigned(fields.next(INTEGER)?.contents)?.try_into().ok()?;
        let addresses = Addresses::read(fields.next(SEQUENCE)?.contents)?;
        let certificate = fields.next(OCTET_STRING)?.contents;
        let produced_at = element::time(fields.next(GENERALIZED_TIME)?.contents)?;
        let not_after = element::time(fields.next(GENERALIZED_TIME)?.contents)?;
        let stay = if fields.is_empty() {
            None
        } else {
            Some(element::unsigned(fields.last(STAY)?.contents)?.try_into().ok()?)
        };
        Some(Self { host, port, addresses, certificate, produced_at, not_after, stay })
    }

    fn check(self, der: &'a [u8]) -> Result<Statement<'a>, DecodeError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(DecodeError::rule(STRUCTURE, text)) };
        let Self { host, port, addresses, certificate, produced_at, not_after, stay } = self;
        rule(host::is_host(host), "host is neither a lower-case A-label name nor a canonical address")?;
        rule(port != 0, "port is 0")?;
        rule(addresses.count != 0, "addresses is empty")?;
        let mut before: Option<&[u8]> = None;
        for address in addresses {
            let is_address = host::address_from_octets(address).is_some();
            rule(is_address, "an address has not 4 or 16 octets, or is IPv4-mapped")?;
            let ascends = before.is_none_or(|before| (before.len(), before) < (address.len(), address));
            rule(ascends, "addresses do not ascend")?;
            before = Some(address);
        }
        rule(not_after >= produced_at, "notAfter is before producedAt")?;
        rule(stay.is_none_or(|days| days <= STAY_MAX), "stay is more than 30 days")?;
        let certificate =
            certificate.try_into().map_err(|_| DecodeError::rule(STRUCTURE, "certificate has not 32 octets"))?;
        Ok(Statement { der, host, port, addresses, certificate, produced_at, not_after, stay })
    }
}

/// The octets of each address of a statement, at most [`ADDRESSES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Addresses<'a> {
    elements: Elements<'a>,
    count: usize,
}

impl<'a> Addresses<'a> {
    fn read(contents: &'a [u8]) -> Option<Self> {
        let elements = Elements::new(contents);
        let (mut rest, mut count) = (elements, 0);
        while !rest.is_empty() {
            rest.next(OCTET_STRING)?;
            count += 1;
        }
        (count <= ADDRESSES_MAX).then_some(Self { elements, count })
    }
}

impl<'a> Iterator for Addresses<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let address = self.elements.next(OCTET_STRING)?;
        self.count -= 1;
        Some(address.contents)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Addresses<'_> {}

/// A version other than 1 is told apart from a malformed statement, before anything else is read.
pub(crate) fn check_version(statement: &[u8]) -> Result<(), DecodeError> {
    let whole = Elements::new(statement).last(SEQUENCE);
    let version = whole.and_then(|whole| Elements::new(whole.contents).next(INTEGER));
    match version.map(|version| version.contents) {
        Some([1]) => Ok(()),
        Some(other) if element::is_integer(other) => Err(DecodeError::UnknownVersion),
        _ => Err(DecodeError::not_der(STRUCTURE)),
    }
}

fn address_octets(address: &IpAddr) -> Vec<u8> {
    match host::plain_address(*address) {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use der::Decode;

    use super::*;

    /// Every statement that differs from a right one in one octet, or lacks one, or has one more: what the general
    /// decoder takes, and nothing else, is taken.
    #[test]
    fn it_is_read_as_the_general_decoder_reads_it() {
        let addresses = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let mut taken = 0;
        for (port, stay) in [(443, None), (0x80, Some(30)), (0xFFFF, Some(0))] {
            let proposal = Proposal {
                host: "shop.example",
                port,
                addresses: &addresses,
                certificate: [7; 32],
                produced_at: UnixTime(1_835_395_199),
                not_after: UnixTime(1_835_395_200),
                stay,
            };
            let right = proposal.to_der().unwrap();
            for place in 0..right.len() {
                let without = [&right[..place], &right[place + 1..]].concat();
                taken += usize::from(compare(&without));
                for octet in 0..=255 {
                    let (mut other, mut longer) = (right.clone(), right.clone());
                    other[place] = octet;
                    longer.insert(place, octet);
                    // What is longer is not right by its lengths alone.
                    let mut adjusted = longer.clone();
                    adjusted[1] = adjusted[1].wrapping_add(1);
                    for der in [other, longer, adjusted] {
                        taken += usize::from(compare(&der));
                    }
                }
            }
        }
        assert!(taken > 3 * 32 * 256, "{taken}");
    }

    /// Reads in both ways; whether it is taken.
    fn compare(der: &[u8]) -> bool {
        let general = Wire::from_der(der).ok().filter(|wire| wire.version == 1).map(|wire| {
            let addresses: Vec<Vec<u8>> =
                wire.addresses.as_slice().iter().map(|octets| octets.as_bytes().to_vec()).collect();
            let times = (UnixTime::from(wire.produced_at), UnixTime::from(wire.not_after));
            (wire.host.as_str(), wire.port, addresses, wire.certificate.as_bytes(), times, wire.stay)
        });
        let fields = check_version(der).ok().and_then(|()| Fields::read(der)).map(|fields| {
            let addresses: Vec<Vec<u8>> = fields.addresses.map(<[u8]>::to_vec).collect();
            let times = (fields.produced_at, fields.not_after);
            (fields.host, fields.port, addresses, fields.certificate, times, fields.stay)
        });
        assert_eq!(general, fields, "{der:02x?}");
        general.is_some()
    }
}
