//! Certificates of a handshake as DER.

use std::mem::MaybeUninit;
use std::{ptr, slice};

use mecai::Sha256;
use mecai::chain::certificate_digest;

use crate::openssl::{Crypto, OPENSSL_STACK, X509};

/// The certificates of a chain, in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Certificates {
    /// Encodes the certificates of `stack`; none if one cannot be encoded.
    ///
    /// # Safety
    /// `stack` is NULL, or a stack of certificates of the OpenSSL that `crypto` is of.
    pub(crate) unsafe fn of(crypto: &Crypto, stack: *const OPENSSL_STACK) -> Option<Self> {
        let mut certificates = Self::default();
        if stack.is_null() {
            return Some(certificates);
        }
        // SAFETY: as the caller says.
        let count = unsafe { crypto.OPENSSL_sk_num(stack) };
        certificates.octets.reserve(1536 * usize::try_from(count).unwrap_or(0).min(8));
        for place in 0..count {
            // SAFETY: as the caller says.
            unsafe { certificates.push(crypto, crypto.OPENSSL_sk_value(stack, place).cast())? };
        }
        Some(certificates)
    }

    /// Encodes one certificate; none if it cannot be encoded.
    ///
    /// # Safety
    /// `certificate` is NULL, or of the OpenSSL that `crypto` is of.
    pub(crate) unsafe fn of_one(crypto: &Crypto, certificate: *const X509) -> Option<Self> {
        let mut certificates = Self::default();
        // SAFETY: as the caller says.
        unsafe { certificates.push(crypto, certificate)? };
        Some(certificates)
    }

    /// Each certificate's DER, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().filter_map(move |end| {
            let certificate = self.octets.get(start..*end);
            start = *end;
            certificate
        })
    }

    /// # Safety
    /// `certificate` is of the OpenSSL that `crypto` is of.
    unsafe fn push(&mut self, crypto: &Crypto, certificate: *const X509) -> Option<()> {
        // SAFETY: as the caller says; asked for NULL, OpenSSL tells the length, and then writes so many octets.
        unsafe {
            let length =
                usize::try_from(crypto.i2d_X509(certificate, ptr::null_mut())).ok().filter(|length| *length > 0)?;
            self.octets.reserve(length);
            let mut place = self.octets.as_mut_ptr().add(self.octets.len());
            if usize::try_from(crypto.i2d_X509(certificate, &raw mut place)).ok() != Some(length) {
                return None;
            }
            self.octets.set_len(self.octets.len() + length);
        }
        self.ends.push(self.octets.len());
        Some(())
    }
}

/// SHA-256 of a certificate; without an allocation unless it is uncommonly large.
///
/// # Safety
/// `certificate` is of the OpenSSL that `crypto` is of.
pub(crate) unsafe fn digest(crypto: &Crypto, certificate: *const X509) -> Option<Sha256> {
    let mut few = [MaybeUninit::<u8>::uninit(); 4096];
    let mut many = Vec::new();
    // SAFETY: as the caller says; asked for NULL, OpenSSL tells the length, and then writes so many octets.
    unsafe {
        let length =
            usize::try_from(crypto.i2d_X509(certificate, ptr::null_mut())).ok().filter(|length| *length > 0)?;
        let start: *mut u8 = if length <= few.len() {
            few.as_mut_ptr().cast()
        } else {
            many.reserve_exact(length);
            many.as_mut_ptr()
        };
        let mut place = start;
        if usize::try_from(crypto.i2d_X509(certificate, &raw mut place)).ok() != Some(length) {
            return None;
        }
        Some(certificate_digest(slice::from_raw_parts(start, length)))
    }
}
