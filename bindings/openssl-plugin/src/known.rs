//! The certificates that a server uses, by where they are in memory: what a handshake needs of one is found at once.

use std::sync::Arc;

use mecai::store::Entry;
use once_cell::race::OnceBox;

use crate::openssl::{Crypto, X509};

/// A program that makes a new certificate for every connection must not fill the memory.
const CERTIFICATES_MAX: usize = 256;

/// So many places are looked at for one certificate, of the first of which its address decides.
const PLACES: usize = 8;

/// Entries of the store by the address of the certificate. Each certificate in here is kept alive for as long as the
/// process lives, so that no other can come to its address; what came when there was no place left is not in here.
pub(crate) struct Known(Box<[OnceBox<One>]>);

struct One {
    certificate: *mut X509,
    entry: Arc<Entry>,
}

// SAFETY: OpenSSL counts references to a certificate atomically, and the pointer is only compared.
unsafe impl Send for One {}
// SAFETY: as above.
unsafe impl Sync for One {}

impl Default for Known {
    fn default() -> Self {
        Self((0..CERTIFICATES_MAX).map(|_| OnceBox::new()).collect())
    }
}

impl Known {
    /// What `then` makes of a certificate's entry, which `entry` gives if it is not in here; none if it has none.
    ///
    /// # Safety
    /// `certificate` is of the OpenSSL that `crypto` is of.
    pub(crate) unsafe fn with<T>(
        &self,
        crypto: &Crypto,
        certificate: *mut X509,
        entry: impl FnOnce() -> Option<Arc<Entry>>,
        then: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        for place in self.places(certificate) {
            match place.get() {
                Some(one) if one.certificate == certificate => return Some(then(&one.entry)),
                Some(_) => {}
                None => {
                    let entry = entry()?;
                    // SAFETY: as the caller says. Where another thread was faster, the next handshake tries again.
                    unsafe {
                        if crypto.X509_up_ref(certificate) == 1
                            && place.set(Box::new(One { certificate, entry: Arc::clone(&entry) })).is_err()
                        {
                            crypto.X509_free(certificate);
                        }
                    }
                    return Some(then(&entry));
                }
            }
        }
        entry().map(|entry| then(&entry))
    }

    /// Where a certificate may be, in the order in which it is looked for and put.
    fn places(&self, certificate: *mut X509) -> impl Iterator<Item = &OnceBox<One>> {
        // Allocations are some hundreds of octets apart: an odd factor spreads what their addresses differ in.
        let spread = (certificate.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
        (0..PLACES).filter_map(move |next| self.0.get((usize::from(spread[0]) + next) % CERTIFICATES_MAX))
    }
}
