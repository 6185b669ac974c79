//! The contents of the TLS extensions, looked into.

use std::sync::Arc;

use super::authority_list::beyond;
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Noun};
use super::output::{Out, mecai_bytes};
use super::result::{MECAI_ERR_ANSWER, MECAI_ERR_VALUE, mecai_result};
use crate::extension::{self, Contents, StagedList};

/// What a server answers to one of the extensions, or what a client says in MECAI_EXTENSION_CANDIDATES. Of what stands
/// in it nothing is verified but the syntax. An answer does not change; any number of threads may use it at once.
pub struct mecai_answer;

/// The TLS extension mecai_vouchers: empty in the ClientHello, answered by bundles.
pub const MECAI_EXTENSION_VOUCHERS: u32 = 0xFF4D;
/// mecai_alternate: empty in the ClientHello, answered by a second certificate and its bundles.
pub const MECAI_EXTENSION_ALTERNATE: u32 = 0xFF4E;
/// mecai_staged: sent by authorities only, answered by the server's next certificates.
pub const MECAI_EXTENSION_STAGED: u32 = 0xFF4F;
/// mecai_candidates: the authorities of the picked operators, where a client discloses them; not answered.
pub const MECAI_EXTENSION_CANDIDATES: u32 = 0xFF50;

// The header has the numbers themselves.
const _: () = assert!(
    MECAI_EXTENSION_VOUCHERS == extension::VOUCHERS as u32
        && MECAI_EXTENSION_ALTERNATE == extension::ALTERNATE as u32
        && MECAI_EXTENSION_STAGED == extension::STAGED as u32
        && MECAI_EXTENSION_CANDIDATES == extension::CANDIDATES as u32
);

pub(super) struct Answered {
    extension: u16,
    octets: Arc<[u8]>,
}

impl Noun for Answered {
    const NAME: &'static str = "mecai_answer";
    type Handle = mecai_answer;
}

impl Answered {
    /// What follows the syntax of its extension.
    pub(super) fn new(extension: u16, octets: impl Into<Arc<[u8]>>) -> Result<Self, Failure> {
        let answered = Self::unread(extension, octets);
        answered.contents()?;
        Ok(answered)
    }

    /// The same, of octets that were written here.
    pub(super) fn unread(extension: u16, octets: impl Into<Arc<[u8]>>) -> Self {
        Self { extension, octets: octets.into() }
    }

    /// The staged certificates of an answer that has some.
    pub(super) fn staged(&self) -> Result<StagedList<'_>, Failure> {
        if self.extension != extension::STAGED {
            let sentence =
                format!("the answer before is of the extension {:#x}, not {:#x}", self.extension, extension::STAGED);
            return Err(Failure::new(MECAI_ERR_ANSWER, sentence));
        }
        Ok(self.contents()?.staged)
    }

    /// Read anew whenever it is looked at, so that a server that only sends it never reads it.
    fn contents(&self) -> Result<Contents<'_>, Failure> {
        let other = || Failure::new(MECAI_ERR_VALUE, format!("{:#x} is no MECAI_EXTENSION_…", self.extension));
        Ok(Contents::read(self.extension, &self.octets).ok_or_else(other)??)
    }
}

/// The number of an answer's extension, MECAI_EXTENSION_…, and its octets, which stay until the answer is freed. Each
/// place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_octets(
    answer: *const mecai_answer,
    extension: *mut u32,
    octets: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut extension, mut octets) = (Out::optional(extension), Out::optional(octets));
            let answered: Arc<Answered> = handle::get(answer)?;
            extension.set(u32::from(answered.extension));
            octets.set(mecai_bytes::of(&answered.octets));
            Ok(())
        })
    }
}

/// How many bundles, certificates of an alternate's chain, staged certificates and candidates an answer has; 0 of what
/// its extension has none of. Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_counts(
    answer: *const mecai_answer,
    bundles: *mut usize,
    certificates: *mut usize,
    staged: *mut usize,
    candidates: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut bundles, mut certificates) = (Out::optional(bundles), Out::optional(certificates));
            let (mut staged, mut candidates) = (Out::optional(staged), Out::optional(candidates));
            let answered: Arc<Answered> = handle::get(answer)?;
            let contents = answered.contents()?;
            bundles.set(contents.bundles.count());
            certificates.set(contents.chain.count());
            staged.set(contents.staged.count());
            candidates.set(contents.candidates().count());
            Ok(())
        })
    }
}

/// The bundle with an index: its DER, which mecai_bundle_parse reads; it stays until the answer is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_bundle(
    answer: *const mecai_answer,
    index: usize,
    bundle: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut bundle = Out::new(bundle, "the bundle")?;
            let answered: Arc<Answered> = handle::get(answer)?;
            bundle.set(nth(answered.contents()?.bundles, index, "bundles")?);
            Ok(())
        })
    }
}

/// The certificate of an alternate's chain with an index, end entity first: its DER, which stays until the answer is
/// freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_certificate(
    answer: *const mecai_answer,
    index: usize,
    certificate: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut certificate = Out::new(certificate, "the certificate")?;
            let answered: Arc<Answered> = handle::get(answer)?;
            certificate.set(nth(answered.contents()?.chain, index, "certificates")?);
            Ok(())
        })
    }
}

/// The staged certificate with an index: how many certificates its chain has, and the DER of the proof of its key,
/// which stays until the answer is freed. Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_staged(
    answer: *const mecai_answer,
    index: usize,
    certificate_count: *mut usize,
    key_proof: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut count, mut key_proof) = (Out::optional(certificate_count), Out::optional(key_proof));
            let answered: Arc<Answered> = handle::get(answer)?;
            let staged = one_of(answered.contents()?.staged, index, "staged certificates")?;
            count.set(staged.chain.count());
            key_proof.set(mecai_bytes::of(staged.key_proof));
            Ok(())
        })
    }
}

/// The certificate with an index in the chain of a staged one, end entity first: its DER, which stays until the answer
/// is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_staged_certificate(
    answer: *const mecai_answer,
    staged: usize,
    index: usize,
    certificate: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut certificate = Out::new(certificate, "the certificate")?;
            let answered: Arc<Answered> = handle::get(answer)?;
            let staged = one_of(answered.contents()?.staged, staged, "staged certificates")?;
            certificate.set(nth(staged.chain, index, "certificates of this chain")?);
            Ok(())
        })
    }
}

/// The candidate with an index: the id of an authority, 8 octets, which stay until the answer is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_candidate(
    answer: *const mecai_answer,
    index: usize,
    authority: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut authority = Out::new(authority, "the authority")?;
            let answered: Arc<Answered> = handle::get(answer)?;
            authority.set(nth(answered.contents()?.candidates(), index, "candidates")?);
            Ok(())
        })
    }
}

/// Frees an answer; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_answer_free(answer: *mut mecai_answer) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Answered>(answer)) }
}

fn one_of<T>(mut elements: impl Iterator<Item = T> + Clone, index: usize, what: &str) -> Result<T, Failure> {
    let count = elements.clone().count();
    elements.nth(index).ok_or_else(|| beyond(what, index, count))
}

fn nth<'a>(elements: impl Iterator<Item = &'a [u8]> + Clone, index: usize, what: &str) -> Result<mecai_bytes, Failure> {
    one_of(elements, index, what).map(mecai_bytes::of)
}
