//! The verify callback: OpenSSL's own verification of the chain first, then the judgement on the vouchers.

use std::ffi::{c_int, c_void};
use std::ptr;

use mecai::extension::read_bundles;
use mecai::verdict::{Outcome, Verdict};

use crate::certificates::Certificates;
use crate::clock::now;
use crate::connection::{self, Judged, State};
use crate::guard::guard;
use crate::installation::{Client, Installation};
use crate::judge::{Judge, Shown};
use crate::openssl::{
    SSL, SSL_RETRY_VERIFY, SSL_VERIFY_NONE, Ssl, X509_STORE_CTX, X509_V_ERR_APPLICATION_VERIFICATION, X509_V_OK,
};
use crate::{event, peer, references, session};

/// Called by OpenSSL in place of `X509_verify_cert`.
pub(crate) unsafe extern "C" fn verify(store: *mut X509_STORE_CTX, argument: *mut c_void) -> c_int {
    guard(0, || {
        // SAFETY: `context::attach` gave this argument.
        let installation = unsafe { Installation::from_argument(argument) };
        let Some(functions) = installation.ssl() else { return 0 };
        let crypto = &installation.crypto;
        // SAFETY: OpenSSL passes a store context of its own; its extra data at this index is the connection.
        unsafe {
            // A negative result is an error of the verification itself, and no acceptance.
            let own = crypto.X509_verify_cert(store).max(0);
            let index = functions.SSL_get_ex_data_X509_STORE_CTX_idx();
            let ssl: *mut SSL = crypto.X509_STORE_CTX_get_ex_data(store, index).cast();
            if ssl.is_null() || functions.SSL_is_server(ssl) != 0 {
                return own;
            }
            // A program may verify in several steps: OpenSSL asks again, and by then it may have decided.
            if own > 0 && verifies_again(functions, ssl) {
                return own;
            }
            let answer = connection::take_answer(functions, ssl, installation.connection_index());
            if matches!(installation.client, Client::Off) || own == 0 {
                return own;
            }
            // Many programs' callbacks return 1 and leave the error: they decide afterwards, by the error.
            let error = crypto.X509_STORE_CTX_get_error(store);
            if error != X509_V_OK {
                if functions.SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE {
                    let meant = references::of_verification(crypto, functions, ssl, store);
                    event::overruled(&installation.log, meant.name(), error);
                }
                return own;
            }
            // Whatever happens from here on, a panic too: without a verdict there is an error.
            crypto.X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
            let judged = match &installation.client {
                Client::Off => return 0,
                Client::On(judge) => judge_handshake(installation, judge, functions, ssl, store, answer.as_deref()),
                Client::Broken(problem) => {
                    let meant = references::of_verification(crypto, functions, ssl, store);
                    let judged =
                        Judged { verdict: Verdict::configuration(problem.clone()), name: meant.title(), at: now() };
                    event::verdict(&installation.log, &judged.name, &judged.verdict, judged.at);
                    judged
                }
            };
            installation.status.note_judged();
            let is_refused = judged.verdict.outcome() == Outcome::Refused;
            if is_refused {
                installation.errors.raise(crypto, judged.verdict.code(), &judged.verdict.to_string());
            } else {
                crypto.X509_STORE_CTX_set_error(store, X509_V_OK);
            }
            // Kept for whoever asks; it decides nothing any more.
            connection::set(functions, ssl, installation.connection_index(), State::Verified(Some(judged)));
            if is_refused { 0 } else { own }
        }
    })
}

/// The refusal of an answer that breaks its syntax, where that ends the handshake at once; then it has been told like
/// any refusal. A program that does not verify decides for itself afterwards.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
pub(crate) unsafe fn refuse_broken(
    installation: &Installation,
    judge: &Judge,
    functions: &Ssl,
    ssl: *mut SSL,
    answer: &[u8],
) -> Option<Judged> {
    let error = read_bundles(answer).err()?;
    // SAFETY: as the caller says.
    unsafe {
        if functions.SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE {
            return None;
        }
        let meant = references::of_connection(&installation.crypto, functions, ssl);
        let refused = Judged { verdict: judge.refuse_broken(&meant, error)?, name: meant.title(), at: now() };
        event::verdict(&installation.log, &refused.name, &refused.verdict, refused.at);
        installation.status.note_judged();
        installation.errors.raise(&installation.crypto, refused.verdict.code(), &refused.verdict.to_string());
        Some(refused)
    }
}

/// Whether the program has told OpenSSL to verify once more later. Nobody can see that in a QUIC connection: there
/// `SSL_want` waits for a lock that OpenSSL holds while it calls back.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of, in its verify callback.
unsafe fn verifies_again(functions: &Ssl, ssl: *const SSL) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        functions.SSL_is_quic.is_none_or(|is_quic| is_quic(ssl) == 0) && functions.SSL_want(ssl) == SSL_RETRY_VERIFY
    }
}

/// # Safety
/// `ssl` and `store` are of the OpenSSL of `installation`, in this connection's verify callback.
unsafe fn judge_handshake(
    installation: &Installation,
    judge: &Judge,
    functions: &Ssl,
    ssl: *mut SSL,
    store: *mut X509_STORE_CTX,
    answer: Option<&[u8]>,
) -> Judged {
    let crypto = &installation.crypto;
    // SAFETY: as the caller says; chains and parameters stay for the callback.
    unsafe {
        let meant = references::of_verification(crypto, functions, ssl, store);
        let verified = Certificates::of(crypto, crypto.X509_STORE_CTX_get0_chain(store)).unwrap_or_default();
        let shown = Shown {
            verified: &verified,
            meant: &meant,
            is_dane: functions.SSL_get0_dane_authority(ssl, ptr::null_mut(), ptr::null_mut()) >= 0,
            peer: if judge.compares_addresses() { peer::address(functions, ssl) } else { None },
            answer,
            now: now(),
        };
        let verdict = judge.judge(&installation.log, &shown);
        let name = meant.title();
        event::verdict(&installation.log, &name, &verdict, shown.now);
        // A program that does not verify decides for itself afterwards: what it meets is worth no report.
        if functions.SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE {
            let served = || Certificates::of(crypto, crypto.X509_STORE_CTX_get0_untrusted(store)).unwrap_or_default();
            judge.keep(&installation.log, &shown, &verdict, served);
        }
        session::mark(installation, judge, functions, ssl, &verdict);
        Judged { verdict, name, at: shown.now }
    }
}
