//! No panic reaches C.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::{Failure, mecai_error};
use super::output::Out;
use super::result::{MECAI_ERR_PANIC, MECAI_OK, mecai_result};

/// Runs the body of a function that can fail. Where `error` is not NULL, it receives what went wrong, or NULL.
///
/// # Safety
/// `error` is NULL, or a handle may be written there.
pub(super) unsafe fn guard(error: *mut *mut mecai_error, body: impl FnOnce() -> Result<(), Failure>) -> mecai_result {
    // What a body leaves behind after a panic is told by the lock of its receiver, or has no state.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as the caller says.
        let mut error = unsafe { Out::optional(error) };
        error.set(std::ptr::null_mut());
        planted();
        let failure = match body() {
            Ok(()) => return MECAI_OK,
            Err(failure) => failure,
        };
        let result = failure.result();
        error.give(failure);
        result
    }));
    outcome.unwrap_or(MECAI_ERR_PANIC)
}

/// Runs the body of a function that cannot fail.
pub(super) fn guard_or<T>(instead: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(|| {
        planted();
        body()
    }))
    .unwrap_or(instead)
}

/// Panics where a test has planted that.
#[cfg(feature = "capi-planted-panic")]
fn planted() {
    #[allow(clippy::panic)]
    if super::planted::is_planted() {
        panic!("planted by a test");
    }
}

#[cfg(not(feature = "capi-planted-panic"))]
fn planted() {}
