//! Contexts and connections of programs whose language hides the pointers: which SSL a thread has just made, and which
//! belongs to an object.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_long, c_void};
use std::ptr;

use crate::attach::Refusal;
use crate::attach::live::LIVE;
use crate::copies;
use crate::guard::guard;
use crate::handshake::connection;
use crate::library::Library;
use crate::openssl::{CRYPTO_EX_DATA, SSL, SSL_CTX, Ssl};

/// What a thread has made since it began to look.
#[derive(Clone, Copy)]
struct Made {
    count: usize,
    /// The last one, until it is freed.
    ssl: *mut SSL,
}

impl Made {
    const NOTHING: Self = Self { count: 0, ssl: ptr::null_mut() };
}

// No destructor: it can be used for as long as the thread frees connections.
thread_local!(static MADE: Cell<Made> = const { Cell::new(Made::NOTHING) });

/// From now on, connections of the OpenSSL that the loaded object of this name uses are found, also by the other copies of
/// mecai in the process.
pub(crate) fn begin_in(object: &CStr) -> Result<(), Refusal> {
    if !Library::used_by(object)?.begin_finding() {
        return Err(Refusal::OpenSsl("OpenSSL has no room for more extra data in its objects"));
    }
    copies::ask(|copy| {
        copy.begin_finding(object);
        None::<()>
    });
    Ok(())
}

/// The connection that is found by this data, here or by another copy.
pub(crate) fn by_data(data: *const c_void) -> Option<*mut SSL> {
    if data.is_null() {
        return None;
    }
    LIVE.find(data).or_else(|| copies::ask(|copy| copy.find_by_data(data)))
}

/// This thread looks for the connection that it makes next.
pub(crate) fn begin() {
    MADE.set(Made::NOTHING);
}

/// The connection that this thread has made since, if it was one, and this thread has not freed it.
pub(crate) fn made() -> Option<*mut SSL> {
    let Made { count, ssl } = MADE.get();
    (count == 1 && !ssl.is_null()).then_some(ssl)
}

/// The context of a connection; none if its OpenSSL is not known.
///
/// # Safety
/// `ssl` is a connection of some OpenSSL of the process.
pub(crate) unsafe fn context(ssl: *const SSL) -> Option<*mut SSL_CTX> {
    // SAFETY: as the caller says.
    unsafe {
        let (_, functions) = Library::of_connection(ssl)?;
        Some(functions.SSL_get_SSL_CTX(ssl))
    }
}

/// Notes by which data of the program a client's connection is found, as its handshake begins.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `library` is, and `functions` are its functions.
pub(crate) unsafe fn note_handshake(library: &Library, functions: &Ssl, ssl: *mut SSL) {
    /// That of SSL_set_app_data.
    const APP_DATA: c_int = 0;
    if !library.finds() {
        return;
    }
    let index = library.connection_index();
    // SAFETY: as the caller says. Without memory for it the connection is not found, which harms nobody.
    unsafe {
        let data = functions.SSL_get_ex_data(ssl, APP_DATA);
        let has_place = connection::kept(functions, ssl, index).is_some_and(|kept| kept.place.is_some());
        if !has_place && data.is_null() {
            return;
        }
        connection::change(functions, ssl, index, |connection| match &connection.place {
            Some(place) => place.move_to(data),
            None => connection.place = LIVE.take(data, ssl),
        });
    }
}

/// Called by OpenSSL for every new SSL.
pub(crate) unsafe extern "C" fn note_made(
    ssl: *mut c_void,
    _value: *mut c_void,
    _data: *mut CRYPTO_EX_DATA,
    index: c_int,
    _number: c_long,
    argument: *mut c_void,
) {
    guard((), || {
        // SAFETY: `Library::begin_finding` gave this argument.
        if unsafe { finds_by(argument, index) } {
            let count = MADE.get().count.saturating_add(1);
            MADE.set(Made { count, ssl: ssl.cast() });
        }
    });
}

/// Called by OpenSSL when an SSL is freed.
pub(crate) unsafe extern "C" fn note_freed(
    ssl: *mut c_void,
    _value: *mut c_void,
    _data: *mut CRYPTO_EX_DATA,
    index: c_int,
    _number: c_long,
    argument: *mut c_void,
) {
    guard((), || {
        let made = MADE.get();
        // SAFETY: as above.
        if ptr::eq(made.ssl.cast(), ssl) && unsafe { finds_by(argument, index) } {
            MADE.set(Made { ssl: ptr::null_mut(), ..made });
        }
    });
}

/// # Safety
/// `argument` is what `Library::begin_finding` gave to OpenSSL.
unsafe fn finds_by(argument: *mut c_void, index: c_int) -> bool {
    // SAFETY: it came from a reference to a static.
    unsafe { &*argument.cast::<Library>() }.finds_by(index)
}
