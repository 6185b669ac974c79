//! When an authority that failed is asked again.

use std::sync::{Arc, Mutex};

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::output::Out;
use super::result::mecai_result;
use crate::request::Backoff;
use crate::time::UnixTime;

/// The pauses before further questions to one authority: doubled with each failure, halved at random, never shorter
/// than the authority asked for. Used by one thread at a time.
pub struct mecai_backoff;

impl Noun for Exclusive<Backoff> {
    const NAME: &'static str = "mecai_backoff";
    type Handle = mecai_backoff;
}

/// A new backoff with pauses from `first` to `longest` seconds; the first question may be put at once. It is the
/// caller's to free.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_backoff_new(
    first: u64,
    longest: u64,
    backoff: *mut *mut mecai_backoff,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(backoff, "the backoff")?;
            place.try_give::<Exclusive<Backoff>>(Mutex::new(Backoff::new(first, longest)))
        })
    }
}

/// That the authority failed at the time `now`. `retry_at` is before when it asked not to be asked again, as
/// mecai_request_failure tells it, 0 if it did not; at most half a day of that is honoured. `random` is any random
/// number: programs that failed together then do not come back together. Times are seconds since 1970.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_backoff_failed(
    backoff: *mut mecai_backoff,
    retry_at: u64,
    now: u64,
    random: u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let retry_at = Some(UnixTime(retry_at)).filter(|at| *at != UnixTime(0));
            with(backoff, |backoff| backoff.pause(retry_at, UnixTime(now), random))
        })
    }
}

/// That the authority has answered well: earlier failures are forgotten.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_backoff_succeeded(
    backoff: *mut mecai_backoff,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe { guard(error, || with(backoff, Backoff::succeeded)) }
}

/// The earliest second of the next question (seconds since 1970), 0 if it may be put at once; and how often the
/// authority has failed since it last answered well. Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_backoff_next_attempt(
    backoff: *const mecai_backoff,
    at: *mut u64,
    failures: *mut u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut at, mut failures) = (Out::optional(at), Out::optional(failures));
            with(backoff, |backoff| {
                at.set(backoff.next_attempt().0);
                failures.set(backoff.failures());
            })
        })
    }
}

/// Whether the next question may be put at the time `now` (seconds since 1970). A clock that was set back does not
/// stretch the pause beyond its longest.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_backoff_may_ask(
    backoff: *const mecai_backoff,
    now: u64,
    may_ask: *mut bool,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut may_ask = Out::new(may_ask, "the answer")?;
            with(backoff, |backoff| may_ask.set(backoff.may_ask(UnixTime(now))))
        })
    }
}

/// Frees a backoff; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_backoff_free(backoff: *mut mecai_backoff) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Exclusive<Backoff>>(backoff)) }
}

fn with(backoff: *const mecai_backoff, work: impl FnOnce(&mut Backoff)) -> Result<(), Failure> {
    let object: Arc<Exclusive<Backoff>> = handle::get(backoff)?;
    work(&mut *handle::lock(&object)?);
    Ok(())
}
