//! What the module keeps in an SSL: a client's place in its handshake, and afterwards the verdict.

use std::ffi::{c_int, c_long, c_void};
use std::{mem, ptr};

use mecai::time::UnixTime;
use mecai::verdict::Verdict;

use crate::guard::guard;
use crate::openssl::{CRYPTO_EX_DATA, SSL, Ssl};

/// A client's place in its handshake. A connection that never asked has none.
#[derive(Debug)]
pub(crate) enum State {
    /// The ClientHello asked, and this has come back.
    Asked(Received),
    /// The verify callback ran; without a verdict, the program's own verification decided.
    Verified(Option<Judged>),
}

/// What the server answered, each the octets of an extension.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) vouchers: Option<Vec<u8>>,
    pub(crate) alternate: Option<Vec<u8>>,
}

/// A verdict, and what it is about.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    /// The name that was meant; empty if there was none.
    pub(crate) name: String,
    pub(crate) at: UnixTime,
}

/// The state of a connection.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of, and `index` is the module's in it. The state is not
/// looked at elsewhere while the result is in use; OpenSSL lets only one thread use a connection at a time.
pub(crate) unsafe fn state<'a>(functions: &Ssl, ssl: *const SSL, index: c_int) -> Option<&'a mut State> {
    // SAFETY: as the caller says; what is at the index was put there by `set`.
    unsafe { functions.SSL_get_ex_data(ssl, index).cast::<State>().as_mut() }
}

/// Puts `state` in place of what was there; false if OpenSSL has no memory.
///
/// # Safety
/// As for [`state`].
pub(crate) unsafe fn set(functions: &Ssl, ssl: *mut SSL, index: c_int, new: State) -> bool {
    // SAFETY: as the caller says; what OpenSSL does not take is freed here.
    unsafe {
        if let Some(old) = state(functions, ssl, index) {
            *old = new;
            return true;
        }
        let place = Box::into_raw(Box::new(new));
        let stored = functions.SSL_set_ex_data(ssl, index, place.cast()) == 1;
        if !stored {
            drop(Box::from_raw(place));
        }
        stored
    }
}

/// Notes that the verify callback ran, and gives what the server had answered.
///
/// # Safety
/// As for [`state`].
pub(crate) unsafe fn take_received(functions: &Ssl, ssl: *mut SSL, index: c_int) -> Received {
    // SAFETY: as the caller says.
    match unsafe { state(functions, ssl, index) }.map(|state| mem::replace(state, State::Verified(None))) {
        Some(State::Asked(received)) => received,
        Some(State::Verified(_)) | None => Received::default(),
    }
}

/// Called by OpenSSL when an SSL is freed.
pub(crate) unsafe extern "C" fn free(
    _ssl: *mut c_void,
    value: *mut c_void,
    _data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _number: c_long,
    _argument: *mut c_void,
) {
    guard((), || {
        if !value.is_null() {
            // SAFETY: `set` stored the value, and OpenSSL frees it once.
            drop(unsafe { Box::from_raw(value.cast::<State>()) });
        }
    });
}

/// Called by OpenSSL when an SSL is duplicated: the copy begins without a state, which has one owner.
pub(crate) unsafe extern "C" fn duplicate(
    _to: *mut CRYPTO_EX_DATA,
    _from: *const CRYPTO_EX_DATA,
    value: *mut *mut c_void,
    _index: c_int,
    _number: c_long,
    _argument: *mut c_void,
) -> c_int {
    guard(0, || {
        if !value.is_null() {
            // SAFETY: OpenSSL passes the place of the copy's value.
            unsafe { *value = ptr::null_mut() };
        }
        1
    })
}
