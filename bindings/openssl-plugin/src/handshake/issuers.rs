//! CA certificates that came with alternates and led to a trusted root: read once, since OpenSSL 3 takes longer to read one
//! than to verify its signature. They are verified in every handshake.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::openssl::{Crypto, X509};

/// More than the CAs of all sites that one process meets while their first ones have fallen.
const CERTIFICATES_MAX: usize = 64;

/// Certificates by their DER, ascending.
#[derive(Default)]
pub(crate) struct Issuers(ArcSwap<Vec<Arc<Known>>>);

struct Known {
    der: Box<[u8]>,
    certificate: *mut X509,
    crypto: &'static Crypto,
}

// SAFETY: OpenSSL counts references to a certificate atomically, and locks what it finds out about one later.
unsafe impl Send for Known {}
// SAFETY: as above.
unsafe impl Sync for Known {}

impl Drop for Known {
    fn drop(&mut self) {
        // SAFETY: the reference was taken in `Issuers::keep`, and is given back once.
        unsafe { self.crypto.X509_free(self.certificate) };
    }
}

impl Issuers {
    /// The certificate with this DER, with a reference that is the caller's.
    pub(crate) fn get(&self, der: &[u8]) -> Option<*mut X509> {
        let all = self.0.load();
        let known = all.get(find(&all, der).ok()?)?;
        // SAFETY: the certificate is kept alive by `all` until then.
        (unsafe { known.crypto.X509_up_ref(known.certificate) } == 1).then_some(known.certificate)
    }

    /// Keeps a certificate with this DER.
    ///
    /// # Safety
    /// `certificate` is of the OpenSSL that `crypto` is of, and has this DER.
    pub(crate) unsafe fn keep(&self, crypto: &'static Crypto, der: &[u8], certificate: *mut X509) {
        // SAFETY: as the caller says.
        if find(&self.0.load(), der).is_ok() || unsafe { crypto.X509_up_ref(certificate) } != 1 {
            return;
        }
        let new = Arc::new(Known { der: der.into(), certificate, crypto });
        self.0.rcu(|all| match find(all, der) {
            Ok(_) => Arc::clone(all),
            // Begins anew when it is full.
            Err(_) if all.len() >= CERTIFICATES_MAX => Arc::new(vec![Arc::clone(&new)]),
            Err(place) => {
                let mut more = Vec::clone(all);
                more.insert(place, Arc::clone(&new));
                Arc::new(more)
            }
        });
    }
}

fn find(all: &[Arc<Known>], der: &[u8]) -> Result<usize, usize> {
    all.binary_search_by(|known| known.der[..].cmp(der))
}
