//! The chain: from what the server presented to a root that the authority trusts.

use std::time::Duration;

use mecai::request::Problem;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime as PkiTime};
use thiserror::Error;
use webpki::{EndEntityCert, KeyUsage};

use mecai::chain::Chain;
use mecai::time::UnixTime;

/// More certificates than this are not looked at.
const PRESENTED_MAX: usize = 16;

/// A root store that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RootsError {
    /// The PEM cannot be read.
    #[error("the root store is not PEM: {0}")]
    Pem(String),
    /// One of the certificates cannot be read.
    #[error("certificate {number} of the root store cannot be used: {cause}")]
    Certificate {
        /// Its place, from 1.
        number: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// There is none.
    #[error("the root store holds no certificate")]
    Empty,
}

/// Why a chain is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainFailure {
    /// The end entity cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// More certificates than an authority looks at.
    #[error("the server showed {count} certificates; at most {PRESENTED_MAX} are looked at")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// No path to a trusted root that is in force at this time and for this purpose.
    #[error("no path to a trusted root at {}: {cause}", UnixTime(*.now))]
    Path {
        /// The authority's time.
        now: u64,
        /// What webpki says.
        cause: String,
    },
    /// The certificate is for other names.
    #[error("the certificate is not for {host}: {cause}")]
    Name {
        /// The host of the statement.
        host: String,
        /// What webpki says.
        cause: String,
    },
}

impl ChainFailure {
    /// What an authority answers for it (spec 9).
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem::ChainNotTrusted
    }
}

/// The roots that the authority trusts.
pub struct Roots {
    roots: Vec<Root>,
    anchors: Vec<TrustAnchor<'static>>,
}

struct Root {
    der: Vec<u8>,
    not_after: i64,
}

/// A verified path, end entity first, trust anchor last, each in DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedChain {
    certificates: Vec<Vec<u8>>,
}

impl VerifiedChain {
    /// The certificates, end entity first, trust anchor last; at least two.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// Each certificate below the anchor with its issuer.
    pub fn links(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.certificates.windows(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice()))
    }

    /// The chain reduced to digests and keys.
    ///
    /// # Errors
    /// [`ChainFailure::Certificate`] if a certificate cannot be read.
    pub fn digests(&self) -> Result<Chain, ChainFailure> {
        Chain::from_der(self.certificates.iter().map(Vec::as_slice))
            .map_err(|cause| ChainFailure::Certificate(cause.to_string()))
    }
}

/// The last second in which a certificate in DER is valid.
///
/// # Errors
/// [`ChainFailure::Certificate`] if it cannot be read.
pub fn not_after(certificate: &[u8]) -> Result<UnixTime, ChainFailure> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|cause| ChainFailure::Certificate(cause.to_string()))?;
    let seconds = certificate.validity().not_after.timestamp();
    Ok(UnixTime(u64::try_from(seconds).unwrap_or(0)))
}

impl Roots {
    /// The certificates of a PEM file; what else is in it is passed over.
    ///
    /// # Errors
    /// [`RootsError`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootsError> {
        let mut roots = Vec::new();
        let mut anchors = Vec::new();
        for (index, item) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let der = item.map_err(|cause| RootsError::Pem(cause.to_string()))?;
            let unusable = |cause: String| RootsError::Certificate { number: index + 1, cause };
            let anchor =
                webpki::anchor_from_trusted_cert(&der).map_err(|cause| unusable(cause.to_string()))?.to_owned();
            let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|cause| unusable(cause.to_string()))?;
            let not_after = parsed.validity().not_after.timestamp();
            roots.push(Root { der: der.to_vec(), not_after });
            anchors.push(anchor);
        }
        if roots.is_empty() {
            return Err(RootsError::Empty);
        }
        Ok(Self { roots, anchors })
    }

    /// Finds a path from the end entity (the first of `presented`) over the others to a root, in force at `now`
    /// (seconds since 1970), for server authentication and for `host`.
    ///
    /// # Errors
    /// [`ChainFailure`].
    pub fn verify(&self, presented: &[Vec<u8>], host: &str, now: u64) -> Result<VerifiedChain, ChainFailure> {
        if presented.len() > PRESENTED_MAX {
            return Err(ChainFailure::TooMany { count: presented.len() });
        }
        let mut certificates = presented.iter().map(|der| CertificateDer::from(der.as_slice()));
        let leaf = certificates.next().ok_or_else(|| ChainFailure::Certificate("there is none".to_owned()))?;
        let intermediates: Vec<_> = certificates.collect();
        let end_entity =
            EndEntityCert::try_from(&leaf).map_err(|cause| ChainFailure::Certificate(cause.to_string()))?;
        let no_path = |cause: webpki::Error| ChainFailure::Path { now, cause: cause.to_string() };
        let path = end_entity
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &self.anchors,
                &intermediates,
                PkiTime::since_unix_epoch(Duration::from_secs(now)),
                KeyUsage::server_auth(),
                None,
                Some(&|path| self.anchor_in_force(path.anchor(), now)),
            )
            .map_err(no_path)?;
        let name = ServerName::try_from(host)
            .map_err(|cause| ChainFailure::Name { host: host.to_owned(), cause: cause.to_string() })?;
        end_entity
            .verify_is_valid_for_subject_name(&name)
            .map_err(|cause| ChainFailure::Name { host: host.to_owned(), cause: cause.to_string() })?;
        let anchor = self.find(path.anchor()).ok_or_else(|| no_path(webpki::Error::UnknownIssuer))?;
        let mut chain = vec![leaf.to_vec()];
        chain.extend(path.intermediate_certificates().map(|certificate| certificate.der().to_vec()));
        chain.push(anchor.der.clone());
        Ok(VerifiedChain { certificates: chain })
    }

    /// webpki takes an anchor for good whatever its dates are; other clients do not.
    fn anchor_in_force(&self, anchor: &TrustAnchor<'_>, now: u64) -> Result<(), webpki::Error> {
        let root = self.find(anchor).ok_or(webpki::Error::UnknownIssuer)?;
        let not_after = u64::try_from(root.not_after).unwrap_or(0);
        if now > not_after {
            let at = |seconds| PkiTime::since_unix_epoch(Duration::from_secs(seconds));
            return Err(webpki::Error::CertExpired { time: at(now), not_after: at(not_after) });
        }
        Ok(())
    }

    /// The root of that name and key; of several, the one that is in force longest.
    fn find(&self, anchor: &TrustAnchor<'_>) -> Option<&Root> {
        self.anchors
            .iter()
            .zip(&self.roots)
            .filter(|(candidate, _)| {
                candidate.subject == anchor.subject
                    && candidate.subject_public_key_info == anchor.subject_public_key_info
            })
            .map(|(_, root)| root)
            .max_by_key(|root| root.not_after)
    }
}
