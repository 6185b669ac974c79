//! The books of one CA: which certificates it issued, which it revoked, and how its servers are told to behave.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rcgen::RevocationReason;

use super::super::pki::Issued;
use super::super::unix_now;

/// How a CA's OCSP responder answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OcspBehaviour {
    /// Truly.
    #[default]
    Answer,
    /// `unknown` for every certificate.
    Unknown,
    /// The unsigned status `tryLater` (RFC 6960 section 2.3).
    TryLater,
    /// 200 and the right content type, but octets that are no OCSP response.
    Garbage,
    /// Truly, but with a nextUpdate an hour ago.
    Expired,
    /// Truly, but signed by a key that nobody knows.
    WrongSigner,
    /// Not at all: the request is read, and the connection stays open.
    Hang,
}

/// How a CA's CRL is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrlBehaviour {
    /// Truly.
    #[default]
    Answer,
    /// 404.
    Missing,
    /// 200 and the right content type, but octets that are no CRL.
    Garbage,
    /// Truly, but with a nextUpdate an hour ago.
    Expired,
    /// Truly, but signed by a key that nobody knows.
    WrongSigner,
    /// Not at all: the request is read, and the connection stays open.
    Hang,
}

/// The times in OCSP responses and CRLs, made anew for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// thisUpdate lies this many seconds in the past.
    pub age: u64,
    /// nextUpdate lies this many seconds after thisUpdate.
    pub validity: u64,
}

impl Default for Freshness {
    /// As of now, good for a day.
    fn default() -> Self {
        Self { age: 0, validity: 24 * 3600 }
    }
}

/// thisUpdate and nextUpdate, seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Updates {
    pub(super) this: u64,
    pub(super) next: u64,
}

/// A certificate's place in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Revoked { at: u64, reason: RevocationReason },
}

/// The status of everything that one CA has issued, and how that is told.
#[derive(Debug, Default)]
pub struct Status {
    books: Mutex<Books>,
    ocsp_requests: AtomicU64,
    crl_requests: AtomicU64,
}

#[derive(Debug, Default)]
struct Books {
    certificates: BTreeMap<Vec<u8>, Standing>,
    ocsp: OcspBehaviour,
    crl: CrlBehaviour,
    freshness: Freshness,
    delegate: Option<Issued>,
    crl_number: u64,
}

impl Status {
    /// Revokes the certificate with this serial number, from now on.
    pub fn revoke(&self, serial: &[u8], reason: RevocationReason) {
        self.books().certificates.insert(serial.to_vec(), Standing::Revoked { at: unix_now(), reason });
    }

    /// Takes a revocation back.
    pub fn restore(&self, serial: &[u8]) {
        self.record(serial.to_vec());
    }

    /// How the OCSP responder behaves from now on.
    pub fn set_ocsp(&self, behaviour: OcspBehaviour) {
        self.books().ocsp = behaviour;
    }

    /// How the CRL is served from now on.
    pub fn set_crl(&self, behaviour: CrlBehaviour) {
        self.books().crl = behaviour;
    }

    /// Which times OCSP responses and CRLs bear from now on.
    pub fn set_freshness(&self, freshness: Freshness) {
        self.books().freshness = freshness;
    }

    /// OCSP responses are from now on signed by this delegated responder, or by the CA's own key.
    pub(super) fn set_delegate(&self, delegate: Option<Issued>) {
        self.books().delegate = delegate;
    }

    /// How many OCSP requests have arrived so far, answered or not.
    pub fn ocsp_requests(&self) -> u64 {
        self.ocsp_requests.load(Ordering::Relaxed)
    }

    /// How many requests for the CRL have arrived so far, answered or not.
    pub fn crl_requests(&self) -> u64 {
        self.crl_requests.load(Ordering::Relaxed)
    }

    /// Notes that the CA has issued this serial number.
    pub(in crate::lab) fn record(&self, serial: Vec<u8>) {
        self.books().certificates.insert(serial, Standing::Good);
    }

    pub(super) fn ocsp(&self) -> OcspBehaviour {
        self.books().ocsp
    }

    pub(super) fn crl(&self) -> CrlBehaviour {
        self.books().crl
    }

    pub(super) fn count_ocsp_request(&self) {
        self.ocsp_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_crl_request(&self) {
        self.crl_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn standing(&self, serial: &[u8]) -> Option<Standing> {
        self.books().certificates.get(serial).copied()
    }

    pub(super) fn delegate(&self) -> Option<Issued> {
        self.books().delegate.clone()
    }

    pub(super) fn revoked(&self) -> Vec<(Vec<u8>, u64, RevocationReason)> {
        let revoked = |(serial, standing): (&Vec<u8>, &Standing)| match *standing {
            Standing::Good => None,
            Standing::Revoked { at, reason } => Some((serial.clone(), at, reason)),
        };
        self.books().certificates.iter().filter_map(revoked).collect()
    }

    /// Every CRL has a higher number than the one before (RFC 5280 section 5.2.3).
    pub(super) fn next_crl_number(&self) -> u64 {
        let mut books = self.books();
        books.crl_number += 1;
        books.crl_number
    }

    pub(super) fn updates(&self, expired: bool) -> Updates {
        let Freshness { age, validity } = self.books().freshness;
        let now = unix_now();
        let this = if expired { now.saturating_sub(3600 + validity) } else { now.saturating_sub(age) };
        Updates { this, next: this.saturating_add(validity) }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
