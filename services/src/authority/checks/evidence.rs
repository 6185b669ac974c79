//! What OCSP responses and CRLs have in common: a status with the time that it speaks of.

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use thiserror::Error;
use x509_parser::oid_registry::Oid;

use mecai::time::UnixTime;
use mecai::verify::CLOCK_TOLERANCE;

/// What revocation evidence says of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not revoked.
    Good(Window),
    /// Revoked.
    Revoked(Revoked),
}

/// When and why a certificate was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Seconds since 1970, if the evidence says.
    pub at: Option<u64>,
    /// The reason by its name in RFC 5280, if the evidence says.
    pub reason: Option<&'static str>,
}

/// The name in RFC 5280 of the reason that says that others may hold the key.
pub const KEY_COMPROMISE: &str = "keyCompromise";

/// From when to when evidence is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Seconds since 1970.
    pub this_update: u64,
    /// Seconds since 1970, inclusive.
    pub next_update: u64,
}

/// Evidence that is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotInForce {
    /// It begins later.
    #[error("its thisUpdate {} is after {}", UnixTime(*.this_update), UnixTime(*.now))]
    NotYet {
        /// Seconds since 1970.
        this_update: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// It has ended.
    #[error("its nextUpdate {} is before {}", UnixTime(*.next_update), UnixTime(*.now))]
    Past {
        /// Seconds since 1970.
        next_update: u64,
        /// Seconds since 1970.
        now: u64,
    },
}

impl Window {
    /// Passes if `now` is in the window; an issuer's clock may be ahead by [`CLOCK_TOLERANCE`].
    ///
    /// # Errors
    /// [`NotInForce`].
    pub fn check(&self, now: u64) -> Result<(), NotInForce> {
        if self.this_update > now.saturating_add(CLOCK_TOLERANCE) {
            return Err(NotInForce::NotYet { this_update: self.this_update, now });
        }
        if self.next_update < now {
            return Err(NotInForce::Past { next_update: self.next_update, now });
        }
        Ok(())
    }
}

/// The seconds since 1970 of an ASN.1 time; what lies before 1970 is 0.
pub(super) fn unix(time: &Asn1TimeRef) -> Result<u64, ErrorStack> {
    let difference = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(difference.days) * 86_400 + i64::from(difference.secs);
    Ok(u64::try_from(seconds).unwrap_or(0))
}

/// Whether evidence may be signed with this algorithm: nothing that rests on MD5 or SHA-1.
pub(super) fn is_strong(algorithm: &Oid<'_>) -> bool {
    const STRONG: [&str; 8] = [
        "1.2.840.113549.1.1.11", // RSA with SHA-256
        "1.2.840.113549.1.1.12", // RSA with SHA-384
        "1.2.840.113549.1.1.13", // RSA with SHA-512
        "1.2.840.10045.4.3.2",   // ECDSA with SHA-256
        "1.2.840.10045.4.3.3",   // ECDSA with SHA-384
        "1.2.840.10045.4.3.4",   // ECDSA with SHA-512
        "1.3.101.112",           // Ed25519
        "1.3.101.113",           // Ed448
    ];
    STRONG.contains(&algorithm.to_id_string().as_str())
}

/// The name of a CRLReason (RFC 5280 section 5.3.1).
pub(super) fn reason_name(number: i64) -> Option<&'static str> {
    Some(match number {
        0 => "unspecified",
        1 => KEY_COMPROMISE,
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_includes_both_ends() {
        let window = Window { this_update: 1_000, next_update: 2_000 };
        assert!(window.check(1_000 - CLOCK_TOLERANCE).is_ok());
        assert_eq!(window.check(999 - CLOCK_TOLERANCE), Err(NotInForce::NotYet { this_update: 1_000, now: 699 }));
        assert!(window.check(2_000).is_ok());
        assert_eq!(window.check(2_001), Err(NotInForce::Past { next_update: 2_000, now: 2_001 }));
    }
}
