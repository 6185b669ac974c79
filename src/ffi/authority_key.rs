//! The keys and regions that an authority list names.

use std::sync::Arc;

use super::authority_list::{List, beyond, mecai_authority_list};
use super::error::mecai_error;
use super::guard::guard;
use super::handle;
use super::output::{Out, mecai_bytes};
use super::result::mecai_result;
use crate::signature::Algorithm;

/// An authority's algorithm is not known to this library: it can endorse nothing.
pub const MECAI_ALGORITHM_UNKNOWN: u32 = 0;
/// ECDSA on P-256 with SHA-256.
pub const MECAI_ALGORITHM_P256: u32 = 1;
/// ECDSA on P-384 with SHA-384.
pub const MECAI_ALGORITHM_P384: u32 = 2;
/// Ed25519.
pub const MECAI_ALGORITHM_ED25519: u32 = 3;

/// The CA keys of the operator with an index: the SHA-256 of the SubjectPublicKeyInfo of each, 32 octets, one behind the
/// other. They stay until the list is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_ca_keys(
    list: *const mecai_authority_list,
    operator_index: usize,
    ca_keys: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut ca_keys = Out::new(ca_keys, "the CA keys")?;
            let list: Arc<List> = handle::get(list)?;
            ca_keys.set(mecai_bytes::of(list.operator(operator_index)?.0.ca_keys.as_flattened()));
            Ok(())
        })
    }
}

/// The public key of an authority, by the indices of its operator and its own: the DER of its SubjectPublicKeyInfo,
/// which stays until the list is freed, and how it signs, MECAI_ALGORITHM_… Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_public_key(
    list: *const mecai_authority_list,
    operator_index: usize,
    index: usize,
    public_key: *mut mecai_bytes,
    algorithm: *mut u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut public_key, mut algorithm) = (Out::optional(public_key), Out::optional(algorithm));
            let list: Arc<List> = handle::get(list)?;
            let key = &list.authority(operator_index, index)?.authority.public_key;
            public_key.set(mecai_bytes::of(key.spki()));
            algorithm.set(match key.algorithm() {
                None => MECAI_ALGORITHM_UNKNOWN,
                Some(Algorithm::P256) => MECAI_ALGORITHM_P256,
                Some(Algorithm::P384) => MECAI_ALGORITHM_P384,
                Some(Algorithm::Ed25519) => MECAI_ALGORITHM_ED25519,
            });
            Ok(())
        })
    }
}

/// How many regions an authority looks from, by the indices of its operator and its own.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_region_count(
    list: *const mecai_authority_list,
    operator_index: usize,
    index: usize,
    count: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut count = Out::new(count, "the count")?;
            let list: Arc<List> = handle::get(list)?;
            count.set(list.authority(operator_index, index)?.regions.len());
            Ok(())
        })
    }
}

/// The region with an index of those that an authority looks from: text, which stays until the list is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_region(
    list: *const mecai_authority_list,
    operator_index: usize,
    authority_index: usize,
    index: usize,
    region: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut region = Out::new(region, "the region")?;
            let list: Arc<List> = handle::get(list)?;
            let regions = list.authority(operator_index, authority_index)?.regions;
            let text = regions.get(index).ok_or_else(|| beyond("regions of this authority", index, regions.len()))?;
            region.set(text.view());
            Ok(())
        })
    }
}
