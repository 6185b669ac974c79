//! Certificates in DER, as lists and statements name them.

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::input;
use super::output::{Octets, Out, mecai_bytes};
use super::result::{MECAI_ERR_CHAIN, mecai_result};
use crate::chain;

/// The SHA-256 of a certificate in DER, as statements and the store name it: 32 octets, for which `digest` has the
/// place. That it is a certificate is not looked at. Any thread may call this.
///
/// # Safety
/// Each buffer has its length, and that of the digest may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_certificate_digest(
    certificate: *const u8,
    certificate_len: usize,
    digest: *mut u8,
    digest_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut digest = Octets::new(digest, digest_len, "the digest")?;
            let certificate = input::octets(certificate, certificate_len, "the certificate")?;
            digest.set(&chain::certificate_digest(certificate));
            Ok(())
        })
    }
}

/// The SHA-256 of the SubjectPublicKeyInfo of a certificate in DER, as lists name CA keys and policies local roots: 32
/// octets, for which `hash` has the place. MECAI_ERR_CHAIN if it is no certificate. Any thread may call this.
///
/// # Safety
/// Each buffer has its length, and that of the hash may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_spki_hash(
    certificate: *const u8,
    certificate_len: usize,
    hash: *mut u8,
    hash_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut hash = Octets::new(hash, hash_len, "the SPKI hash")?;
            let certificate = input::octets(certificate, certificate_len, "the certificate")?;
            hash.set(&chain::spki_hash(certificate).ok_or_else(|| no_certificate(certificate))?);
            Ok(())
        })
    }
}

/// The SubjectPublicKeyInfo of a certificate in DER, a part of the buffer that is passed. MECAI_ERR_CHAIN if it is no
/// certificate. Any thread may call this.
///
/// # Safety
/// The buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_certificate_spki(
    certificate: *const u8,
    certificate_len: usize,
    spki: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut spki = Out::new(spki, "the SubjectPublicKeyInfo")?;
            let certificate = input::octets(certificate, certificate_len, "the certificate")?;
            spki.set(mecai_bytes::of(chain::spki(certificate).ok_or_else(|| no_certificate(certificate))?));
            Ok(())
        })
    }
}

fn no_certificate(octets: &[u8]) -> Failure {
    Failure::new(MECAI_ERR_CHAIN, format!("{} octets that are not the DER of a certificate", octets.len()))
}
