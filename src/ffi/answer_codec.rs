//! The contents of the TLS extensions, read and written.

use std::sync::Arc;

use super::answer::{Answered, mecai_answer};
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle;
use super::input;
use super::output::{Out, mecai_bytes};
use super::result::{MECAI_ERR_ANSWER, mecai_result};
use crate::extension::{self, ANSWER_MAX, CANDIDATES_MAX, StagedList};

/// Reads a server's answer to MECAI_EXTENSION_VOUCHERS: at least one bundle. MECAI_ERR_ANSWER if it breaks its syntax,
/// or has more than 16384 octets. The answer is the caller's to free.
///
/// # Safety
/// The buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_read_vouchers(
    octets: *const u8,
    octets_len: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let octets = input::octets(octets, octets_len, "the answer")?;
            place.try_give(Answered::new(extension::VOUCHERS, octets)?)
        })
    }
}

/// Reads a server's answer to MECAI_EXTENSION_ALTERNATE: at least one certificate, and bundles. MECAI_ERR_ANSWER if it
/// breaks its syntax, or has more than 16384 octets. The answer is the caller's to free.
///
/// # Safety
/// The buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_read_alternate(
    octets: *const u8,
    octets_len: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let octets = input::octets(octets, octets_len, "the answer")?;
            place.try_give(Answered::new(extension::ALTERNATE, octets)?)
        })
    }
}

/// Reads a server's answer to MECAI_EXTENSION_STAGED: at least one certificate with its chain and the proof of its key.
/// MECAI_ERR_ANSWER if it breaks its syntax. The answer is the caller's to free.
///
/// # Safety
/// The buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_read_staged(
    octets: *const u8,
    octets_len: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let octets = input::octets(octets, octets_len, "the answer")?;
            place.try_give(Answered::new(extension::STAGED, octets)?)
        })
    }
}

/// Reads what a client says in MECAI_EXTENSION_CANDIDATES: 1 to 31 ids of authorities, ascending. MECAI_ERR_ANSWER if
/// it breaks its syntax. The answer is the caller's to free.
///
/// # Safety
/// The buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_read_candidates(
    octets: *const u8,
    octets_len: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let octets = input::octets(octets, octets_len, "the answer")?;
            place.try_give(Answered::new(extension::CANDIDATES, octets)?)
        })
    }
}

/// Writes a server's answer to MECAI_EXTENSION_VOUCHERS from bundles in DER. MECAI_ERR_ANSWER if there are none, one is
/// empty, or the answer would have more than 16384 octets. The answer is the caller's to free.
///
/// # Safety
/// There are so many views, each buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_write_vouchers(
    bundles: *const mecai_bytes,
    bundle_count: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let bundles = input::buffers(bundles, bundle_count, "bundles")?;
            let octets = extension::write_bundles(&bundles)
                .ok_or_else(|| unfit(format!("1 or more bundles, none empty, in {ANSWER_MAX} octets"), &[&bundles]))?;
            place.try_give(Answered::unread(extension::VOUCHERS, octets))
        })
    }
}

/// Writes a server's answer to MECAI_EXTENSION_ALTERNATE from a chain, certificates in DER, end entity first, and the
/// bundles for it, possibly none. MECAI_ERR_ANSWER if the chain is empty, something in it is, or the answer would have
/// more than 16384 octets. The answer is the caller's to free.
///
/// # Safety
/// There are so many views, each buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_write_alternate(
    certificates: *const mecai_bytes,
    certificate_count: usize,
    bundles: *const mecai_bytes,
    bundle_count: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let chain = input::buffers(certificates, certificate_count, "certificates")?;
            let bundles = input::buffers(bundles, bundle_count, "bundles")?;
            let octets = extension::write_alternate(&chain, &bundles).ok_or_else(|| {
                unfit(
                    format!("1 or more certificates, and bundles, none empty, in {ANSWER_MAX} octets"),
                    &[&chain, &bundles],
                )
            })?;
            place.try_give(Answered::unread(extension::ALTERNATE, octets))
        })
    }
}

/// Writes a server's answer to MECAI_EXTENSION_STAGED: what stands in `before` (`before` may be NULL), and one certificate
/// more: its chain, certificates in DER, end entity first, and the DER of the proof of its key.
/// MECAI_ERR_ANSWER if something is empty, `before` is of another extension, or the answer would have more than 65535
/// octets. The answer is the caller's to free; `before` stays as it is.
///
/// # Safety
/// There are so many views, each buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_write_staged(
    before: *const mecai_answer,
    certificates: *const mecai_bytes,
    certificate_count: usize,
    key_proof: *const u8,
    key_proof_len: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let before: Option<Arc<Answered>> = (!before.is_null()).then(|| handle::get(before)).transpose()?;
            let chain = input::buffers(certificates, certificate_count, "certificates")?;
            let key_proof = input::octets(key_proof, key_proof_len, "the key proof")?;
            let staged = before.as_ref().map_or(Ok(StagedList::default()), |before| before.staged())?;
            let octets = extension::write_one_more_staged(staged, &chain, key_proof).ok_or_else(|| {
                let needed = format!("1 or more certificates and a key proof, none empty, in {} octets", u16::MAX);
                unfit(needed, &[&chain, &[key_proof]])
            })?;
            place.try_give(Answered::unread(extension::STAGED, octets))
        })
    }
}

/// Writes what a client says in MECAI_EXTENSION_CANDIDATES from the ids of authorities, 8 octets each, of any order.
/// MECAI_ERR_LENGTH if one has not 8 octets, MECAI_ERR_ANSWER if there are not 1 to 31. The answer is the caller's to
/// free.
///
/// # Safety
/// There are so many views, each buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_answer_write_candidates(
    authorities: *const mecai_bytes,
    authority_count: usize,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let ids = input::arrays::<8>(authorities, authority_count, "an authority's id")?;
            let octets = extension::write_candidates(&ids).ok_or_else(|| {
                Failure::new(MECAI_ERR_ANSWER, format!("{} candidates, not 1 to {CANDIDATES_MAX}", ids.len()))
            })?;
            place.try_give(Answered::unread(extension::CANDIDATES, octets))
        })
    }
}

/// The failure of what does not fit an answer: what it takes, and what there is.
fn unfit(needed: String, parts: &[&[&[u8]]]) -> Failure {
    let lens = parts.iter().flat_map(|part| part.iter()).map(|octets| octets.len());
    let (count, least, octets) = (lens.clone().count(), lens.clone().min().unwrap_or(0), lens.sum::<usize>());
    let there_is = format!("{count} elements of {octets} octets, the shortest of {least}");
    Failure::new(MECAI_ERR_ANSWER, format!("an answer takes {needed}; there are {there_is}"))
}
