//! What a server answers: the vouchers of the certificate that a handshake uses, for the name that the client sent.

use std::path::PathBuf;
use std::ptr;
use std::sync::Arc;

use mecai::store::{Cache, Part, StoreError};

use crate::clock::now;
use crate::handshake::known::Known;
use crate::log::Log;
use crate::openssl::certificates;
use crate::openssl::{Crypto, X509};

/// More certificates than most servers have; their answers take some 2 kB each.
const CERTIFICATES_MAX: usize = 4096;

/// The answers of a store directory.
pub(crate) struct Answers {
    directory: PathBuf,
    cache: Cache,
    /// Those of the certificates that contexts have: no digest is computed for them in a handshake.
    known: Known,
}

/// The octets of an answer: as many vectors as its part has, each with its length before it. [`release`] finds their end
/// by that.
#[derive(Debug)]
pub(crate) struct Answer(Arc<[u8]>);

impl Answers {
    /// The answers of the store in this directory, which is looked at when a certificate is first used.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { cache: Cache::new(directory.clone(), CERTIFICATES_MAX), directory, known: Known::default() }
    }

    /// The answer for this certificate to a client that asks for this and sent this name.
    ///
    /// # Safety
    /// `certificate` is of the OpenSSL that `crypto` is of.
    pub(crate) unsafe fn find(
        &self,
        crypto: &'static Crypto,
        log: &Log,
        certificate: *mut X509,
        part: Part,
        name: Option<&str>,
    ) -> Option<Answer> {
        let now = now();
        let report = |error: &StoreError| {
            let key = if error.path == self.directory { "vouchers = " } else { "" };
            log.problem(format_args!("{key}{error}"));
        };
        // SAFETY: as the caller says.
        let octets = unsafe {
            let entry = || Some(self.cache.entry(&certificates::digest(crypto, certificate)?, now, report));
            self.known.with(crypto, certificate, entry, |entry| entry.answer(part, name, now, report))?
        };
        octets.and_then(|octets| Answer::new(part, octets))
    }
}

impl Answer {
    fn new(part: Part, octets: Arc<[u8]>) -> Option<Self> {
        let mut rest = &octets[..];
        for _ in 0..vectors(part) {
            let (length, after) = rest.split_first_chunk::<2>()?;
            rest = after.get(usize::from(u16::from_be_bytes(*length))..)?;
        }
        rest.is_empty().then_some(Self(octets))
    }
}

/// Hands the octets of an answer to OpenSSL, which gives them back to [`release`].
pub(crate) fn lend(answer: Answer) -> (*const u8, usize) {
    let length = answer.0.len();
    (Arc::into_raw(answer.0).cast(), length)
}

/// Takes back what was lent.
///
/// # Safety
/// `octets` came from [`lend`] with an answer of this part, and are not used afterwards.
pub(crate) unsafe fn release(part: Part, octets: *const u8) {
    // SAFETY: as the caller says, and `Answer::new` made sure of the lengths.
    unsafe {
        let mut length = 0;
        for _ in 0..vectors(part) {
            length += 2 + usize::from(u16::from_be_bytes([*octets.add(length), *octets.add(length + 1)]));
        }
        drop(Arc::from_raw(ptr::slice_from_raw_parts(octets, length)));
    }
}

/// How many vectors an answer has (spec 5): an alternate's chain and its bundles are two.
fn vectors(part: Part) -> usize {
    match part {
        Part::Vouchers | Part::Staged => 1,
        Part::Alternate => 2,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_lent_comes_back() {
        let vouchers = mecai::extension::write_bundles(&[b"one", b"two"]).unwrap();
        let alternate = mecai::extension::write_alternate(&[b"leaf", b"issuer"], &[]).unwrap();
        let staged = mecai::extension::write_staged(&[(&[b"leaf"], b"proof")]).unwrap();
        for (part, octets) in [(Part::Vouchers, vouchers), (Part::Alternate, alternate), (Part::Staged, staged)] {
            let octets: Arc<[u8]> = octets.into();
            let (start, length) = lend(Answer::new(part, Arc::clone(&octets)).unwrap());
            assert_eq!((start, length), (octets.as_ptr(), octets.len()));
            assert_eq!(Arc::strong_count(&octets), 2);
            // SAFETY: `start` was lent, and is released once.
            unsafe { release(part, start) };
            assert_eq!(Arc::strong_count(&octets), 1);
            assert!(Answer::new(part, octets[..octets.len() - 1].into()).is_none());
        }
    }
}
