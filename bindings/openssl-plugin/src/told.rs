//! What a program is told of one of its connections, when it asks.

use mecai::verdict::Outcome;

use crate::connection::{self, State};
use crate::library::Library;
use crate::openssl::SSL;
use crate::session::{self, Reason};
use crate::{context, event};

/// What became of a connection's last handshake.
pub(crate) struct Told {
    /// None if it was not judged.
    pub(crate) outcome: Option<Outcome>,
    /// The number of the verdict's code; 0 if it was not judged.
    pub(crate) code: u32,
}

/// What became of the connection's last handshake, and a sentence.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process; nobody else uses it meanwhile.
pub(crate) unsafe fn of_connection(ssl: *const SSL) -> (Told, String) {
    let not_judged = |why: &str| (Told { outcome: None, code: 0 }, format!("not judged: {why}"));
    if ssl.is_null() {
        return not_judged("there is no connection");
    }
    // SAFETY: as the caller says.
    unsafe {
        let Some((library, functions)) = Library::of_connection(ssl) else {
            return not_judged("the module is not installed in this program's OpenSSL");
        };
        // What the connection had from an earlier context says nothing of it in another.
        if context::placed_for(library, functions, ssl).is_none() {
            return not_judged("the context of this connection has no MECAI");
        }
        let state = connection::state(functions, ssl, library.connection_index());
        if let Some(State::Verified(Some(judged))) = state {
            let sentence = event::sentence(&judged.name, &judged.verdict, judged.at);
            return (Told::new(judged.verdict.outcome(), judged.verdict.code().number()), sentence);
        }
        if functions.SSL_session_reused(ssl) != 1 {
            return not_judged("no handshake asked for vouchers and was verified");
        }
        let is_ours = matches!(state, Some(State::Asked(received)) if received.offers_session);
        let Some(mark) = session::of_connection(functions, ssl).filter(|_| is_ours) else {
            return not_judged("the session was resumed without a mark of the module, or in mode off");
        };
        let (outcome, sentence) = match mark.reason {
            Reason::Accepted => (Outcome::Accepted, "accepted: the session was resumed, and its vouchers are in force"),
            Reason::Exempt => (Outcome::Exempt, "exempt: the session of an exempt handshake was resumed"),
            Reason::Unvouched => {
                (Outcome::Unvouched, "unvouched: the session of a handshake that was let through was resumed")
            }
        };
        (Told::new(outcome, mark.code), sentence.to_owned())
    }
}

impl Told {
    fn new(outcome: Outcome, code: u32) -> Self {
        Self { outcome: Some(outcome), code }
    }
}
