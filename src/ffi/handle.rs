//! Handles: numbers in the clothes of pointers. Nobody follows one: it is looked up in a table whose places are never
//! given back to the system, so a handle that was freed, or is of another type, is told from a good one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, TryLockError};

use sharded_slab::{Config, Slab};

use super::error::Failure;
use super::result::{MECAI_ERR_BUSY, MECAI_ERR_HANDLE, MECAI_ERR_HANDLE_TYPE, MECAI_ERR_NULL, MECAI_ERR_PANIC};

/// What C programs hold a handle of.
pub(super) trait Noun: Send + Sync + Sized + 'static {
    /// The type's name in C.
    const NAME: &'static str;
    /// The opaque type in C.
    type Handle;
}

/// A noun that changes: one thread uses it at a time.
pub(super) type Exclusive<T> = Mutex<T>;

/// Places for so many objects, and as many of the number's bits as can be for telling the generations of a place apart.
#[derive(Debug)]
struct Layout;

impl Config for Layout {
    const MAX_THREADS: usize = 4096;
    const INITIAL_PAGE_SIZE: usize = 32;
    const MAX_PAGES: usize = 14;
    // The lowest bit of a handle is set, so that it is never NULL, nor the address of anything that it could stand for.
    const RESERVED_BITS: usize = 1;
}

type Table = Slab<Arc<dyn Any + Send + Sync>, Layout>;

static TABLE: LazyLock<Table> = LazyLock::new(Slab::new_with_config::<Layout>);

/// A new handle of this object; it is the caller's to free.
pub(super) fn give<T: Noun>(object: Arc<T>) -> Result<*mut T::Handle, Failure> {
    // It panics in a thread that is ending, and in one thread too many.
    let place = catch_unwind(AssertUnwindSafe(|| TABLE.insert(object))).ok().flatten();
    let place =
        place.ok_or_else(|| Failure::new(MECAI_ERR_BUSY, "there are too many handles, or threads with some"))?;
    Ok(ptr::without_provenance_mut(place << 1 | 1))
}

/// The object of a handle, which stays for as long as this is in use, whoever frees the handle meanwhile.
pub(super) fn get<T: Noun>(handle: *const T::Handle) -> Result<Arc<T>, Failure> {
    let entry = TABLE.get(place::<T>(handle)?).ok_or_else(stale::<T>)?;
    Arc::downcast(Arc::clone(&entry))
        .map_err(|_| Failure::new(MECAI_ERR_HANDLE_TYPE, format!("the handle is of another type than {}", T::NAME)))
}

/// Ends a handle; NULL is none, and ends without an error.
pub(super) fn free<T: Noun>(handle: *mut T::Handle) -> Result<(), Failure> {
    if handle.is_null() {
        return Ok(());
    }
    // A handle of another type stays as it is.
    drop(get::<T>(handle)?);
    if TABLE.remove(place::<T>(handle)?) { Ok(()) } else { Err(stale::<T>()) }
}

/// The object for the caller alone: nobody waits, since a program that calls from two threads at once has a mistake.
pub(super) fn lock<T>(object: &Exclusive<T>) -> Result<MutexGuard<'_, T>, Failure> {
    object.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Failure::new(MECAI_ERR_BUSY, "another thread uses this handle"),
        TryLockError::Poisoned(_) => {
            Failure::new(MECAI_ERR_PANIC, "a call with this handle has failed inside: it can only be freed")
        }
    })
}

fn place<T: Noun>(handle: *const T::Handle) -> Result<usize, Failure> {
    let number = handle.addr();
    match number & 1 {
        _ if handle.is_null() => Err(Failure::new(MECAI_ERR_NULL, format!("a handle of {} is NULL", T::NAME))),
        1 => Ok(number >> 1),
        _ => Err(stale::<T>()),
    }
}

fn stale<T: Noun>() -> Failure {
    Failure::new(MECAI_ERR_HANDLE, format!("the handle of {} is none, or was freed", T::NAME))
}
