//! Operators' public-key infrastructure: CAs, and the certificates that they issue, good ones and bad ones.

mod ca;
mod extension;
mod leaf;
#[cfg(test)]
mod tests;

pub use ca::{Ca, Subject};
pub use leaf::{Issued, Leaf};

use rcgen::SerialNumber;
use time::OffsetDateTime;

use super::{Error, unix_now};

/// notBefore lies this many seconds before the time of issue, as with real CAs, whose clients' clocks differ.
const BACKDATE_SECONDS: u64 = 60;

/// Where a certificate says that its status, and its issuer's certificate, can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers {
    /// OCSP responder (RFC 5280 section 4.2.2.1, `id-ad-ocsp`).
    pub ocsp: Option<String>,
    /// The issuer's certificate in DER (RFC 5280 section 4.2.2.1, `id-ad-caIssuers`).
    pub ca_issuers: Option<String>,
    /// CRL (RFC 5280 section 4.2.1.13).
    pub crl: Option<String>,
}

/// From when until when a certificate is valid; seconds since 1970, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// notBefore.
    pub not_before: u64,
    /// notAfter.
    pub not_after: u64,
}

impl Default for Validity {
    /// Valid for 90 days from now on.
    fn default() -> Self {
        Self::seconds(90 * 24 * 3600)
    }
}

impl Validity {
    /// Valid for `seconds` from now on; notBefore lies 60 s in the past.
    pub fn seconds(seconds: u64) -> Self {
        let now = unix_now();
        Self { not_before: now.saturating_sub(BACKDATE_SECONDS), not_after: now.saturating_add(seconds) }
    }

    /// Valid for `seconds`, and ended an hour ago.
    pub fn expired(seconds: u64) -> Self {
        let not_after = unix_now().saturating_sub(3600);
        Self { not_before: not_after.saturating_sub(seconds), not_after }
    }
}

/// 16 random octets; never negative, never with a leading zero octet (RFC 5280 section 4.1.2.2).
fn random_serial() -> SerialNumber {
    let mut octets: [u8; 16] = rand::random();
    octets[0] = octets[0] & 0x3f | 0x40;
    SerialNumber::from_slice(&octets)
}

pub(super) fn date_time(unix: u64) -> Result<OffsetDateTime, Error> {
    i64::try_from(unix).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok()).ok_or_else(|| {
        Error::Issue {
            what: format!("anything dated {unix} s after 1970"),
            reason: "the year lies beyond 9999".to_owned(),
        }
    })
}
