//! What the module keeps in an SSL between two callbacks of one handshake.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use crate::guard::guard;
use crate::openssl::{CRYPTO_EX_DATA, SSL, Ssl};

/// A client's place in its handshake. In the SSL it is a pointer: to one of the marks below, or to the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// This handshake did not ask.
    New,
    /// The ClientHello asked; nothing has come back.
    Asked,
    /// The server answered with these octets.
    Answered(Box<Answer>),
    /// The verify callback ran.
    Verified,
}

/// The octets of the extension that the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

static ASKED: u8 = 1;
static VERIFIED: u8 = 2;

/// Takes the state out of `ssl`, which then has none.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of, and `index` is the module's in it.
pub(crate) unsafe fn take(functions: &Ssl, ssl: *mut SSL, index: c_int) -> State {
    // SAFETY: as the caller says; what is at the index was put there by `put`.
    unsafe {
        let value = functions.SSL_get_ex_data(ssl, index);
        if value.is_null() {
            return State::New;
        }
        // If this fails, the value would be owned twice; then it is leaked instead.
        if functions.SSL_set_ex_data(ssl, index, ptr::null_mut()) != 1 {
            return State::New;
        }
        own(value)
    }
}

/// Puts `state` into `ssl` instead of what was there; false if OpenSSL has no memory.
///
/// # Safety
/// As for [`take`].
pub(crate) unsafe fn put(functions: &Ssl, ssl: *mut SSL, index: c_int, state: State) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        drop(take(functions, ssl, index));
        let value = match state {
            State::New => return true,
            State::Asked => (&raw const ASKED).cast_mut().cast(),
            State::Verified => (&raw const VERIFIED).cast_mut().cast(),
            State::Answered(answer) => Box::into_raw(answer).cast::<c_void>(),
        };
        let stored = functions.SSL_set_ex_data(ssl, index, value) == 1;
        if !stored {
            drop(own(value));
        }
        stored
    }
}

/// Whether the ClientHello asked, and nothing has come back.
///
/// # Safety
/// As for [`take`].
pub(crate) unsafe fn is_waiting(functions: &Ssl, ssl: *const SSL, index: c_int) -> bool {
    // SAFETY: as the caller says; the value is only compared.
    unsafe { functions.SSL_get_ex_data(ssl, index).cast_const() == (&raw const ASKED).cast() }
}

/// Whether the ClientHello asked, and the verify callback has not run since.
///
/// # Safety
/// As for [`take`].
pub(crate) unsafe fn is_unverified(functions: &Ssl, ssl: *const SSL, index: c_int) -> bool {
    // SAFETY: as the caller says; the value is only compared.
    let value = unsafe { functions.SSL_get_ex_data(ssl, index).cast_const() };
    !value.is_null() && value != (&raw const VERIFIED).cast()
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
            // SAFETY: `put` stored the value, and OpenSSL frees it once.
            drop(unsafe { own(value) });
        }
    });
}

/// Called by OpenSSL when an SSL is duplicated: the copy begins without a state, since an answer has one owner.
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

/// # Safety
/// `value` came from `put`, is not NULL, and is not used afterwards.
unsafe fn own(value: *mut c_void) -> State {
    if value.cast_const() == (&raw const ASKED).cast() {
        State::Asked
    } else if value.cast_const() == (&raw const VERIFIED).cast() {
        State::Verified
    } else {
        // SAFETY: anything else is an answer that `put` turned into a pointer.
        State::Answered(unsafe { Box::from_raw(value.cast()) })
    }
}
