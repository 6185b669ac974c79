//! What is vouched for: a host, a port, its addresses, a certificate, and for how long (spec section 2).

use std::net::IpAddr;

use der::asn1::{AnyRef, GeneralizedTime, IntRef, OctetStringRef, SequenceOf, Utf8StringRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader, Tag};

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

    pub(crate) fn rule(structure: &'static str, rule: &'static str) -> Self {
        Self::Malformed { structure, problem: Problem::Rule(rule) }
    }
}

/// A statement that follows every rule of spec section 2, read in place: it borrows the octets that it was read from.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    der: &'a [u8],
    wire: Wire<'a>,
    certificate: Sha256,
}

impl<'a> Statement<'a> {
    /// Reads the DER of one statement, all of `der`.
    pub fn from_der(der: &'a [u8]) -> Result<Self, DecodeError> {
        let any = AnyRef::from_der(der).map_err(DecodeError::der(STRUCTURE))?;
        check_version(any)?;
        let wire = Wire::from_der(der).map_err(DecodeError::der(STRUCTURE))?;
        let certificate = wire.check()?;
        let statement = Self { der, wire, certificate };
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
        self.wire.host.as_str()
    }

    /// The port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.wire.port
    }

    /// The addresses, in the order that `seen` bits refer to.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = IpAddr> + '_ {
        // Every one was read once in `check`, so none falls back.
        self.wire.addresses.as_slice().iter().map(|octets| {
            host::address_from_octets(octets.as_bytes()).unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
        })
    }

    /// SHA-256 of the end-entity certificate.
    #[must_use]
    pub fn certificate(&self) -> &Sha256 {
        &self.certificate
    }

    /// When the agent made it.
    #[must_use]
    pub fn produced_at(&self) -> UnixTime {
        self.wire.produced_at.into()
    }

    /// The last second in which it is in force.
    #[must_use]
    pub fn not_after(&self) -> UnixTime {
        self.wire.not_after.into()
    }

    /// For how many days the site promises to go on showing vouchers.
    #[must_use]
    pub fn stay(&self) -> Option<u8> {
        self.wire.stay
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

impl Wire<'_> {
    /// The rules that DER types do not express; gives the certificate's digest.
    fn check(&self) -> Result<Sha256, DecodeError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(DecodeError::rule(STRUCTURE, text)) };
        rule(host::is_host(self.host.as_str()), "host is neither a lower-case A-label name nor a canonical address")?;
        rule(self.port != 0, "port is 0")?;
        rule(!self.addresses.as_slice().is_empty(), "addresses is empty")?;
        for address in self.addresses.as_slice() {
            rule(
                host::address_from_octets(address.as_bytes()).is_some(),
                "an address has not 4 or 16 octets, or is IPv4-mapped",
            )?;
        }
        let ascend = |pair: &[&OctetStringRef]| {
            let (a, b) = (pair[0].as_bytes(), pair[1].as_bytes());
            (a.len(), a) < (b.len(), b)
        };
        rule(self.addresses.as_slice().windows(2).all(ascend), "addresses do not ascend")?;
        rule(self.not_after >= self.produced_at, "notAfter is before producedAt")?;
        rule(self.stay.is_none_or(|days| days <= STAY_MAX), "stay is more than 30 days")?;
        self.certificate
            .as_bytes()
            .try_into()
            .map_err(|_| DecodeError::rule(STRUCTURE, "certificate has not 32 octets"))
    }
}

/// A version other than 1 is told apart from a malformed statement, before anything else is read.
pub(crate) fn check_version(statement: AnyRef<'_>) -> Result<(), DecodeError> {
    let read = |statement: AnyRef<'_>| -> der::Result<bool> {
        if der::Tagged::tag(&statement) != Tag::Sequence {
            return Err(der::Error::from(Tag::Sequence.value_error()));
        }
        let version: IntRef<'_> = SliceReader::new(statement.value())?.decode()?;
        Ok(version.as_bytes() == [1])
    };
    match read(statement) {
        Ok(true) => Ok(()),
        Ok(false) => Err(DecodeError::UnknownVersion),
        Err(error) => Err(DecodeError::der(STRUCTURE)(error)),
    }
}

fn address_octets(address: &IpAddr) -> Vec<u8> {
    match host::plain_address(*address) {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}
