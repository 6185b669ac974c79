//! The files of the server's store, listed and changed.

use std::ffi::c_char;
use std::sync::Arc;

use super::digests::{Digests, mecai_digests};
use super::error::mecai_error;
use super::guard::guard;
use super::handle;
use super::input;
use super::output::{Out, mecai_bytes};
use super::result::mecai_result;
use super::store::{Kept, mecai_store};
use crate::store::StoredBundle;
use crate::time::UnixTime;

/// Adds bundles in DER to the file of the certificate with this SHA-256 (32 octets), which is made if it is not there:
/// they are for this certificate, or for the alternate that the file has. Of each host and port the four freshest stay
/// that are in force at the time `now` (seconds since 1970), each authority in the freshest that it signed only.
/// `left_out`, which may be NULL, receives of how many bundles the file has no room for.
///
/// MECAI_ERR_MALFORMED, _UNKNOWN_VERSION or _TOO_LONG_LIVED for what is no bundle, MECAI_ERR_STORE for one that is for
/// another certificate, and if the file cannot be used or written; then nothing has changed. A file that cannot be used
/// stays as it is until it is removed.
///
/// # Safety
/// There are so many views, each buffer has its length, and what is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_store_add_bundles(
    store: *mut mecai_store,
    digest: *const u8,
    digest_len: usize,
    bundles: *const mecai_bytes,
    bundle_count: usize,
    now: u64,
    left_out: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut left_out = Out::optional(left_out);
            let certificate = input::array(digest, digest_len, "the certificate's digest")?;
            let bundles = input::buffers(bundles, bundle_count, "bundles")?;
            let bundles = bundles.into_iter().map(StoredBundle::from_der).collect::<Result<_, _>>()?;
            let out = Kept::change(store, |store| store.add(&certificate, bundles, UnixTime(now)))?;
            left_out.set(out.len());
            Ok(())
        })
    }
}

/// Sets the alternate that is shown beside the certificate with this SHA-256 (32 octets): certificates in DER, end
/// entity first, 1 to 10; none take it away. Bundles for it stay while its end entity is the same. Clients go over only
/// to an alternate on the same key, for the same names, of another operator; whether it is, is not looked at.
/// MECAI_ERR_STORE if no server could show the chain, or the file cannot be used or written.
///
/// # Safety
/// There are so many views, and each buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_store_set_alternate(
    store: *mut mecai_store,
    digest: *const u8,
    digest_len: usize,
    alternate: *const mecai_bytes,
    alternate_count: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let certificate = input::array(digest, digest_len, "the certificate's digest")?;
            let alternate = input::buffers(alternate, alternate_count, "certificates")?;
            let chain: Vec<Vec<u8>> = alternate.into_iter().map(<[u8]>::to_vec).collect();
            let chain = (!chain.is_empty()).then_some(&chain[..]);
            Kept::change(store, |store| store.set_alternate(&certificate, chain))
        })
    }
}

/// Takes away everything that is stored for the certificate with this SHA-256 (32 octets); if that is nothing, it is no
/// error. A server that has read it goes on until it expires.
///
/// # Safety
/// The buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_store_remove(
    store: *mut mecai_store,
    digest: *const u8,
    digest_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let certificate = input::array(digest, digest_len, "the certificate's digest")?;
            Kept::change(store, |store| store.remove(&certificate))
        })
    }
}

/// The certificates for which there are files, as they are now; whether these can be used is not looked at. The digests
/// are the caller's to free.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_store_certificates(
    store: *const mecai_store,
    digests: *mut *mut mecai_digests,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(digests, "the digests")?;
            let kept: Arc<Kept> = handle::get(store)?;
            place.try_give(Digests(kept.store.certificates()?))
        })
    }
}

/// Writes an OpenSSL serverinfo file at `path`, for servers without the module: what is answered at the time `now`
/// (seconds since 1970) in handshakes with the certificate of this SHA-256 (32 octets) to clients that name no host.
/// Without vouchers it says nothing, and servers can read it all the same. It replaces a file of this path.
///
/// # Safety
/// The buffer has its length, and `path` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_store_write_serverinfo(
    store: *const mecai_store,
    digest: *const u8,
    digest_len: usize,
    path: *const c_char,
    now: u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let certificate = input::array(digest, digest_len, "the certificate's digest")?;
            let path = input::path(path, "the path")?;
            let kept: Arc<Kept> = handle::get(store)?;
            Ok(kept.store.write_serverinfo(&certificate, path, UnixTime(now))?)
        })
    }
}
