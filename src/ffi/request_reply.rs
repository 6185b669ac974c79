//! What comes back from authorities.

use std::ffi::c_char;
use std::sync::Arc;

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle;
use super::input;
use super::request::{Asking, mecai_request};
use super::result::mecai_result;
use crate::request::{self, Answer, RepliedAlready, Round};
use crate::time::UnixTime;

/// The answer of the authority with an index, complete at the time `now` (seconds since 1970): its HTTP status, its
/// headers Content-Type and Retry-After, NULL if it has none, and its body; of a body that has more than
/// MECAI_ENDORSEMENT_MAX octets at least one octet more than that. A good endorsement is kept. Else the call fails with
/// MECAI_ERR_NOT_VOUCHED, whose sentence ends with the code, and mecai_request_failure tells more. MECAI_ERR_VALUE if
/// there is a reply already.
///
/// # Safety
/// The headers are NULL or end with a NUL, and the buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_answer(
    request: *mut mecai_request,
    index: usize,
    status: u16,
    content_type: *const c_char,
    retry_after: *const c_char,
    body: *const u8,
    body_len: usize,
    now: u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let content_type = input::optional_text(content_type, "Content-Type")?;
            let retry_after = input::optional_text(retry_after, "Retry-After")?;
            let answer = Answer { status, content_type, retry_after, body: input::octets(body, body_len, "the body")? };
            take(request, index, |round| round.answer(index, &answer, UnixTime(now)))
        })
    }
}

/// That the authority with an index has not answered in time. The call fails with MECAI_ERR_NOT_VOUCHED, as that of an
/// answer that is no endorsement does.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_timed_out(
    request: *mut mecai_request,
    index: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe { guard(error, || take(request, index, |round| round.time_out(index))) }
}

/// That there is no connection to the authority with an index, or that it broke: `why`, in a few words. The call fails
/// with MECAI_ERR_NOT_VOUCHED, as that of an answer that is no endorsement does.
///
/// # Safety
/// `why` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_unreachable(
    request: *mut mecai_request,
    index: usize,
    why: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let why = input::text(why, "the reason")?;
            take(request, index, |round| round.give_up(index, why))
        })
    }
}

fn take(
    request: *mut mecai_request,
    index: usize,
    reply: impl FnOnce(&mut Round) -> Result<Result<(), &request::Failure>, RepliedAlready>,
) -> Result<(), Failure> {
    let asking: Arc<Asking> = handle::get(request)?;
    handle::lock(&asking.round)?.take(index, reply)
}
