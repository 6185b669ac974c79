//! What an authority says instead of an endorsement: RFC 9457 problems (spec section 9).

use serde::{Deserialize, Serialize};

use crate::statement::DecodeError;
use crate::time::UnixTime;

/// Content-Type of a problem.
pub const PROBLEM_TYPE: &str = "application/problem+json";

const URN: &str = "urn:mecai:problem:";

macro_rules! problems {
    ($($(#[$doc:meta])+ $name:ident = $status:literal $code:literal $title:literal;)+) => {
        /// The problems of spec section 9, each with its code, HTTP status and title.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Problem { $($(#[$doc])+ $name),+ }

        impl Problem {
            /// All of them, in the order of the spec's table.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable word.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status),+ }
            }

            /// The fixed title.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

problems! {
    /// Not a VoucherRequest.
    MalformedRequest = 400 "malformed_request" "Not a voucher request";
    /// The statement's version is not 1.
    UnknownVersion = 400 "unknown_version" "Unknown version of the statement";
    /// Another path.
    NotFound = 404 "not_found" "No such path";
    /// Not POST.
    MethodNotAllowed = 405 "method_not_allowed" "Only POST is allowed";
    /// Over [`super::REQUEST_MAX`].
    RequestTooLarge = 413 "request_too_large" "The request is too large";
    /// Another Content-Type.
    UnsupportedMediaType = 415 "unsupported_media_type" "Not the content type of a voucher request";
    /// A protocol that this authority does not speak.
    UnsupportedProtocol = 422 "unsupported_protocol" "The protocol is not supported";
    /// The port is not among those that it probes.
    PortRefused = 403 "port_refused" "The port is not probed";
    /// A host that it does not probe.
    HostRefused = 403 "host_refused" "The host is not probed";
    /// Every address that it would probe is private or special.
    AddressRefused = 403 "address_refused" "The addresses are not probed";
    /// `producedAt` is too far from the authority's clock.
    ClockDiffers = 422 "clock_differs" "The clocks differ";
    /// Longer than a statement, or than this authority, allows.
    TooLongLived = 422 "too_long_lived" "The statement lives too long";
    /// `notAfter` is after the certificate's.
    OutlivesCertificate = 422 "outlives_certificate" "The statement outlives the certificate";
    /// The name does not exist or has no address.
    NoAddress = 422 "no_address" "The host has no address";
    /// No resolver answered.
    DnsFailed = 503 "dns_failed" "DNS could not be asked";
    /// No address of the statement is in the authority's own DNS answer.
    AddressMismatch = 422 "address_mismatch" "The addresses are not those of the host";
    /// No connection to any of the addresses.
    ConnectionFailed = 422 "connection_failed" "No connection to the server";
    /// No handshake finished at any of them.
    HandshakeFailed = 422 "handshake_failed" "No TLS handshake finished";
    /// Handshakes finished, none showed the certificate.
    WrongCertificate = 422 "wrong_certificate" "The server shows another certificate";
    /// The chain does not reach a trusted root, or is not for this name, purpose or time.
    ChainNotTrusted = 422 "chain_not_trusted" "The certificate chain is not trusted";
    /// The chain's root is not in the authority list.
    RootNotListed = 422 "root_not_listed" "The chain's root is not in the authority list";
    /// The authority's own operator owns a part of the chain.
    OwnOperator = 422 "own_operator" "The authority does not vouch for its own operator";
    /// A certificate, key or operator of the chain, or the key of the handshake, is distrusted.
    Distrusted = 422 "distrusted" "The chain is distrusted";
    /// A certificate of the chain is revoked.
    Revoked = 422 "revoked" "The chain is revoked";
    /// No usable evidence could be had.
    RevocationUnknown = 422 "revocation_unknown" "Whether the chain is revoked is not known";
    /// The evidence for the end entity is too old.
    EvidenceTooOld = 422 "evidence_too_old" "The revocation evidence is too old";
    /// `Retry-After` says when.
    RateLimited = 429 "rate_limited" "Too many requests";
    /// `Retry-After` says when.
    Overloaded = 503 "overloaded" "The authority is overloaded";
    /// The authority failed; it recorded why.
    Internal = 500 "internal" "The authority failed";
}

impl Problem {
    /// The problem with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|problem| problem.code() == code)
    }

    /// The problem that octets are which do not decode as a request.
    #[must_use]
    pub fn of(error: &DecodeError) -> Self {
        match error {
            DecodeError::Malformed { .. } => Self::MalformedRequest,
            DecodeError::UnknownVersion => Self::UnknownVersion,
            DecodeError::TooLongLived { .. } => Self::TooLongLived,
        }
    }

    /// Whether it says something about the authority, rather than about what it was asked.
    #[must_use]
    pub fn concerns_authority(self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::MethodNotAllowed
                | Self::UnsupportedMediaType
                | Self::ClockDiffers
                | Self::RateLimited
                | Self::Overloaded
                | Self::Internal
        )
    }

    /// The body of the HTTP answer: `detail` is one sentence with the values compared, `now` the authority's time beside
    /// [`Self::ClockDiffers`].
    #[must_use]
    pub fn to_json(self, detail: &str, now: Option<UnixTime>) -> Vec<u8> {
        let mut members = serde_json::Map::new();
        let mut member = |name: &str, value: serde_json::Value| members.insert(name.to_owned(), value);
        member("type", format!("{URN}{}", self.code()).into());
        member("title", self.title().into());
        member("status", self.status().into());
        member("detail", detail.into());
        if let Some(now) = now {
            member("now", now.to_string().into());
        }
        serde_json::Value::Object(members).to_string().into_bytes()
    }
}

/// The members of a problem document that an agent reads; RFC 9457 lets there be others.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Document {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    pub(super) detail: String,
}

impl Document {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        Problem::from_code(self.kind.strip_prefix(URN)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The rows of the table in the spec are these problems, in order, with these statuses.
    #[test]
    fn the_spec_has_the_same_table() {
        let spec = include_str!("../../docs/spec.md");
        let section = spec.split("## 9. Asking an authority").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows: Vec<(u16, String)> = section
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                Some((cells.next()?.parse().ok()?, cells.next()?.trim_matches('`').to_owned()))
            })
            .collect();
        let ours: Vec<(u16, String)> =
            Problem::ALL.iter().map(|problem| (problem.status(), problem.code().to_owned())).collect();
        assert_eq!(rows, ours);
    }

    #[test]
    fn documents_there_and_back() {
        for problem in Problem::ALL {
            let body = problem.to_json("it was \"so\"", Some(UnixTime(0)));
            let document = Document::read(&body).unwrap();
            assert_eq!(document.problem(), Some(*problem));
            assert_eq!(document.detail, "it was \"so\"");
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(value["status"], problem.status());
            assert_eq!(value["title"], problem.title());
            assert_eq!(value["now"], "1970-01-01T00:00:00Z");
        }
        assert!(Document::read(b"{\"type\":\"about:blank\",\"status\":502}").unwrap().problem().is_none());
    }
}
