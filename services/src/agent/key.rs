//! A private key from a PEM file, in any of the forms that programs write: PKCS#8, SEC 1, PKCS#1.

use std::path::Path;

use mecai::Sha256;
use mecai::key_proof::StagedKey;
use openssl::pkey::{Id, PKey, Private};
use zeroize::Zeroizing;

use super::trouble::Trouble;

/// A private key.
pub(super) struct Key {
    pub(super) private: PKey<Private>,
    /// The SPKI hash of its public half.
    pub(super) hash: Sha256,
}

impl Key {
    /// Reads the first private key of a file. Other blocks are passed over; nobody is asked for a passphrase.
    ///
    /// # Errors
    /// `key_unreadable`.
    pub(super) fn read(path: &Path) -> Result<Self, Trouble> {
        let trouble =
            |problem: String| Trouble::new("key_unreadable", format!("the key {}: {problem}", path.display()));
        let octets = Zeroizing::new(std::fs::read(path).map_err(|cause| trouble(cause.to_string()))?);
        let private = PKey::private_key_from_pem_callback(&octets, |_| Ok(0))
            .map_err(|_| trouble("there is no private key in PEM without a passphrase in the file".to_owned()))?;
        let spki = private.public_key_to_der().map_err(|cause| trouble(cause.to_string()))?;
        let hash = openssl::sha::sha256(&spki);
        Ok(Self { private, hash })
    }

    /// Whether signatures of its kind include their own digest.
    pub(super) fn is_edwards(&self) -> bool {
        matches!(self.private.id(), Id::ED25519 | Id::ED448)
    }

    /// The key as that of a staged certificate.
    ///
    /// # Errors
    /// `key_unusable` for a kind that spec section 12 does not know.
    pub(super) fn staged(&self, path: &Path) -> Result<StagedKey, Trouble> {
        let der = self.private.private_key_to_pkcs8().ok().map(Zeroizing::new);
        der.and_then(|der| StagedKey::from_pkcs8(&der)).ok_or_else(|| {
            let kinds = "is none that can be proved here: P-256, P-384, RSA of 2048 to 4096 bits, Ed25519";
            Trouble::new("key_unusable", format!("the key {} {kinds}", path.display()))
        })
    }
}
