//! The roots of the key `local_roots`: certificates in PEM, known by the hashes of their keys.

use std::path::Path;

use mecai::Sha256;
use mecai::chain::spki_hash;

/// Why the roots cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not PEM: {0}")]
    Pem(#[from] pem::PemError),
    #[error("PEM block {number} is not a certificate")]
    NotACertificate { number: usize },
    #[error("no PEM block in the file")]
    Empty,
}

/// The SPKI hashes of the certificates in a PEM file; text between them is skipped.
pub(crate) fn read(path: &Path) -> Result<Vec<Sha256>, RootsError> {
    let blocks = pem::parse_many(std::fs::read(path)?)?;
    if blocks.is_empty() {
        return Err(RootsError::Empty);
    }
    let hash = |(place, block): (usize, &pem::Pem)| {
        let hash = spki_hash(block.contents()).filter(|_| block.tag() == "CERTIFICATE");
        hash.ok_or(RootsError::NotACertificate { number: place + 1 })
    };
    blocks.iter().enumerate().map(hash).collect()
}
