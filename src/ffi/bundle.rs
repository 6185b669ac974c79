//! Bundles, looked into.

use std::net::IpAddr;
use std::sync::Arc;

use super::authority_list::beyond;
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Noun};
use super::input;
use super::output::{Out, Text, mecai_bytes};
use super::result::mecai_result;
use crate::bundle::Bundle;
use crate::endorsement::Evidence;

/// A statement with its endorsements. Nobody has verified their signatures. A bundle does not change; any number of
/// threads may use it at once.
pub struct mecai_bundle;

/// The authority's revocation check rests on an OCSP response.
pub const MECAI_EVIDENCE_OCSP: u32 = 1;
/// It rests on a CRL.
pub const MECAI_EVIDENCE_CRL: u32 = 2;
/// The certificate lives so short that it needs none.
pub const MECAI_EVIDENCE_SHORT_LIVED: u32 = 3;

/// The octets that were read, and what stands in them.
pub(super) struct Read {
    der: Vec<u8>,
    host: Text,
    port: u16,
    addresses: Vec<Vec<u8>>,
    certificate: [u8; 32],
    produced_at: u64,
    not_after: u64,
    stay: Option<u8>,
    endorsements: Vec<Endorsed>,
}

struct Endorsed {
    authority: [u8; 8],
    seen: u32,
    evidence: u32,
    age: u32,
    signature: Vec<u8>,
}

impl Noun for Read {
    const NAME: &'static str = "mecai_bundle";
    type Handle = mecai_bundle;
}

impl Read {
    fn endorsement(&self, index: usize) -> Result<&Endorsed, Failure> {
        self.endorsements.get(index).ok_or_else(|| beyond("endorsements", index, self.endorsements.len()))
    }

    pub(super) fn new(der: &[u8]) -> Result<Self, Failure> {
        let bundle = Bundle::from_der(der)?;
        let statement = bundle.statement();
        let addresses = statement.addresses().map(|address| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        });
        let endorsements = bundle.endorsements().map(|endorsement| {
            let seen = endorsement.seen();
            let (evidence, age) = match endorsement.evidence() {
                Evidence::Ocsp { age } => (MECAI_EVIDENCE_OCSP, age),
                Evidence::Crl { age } => (MECAI_EVIDENCE_CRL, age),
                Evidence::ShortLived => (MECAI_EVIDENCE_SHORT_LIVED, 0),
            };
            let seen = (0..16).filter(|index| seen.contains(*index)).map(|index| 1 << index).sum();
            let signature = endorsement.signature().to_vec();
            Endorsed { authority: *endorsement.authority(), seen, evidence, age, signature }
        });
        Ok(Self {
            der: der.to_vec(),
            host: Text::new(statement.host()),
            port: statement.port(),
            addresses: addresses.collect(),
            certificate: *statement.certificate(),
            produced_at: statement.produced_at().0,
            not_after: statement.not_after().0,
            stay: statement.stay(),
            endorsements: endorsements.collect(),
        })
    }
}

/// Reads the DER of one bundle, all of it. The bundle is the caller's to free; the octets are not needed any more.
///
/// # Safety
/// The buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_parse(
    der: *const u8,
    der_len: usize,
    bundle: *mut *mut mecai_bundle,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut bundle = Out::new(bundle, "the bundle")?;
            bundle.try_give(Read::new(input::octets(der, der_len, "the bundle")?)?)
        })
    }
}

/// What is vouched for: the host, its port, and the SHA-256 of the end-entity certificate (32 octets). Each place may be
/// NULL. What is shown stays until the bundle is freed.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_get(
    bundle: *const mecai_bundle,
    host: *mut mecai_bytes,
    port: *mut u16,
    certificate: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut host, mut port, mut certificate) =
                (Out::optional(host), Out::optional(port), Out::optional(certificate));
            let read: Arc<Read> = handle::get(bundle)?;
            host.set(read.host.view());
            port.set(read.port);
            certificate.set(mecai_bytes::of(&read.certificate));
            Ok(())
        })
    }
}

/// When the statement was made, the last second in which it is in force (seconds since 1970), and for how many days the
/// site promises to go on showing vouchers: -1 if it says nothing. Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_times(
    bundle: *const mecai_bundle,
    produced_at: *mut u64,
    not_after: *mut u64,
    stay: *mut i32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut produced_at, mut not_after, mut stay) =
                (Out::optional(produced_at), Out::optional(not_after), Out::optional(stay));
            let read: Arc<Read> = handle::get(bundle)?;
            produced_at.set(read.produced_at);
            not_after.set(read.not_after);
            stay.set(read.stay.map_or(-1, i32::from));
            Ok(())
        })
    }
}

/// How many addresses and how many endorsements a bundle has. Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_counts(
    bundle: *const mecai_bundle,
    addresses: *mut usize,
    endorsements: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut addresses, mut endorsements) = (Out::optional(addresses), Out::optional(endorsements));
            let read: Arc<Read> = handle::get(bundle)?;
            addresses.set(read.addresses.len());
            endorsements.set(read.endorsements.len());
            Ok(())
        })
    }
}

/// The address with an index: 4 or 16 octets in network order, which stay until the bundle is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_address(
    bundle: *const mecai_bundle,
    index: usize,
    address: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(address, "the address")?;
            let read: Arc<Read> = handle::get(bundle)?;
            let address = read.addresses.get(index).ok_or_else(|| beyond("addresses", index, read.addresses.len()))?;
            place.set(mecai_bytes::of(address));
            Ok(())
        })
    }
}

/// The endorsement with an index: the authority's id (8 octets, which stay until the bundle is freed), the addresses at
/// which it saw the certificate (bit 0 is that with index 0), what its revocation check rests on (MECAI_EVIDENCE_…) and
/// how old that was when the statement was made, in seconds. Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_endorsement(
    bundle: *const mecai_bundle,
    index: usize,
    authority: *mut mecai_bytes,
    seen: *mut u32,
    evidence: *mut u32,
    age: *mut u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut authority, mut seen) = (Out::optional(authority), Out::optional(seen));
            let (mut evidence, mut age) = (Out::optional(evidence), Out::optional(age));
            let read: Arc<Read> = handle::get(bundle)?;
            let endorsed = read.endorsement(index)?;
            authority.set(mecai_bytes::of(&endorsed.authority));
            seen.set(endorsed.seen);
            evidence.set(endorsed.evidence);
            age.set(endorsed.age);
            Ok(())
        })
    }
}

/// The signature of the endorsement with an index, as it was sent; nobody has verified it. It stays until the bundle is
/// freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_signature(
    bundle: *const mecai_bundle,
    index: usize,
    signature: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut signature = Out::new(signature, "the signature")?;
            let read: Arc<Read> = handle::get(bundle)?;
            signature.set(mecai_bytes::of(&read.endorsement(index)?.signature));
            Ok(())
        })
    }
}

/// The DER of a bundle, which stays until it is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_bundle_der(
    bundle: *const mecai_bundle,
    der: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut der = Out::new(der, "the octets")?;
            der.set(mecai_bytes::of(&handle::get::<Read>(bundle)?.der));
            Ok(())
        })
    }
}

/// Frees a bundle; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_bundle_free(bundle: *mut mecai_bundle) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Read>(bundle)) }
}
