//! Digests of certificates.

use std::sync::Arc;

use super::authority_list::beyond;
use super::error::mecai_error;
use super::guard::guard;
use super::handle::{self, Noun};
use super::output::{Out, mecai_bytes};
use super::result::mecai_result;
use crate::Sha256;

/// The SHA-256 of certificates, ascending. They do not change; any number of threads may use them at once.
pub struct mecai_digests;

pub(super) struct Digests(pub(super) Vec<Sha256>);

impl Noun for Digests {
    const NAME: &'static str = "mecai_digests";
    type Handle = mecai_digests;
}

/// How many digests there are.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_digests_count(
    digests: *const mecai_digests,
    count: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut count = Out::new(count, "the count")?;
            count.set(handle::get::<Digests>(digests)?.0.len());
            Ok(())
        })
    }
}

/// The digest with an index: 32 octets, which stay until the digests are freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_digests_get(
    digests: *const mecai_digests,
    index: usize,
    digest: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(digest, "the digest")?;
            let digests: Arc<Digests> = handle::get(digests)?;
            let digest = digests.0.get(index).ok_or_else(|| beyond("digests", index, digests.0.len()))?;
            place.set(mecai_bytes::of(digest));
            Ok(())
        })
    }
}

/// Frees digests; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_digests_free(digests: *mut mecai_digests) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Digests>(digests)) }
}
