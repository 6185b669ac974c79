//! Why an authority does not endorse: the problems of spec section 9, each with its status, code and sentence.

use std::net::IpAddr;

use mecai::request::{Problem, Protocol};
use mecai::statement::{DecodeError, LIFETIME_MAX};
use mecai::time::UnixTime;
use thiserror::Error;

use super::checks::addresses::{AddressRefused, PortRefused};
use super::checks::chain::ChainFailure;
use super::checks::distrust::DistrustFailure;
use super::checks::dns::DnsFailure;
use super::checks::owner::OwnerFailure;
use super::checks::probe::NotSeen;
use super::checks::revocation::RevocationFailure;
use super::limits::Limited;

/// Why there is no endorsement. What it displays is the `detail` of the problem, except for [`Refusal::Internal`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another path.
    #[error("there is nothing at {0}; requests go to /v1/endorsements")]
    NotFound(String),
    /// Not POST.
    #[error("the method is {0}, not POST")]
    MethodNotAllowed(String),
    /// Too many octets.
    #[error("the request has more than {} octets", mecai::request::REQUEST_MAX)]
    TooLarge,
    /// Another media type.
    #[error("the Content-Type is {0}, not {wanted}", wanted = mecai::request::REQUEST_TYPE)]
    MediaType(String),
    /// The body did not arrive.
    #[error("the request's body did not arrive: {0}")]
    Body(String),
    /// Not a VoucherRequest, or a statement of another version, or one that no authority may endorse.
    #[error(transparent)]
    Request(#[from] DecodeError),
    /// A protocol that is not spoken.
    #[error("this authority does not speak {}", .0.name())]
    Protocol(Protocol),
    /// A port that is not probed.
    #[error(transparent)]
    Port(#[from] PortRefused),
    /// A host that is not probed.
    #[error("this authority does not probe the host {0}")]
    Host(String),
    /// The clocks differ.
    #[error(
        "producedAt is {produced_at}, more than {} s from this authority's time {now}",
        mecai::verify::CLOCK_TOLERANCE
    )]
    Clock {
        /// Of the statement.
        produced_at: UnixTime,
        /// The authority's.
        now: UnixTime,
    },
    /// Longer than this authority endorses.
    #[error("the statement lives for {lifetime} s; this authority endorses at most {limit} s")]
    TooLongLived {
        /// Of the statement, in seconds.
        lifetime: u64,
        /// In seconds.
        limit: u64,
    },
    /// Over a limit.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The name has no addresses.
    #[error(transparent)]
    Dns(#[from] DnsFailure),
    /// None of the statement's addresses is the host's.
    #[error("{host} has the addresses {}, none of the statement's {}", list(.answer), list(.statement))]
    AddressMismatch {
        /// The host.
        host: String,
        /// Its addresses, as this authority's resolvers say.
        answer: Vec<IpAddr>,
        /// The addresses of the statement.
        statement: Vec<IpAddr>,
    },
    /// All of them are special.
    #[error(transparent)]
    Address(#[from] AddressRefused),
    /// The certificate was not seen.
    #[error(transparent)]
    NotSeen(#[from] NotSeen),
    /// The statement outlives the certificate.
    #[error("the statement ends {not_after}, after the certificate, which ends {certificate}")]
    OutlivesCertificate {
        /// Of the statement.
        not_after: UnixTime,
        /// The certificate's notAfter.
        certificate: UnixTime,
    },
    /// The chain is not trusted.
    #[error(transparent)]
    Chain(#[from] ChainFailure),
    /// The chain's owners.
    #[error(transparent)]
    Owner(#[from] OwnerFailure),
    /// Something in the chain, or the key of the handshake, is distrusted.
    #[error(transparent)]
    Distrust(#[from] DistrustFailure),
    /// Revoked, or not known.
    #[error(transparent)]
    Revocation(#[from] RevocationFailure),
    /// The authority failed; requesters do not see why.
    #[error("{0}")]
    Internal(String),
}

impl Refusal {
    /// The problem of spec section 9.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::NotFound(_) => Problem::NotFound,
            Self::MethodNotAllowed(_) => Problem::MethodNotAllowed,
            Self::TooLarge => Problem::RequestTooLarge,
            Self::MediaType(_) => Problem::UnsupportedMediaType,
            Self::Body(_) => Problem::MalformedRequest,
            Self::Request(cause) => Problem::of(cause),
            Self::Protocol(_) => Problem::UnsupportedProtocol,
            Self::Port(cause) => cause.problem(),
            Self::Host(_) => Problem::HostRefused,
            Self::Clock { .. } => Problem::ClockDiffers,
            Self::TooLongLived { .. } => Problem::TooLongLived,
            Self::Limited(cause) => cause.problem(),
            Self::Dns(cause) => cause.problem(),
            Self::AddressMismatch { .. } => Problem::AddressMismatch,
            Self::Address(cause) => cause.problem(),
            Self::NotSeen(cause) => cause.problem(),
            Self::OutlivesCertificate { .. } => Problem::OutlivesCertificate,
            Self::Chain(cause) => cause.problem(),
            Self::Owner(cause) => cause.problem(),
            Self::Distrust(DistrustFailure::Distrusted(_)) => Problem::Distrusted,
            Self::Revocation(cause) => cause.problem(),
            Self::Distrust(DistrustFailure::Database(_)) | Self::Internal(_) => Problem::Internal,
        }
    }

    /// What the requester reads.
    #[must_use]
    pub fn detail(&self) -> String {
        if self.problem() == Problem::Internal {
            return "this authority failed; it recorded why".to_owned();
        }
        match self {
            Self::Request(DecodeError::TooLongLived { produced_at, not_after }) => format!(
                "the statement lives from {produced_at} to {not_after}, {} s; at most {LIFETIME_MAX} s are allowed",
                not_after.since(*produced_at)
            ),
            _ => clip(&self.to_string()),
        }
    }
}

/// The text on one line of at most 800 characters: certificates, servers and resolvers of strangers have a say in it.
#[must_use]
pub fn clip(text: &str) -> String {
    const MOST: usize = 800;
    let mut clipped: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        clipped.push_str("...");
    }
    clipped
}

fn list(addresses: &[IpAddr]) -> String {
    /// A name may have hundreds of addresses.
    const SHOWN: usize = 16;
    let mut words: Vec<String> = addresses.iter().take(SHOWN).map(IpAddr::to_string).collect();
    if addresses.len() > SHOWN {
        words.push(format!("and {} more", addresses.len() - SHOWN));
    }
    words.join(", ")
}
