//! Every SSL_CTX, as OpenSSL makes it: the extensions and the callbacks are put in.

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::ptr;

use mecai::extension::{ALTERNATE, CANDIDATES, STAGED, VOUCHERS};
use mecai::store::Part;

use crate::guard::guard;
use crate::handshake::{extension, session, verify};
use crate::installation::status::Status;
use crate::installation::{Client, Installation};
use crate::library::Library;
use crate::openssl::{
    CRYPTO_EX_DATA, SSL, SSL_CTX, SSL_EXT_CLIENT_HELLO, SSL_EXT_IGNORE_ON_RESUMPTION, SSL_EXT_TLS1_2_SERVER_HELLO,
    SSL_EXT_TLS1_3_CERTIFICATE, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION, Ssl,
};

/// What is kept in an SSL_CTX that has our callbacks.
pub(crate) struct Placed {
    pub(crate) installation: &'static Installation,
    /// What has been seen of this context alone.
    pub(crate) status: Status,
}

/// Who attends to a context that has the extension, and nothing that is kept here.
pub(crate) const ELSEWHERE: &str = "by another copy of MECAI in this process, or by a serverinfo file";

/// OpenSSL would not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPut {
    /// The context is as it was.
    Untouched,
    /// A part is missing.
    Incomplete,
}

/// Called by OpenSSL when an SSL_CTX is freed.
pub(crate) unsafe extern "C" fn free(
    _context: *mut c_void,
    value: *mut c_void,
    _data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _number: c_long,
    _argument: *mut c_void,
) {
    guard((), || {
        if !value.is_null() {
            // SAFETY: `put_in` stored the value, and OpenSSL frees it once. No connection of the context is left.
            drop(unsafe { Box::from_raw(value.cast::<Placed>()) });
        }
    });
}

/// Whether somebody attends to a context: some mecai, this one or another in the process, or a serverinfo file.
///
/// # Safety
/// `context` is a context of the OpenSSL that `functions` are of.
pub(crate) unsafe fn is_attended_to(functions: &Ssl, context: *const SSL_CTX) -> bool {
    // The extension is for both sides, also where a context makes servers alone.
    // SAFETY: as the caller says.
    unsafe { functions.SSL_CTX_has_client_custom_ext(context, c_uint::from(VOUCHERS)) == 1 }
}

/// What this mecai keeps in a context.
///
/// # Safety
/// `context` is a context of the OpenSSL that `library` is, and is not freed while the result is in use.
pub(crate) unsafe fn placed<'a>(library: &Library, functions: &Ssl, context: *const SSL_CTX) -> Option<&'a Placed> {
    // SAFETY: as the caller says; what is at the index was put there by `put_in`.
    unsafe { functions.SSL_CTX_get_ex_data(context, library.context_index()).cast::<Placed>().as_ref() }
}

/// The same of the context that a connection has.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `library` is, and keeps its context while the result is in use.
pub(crate) unsafe fn placed_for<'a>(library: &Library, functions: &Ssl, ssl: *const SSL) -> Option<&'a Placed> {
    // SAFETY: as the caller says.
    unsafe { placed(library, functions, functions.SSL_get_SSL_CTX(ssl)) }
}

/// Puts the callbacks of `installation` into a context that has none, as far as OpenSSL takes them: a client that cannot
/// ask for vouchers refuses. `may_leave` is whether a context that takes nothing is left as it was.
///
/// # Safety
/// `context` is a context of the OpenSSL of `installation`, and nobody else uses it meanwhile.
pub(crate) unsafe fn put_in(
    installation: &'static Installation,
    functions: &Ssl,
    context: *mut SSL_CTX,
    may_leave: bool,
) -> Result<(), NotPut> {
    let crypto = installation.crypto();
    // SAFETY: as the caller says; the marks keep OpenSSL's queue as it was.
    unsafe {
        crypto.ERR_set_mark();
        if let Client::On(judge) = &installation.client {
            judge.prepare(&installation.log);
        }
        let mut put = add_extensions(installation, functions, context);
        let is_left = may_leave && put == Err(NotPut::Untouched);
        if !is_left && !add_callbacks(installation, functions, context) {
            put = Err(NotPut::Incomplete);
        }
        crypto.ERR_pop_to_mark();
        put
    }
}

/// Puts in what verifies, and notes whose it is; false if OpenSSL has no memory for the note.
///
/// # Safety
/// As for [`put_in`].
unsafe fn add_callbacks(installation: &'static Installation, functions: &Ssl, context: *mut SSL_CTX) -> bool {
    let library = installation.library;
    // SAFETY: as the caller says; the callbacks have the types of their places, the argument is static.
    unsafe {
        if !matches!(installation.client, Client::Off) {
            functions.SSL_CTX_set_cert_verify_callback(context, Some(verify::verify), argument(installation));
            if functions.SSL_CTX_get_ssl_method(context) != functions.TLS_server_method() {
                session::attach(library, functions, context);
            }
            if installation.crypto().is_at_least(3, 2) {
                // A certificate that was compressed before the handshake comes without our extension.
                functions.SSL_CTX_set_options(context, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
            }
        }
        let place = Box::into_raw(Box::new(Placed { installation, status: Status::default() }));
        let is_noted = functions.SSL_CTX_set_ex_data(context, library.context_index(), place.cast()) == 1;
        if !is_noted {
            drop(Box::from_raw(place));
        }
        is_noted
    }
}

/// Puts in the extensions: those that clients send and servers answer, and for clients those that they never ask for,
/// too: OpenSSL lets pass what it does not know.
///
/// # Safety
/// `context` is a context of the OpenSSL of `installation`.
unsafe fn add_extensions(
    installation: &'static Installation,
    functions: &Ssl,
    context: *mut SSL_CTX,
) -> Result<(), NotPut> {
    // TLS 1.2 answers in the ServerHello, TLS 1.3 in the Certificate; both sides know both (spec 5).
    let answered = SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE;
    // SAFETY: as the caller says; methods are static.
    let (makes_clients, makes_servers) = unsafe {
        let method = functions.SSL_CTX_get_ssl_method(context);
        (method != functions.TLS_server_method(), method != functions.TLS_client_method())
    };
    let serves = makes_servers && installation.answers.is_some();
    let judge = match &installation.client {
        Client::On(judge) if makes_clients => Some(judge),
        _ => None,
    };
    let fails_encrypted = installation.crypto().is_at_least(4, 0);
    let mut put = Ok(());
    for number in [VOUCHERS, ALTERNATE, STAGED, CANDIDATES] {
        let is_sent = match (number, judge) {
            // Without a judge nothing is sent: but the callback looks at the session that is offered.
            (VOUCHERS, _) => makes_clients && !matches!(installation.client, Client::Off),
            (ALTERNATE, Some(judge)) => judge.fails_over(),
            (CANDIDATES, Some(judge)) => judge.discloses(),
            _ => false,
        };
        let is_answer = Part::of(number).is_some();
        let is_needed = number == VOUCHERS || judge.is_some() || serves && is_answer;
        // OpenSSL 4.0.3 sends no encrypted ClientHello that leaves out an extension which it knows there. A client need
        // not know there what it does not send; a server has to know what clients send.
        let is_known_in_hello = is_sent || makes_servers;
        let does_harm = fails_encrypted && judge.is_some() && is_known_in_hello && !is_sent;
        if is_needed && !does_harm {
            let answered = if is_answer { answered } else { 0 };
            let messages = if is_known_in_hello { answered | SSL_EXT_CLIENT_HELLO } else { answered };
            // SAFETY: as the caller says.
            let is_added = unsafe { add_extension(installation, functions, context, number, messages) };
            if !is_added && number == VOUCHERS {
                return Err(NotPut::Untouched);
            } else if !is_added {
                put = Err(NotPut::Incomplete);
            }
        }
    }
    put
}

/// # Safety
/// `context` is a context of the OpenSSL of `installation`.
unsafe fn add_extension(
    installation: &'static Installation,
    functions: &Ssl,
    context: *mut SSL_CTX,
    number: u16,
    messages: c_uint,
) -> bool {
    // SAFETY: as the caller says; the callbacks have the types of their places, the argument is static.
    unsafe {
        functions.SSL_CTX_add_custom_ext(
            context,
            c_uint::from(number),
            messages | SSL_EXT_IGNORE_ON_RESUMPTION,
            Some(extension::add),
            Some(extension::free),
            argument(installation),
            Some(extension::parse),
            argument(installation),
        ) == 1
    }
}

fn argument(installation: &'static Installation) -> *mut c_void {
    ptr::from_ref(installation).cast_mut().cast()
}
