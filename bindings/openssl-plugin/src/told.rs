//! What a program is told of one of its connections, when it asks.

use mecai::verdict::{Code, Outcome};

use crate::connection::{self, Judged, State};
use crate::context::Placed;
use crate::installation::Installation;
use crate::library::Library;
use crate::openssl::SSL;
use crate::session::{self, Mark, Reason};
use crate::{context, copies, event};

/// What became of a connection's last handshake.
pub(crate) enum Became<'a> {
    /// Nothing here attends to its context, as this says.
    NotOurs(&'static str),
    /// It was not judged, for this reason.
    NotJudged(&'static str),
    /// It was judged.
    Judged(&'static Installation, &'a Judged),
    /// The session of one that was judged was resumed.
    Resumed(&'static Installation, Mark),
}

/// The same in short.
pub(crate) struct Told {
    /// None if it was not judged.
    pub(crate) outcome: Option<Outcome>,
    /// The number of the verdict's code; 0 if it was not judged.
    pub(crate) code: u32,
    pub(crate) sentence: String,
}

/// What became of the connection's last handshake.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process; nobody else uses it meanwhile.
pub(crate) unsafe fn of_connection<'a>(ssl: *const SSL) -> Became<'a> {
    if ssl.is_null() {
        return Became::NotJudged("there is no connection");
    }
    // SAFETY: as the caller says.
    unsafe {
        let Some((library, functions)) = Library::of_connection(ssl) else {
            return Became::NotOurs("the module is not installed in this program's OpenSSL");
        };
        // What the connection had from an earlier context says nothing of it in another.
        let Some(Placed { installation, .. }) = context::placed_for(library, functions, ssl) else {
            return Became::NotOurs("the context of this connection has no MECAI");
        };
        let state = connection::state(functions, ssl, library.connection_index());
        if let Some(State::Verified(Some(judged))) = state {
            return Became::Judged(installation, judged);
        }
        if functions.SSL_session_reused(ssl) != 1 {
            return Became::NotJudged("no handshake asked for vouchers and was verified");
        }
        let is_ours = matches!(state, Some(State::Asked(received)) if received.offers_session);
        match session::of_connection(functions, ssl).filter(|_| is_ours) {
            Some(mark) => Became::Resumed(installation, mark),
            None => Became::NotJudged("the session was resumed without a mark of the module, or in mode off"),
        }
    }
}

/// The same in short; by another copy of mecai in the process, where that attends to the context.
///
/// # Safety
/// As for [`of_connection`].
pub(crate) unsafe fn in_short(ssl: *mut SSL) -> Told {
    // SAFETY: as the caller says, where there is a connection.
    unsafe {
        let became = of_connection(ssl);
        let elsewhere = match became {
            Became::NotOurs(_) => copies::ask_of(ssl, |copy| copy.told(ssl)),
            _ => None,
        };
        elsewhere.unwrap_or_else(|| became.told())
    }
}

impl Became<'_> {
    /// The same in short.
    pub(crate) fn told(&self) -> Told {
        match self {
            Self::NotOurs(why) | Self::NotJudged(why) => {
                Told { outcome: None, code: 0, sentence: format!("not judged: {why}") }
            }
            Self::Judged(_, judged) => Told {
                outcome: Some(judged.verdict.outcome()),
                code: judged.verdict.code().number(),
                sentence: event::sentence(&judged.name, &judged.verdict, judged.at),
            },
            Self::Resumed(_, mark) => {
                let (outcome, sentence) = match mark.reason {
                    Reason::Accepted => {
                        (Outcome::Accepted, "accepted: the session was resumed, and its vouchers are in force")
                    }
                    Reason::Exempt => (Outcome::Exempt, "exempt: the session of an exempt handshake was resumed"),
                    Reason::Unvouched => {
                        (Outcome::Unvouched, "unvouched: the session of a handshake that was let through was resumed")
                    }
                };
                Told { outcome: Some(outcome), code: mark.code, sentence: sentence.to_owned() }
            }
        }
    }
}

/// The word of a code; none if this number is none.
pub(crate) fn word(number: u32) -> Option<&'static str> {
    Code::ALL.iter().find(|code| code.number() == number).map(|code| code.as_str())
}
