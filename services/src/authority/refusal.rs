//! Why an authority does not endorse: the problems of spec section 9, each with its status, code and sentence.

use std::net::IpAddr;

use mecai::request::Protocol;
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
    /// Something in the chain is distrusted.
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
    /// The code of spec section 9.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::TooLarge => "request_too_large",
            Self::MediaType(_) => "unsupported_media_type",
            Self::Request(DecodeError::UnknownVersion) => "unknown_version",
            Self::Request(DecodeError::TooLongLived { .. }) | Self::TooLongLived { .. } => "too_long_lived",
            Self::Body(_) | Self::Request(_) => "malformed_request",
            Self::Protocol(_) => "unsupported_protocol",
            Self::Port(cause) => cause.code(),
            Self::Host(_) => "host_refused",
            Self::Clock { .. } => "clock_differs",
            Self::Limited(cause) => cause.code(),
            Self::Dns(cause) => cause.code(),
            Self::AddressMismatch { .. } => "address_mismatch",
            Self::Address(cause) => cause.code(),
            Self::NotSeen(cause) => cause.code(),
            Self::OutlivesCertificate { .. } => "outlives_certificate",
            Self::Chain(cause) => cause.code(),
            Self::Owner(cause) => cause.code(),
            Self::Distrust(DistrustFailure::Distrusted(_)) => "distrusted",
            Self::Revocation(cause) => cause.code(),
            Self::Distrust(DistrustFailure::Database(_)) | Self::Internal(_) => "internal",
        }
    }

    /// Status and title of a code.
    #[must_use]
    pub fn status_and_title(&self) -> (u16, &'static str) {
        match self.code() {
            "malformed_request" => (400, "Not a voucher request"),
            "unknown_version" => (400, "Unknown version of a statement"),
            "not_found" => (404, "Nothing at this path"),
            "method_not_allowed" => (405, "Method not allowed"),
            "request_too_large" => (413, "Request too large"),
            "unsupported_media_type" => (415, "Unsupported media type"),
            "unsupported_protocol" => (422, "Protocol not spoken"),
            "port_refused" => (403, "Port not probed"),
            "host_refused" => (403, "Host not probed"),
            "address_refused" => (403, "Address not probed"),
            "clock_differs" => (422, "Clocks differ"),
            "too_long_lived" => (422, "Statement lives too long"),
            "outlives_certificate" => (422, "Statement outlives the certificate"),
            "no_address" => (422, "Host has no address"),
            "dns_failed" => (503, "DNS failed"),
            "address_mismatch" => (422, "Addresses do not match"),
            "connection_failed" => (422, "No connection"),
            "handshake_failed" => (422, "No handshake finished"),
            "wrong_certificate" => (422, "Another certificate was shown"),
            "chain_not_trusted" => (422, "Chain not trusted"),
            "root_not_listed" => (422, "Root not listed"),
            "own_operator" => (422, "Own operator"),
            "distrusted" => (422, "Distrusted"),
            "revoked" => (422, "Revoked"),
            "revocation_unknown" => (422, "Revocation status unknown"),
            "evidence_too_old" => (422, "Revocation evidence too old"),
            "rate_limited" => (429, "Too many requests"),
            "overloaded" => (503, "Overloaded"),
            _ => (500, "Internal failure"),
        }
    }

    /// What the requester reads.
    #[must_use]
    pub fn detail(&self) -> String {
        if self.code() == "internal" {
            return "this authority failed; it recorded why".to_owned();
        }
        match self {
            Self::Request(DecodeError::TooLongLived { produced_at, not_after }) => format!(
                "the statement lives from {produced_at} to {not_after}, {} s; at most {LIFETIME_MAX} s are allowed",
                not_after.since(*produced_at)
            ),
            _ => self.to_string(),
        }
    }
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
