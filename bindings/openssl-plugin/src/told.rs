//! What a program is told of one of its connections, when it asks.

use mecai::verdict::Outcome;

use crate::connection::{self, State};
use crate::event;
use crate::installation::Installation;
use crate::object::Object;
use crate::openssl::SSL;
use crate::session::{self, Reason};

const NOT_JUDGED: u32 = 0;

/// The number of the connection's outcome, and a sentence.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that the calling object uses, and of no other; nobody else uses it meanwhile.
pub(crate) unsafe fn of_connection(ssl: *mut SSL) -> (u32, String) {
    let told = |number, sentence: &str| (number, sentence.to_owned());
    let Some(installation) = serving_the_caller() else {
        return told(NOT_JUDGED, "not judged: the module is not installed in this program's OpenSSL");
    };
    let Some(functions) = installation.known_ssl().filter(|_| !ssl.is_null()) else {
        return told(NOT_JUDGED, "not judged: there is no connection");
    };
    // SAFETY: as the caller says.
    unsafe {
        if let Some(State::Verified(Some(judged))) = connection::state(functions, ssl, installation.connection_index())
        {
            let sentence = event::sentence(&judged.name, &judged.verdict, judged.at);
            return (number(judged.verdict.outcome()), sentence);
        }
        if functions.SSL_session_reused(ssl) != 1 {
            return told(NOT_JUDGED, "not judged: no handshake asked for vouchers and was verified");
        }
        match session::reason(functions, ssl) {
            Some(Reason::Accepted) => {
                told(number(Outcome::Accepted), "accepted: the session was resumed, and its vouchers are in force")
            }
            Some(Reason::Exempt) => {
                told(number(Outcome::Exempt), "exempt: the session of an exempt handshake was resumed")
            }
            Some(Reason::Unvouched) => told(
                number(Outcome::Unvouched),
                "unvouched: the session of a handshake that was let through was resumed",
            ),
            None => told(NOT_JUDGED, "not judged: the session was resumed without a mark of the module"),
        }
    }
}

/// Zeroed memory reads as none of them.
fn number(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Refused => 1,
        Outcome::Unvouched => 2,
        Outcome::Exempt => 3,
        Outcome::Accepted => 0x4D01,
    }
}

/// The installation in the OpenSSL that the object which called the module uses. If there is only one, that is it.
fn serving_the_caller() -> Option<&'static Installation> {
    let mut serving = Installation::all().filter(|installation| installation.known_ssl().is_some());
    let first = serving.next()?;
    if serving.next().is_none() {
        return Some(first);
    }
    let caller = Object::calling()?.open()?;
    Installation::all()
        .find(|installation| installation.known_ssl().is_some_and(|functions| functions.is_seen_by(&caller)))
}
