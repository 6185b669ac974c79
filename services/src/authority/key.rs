//! The authority's private key file.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mecai::signature::{KeyFailure, SigningKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use zeroize::Zeroizing;

/// A key that is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("the key {}: {cause}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Others may read it.
    #[error("the key {}: its mode is {mode:o}; nobody but its owner may have access (chmod 600)", .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not PEM of a PKCS#8 key.
    #[error("the key {}: it is not a PKCS#8 key in PEM", .0.display())]
    Pem(PathBuf),
    /// Not a key that can sign.
    #[error("the key {}: {cause}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: KeyFailure,
    },
}

/// Reads a private key, PKCS#8 in PEM, that nobody but its owner can read.
///
/// # Errors
/// [`KeyError`].
pub fn read_key(path: &Path) -> Result<SigningKey, KeyError> {
    let failed = |cause| KeyError::File { path: path.to_owned(), cause };
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), mode });
    }
    let mut pem = Zeroizing::new(Vec::new());
    file.read_to_end(&mut pem).map_err(failed)?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| KeyError::Pem(path.to_owned()))?;
    SigningKey::from_pkcs8(der.secret_pkcs8_der()).map_err(|cause| KeyError::Key { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_key(&path).err().unwrap().to_string().contains("its mode is 640"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read_key(&path).err().unwrap().to_string().contains("not a PKCS#8 key in PEM"));
    }
}
