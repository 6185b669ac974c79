//! The certificates that a server uses, by where they are in memory: what a handshake needs of one is found at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mecai::store::Entry;
use once_cell::race::OnceBox;

use crate::openssl::{Crypto, X509};

/// A program that makes a new certificate for every connection must not fill the memory: so many are kept.
const CERTIFICATES_MAX: usize = 256;

/// Twice as many places, so that a certificate has its own within a few.
const PLACES: usize = 2 * CERTIFICATES_MAX;

/// So many places are looked at for one certificate, of the first of which its address decides.
const TRIES: usize = 8;

/// Entries of the store by the address of the certificate. Each certificate in here is kept alive for as long as the
/// process lives, so that no other can come to its address. Those that come after the first ones are not in here.
pub(crate) struct Known {
    places: Box<[OnceBox<One>]>,
    /// How many were not found.
    newcomers: AtomicUsize,
}

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
        Self { places: (0..PLACES).map(|_| OnceBox::new()).collect(), newcomers: AtomicUsize::new(0) }
    }
}

impl One {
    /// # Safety
    /// `certificate` is of the OpenSSL that `crypto` is of.
    unsafe fn put(crypto: &Crypto, place: &OnceBox<Self>, certificate: *mut X509, entry: Arc<Entry>) {
        // SAFETY: as the caller says. Where another thread was faster, the next handshake tries again.
        unsafe {
            if crypto.X509_up_ref(certificate) == 1 && place.set(Box::new(Self { certificate, entry })).is_err() {
                crypto.X509_free(certificate);
            }
        }
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
        let mut free = None;
        for place in self.places(certificate) {
            match place.get() {
                Some(one) if one.certificate == certificate => return Some(then(&one.entry)),
                Some(_) => {}
                None => {
                    free = Some(place);
                    break;
                }
            }
        }
        let entry = entry()?;
        if let Some(place) = free
            && self.newcomers.fetch_add(1, Ordering::Relaxed) < CERTIFICATES_MAX
        {
            // SAFETY: as the caller says.
            unsafe { One::put(crypto, place, certificate, Arc::clone(&entry)) };
        }
        Some(then(&entry))
    }

    /// Where a certificate may be, in the order in which it is looked for and put.
    fn places(&self, certificate: *mut X509) -> impl Iterator<Item = &OnceBox<One>> {
        // Allocations are some hundreds of octets apart: an odd factor spreads what their addresses differ in.
        let [high, low, ..] = (certificate.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
        let first = usize::from(u16::from_be_bytes([high, low]));
        (0..TRIES).filter_map(move |next| self.places.get((first + next) % PLACES))
    }
}
