//! The callbacks of the TLS extensions, for both sides (spec 5).

use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::{ptr, slice};

use mecai::extension::{ALTERNATE, CANDIDATES, VOUCHERS};
use mecai::store::Part;

use crate::attach::find;
use crate::guard::guard;
use crate::handshake::connection::{self, Offered, State, WishedMode};
use crate::handshake::session::{self, Offer};
use crate::handshake::{answers, references, verify};
use crate::installation::{Client, Installation};
use crate::judge::Judge;
use crate::log::Level;
use crate::openssl::{
    SSL, SSL_AD_DECODE_ERROR, SSL_AD_ILLEGAL_PARAMETER, SSL_AD_INTERNAL_ERROR, SSL_AD_UNSUPPORTED_EXTENSION,
    SSL_EXT_CLIENT_HELLO, SSL_EXT_TLS1_2_SERVER_HELLO, SSL_EXT_TLS1_3_CERTIFICATE, Ssl, TLSEXT_NAMETYPE_HOST_NAME,
    X509, text,
};

/// What an add callback tells OpenSSL.
const SEND: c_int = 1;
const LEAVE_OUT: c_int = 0;
const FAIL: c_int = -1;

/// Called by OpenSSL to fill an extension of a message that it is about to send.
pub(crate) unsafe extern "C" fn add(
    ssl: *mut SSL,
    number: c_uint,
    context: c_uint,
    out: *mut *const c_uchar,
    out_length: *mut usize,
    certificate: *mut X509,
    place: usize,
    alert: *mut c_int,
    argument: *mut c_void,
) -> c_int {
    let asks = context & SSL_EXT_CLIENT_HELLO != 0;
    // Only the first entry of a Certificate carries an answer, and most have a second one.
    if place != 0 && context & SSL_EXT_TLS1_3_CERTIFICATE != 0 {
        return LEAVE_OUT;
    }
    // A client that cannot ask must not go on; a server that cannot answer goes on without.
    let outcome = guard(if asks { FAIL } else { LEAVE_OUT }, || {
        // SAFETY: `context::attach` gave this argument.
        let installation = unsafe { Installation::from_argument(argument) };
        let Some(functions) = installation.ssl() else { return LEAVE_OUT };
        // SAFETY: OpenSSL passes a connection of its own, its certificate, and places for the octets.
        unsafe {
            let octets = match (asks, u16::try_from(number).unwrap_or(0)) {
                (true, VOUCHERS) => return ask(installation, functions, ssl),
                (true, ALTERNATE) => return ask_for_alternate(installation, functions, ssl),
                (true, CANDIDATES) => candidates(installation, functions, ssl),
                (true, _) => None,
                (false, number) => {
                    Part::of(number).and_then(|part| answer(installation, functions, ssl, part, context, certificate))
                }
            };
            let Some((start, length)) = octets else { return LEAVE_OUT };
            *out = start;
            *out_length = length;
            SEND
        }
    });
    if outcome == FAIL && !alert.is_null() {
        // SAFETY: OpenSSL passes a place for the alert.
        unsafe { *alert = SSL_AD_INTERNAL_ERROR };
    }
    outcome
}

/// Called by OpenSSL when it has copied the octets that [`add`] gave.
pub(crate) unsafe extern "C" fn free(
    _ssl: *mut SSL,
    number: c_uint,
    _context: c_uint,
    out: *const c_uchar,
    _argument: *mut c_void,
) {
    guard((), || {
        if !out.is_null() {
            // SAFETY: the octets are those that `add` gave for this extension, and OpenSSL is done with them.
            unsafe {
                match u16::try_from(number).ok().and_then(Part::of) {
                    Some(part) => answers::release(part, out),
                    None => release_candidates(out),
                }
            }
        }
    });
}

/// Called by OpenSSL with the octets of an extension that the peer sent.
pub(crate) unsafe extern "C" fn parse(
    ssl: *mut SSL,
    number: c_uint,
    context: c_uint,
    octets: *const c_uchar,
    length: usize,
    _certificate: *mut X509,
    place: usize,
    alert: *mut c_int,
    argument: *mut c_void,
) -> c_int {
    let is_request = context & SSL_EXT_CLIENT_HELLO != 0;
    // A server goes on whatever happens here.
    let outcome = guard(if is_request { Ok(()) } else { Err(SSL_AD_INTERNAL_ERROR) }, || {
        let octets = if octets.is_null() {
            &[]
        } else {
            // SAFETY: OpenSSL passes so many octets at that place.
            unsafe { slice::from_raw_parts(octets, length) }
        };
        if is_request {
            let is_empty = u16::try_from(number).ok().and_then(Part::of).is_none() || octets.is_empty();
            return if is_empty { Ok(()) } else { Err(SSL_AD_DECODE_ERROR) };
        }
        // SAFETY: `context::attach` gave this argument.
        let installation = unsafe { Installation::from_argument(argument) };
        let functions = installation.ssl().ok_or(SSL_AD_INTERNAL_ERROR)?;
        let index = installation.library.connection_index();
        // OpenSSL does not refuse what nobody asked for in a Certificate, nor ours in a client's.
        // SAFETY: OpenSSL passes a connection of its own.
        unsafe {
            let Client::On(judge) = &installation.client else { return Err(SSL_AD_UNSUPPORTED_EXTENSION) };
            if judge.mode(connection::wishes(installation.library, functions, ssl).mode).is_none() {
                // As without the module.
                return Ok(());
            }
            let asked_for = match u16::try_from(number) {
                _ if functions.SSL_is_server(ssl) != 0 => None,
                Ok(VOUCHERS) => Some(Part::Vouchers),
                Ok(ALTERNATE) if judge.fails_over() => Some(Part::Alternate),
                _ => None,
            };
            let is_asked = matches!(connection::state(functions, ssl, index), Some(State::Asked(_)));
            // Judged before the state is borrowed: judging looks at what is kept, too.
            let refusal = match asked_for {
                Some(Part::Vouchers) if is_asked && place == 0 => {
                    verify::refuse_broken(installation, judge, functions, ssl, octets)
                }
                _ => None,
            };
            match (connection::state(functions, ssl, index), asked_for) {
                (Some(State::Asked(_)), Some(_)) if place != 0 => Err(SSL_AD_ILLEGAL_PARAMETER),
                (Some(State::Asked(received)), Some(Part::Alternate)) if received.alternate.is_none() => {
                    // Judged only where it is needed.
                    received.alternate = Some(octets.to_vec());
                    Ok(())
                }
                (Some(state @ State::Asked(_)), Some(Part::Vouchers)) => match (refusal, state) {
                    (Some(refusal), _) => {
                        connection::conclude(functions, ssl, index, refusal);
                        Err(SSL_AD_DECODE_ERROR)
                    }
                    (None, State::Asked(received)) => {
                        received.vouchers = Some(octets.to_vec());
                        Ok(())
                    }
                    (None, State::Verified) => Err(SSL_AD_UNSUPPORTED_EXTENSION),
                },
                _ => Err(SSL_AD_UNSUPPORTED_EXTENSION),
            }
        }
    });
    match outcome {
        Ok(()) => 1,
        Err(reason) => {
            if !alert.is_null() {
                // SAFETY: OpenSSL passes a place for the alert.
                unsafe { *alert = reason };
            }
            0
        }
    }
}

/// The client's empty request. A renegotiation, or a second ClientHello, begins anew.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
unsafe fn ask(installation: &'static Installation, functions: &Ssl, ssl: *mut SSL) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        find::note_handshake(installation.library, functions, ssl);
        let index = installation.library.connection_index();
        let offer = session::offer(installation, functions, ssl);
        if offer == Offer::Ended {
            let event =
                "a connection ended: it offered a session that may not be resumed, too late to be taken from it";
            installation.log.event(Level::Warning, format_args!("{event}"));
            return FAIL;
        }
        if judging(installation, functions, ssl).is_none() {
            // What an earlier handshake of this connection left must not be taken for an answer to this one.
            if let Some(kept) = connection::kept(functions, ssl, index) {
                kept.state = None;
                kept.last.forget();
            }
            return LEAVE_OUT;
        }
        let offered = match offer {
            Offer::Good => session::of_connection(functions, ssl).map(|mark| {
                let name = || references::of_connection(installation.crypto(), functions, ssl).title();
                Offered { mark, name: installation.library.finds().then(name) }
            }),
            _ => None,
        };
        if connection::ask(functions, ssl, index, offered) { SEND } else { FAIL }
    }
}

/// The client's empty request for an alternate, where the configuration lets it fail over.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
unsafe fn ask_for_alternate(installation: &Installation, functions: &Ssl, ssl: *const SSL) -> c_int {
    // SAFETY: as the caller says.
    match unsafe { judging(installation, functions, ssl) } {
        Some(judge) if judge.fails_over() => SEND,
        _ => LEAVE_OUT,
    }
}

/// What judges a connection; none if nothing is asked and nothing is judged.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
unsafe fn judging<'a>(installation: &'a Installation, functions: &Ssl, ssl: *const SSL) -> Option<&'a Judge> {
    let Client::On(judge) = &installation.client else { return None };
    // SAFETY: as the caller says.
    let wishes = unsafe { connection::wishes(installation.library, functions, ssl) };
    judge.mode(wishes.mode).is_some().then_some(judge)
}

/// The authorities of the pick, in clear, where the configuration says so.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
unsafe fn candidates(
    installation: &'static Installation,
    functions: &Ssl,
    ssl: *mut SSL,
) -> Option<(*const c_uchar, usize)> {
    // SAFETY: as the caller says.
    let judge = unsafe { judging(installation, functions, ssl) }.filter(|judge| judge.discloses())?;
    // SAFETY: as the caller says.
    let identity = unsafe { references::of_connection(installation.crypto(), functions, ssl) };
    let octets = judge.candidates(&installation.log, &identity)?.into_boxed_slice();
    let length = octets.len();
    Some((Box::into_raw(octets).cast_const().cast(), length))
}

/// # Safety
/// `octets` came from [`candidates`] and are not used afterwards.
unsafe fn release_candidates(octets: *const c_uchar) {
    // SAFETY: as the caller says; the extension begins with the length of the rest, in one octet.
    unsafe {
        let length = 1 + usize::from(*octets);
        drop(Box::from_raw(ptr::slice_from_raw_parts_mut(octets.cast_mut(), length)));
    }
}

/// The server's answer to this question, for the certificate that this handshake uses and the name that the client sent.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`, and `certificate` what it passed to the callback.
unsafe fn answer(
    installation: &'static Installation,
    functions: &Ssl,
    ssl: *mut SSL,
    part: Part,
    context: c_uint,
    certificate: *mut X509,
) -> Option<(*const c_uchar, usize)> {
    let answers = installation.answers.as_ref()?;
    // SAFETY: as the caller says; the name stays for the handshake.
    unsafe {
        let wishes = || connection::wishes(installation.library, functions, ssl);
        if functions.SSL_is_server(ssl) == 0 || wishes().mode == WishedMode::Off {
            return None;
        }
        let certificate = if context & SSL_EXT_TLS1_3_CERTIFICATE != 0 {
            certificate
        } else if context & SSL_EXT_TLS1_2_SERVER_HELLO != 0 {
            functions.SSL_get_certificate(ssl)
        } else {
            return None;
        };
        if certificate.is_null() {
            return None;
        }
        let name = functions.SSL_get_servername(ssl, TLSEXT_NAMETYPE_HOST_NAME);
        // A name that is no text is a name that nobody vouches for.
        let name = if name.is_null() { None } else { Some(text(name).unwrap_or_default()) };
        answers.find(installation.crypto(), &installation.log, certificate, part, name).map(answers::lend)
    }
}
