//! That no certificate of a verified chain is revoked (spec 9).
//!
//! Evidence is sought in this order: the stapled OCSP response if it is fresh, OCSP responders, CRLs, and for want of
//! these a stapled response that is still in force. A fresh look comes before an old staple because it is the server
//! that chooses the staple: whoever holds a stolen key would show a response from before the revocation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use mecai::request::Problem;
use openssl::x509::X509;
use thiserror::Error;

use super::chain::VerifiedChain;
use super::crl::{Crl, Subject};
use super::evidence::{KEY_COMPROMISE, Revoked, Status, Window};
use super::evidence_cache::EvidenceCache;
use super::ocsp;
use super::pointers::Pointers;
use super::{hex, sha256};
use crate::authority::clock::Clock;
use mecai::time::UnixTime;

/// The oldest evidence for an end entity, in seconds.
const AGE_MAX: u64 = mecai::endorsement::AGE_MAX as u64;
/// The longest validity of an end entity that needs no evidence, in seconds (spec 1, `SHORT_LIVED_MAX`).
pub const SHORT_LIVED_MAX: u64 = 604_800;

/// What the check of an end entity rests on (spec 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// An OCSP response, with its thisUpdate in seconds since 1970.
    Ocsp(u64),
    /// A CRL, with its thisUpdate in seconds since 1970.
    Crl(u64),
    /// No evidence is needed.
    ShortLived,
}

/// Why a chain is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RevocationFailure {
    /// Revoked.
    #[error("{certificate} is revoked{}", describe(.revoked))]
    Revoked {
        /// Which certificate.
        certificate: Which,
        /// When and why.
        revoked: Revoked,
    },
    /// No usable evidence.
    #[error("for {certificate} there is no evidence that it is not revoked: {}", list(.tried))]
    Unknown {
        /// Which certificate.
        certificate: Which,
        /// What was tried and why it is no evidence.
        tried: Vec<String>,
    },
    /// Evidence that is too old.
    #[error(
        "the newest evidence for {certificate} is of {}, {age} s before producedAt; at most {AGE_MAX} s count",
        UnixTime(*.this_update)
    )]
    TooOld {
        /// Which certificate.
        certificate: Which,
        /// Seconds since 1970.
        this_update: u64,
        /// Seconds.
        age: u64,
    },
}

impl RevocationFailure {
    /// What an authority answers for it (spec 9).
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Revoked { .. } => Problem::Revoked,
            Self::Unknown { .. } => Problem::RevocationUnknown,
            Self::TooOld { .. } => Problem::EvidenceTooOld,
        }
    }

    /// The SPKI hash of the certificate, if it was revoked because others may hold its key.
    #[must_use]
    pub fn compromised_key(&self) -> Option<[u8; 32]> {
        match self {
            Self::Revoked { certificate, revoked } if revoked.reason == Some(KEY_COMPROMISE) => Some(certificate.spki),
            _ => None,
        }
    }
}

/// Names a certificate of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which {
    /// Whether it is a CA certificate.
    pub is_ca: bool,
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// The SPKI hash of its key.
    pub spki: [u8; 32],
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_ca { "the CA certificate" } else { "the certificate" };
        write!(f, "{kind} {}", hex(&self.hash))
    }
}

/// Checks chains.
pub struct RevocationChecker {
    /// Fetches evidence and keeps it.
    pub evidence: EvidenceCache,
    /// The authority's clock.
    pub clock: Arc<dyn Clock>,
    /// A stapled response at most this old, in seconds, is taken without asking the responder.
    pub staple_fresh: u64,
    /// How long the check of a whole chain may take.
    pub deadline: Duration,
}

/// One certificate, read.
struct Link {
    which: Which,
    serial: Vec<u8>,
    certificate: X509,
    issuer: X509,
    pointers: Pointers,
}

impl RevocationChecker {
    /// Checks every certificate below the anchor; `staples` are responses that the server stapled, `produced_at` that
    /// of the statement (seconds since 1970).
    ///
    /// # Errors
    /// [`RevocationFailure`], that of the certificate closest to the end entity.
    pub async fn check(
        &self,
        chain: &VerifiedChain,
        staples: &[Vec<u8>],
        produced_at: u64,
    ) -> Result<Basis, RevocationFailure> {
        let links = chain
            .links()
            .enumerate()
            .map(|(index, (certificate, issuer))| Link::read(certificate, issuer, index > 0))
            .collect::<Result<Vec<_>, _>>()?;
        let checks = links.iter().map(|link| async move {
            if link.which.is_ca {
                self.look(link, &[], None).await
            } else if link.pointers.validity <= SHORT_LIVED_MAX && !link.pointers.named {
                Ok(Basis::ShortLived)
            } else {
                self.look(link, staples, Some(produced_at)).await
            }
        });
        let all = tokio::time::timeout(self.deadline, try_join_all(checks)).await;
        let bases = all.unwrap_or_else(|_| Err(out_of_time(&links, self.deadline)))?;
        // A chain has at least one link; the first is the end entity's.
        Ok(bases.first().copied().unwrap_or(Basis::ShortLived))
    }

    /// Seeks evidence for one certificate; `produced_at` is given where its age counts.
    async fn look(
        &self,
        link: &Link,
        staples: &[Vec<u8>],
        produced_at: Option<u64>,
    ) -> Result<Basis, RevocationFailure> {
        let mut search = Search::new(link, produced_at);
        let now = self.clock.now();
        let stapled = newest_staple(link, staples, now, &mut search)?;
        if let Some(window) = stapled
            && now.saturating_sub(window.this_update) <= self.staple_fresh
            && let Some(basis) = search.consider(Basis::Ocsp(window.this_update))
        {
            return Ok(basis);
        }
        for url in &link.pointers.ocsp {
            let answer = self.evidence.ocsp(url, &link.certificate, &link.issuer).await;
            let in_force = |window: Window| window.check(self.clock.now()).map(|()| window);
            match answer {
                Ok(Status::Revoked(revoked)) => return Err(link.revoked(revoked)),
                Ok(Status::Good(window)) => match in_force(window) {
                    Ok(window) => {
                        if let Some(basis) = search.consider(Basis::Ocsp(window.this_update)) {
                            return Ok(basis);
                        }
                    }
                    Err(cause) => search.note(url, cause),
                },
                // The issuer's responder has never heard of it: that is how certificates look that a stolen CA key
                // made, so a CRL, which knows only what was revoked, cannot mend it.
                Err(failure) if failure.unknown => {
                    search.note(url, failure);
                    return Err(search.fail());
                }
                Err(failure) => search.note(url, failure),
            }
        }
        for point in &link.pointers.crl {
            for url in point {
                let status = match self.evidence.crl(url, &link.issuer).await {
                    Ok(crl) => self.read_crl(&crl, link, point),
                    Err(failure) => Err(failure.to_string()),
                };
                match status {
                    Ok(Status::Revoked(revoked)) => return Err(link.revoked(revoked)),
                    Ok(Status::Good(window)) => {
                        if let Some(basis) = search.consider(Basis::Crl(window.this_update)) {
                            return Ok(basis);
                        }
                    }
                    Err(cause) => search.note(url, cause),
                }
            }
        }
        stapled.and_then(|window| search.consider(Basis::Ocsp(window.this_update))).ok_or_else(|| search.fail())
    }

    fn read_crl(&self, crl: &Crl, link: &Link, points: &[String]) -> Result<Status, String> {
        let subject = Subject { serial: &link.serial, is_ca: link.which.is_ca, points };
        crl.status(&subject, self.clock.now()).map_err(|cause| cause.to_string())
    }
}

fn out_of_time(links: &[Link], deadline: Duration) -> RevocationFailure {
    RevocationFailure::Unknown {
        certificate: links
            .first()
            .map_or(Which { is_ca: false, hash: [0; 32], spki: [0; 32] }, |link| link.which.clone()),
        tried: vec![format!("the check of its chain did not end within {} s", deadline.as_secs_f32())],
    }
}

/// Of the stapled responses that count, the newest; one that says "revoked" ends the search.
fn newest_staple(
    link: &Link,
    staples: &[Vec<u8>],
    now: u64,
    search: &mut Search<'_>,
) -> Result<Option<Window>, RevocationFailure> {
    let mut newest: Option<Window> = None;
    for staple in staples {
        match ocsp::read(staple, &link.certificate, &link.issuer, now) {
            Ok(Status::Revoked(revoked)) => return Err(link.revoked(revoked)),
            Ok(Status::Good(window)) => {
                if newest.is_none_or(|other| other.this_update < window.this_update) {
                    newest = Some(window);
                }
            }
            Err(cause) => search.note("the stapled response", cause),
        }
    }
    Ok(newest)
}

impl Link {
    fn read(certificate: &[u8], issuer: &[u8], is_ca: bool) -> Result<Self, RevocationFailure> {
        let mut which = Which { is_ca, hash: sha256(certificate), spki: [0; 32] };
        let unreadable = |cause: String| RevocationFailure::Unknown { certificate: which.clone(), tried: vec![cause] };
        let pointers = Pointers::read(certificate).map_err(|cause| unreadable(cause.to_string()))?;
        let (_, parsed) =
            x509_parser::parse_x509_certificate(certificate).map_err(|cause| unreadable(cause.to_string()))?;
        let (spki, serial) = (sha256(parsed.public_key().raw), parsed.raw_serial().to_vec());
        let read = |der| X509::from_der(der).map_err(|cause| unreadable(cause.to_string()));
        let (certificate, issuer) = (read(certificate)?, read(issuer)?);
        which.spki = spki;
        Ok(Self { which, serial, certificate, issuer, pointers })
    }

    fn revoked(&self, revoked: Revoked) -> RevocationFailure {
        RevocationFailure::Revoked { certificate: self.which.clone(), revoked }
    }
}

/// What a search for evidence has met so far.
struct Search<'a> {
    link: &'a Link,
    produced_at: Option<u64>,
    tried: Vec<String>,
    /// The thisUpdate and age of the newest evidence that was too old.
    too_old: Option<(u64, u64)>,
}

impl<'a> Search<'a> {
    fn new(link: &'a Link, produced_at: Option<u64>) -> Self {
        Self { link, produced_at, tried: Vec::new(), too_old: None }
    }

    fn note(&mut self, place: &str, cause: impl ToString) {
        let cause = cause.to_string();
        // A fetch names its URL already.
        if cause.starts_with(place) {
            self.tried.push(cause);
        } else {
            self.tried.push(format!("{place}: {cause}"));
        }
    }

    /// Gives `basis` back unless it is too old (spec 3: from thisUpdate to producedAt, 0 if it is later).
    fn consider(&mut self, basis: Basis) -> Option<Basis> {
        let (Basis::Ocsp(this_update) | Basis::Crl(this_update)) = basis else {
            return Some(basis);
        };
        let age = self.produced_at.map_or(0, |produced_at| produced_at.saturating_sub(this_update));
        if age <= AGE_MAX {
            return Some(basis);
        }
        if self.too_old.is_none_or(|(newest, _)| newest < this_update) {
            self.too_old = Some((this_update, age));
        }
        None
    }

    fn fail(self) -> RevocationFailure {
        let certificate = self.link.which.clone();
        match self.too_old {
            Some((this_update, age)) => RevocationFailure::TooOld { certificate, this_update, age },
            None => RevocationFailure::Unknown { certificate, tried: self.tried },
        }
    }
}

fn describe(revoked: &Revoked) -> String {
    let since = revoked.at.map_or_else(String::new, |at| format!(" since {}", UnixTime(at)));
    let reason = revoked.reason.map_or_else(String::new, |reason| format!(", reason {reason}"));
    since + &reason
}

fn list(tried: &[String]) -> String {
    if tried.is_empty() { "it names neither an OCSP responder nor a CRL".to_owned() } else { tried.join("; ") }
}
