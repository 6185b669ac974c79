//! The roots of the key `local_roots`: certificates in PEM, known by the hashes of their keys.

use std::path::Path;

use mecai::Sha256;
use mecai::chain::spki_hash;

use crate::files::read_at_most;

/// More than the roots of any public list take.
const ROOTS_MAX: u64 = 4 << 20;

/// Why the roots cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("larger than {ROOTS_MAX} octets")]
    TooLarge,
    #[error("not PEM: {0}")]
    Pem(#[from] pem::PemError),
    #[error("PEM block {number} is not a certificate")]
    NotACertificate { number: usize },
    #[error("no PEM block in the file")]
    Empty,
}

/// The SPKI hashes of the certificates in a PEM file; text between them is skipped.
pub(crate) fn read(path: &Path) -> Result<Vec<Sha256>, RootsError> {
    let octets = read_at_most(path, ROOTS_MAX + 1)?;
    if octets.len() as u64 > ROOTS_MAX {
        return Err(RootsError::TooLarge);
    }
    let blocks = pem::parse_many(octets)?;
    if blocks.is_empty() {
        return Err(RootsError::Empty);
    }
    let hash = |(place, block): (usize, &pem::Pem)| {
        let hash = spki_hash(block.contents()).filter(|_| block.tag() == "CERTIFICATE");
        hash.ok_or(RootsError::NotACertificate { number: place + 1 })
    };
    blocks.iter().enumerate().map(hash).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_endless_is_read() {
        assert!(matches!(read(Path::new("/dev/zero")), Err(RootsError::Io(_))));
        let long = tempfile::NamedTempFile::new().unwrap();
        long.as_file().set_len(ROOTS_MAX + 1).unwrap();
        assert!(matches!(read(long.path()), Err(RootsError::TooLarge)));
    }
}
