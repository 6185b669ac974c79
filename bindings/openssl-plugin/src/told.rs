//! What a program is told of one of its connections, when it asks.

pub(crate) mod account;

use std::sync::Arc;

use mecai::verdict::{Code, Outcome};

use crate::handshake::connection::{self, Judged, Offered};
use crate::handshake::session::Reason;
use crate::library::Library;
use crate::log::event;
use crate::openssl::SSL;
use crate::{context, copies};

/// What became of a connection's last handshake.
pub(crate) enum Became {
    /// Nothing here attends to its context, as this says.
    NotOurs(&'static str),
    /// It was not judged, for this reason.
    NotJudged(&'static str),
    /// It was judged.
    Judged(Arc<Judged>),
    /// The session of one that was judged was resumed.
    Resumed(Arc<Offered>),
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
/// `ssl` is NULL, or a connection of some OpenSSL of the process, and is not freed meanwhile.
pub(crate) unsafe fn of_connection(ssl: *const SSL) -> Became {
    if ssl.is_null() {
        return Became::NotJudged("there is no connection");
    }
    // SAFETY: as the caller says.
    unsafe {
        let Some((library, functions)) = Library::of_connection(ssl) else {
            return Became::NotOurs("the module is not installed in this program's OpenSSL");
        };
        // What the connection had from an earlier context says nothing of it in another.
        if context::placed_for(library, functions, ssl).is_none() {
            return Became::NotOurs("the context of this connection has no MECAI");
        }
        let last = connection::last_handshake(functions, ssl, library.connection_index());
        if let Some(judged) = last.and_then(|last| last.judged.load_full()) {
            return Became::Judged(judged);
        }
        if functions.SSL_session_reused(ssl) != 1 {
            return Became::NotJudged("no handshake asked for vouchers and was verified");
        }
        match last.and_then(|last| last.offered.load_full()) {
            Some(offered) => Became::Resumed(offered),
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

impl Became {
    /// The same in short.
    pub(crate) fn told(&self) -> Told {
        match self {
            Self::NotOurs(why) | Self::NotJudged(why) => {
                Told { outcome: None, code: 0, sentence: format!("not judged: {why}") }
            }
            Self::Judged(judged) => Told {
                outcome: Some(judged.verdict.outcome()),
                code: judged.verdict.code().number(),
                sentence: event::sentence(&judged.name, &judged.verdict, judged.at),
            },
            Self::Resumed(offered) => {
                let mark = &offered.mark;
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
