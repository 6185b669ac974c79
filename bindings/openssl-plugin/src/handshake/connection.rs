//! What is kept in an SSL: what the program wishes for this connection, a client's place in its handshake, and
//! afterwards the verdict.

use std::ffi::{c_int, c_long, c_void};
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::{mem, ptr};

use arc_swap::ArcSwapOption;
use mecai::extension::{read_alternate, read_bundles};
use mecai::policy::Mode;
use mecai::report::Report;
use mecai::time::UnixTime;
use mecai::verdict::{Failover, Verdict};

use crate::attach::live::Place;
use crate::guard::guard;
use crate::handshake::session::Mark;
use crate::library::Library;
use crate::openssl::{CRYPTO_EX_DATA, SSL, Ssl};

/// A connection that asked, or that the program had wishes for; others keep nothing.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) wishes: Wishes,
    pub(crate) state: Option<State>,
    /// Where it is found by the program's data, if it is.
    pub(crate) place: Option<Place<'static>>,
    pub(crate) last: LastHandshake,
}

/// What is told of the last handshake. A program may ask on one thread while another one reads, in the middle of which a
/// server may begin a renegotiation: whoever asks keeps what he found.
#[derive(Debug, Default)]
pub(crate) struct LastHandshake {
    /// The verdict, if it was judged.
    pub(crate) judged: ArcSwapOption<Judged>,
    /// The session that the ClientHello offered, if it may be resumed with this server.
    pub(crate) offered: ArcSwapOption<Offered>,
}

/// A session that was offered.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) mark: Mark,
    /// The name that was meant, where connections are found.
    pub(crate) name: Option<String>,
}

/// What the program wishes for this connection alone. It stays with it from one handshake to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) mode: WishedMode,
    pub(crate) peer: Peer,
    /// The port that is meant, if it is stated.
    pub(crate) port: Option<NonZeroU16>,
}

/// The mode of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WishedMode {
    /// That of its context.
    #[default]
    OfContext,
    /// Nothing is asked, judged or shown.
    Off,
    /// This one.
    Mode(Mode),
}

/// What is known of the server's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Peer {
    /// What the socket tells.
    #[default]
    OfSocket,
    /// Nothing: the socket leads elsewhere.
    Unknown,
    /// What the program said.
    At(IpAddr),
}

/// A client's place in its handshake. A connection that never asked has none.
#[derive(Debug)]
pub(crate) enum State {
    /// The ClientHello asked, and this has come back.
    Asked(Received),
    /// The verify callback ran.
    Verified,
}

/// What the server answered, each the octets of an extension.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) vouchers: Option<Vec<u8>>,
    pub(crate) alternate: Option<Vec<u8>>,
}

/// A verdict, and what it is about.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    /// The name that was meant; empty if there was none.
    pub(crate) name: String,
    pub(crate) at: UnixTime,
    /// What else there was, where connections are found.
    pub(crate) evidence: Option<Box<Evidence>>,
}

/// What a handshake showed, for whoever asks for all of it afterwards.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// The address that was compared.
    pub(crate) peer: Option<IpAddr>,
    /// The port that was stated.
    pub(crate) port: Option<NonZeroU16>,
    /// The answer that was judged last, if it can be read: about the alternate, if that was accepted.
    pub(crate) answer: Option<Vec<u8>>,
    /// The report that is due.
    pub(crate) report: Option<Report>,
    /// Who owns a part of the chain that was verified, by the list of that time.
    pub(crate) chain: Option<Vec<String>>,
}

impl LastHandshake {
    /// There was none.
    pub(crate) fn forget(&self) {
        self.judged.store(None);
        self.offered.store(None);
    }
}

impl Judged {
    /// Whether the server's alternate was accepted.
    pub(crate) fn uses_alternate(&self) -> bool {
        matches!(self.verdict.failover(), Some(Failover::Used(_)))
    }

    /// Keeps what the server sent, where evidence is kept.
    pub(crate) fn keep_answer(&mut self, received: Received) {
        let uses_alternate = self.uses_alternate();
        if let Some(evidence) = &mut self.evidence {
            let vouchers = || received.vouchers.filter(|answer| read_bundles(answer).is_ok());
            evidence.answer = if uses_alternate { received.alternate } else { vouchers() };
        }
    }

    /// The bundles that the server sent, those of its alternate if that was accepted; none if they were not kept.
    pub(crate) fn bundles(&self) -> Option<impl Iterator<Item = &[u8]>> {
        let answer = self.evidence.as_ref()?.answer.as_deref()?;
        if self.uses_alternate() {
            read_alternate(answer).ok().map(|alternate| alternate.bundles)
        } else {
            read_bundles(answer).ok()
        }
    }
}

/// What a connection keeps.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of, and `index` is ours in it. What is kept is not looked at
/// elsewhere while the result is in use; OpenSSL lets only one thread use a connection at a time.
pub(crate) unsafe fn kept<'a>(functions: &Ssl, ssl: *const SSL, index: c_int) -> Option<&'a mut Connection> {
    // SAFETY: as the caller says; what is at the index was put there by `keep`.
    unsafe { functions.SSL_get_ex_data(ssl, index).cast::<Connection>().as_mut() }
}

/// What is told of a connection, whoever uses it meanwhile.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of, and `index` is ours in it; it is not freed meanwhile.
pub(crate) unsafe fn last_handshake<'a>(functions: &Ssl, ssl: *const SSL, index: c_int) -> Option<&'a LastHandshake> {
    // SAFETY: as the caller says; what is at the index was put there by `change`, and stays for as long as the connection.
    unsafe {
        let kept: *const Connection = functions.SSL_get_ex_data(ssl, index).cast();
        (!kept.is_null()).then(|| &(*kept).last)
    }
}

/// The state of a connection.
///
/// # Safety
/// As for [`kept`].
pub(crate) unsafe fn state<'a>(functions: &Ssl, ssl: *const SSL, index: c_int) -> Option<&'a mut State> {
    // SAFETY: as the caller says.
    unsafe { kept(functions, ssl, index) }?.state.as_mut()
}

/// What the program wishes for a connection.
///
/// # Safety
/// As for [`kept`]; `library` is that OpenSSL.
pub(crate) unsafe fn wishes(library: &Library, functions: &Ssl, ssl: *const SSL) -> Wishes {
    if !library.has_wishes() {
        return Wishes::default();
    }
    // SAFETY: as the caller says.
    unsafe { kept(functions, ssl, library.connection_index()) }.map(|kept| kept.wishes).unwrap_or_default()
}

/// Puts `state` in place of what was there; false if OpenSSL has no memory.
///
/// # Safety
/// As for [`kept`].
pub(crate) unsafe fn set(functions: &Ssl, ssl: *mut SSL, index: c_int, new: State) -> bool {
    // SAFETY: as the caller says.
    unsafe { change(functions, ssl, index, |connection| connection.state = Some(new)) }
}

/// Changes what a connection keeps; false if OpenSSL has no memory.
///
/// # Safety
/// As for [`kept`].
pub(crate) unsafe fn change(
    functions: &Ssl,
    ssl: *mut SSL,
    index: c_int,
    change: impl FnOnce(&mut Connection),
) -> bool {
    // SAFETY: as the caller says; what OpenSSL does not take is freed here.
    unsafe {
        if let Some(connection) = kept(functions, ssl, index) {
            change(connection);
            return true;
        }
        let mut new = Box::new(Connection::default());
        change(&mut new);
        let place = Box::into_raw(new);
        let stored = functions.SSL_set_ex_data(ssl, index, place.cast()) == 1;
        if !stored {
            drop(Box::from_raw(place));
        }
        stored
    }
}

/// A handshake begins, in which this was `offered`.
///
/// # Safety
/// As for [`kept`].
pub(crate) unsafe fn ask(functions: &Ssl, ssl: *mut SSL, index: c_int, offered: Option<Offered>) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        change(functions, ssl, index, |connection| {
            connection.state = Some(State::Asked(Received::default()));
            connection.last.judged.store(None);
            connection.last.offered.store(offered.map(Arc::new));
        })
    }
}

/// A handshake has been judged. What is kept for whoever asks decides nothing any more.
///
/// # Safety
/// As for [`kept`].
pub(crate) unsafe fn conclude(functions: &Ssl, ssl: *mut SSL, index: c_int, judged: Judged) {
    // SAFETY: as the caller says.
    unsafe {
        change(functions, ssl, index, |connection| {
            connection.state = Some(State::Verified);
            connection.last.judged.store(Some(Arc::new(judged)));
        });
    }
}

/// Notes that the verify callback ran, and gives what the server had answered.
pub(crate) fn take_received(connection: Option<&mut Connection>) -> Received {
    let state = connection.and_then(|connection| connection.state.as_mut());
    match state.map(|state| mem::replace(state, State::Verified)) {
        Some(State::Asked(received)) => received,
        Some(State::Verified) | None => Received::default(),
    }
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
            // SAFETY: `change` or `duplicate` stored the value, and OpenSSL frees it once.
            drop(unsafe { Box::from_raw(value.cast::<Connection>()) });
        }
    });
}

/// Called by OpenSSL when an SSL is duplicated: the copy has the same wishes, and begins without a state.
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
            // SAFETY: OpenSSL passes the place of the copy's value, which is still that of the connection it is of.
            unsafe {
                let wishes = (*value).cast::<Connection>().as_ref().map(|kept| kept.wishes).unwrap_or_default();
                *value = if wishes == Wishes::default() {
                    ptr::null_mut()
                } else {
                    Box::into_raw(Box::new(Connection { wishes, ..Connection::default() })).cast()
                };
            }
        }
        1
    })
}
