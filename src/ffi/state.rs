//! A client's memory.

use std::ffi::c_char;
use std::sync::Arc;

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::handshake::{Shown, mecai_handshake};
use super::input;
use super::output::{Octets, Out};
use super::report::{Written, mecai_report};
use super::result::{MECAI_ERR_STATE, mecai_result};
use super::verdict::{Judged, mecai_verdict};
use crate::state::{Memory, Promise, Spooled, State, StateError};
use crate::time::UnixTime;
use crate::verify::Handshake;

/// A user's directory, with the secret of the picks, the highest sequence of a list, the hosts that promised to go on
/// showing vouchers, and reports that are not yet submitted. Any number of threads and programs of the user may use it
/// at once.
pub struct mecai_state;

/// The verdict has no promise.
pub const MECAI_PROMISE_NONE: u32 = 0;
/// The promise is kept in mind.
pub const MECAI_PROMISE_KEPT: u32 = 1;
/// An earlier promise was taken back.
pub const MECAI_PROMISE_TAKEN_BACK: u32 = 2;
/// An equally new or newer one is kept already, or there was nothing to take back.
pub const MECAI_PROMISE_UNCHANGED: u32 = 3;
/// 64 other hosts of the domain are remembered: it is not kept.
pub const MECAI_PROMISE_NO_PLACE: u32 = 4;

/// The report was written.
pub const MECAI_SPOOLED_WRITTEN: u32 = 1;
/// The same event was recorded before.
pub const MECAI_SPOOLED_KNOWN: u32 = 2;
/// There is no place for it: it is not kept.
pub const MECAI_SPOOLED_FULL: u32 = 3;

impl Noun for State {
    const NAME: &'static str = "mecai_state";
    type Handle = mecai_state;
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::new(MECAI_ERR_STATE, format!("{error} ({})", error.code()))
    }
}

/// The state in a directory, which is made (mode 0700) when something is first kept there. Nothing is opened yet, and
/// nothing stays open. The state is the caller's to free.
///
/// # Safety
/// `directory` ends with a NUL, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_state_open(
    directory: *const c_char,
    state: *mut *mut mecai_state,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(state, "the state")?;
            place.try_give(State::new(input::path(directory, "the directory")?))
        })
    }
}

/// The secret of the picks: 32 octets, for which `secret` has the place; made if there is none yet. It is to be shown
/// to nobody; mecai_verifier_builder_set_state uses it without showing it. MECAI_ERR_STATE if there is one that others
/// could have read or changed: it is not replaced.
///
/// # Safety
/// The buffer has its length, and may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_state_secret(
    state: *const mecai_state,
    secret: *mut u8,
    secret_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Octets::new(secret, secret_len, "the secret")?;
            place.set(&*handle::get::<State>(state)?.secret()?);
            Ok(())
        })
    }
}

/// The highest sequence of an authority list so far, 0 if none was kept: mecai_authority_list_read refuses older lists.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_state_list_sequence(
    state: *const mecai_state,
    sequence: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(sequence, "the sequence")?;
            place.set(handle::get::<State>(state)?.list_sequence()?.unwrap_or(0));
            Ok(())
        })
    }
}

/// Keeps the sequence of an authority list that was read, if it is the highest so far; `highest`, which may be NULL,
/// receives that: another program may have read a newer list meanwhile.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_state_raise_list_sequence(
    state: *const mecai_state,
    sequence: u64,
    highest: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::optional(highest);
            place.set(handle::get::<State>(state)?.raise_list_sequence(sequence)?);
            Ok(())
        })
    }
}

/// Whether the host that a handshake means is remembered at the time `now` (seconds since 1970) for its promise to go
/// on showing vouchers: mecai_handshake_set_remembered takes that, which plays a part in mode opportunistic alone.
/// `remembered` becomes true at once, and false only if nothing is remembered. `until`, which may be NULL, receives the
/// last second of the promise, 0 if it is not known.
///
/// What cannot be read counts as a promise: then the call gives MECAI_OK, and the place for the error has what is to be
/// logged.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_state_is_remembered(
    state: *const mecai_state,
    handshake: *const mecai_handshake,
    now: u64,
    remembered: *mut bool,
    until: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut remembered, mut until) = (Out::new(remembered, "the answer")?, Out::optional(until));
            remembered.set(true);
            let state: Arc<State> = handle::get(state)?;
            let object: Arc<Exclusive<Shown>> = handle::get(handshake)?;
            let of = |handshake: &Handshake<'_>| handshake.name().map(|name| name.to_string());
            let name = handle::lock(&object)?.with(UnixTime(now), of);
            match name.map_or(Memory::Nothing, |name| state.remembered(&name, UnixTime(now))) {
                Memory::Nothing => {
                    remembered.set(false);
                    until.set(0);
                }
                Memory::Until(last) => until.set(last.0),
                Memory::Unreadable(problem) => {
                    until.set(0);
                    Out::optional(error).give(Failure::from(problem));
                }
            }
            Ok(())
        })
    }
}

/// Keeps the promise of an accepted handshake to go on showing vouchers in mind, at the time `now` (seconds since
/// 1970), or forgets an earlier one that it takes back. `promise`, which may be NULL, receives what became of it:
/// MECAI_PROMISE_…
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_state_remember(
    state: *const mecai_state,
    verdict: *const mecai_verdict,
    now: u64,
    promise: *mut u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut promise = Out::optional(promise);
            let (state, judged): (Arc<State>, Arc<Judged>) = (handle::get(state)?, handle::get(verdict)?);
            let stay = judged.verdict.admission().and_then(|admission| admission.stay);
            let remember = |stay| state.remember(judged.name(), stay, UnixTime(now));
            promise.set(match stay.map(remember).transpose()? {
                None => MECAI_PROMISE_NONE,
                Some(Promise::Kept(_)) => MECAI_PROMISE_KEPT,
                Some(Promise::TakenBack) => MECAI_PROMISE_TAKEN_BACK,
                Some(Promise::Unchanged) => MECAI_PROMISE_UNCHANGED,
                Some(Promise::NoPlace) => MECAI_PROMISE_NO_PLACE,
            });
            Ok(())
        })
    }
}

/// Keeps a report until it is submitted. `spooled`, which may be NULL, receives what became of it: MECAI_SPOOLED_…
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_state_spool(
    state: *const mecai_state,
    report: *const mecai_report,
    spooled: *mut u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut spooled = Out::optional(spooled);
            let (state, written): (Arc<State>, Arc<Written>) = (handle::get(state)?, handle::get(report)?);
            spooled.set(match state.spool(&written.report)? {
                Spooled::Written => MECAI_SPOOLED_WRITTEN,
                Spooled::Known => MECAI_SPOOLED_KNOWN,
                Spooled::Full => MECAI_SPOOLED_FULL,
            });
            Ok(())
        })
    }
}

/// Frees a state; NULL is fine. Its files stay.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_state_free(state: *mut mecai_state) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<State>(state)) }
}
