//! Every SSL_CTX, as OpenSSL makes it: the extensions and the callbacks are put in.

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::ptr;

use mecai::extension::{ALTERNATE, CANDIDATES, STAGED, VOUCHERS};
use mecai::store::Part;

use crate::guard::guard;
use crate::installation::{Client, Installation};
use crate::log::Level;
use crate::openssl::{
    CRYPTO_EX_DATA, SSL_CTX, SSL_EXT_CLIENT_HELLO, SSL_EXT_IGNORE_ON_RESUMPTION, SSL_EXT_TLS1_2_SERVER_HELLO,
    SSL_EXT_TLS1_3_CERTIFICATE, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION, Ssl,
};
use crate::{extension, session, verify};

/// Called by OpenSSL for every new SSL_CTX.
pub(crate) unsafe extern "C" fn new(
    context: *mut c_void,
    _value: *mut c_void,
    _data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _number: c_long,
    argument: *mut c_void,
) {
    guard((), || {
        // SAFETY: `register` gave this argument.
        let installation = unsafe { Installation::from_argument(argument) };
        if let Some(functions) = installation.ssl().filter(|_| !context.is_null()) {
            // SAFETY: OpenSSL passes the context that it is making.
            unsafe { attach(installation, functions, context.cast()) };
        }
    });
}

/// # Safety
/// `context` is a context of the OpenSSL of `installation`.
unsafe fn attach(installation: &'static Installation, functions: &Ssl, context: *mut SSL_CTX) {
    // Another mecai in the same process was here before (a wheel, a second path to the module).
    // SAFETY: as the caller says.
    if unsafe { functions.SSL_CTX_has_client_custom_ext(context, c_uint::from(VOUCHERS)) } == 1 {
        return;
    }
    // SAFETY: as the caller says; the marks keep OpenSSL's queue as it was.
    unsafe { installation.crypto.ERR_set_mark() };
    if let Client::On(judge) = &installation.client {
        judge.prepare(&installation.log);
    }
    // SAFETY: as the caller says.
    let complete = unsafe { add_extensions(installation, functions, context) };
    if !matches!(installation.client, Client::Off) {
        // SAFETY: as the caller says; the callbacks have the types of their places, the argument is static.
        unsafe {
            functions.SSL_CTX_set_cert_verify_callback(context, Some(verify::verify), argument(installation));
            if functions.SSL_CTX_get_ssl_method(context) != functions.TLS_server_method() {
                session::attach(installation, functions, context);
            }
            if installation.crypto.is_at_least(3, 2) {
                // A certificate that was compressed before the handshake comes without our extension.
                functions.SSL_CTX_set_options(context, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
            }
        }
    }
    // SAFETY: as above.
    unsafe { installation.crypto.ERR_pop_to_mark() };
    if !complete {
        installation.log.event(Level::Warning, format_args!("OpenSSL refused the extension for a new context"));
    }
}

/// Puts in the extensions: those that clients send and servers answer, and for clients those that they never ask for,
/// too: OpenSSL lets pass what it does not know.
///
/// # Safety
/// `context` is a context of the OpenSSL of `installation`.
unsafe fn add_extensions(installation: &'static Installation, functions: &Ssl, context: *mut SSL_CTX) -> bool {
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
    let fails_encrypted = installation.crypto.is_at_least(4, 0);
    let mut complete = true;
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
            complete &= unsafe { add_extension(installation, functions, context, number, messages) };
        }
    }
    complete
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
