//! The SHA-256 of the certificates that a server uses: computed once for each, not in every handshake.

use std::sync::Arc;

use arc_swap::ArcSwap;
use mecai::Sha256;

use crate::certificates;
use crate::openssl::{Crypto, X509};

/// A program that makes a new certificate for every connection must not fill the memory.
const CERTIFICATES_MAX: usize = 256;

/// Digests by the address of the certificate in memory. Each certificate in here is kept alive, so that no other can
/// come to its address.
#[derive(Default)]
pub(crate) struct Digests(ArcSwap<Vec<Arc<Known>>>);

struct Known {
    certificate: *mut X509,
    digest: Sha256,
    crypto: &'static Crypto,
}

// SAFETY: OpenSSL counts references to a certificate atomically, and the pointer is only compared.
unsafe impl Send for Known {}
// SAFETY: as above.
unsafe impl Sync for Known {}

impl Drop for Known {
    fn drop(&mut self) {
        // SAFETY: the reference was taken in `Known::new`, and is given back once.
        unsafe { self.crypto.X509_free(self.certificate) };
    }
}

impl Known {
    /// # Safety
    /// `certificate` is of the OpenSSL that `crypto` is of.
    unsafe fn new(crypto: &'static Crypto, certificate: *mut X509) -> Option<Self> {
        // SAFETY: as the caller says.
        unsafe {
            let digest = certificates::digest(crypto, certificate)?;
            (crypto.X509_up_ref(certificate) == 1).then_some(Self { certificate, digest, crypto })
        }
    }
}

impl Digests {
    /// The digest of a certificate; none if it cannot be encoded.
    ///
    /// # Safety
    /// `certificate` is of the OpenSSL that `crypto` is of.
    pub(crate) unsafe fn of(&self, crypto: &'static Crypto, certificate: *mut X509) -> Option<Sha256> {
        let known = self.0.load();
        if let Ok(place) = find(&known, certificate) {
            return known.get(place).map(|known| known.digest);
        }
        // SAFETY: as the caller says.
        let new = Arc::new(unsafe { Known::new(crypto, certificate)? });
        self.0.rcu(|known| match find(known, certificate) {
            Ok(_) => Arc::clone(known),
            // Begins anew when it is full: a program with so many certificates has them in use in turn.
            Err(_) if known.len() >= CERTIFICATES_MAX => Arc::new(vec![Arc::clone(&new)]),
            Err(place) => {
                let mut more = Vec::clone(known);
                more.insert(place, Arc::clone(&new));
                Arc::new(more)
            }
        });
        Some(new.digest)
    }
}

fn find(known: &[Arc<Known>], certificate: *mut X509) -> Result<usize, usize> {
    known.binary_search_by_key(&certificate, |known| known.certificate)
}
