//! Fetched evidence, kept while it is in force and not for long; one fetch at a time for each piece.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use openssl::x509::{X509, X509Ref};
use thiserror::Error;
use tokio::sync::Semaphore;

use super::crl::Crl;
use super::evidence::{Status, Window};
use super::fetch::Fetcher;
use super::ocsp::{self, OcspFailure};
use super::sha256;
use crate::authority::clock::Clock;

/// An OCSP response has at most so many octets.
const OCSP_MAX: usize = 64 * 1024;
/// OCSP statuses that are kept.
const OCSP_KEPT: u64 = 100_000;
/// Memory for CRLs that are kept, in octets.
const CRL_KEPT: u64 = 256 * 1024 * 1024;
/// CRLs that are fetched and read at a time: while it is read, a CRL takes some twenty times its length.
const CRL_AT_ONCE: usize = 4;
/// A failure is remembered for this long, so that a dead responder is not asked for every request.
const FAILURE_KEPT: Duration = Duration::from_secs(5);

/// Why there is no evidence at a location.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{sentence}")]
pub struct NoEvidence {
    /// What went wrong, with the location.
    pub sentence: String,
    /// Whether the issuer's responder says that it does not know the certificate.
    pub unknown: bool,
}

/// Limits of what is fetched and kept.
#[derive(Debug, Clone, Copy)]
pub struct EvidenceLimits {
    /// A CRL has at most so many octets.
    pub crl_octets: usize,
    /// Evidence is kept for at most so long, even if it is in force longer: a revocation must be seen.
    pub kept: Duration,
}

/// Fetches evidence through a cache.
pub struct EvidenceCache {
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    limits: EvidenceLimits,
    statuses: Cache<[u8; 32], Kept<Status>>,
    crls: Cache<[u8; 32], Kept<Arc<Crl>>>,
    places: Arc<Semaphore>,
}

#[derive(Clone)]
struct Kept<T> {
    value: Result<T, NoEvidence>,
    keep: Duration,
}

/// Each entry says how long it is kept.
struct ByEntry;

impl<T> Expiry<[u8; 32], Kept<T>> for ByEntry {
    fn expire_after_create(&self, _key: &[u8; 32], entry: &Kept<T>, _created: Instant) -> Option<Duration> {
        Some(entry.keep)
    }
}

impl EvidenceCache {
    /// An empty cache.
    #[must_use]
    pub fn new(fetcher: Fetcher, clock: Arc<dyn Clock>, limits: EvidenceLimits) -> Self {
        let weigh = |_: &[u8; 32], entry: &Kept<Arc<Crl>>| {
            let octets = entry.value.as_ref().map_or(1_024, |crl| crl.memory());
            u32::try_from(octets).unwrap_or(u32::MAX)
        };
        Self {
            fetcher,
            clock,
            limits,
            statuses: Cache::builder().max_capacity(OCSP_KEPT).expire_after(ByEntry).build(),
            crls: Cache::builder().max_capacity(CRL_KEPT).weigher(weigh).expire_after(ByEntry).build(),
            places: Arc::new(Semaphore::new(CRL_AT_ONCE)),
        }
    }

    /// What the responder at `url` says of `certificate`.
    ///
    /// # Errors
    /// [`NoEvidence`].
    pub async fn ocsp(&self, url: &str, certificate: &X509, issuer: &X509) -> Result<Status, NoEvidence> {
        let key = key(url, &[certificate, issuer]).map_err(|cause| no_evidence(url, cause))?;
        let fetch = async {
            let value = self.fetch_ocsp(url, certificate, issuer).await;
            let keep = match &value {
                Ok(Status::Good(window)) => self.keep(*window),
                Ok(Status::Revoked(_)) => self.limits.kept,
                Err(_) => FAILURE_KEPT,
            };
            Kept { value, keep }
        };
        self.statuses.get_with(key, fetch).await.value
    }

    /// The CRL of `issuer` at `url`.
    ///
    /// # Errors
    /// [`NoEvidence`].
    pub async fn crl(&self, url: &str, issuer: &X509) -> Result<Arc<Crl>, NoEvidence> {
        let key = key(url, &[issuer]).map_err(|cause| no_evidence(url, cause))?;
        let fetch = async {
            let value = self.fetch_crl(url, issuer).await;
            let keep = match &value {
                Ok(crl) => self.keep(crl.window()),
                Err(_) => FAILURE_KEPT,
            };
            Kept { value, keep }
        };
        self.crls.get_with(key, fetch).await.value
    }

    fn keep(&self, window: Window) -> Duration {
        let left = window.next_update.saturating_sub(self.clock.now());
        Duration::from_secs(left).min(self.limits.kept)
    }

    async fn fetch_ocsp(&self, url: &str, certificate: &X509, issuer: &X509) -> Result<Status, NoEvidence> {
        let request = ocsp::request(certificate, issuer).map_err(|cause| no_evidence(url, cause))?;
        let body = self
            .fetcher
            .post(url, ocsp::REQUEST_TYPE, request, OCSP_MAX)
            .await
            .map_err(|cause| NoEvidence { sentence: cause.to_string(), unknown: false })?;
        ocsp::read(&body, certificate, issuer, self.clock.now())
            .map_err(|cause| NoEvidence { unknown: cause == OcspFailure::Unknown, ..no_evidence(url, cause) })
    }

    async fn fetch_crl(&self, url: &str, issuer: &X509) -> Result<Arc<Crl>, NoEvidence> {
        let _place = self.places.acquire().await;
        let body = self
            .fetcher
            .get(url, self.limits.crl_octets)
            .await
            .map_err(|cause| NoEvidence { sentence: cause.to_string(), unknown: false })?;
        let signer = issuer.clone();
        // A large CRL takes a while to read and must not hold up other requests.
        tokio::task::spawn_blocking(move || Crl::read(&body, &signer))
            .await
            .map_err(|cause| no_evidence(url, cause))?
            .map(Arc::new)
            .map_err(|cause| no_evidence(url, cause))
    }
}

fn no_evidence(url: &str, cause: impl ToString) -> NoEvidence {
    NoEvidence { sentence: format!("{}: {}", super::fetch::shorten(url), cause.to_string()), unknown: false }
}

/// The URL and the certificates that evidence from there is for.
fn key(url: &str, certificates: &[&X509Ref]) -> Result<[u8; 32], openssl::error::ErrorStack> {
    let mut octets = Vec::new();
    for certificate in certificates {
        octets.extend_from_slice(&sha256(&certificate.to_der()?));
    }
    octets.extend_from_slice(url.as_bytes());
    Ok(sha256(&octets))
}
