//! The server's store, from which handshakes are answered.

use std::ffi::c_char;
use std::sync::{Arc, Mutex};

use super::answer::{Answered, mecai_answer};
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::input;
use super::output::Out;
use super::result::{MECAI_ERR_STORE, MECAI_ERR_VALUE, mecai_result};
use crate::store::{Cache, Part, Store, StoreError};
use crate::time::UnixTime;

/// A directory with the vouchers of a server's certificates. Any number of threads may ask it for answers at once; it
/// is changed by one thread at a time, and by one program at a time.
pub struct mecai_store;

pub(super) struct Kept {
    pub(super) store: Store,
    cache: Cache,
    changing: Exclusive<()>,
}

impl Noun for Kept {
    const NAME: &'static str = "mecai_store";
    type Handle = mecai_store;
}

impl Kept {
    /// Works on the files, alone.
    pub(super) fn change<T>(
        handle: *mut mecai_store,
        change: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, Failure> {
        let kept: Arc<Self> = handle::get(handle)?;
        let _alone = handle::lock(&kept.changing)?;
        Ok(change(&kept.store)?)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        Self::new(MECAI_ERR_STORE, format!("{error} ({})", error.code()))
    }
}

/// The store in a directory. Of at most `capacity` certificates the answers are kept at hand, at least of one. Nothing
/// is opened yet, and nothing stays open: a directory that is not there may appear later. The store is the caller's to
/// free.
///
/// # Safety
/// `directory` ends with a NUL, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_store_open(
    directory: *const c_char,
    capacity: usize,
    store: *mut *mut mecai_store,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(store, "the store")?;
            let directory = input::path(directory, "the directory")?;
            let (store, cache) = (Store::new(directory), Cache::new(directory, capacity));
            place.try_give(Kept { store, cache, changing: Mutex::new(()) })
        })
    }
}

/// What the server answers to an extension, MECAI_EXTENSION_…, in a handshake with the certificate of this SHA-256 (32
/// octets), to a client that sent this SNI name, or NULL, at the time `now` (seconds since 1970). The answer is the
/// caller's to free; it is NULL if nothing is to be sent. Its octets are not copied. Files are looked at once in five
/// seconds at most.
///
/// A file that cannot be used is told once, as MECAI_ERR_STORE. While what was read before is still in force, it is
/// answered from that: then the call gives MECAI_OK and the answer, and the place for the error has what is to be
/// logged. Only where there is no answer does the call fail; the handshake goes on without one.
///
/// # Safety
/// The buffer has its length, `name` is NULL or ends with a NUL, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_store_answer(
    store: *const mecai_store,
    digest: *const u8,
    digest_len: usize,
    extension: u32,
    name: *const c_char,
    now: u64,
    answer: *mut *mut mecai_answer,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(answer, "the answer")?;
            let certificate = input::array(digest, digest_len, "the certificate's digest")?;
            let other = || Failure::new(MECAI_ERR_VALUE, format!("{extension:#x} is no extension that is answered"));
            let part = u16::try_from(extension).ok().and_then(Part::of).ok_or_else(other)?;
            let name = input::optional_text(name, "the name")?;
            let kept: Arc<Kept> = handle::get(store)?;
            let mut problem = None;
            let tell = |error: &StoreError| problem = Some(Failure::from(error));
            match (kept.cache.answer(&certificate, part, name, UnixTime(now), tell), problem) {
                (None, Some(problem)) => return Err(problem),
                (None, None) => place.set(std::ptr::null_mut()),
                (Some(octets), problem) => {
                    place.try_give(Answered::unread(part.extension(), octets))?;
                    if let Some(problem) = problem {
                        Out::optional(error).give(problem);
                    }
                }
            }
            Ok(())
        })
    }
}

/// Frees a store; NULL is fine. Its files stay.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_store_free(store: *mut mecai_store) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Kept>(store)) }
}
