//! Sessions: a mark says until when a resumption needs no new judgement (spec 8, "Sessions").
//!
//! A resumed handshake runs neither the parse nor the verify callback. So a session that may not be resumed is taken
//! from OpenSSL before the ClientHello is written; the security callback is the only one that runs that early.

use std::ffi::{c_int, c_void};
use std::num::NonZeroU16;
use std::{ptr, slice};

use mecai::policy::Mode;
use mecai::time::UnixTime;
use mecai::verdict::{Outcome, Verdict};
use ring::digest;

use crate::clock::now;
use crate::context::{self, Placed};
use crate::guard::guard;
use crate::handshake::connection::{self, State};
use crate::handshake::references::{self, Identity};
use crate::installation::{Client, Installation};
use crate::judge::Judge;
use crate::library::{Library, SLOTS};
use crate::log::Level;
use crate::openssl::{
    SSL, SSL_CTX, SSL_SECOP_SIGALG_CHECK, SSL_SECOP_VERSION, SSL_SESSION, Security, Ssl, TLS_ST_OK, TLS1_3_VERSION,
};

const MAGIC: &[u8; 6] = b"mecai2";
const MARK_LENGTH: usize = 35;

/// What the session of a judged handshake carries in its application data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Why it may be resumed.
    pub(crate) reason: Reason,
    /// The code of the verdict.
    pub(crate) code: u32,
    /// The last second at which it may.
    pub(crate) until: UnixTime,
    /// Which server was meant, and under which policy.
    pub(crate) identity: [u8; 16],
}

/// Why a session may be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    Accepted = 1,
    Exempt = 2,
    Unvouched = 3,
}

impl Mark {
    /// The mark for a handshake with this verdict; none if it was refused.
    fn new(verdict: &Verdict, identity: [u8; 16]) -> Option<Self> {
        let (reason, until) = match verdict.outcome() {
            Outcome::Accepted => (Reason::Accepted, verdict.admission()?.until),
            Outcome::Exempt => (Reason::Exempt, UnixTime::MAX),
            Outcome::Unvouched => (Reason::Unvouched, UnixTime::MAX),
            Outcome::Refused => return None,
        };
        Some(Self { reason, code: verdict.code().number(), until, identity })
    }

    fn to_octets(self) -> [u8; MARK_LENGTH] {
        let mut octets = [0; MARK_LENGTH];
        octets[..6].copy_from_slice(MAGIC);
        octets[6] = self.reason as u8;
        octets[7..11].copy_from_slice(&self.code.to_be_bytes());
        octets[11..19].copy_from_slice(&self.until.0.to_be_bytes());
        octets[19..].copy_from_slice(&self.identity);
        octets
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        let octets = <&[u8; MARK_LENGTH]>::try_from(octets).ok()?.strip_prefix(MAGIC)?;
        let (reason, rest) = octets.split_first()?;
        let (code, rest) = rest.split_first_chunk::<4>()?;
        let (until, identity) = rest.split_first_chunk::<8>()?;
        let reason = match reason {
            1 => Reason::Accepted,
            2 => Reason::Exempt,
            3 => Reason::Unvouched,
            _ => return None,
        };
        let (code, until) = (u32::from_be_bytes(*code), UnixTime(u64::from_be_bytes(*until)));
        Some(Self { reason, code, until, identity: identity.try_into().ok()? })
    }
}

/// Stands for the server that is meant, its port if it is stated, and the policy that judges.
fn identity(policy: &[u8], meant: &Identity<'_>, port: Option<NonZeroU16>) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(policy);
    let mut field = |text: &str| {
        context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(text.to_ascii_lowercase().as_bytes());
    };
    field(meant.sni.unwrap_or(""));
    field(&port.map_or_else(String::new, |port| port.to_string()));
    for reference in &meant.references {
        field(&reference.to_string());
    }
    let mut identity = [0; 16];
    identity.copy_from_slice(&context.finish().as_ref()[..16]);
    identity
}

/// Marks the session of a handshake that goes on; its tickets carry the mark too.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`, in its verify callback.
pub(crate) unsafe fn mark(
    installation: &Installation,
    judge: &Judge,
    functions: &Ssl,
    ssl: *mut SSL,
    mode: Mode,
    verdict: &Verdict,
) {
    // SAFETY: as the caller says.
    unsafe {
        let meant = references::of_connection(installation.crypto(), functions, ssl);
        let port = connection::wishes(installation.library, functions, ssl).port;
        let Some(mark) = Mark::new(verdict, identity(judge.fingerprint(mode), &meant, port)) else { return };
        let session = functions.SSL_get_session(ssl);
        if !session.is_null() {
            let octets = mark.to_octets();
            // Without a mark the session will not be resumed: nothing more to do if OpenSSL has no memory.
            functions.SSL_SESSION_set1_ticket_appdata(session, octets.as_ptr().cast(), octets.len());
        }
    }
}

/// What the ClientHello that is being written offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// No session.
    Nothing,
    /// One that may be resumed with the server that is meant.
    Good,
    /// One that may not.
    Ended,
}

/// Looks at the session that is offered: the second line, should the program have put its own security callback in place
/// of ours. Early data does not go from here on either.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`.
pub(crate) unsafe fn offer(installation: &Installation, functions: &Ssl, ssl: *mut SSL) -> Offer {
    // SAFETY: as the caller says.
    unsafe {
        let session = functions.SSL_get_session(ssl);
        if session.is_null()
            || functions.SSL_SESSION_is_resumable(session) != 1
            || is_of_encrypted_hello(functions, session)
        {
            Offer::Nothing
        } else if is_ended(installation, functions, ssl, session) {
            Offer::Ended
        } else {
            Offer::Good
        }
    }
}

/// Whether a session is the new one of an encrypted ClientHello: OpenSSL 4.0 gives it the legacy id before it asks us,
/// which lets it look like one that is resumed. In TLS 1.3 that takes a ticket.
///
/// # Safety
/// `session` is a session of the OpenSSL that `functions` are of.
unsafe fn is_of_encrypted_hello(functions: &Ssl, session: *const SSL_SESSION) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        functions.SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION
            && functions.SSL_SESSION_has_ticket(session) == 0
    }
}

/// The mark of a connection's session.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL that `functions` are of.
pub(crate) unsafe fn of_connection(functions: &Ssl, ssl: *const SSL) -> Option<Mark> {
    // SAFETY: as the caller says.
    unsafe {
        let session = functions.SSL_get_session(ssl);
        if session.is_null() { None } else { mark_of(functions, session) }
    }
}

/// # Safety
/// `session` is of the OpenSSL that `functions` are of.
unsafe fn mark_of(functions: &Ssl, session: *mut SSL_SESSION) -> Option<Mark> {
    let (mut data, mut length) = (ptr::null_mut::<c_void>(), 0);
    // SAFETY: as the caller says; OpenSSL gives the octets that the session keeps.
    unsafe {
        if functions.SSL_SESSION_get0_ticket_appdata(session, &raw mut data, &raw mut length) != 1 || data.is_null() {
            return None;
        }
        Mark::from_octets(slice::from_raw_parts(data.cast(), length))
    }
}

/// # Safety
/// `session` is the session of `ssl`, a connection of the OpenSSL of `installation`.
unsafe fn may_resume(
    installation: &Installation,
    judge: &Judge,
    functions: &Ssl,
    ssl: *mut SSL,
    mode: Mode,
    session: *mut SSL_SESSION,
) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let Some(mark) = mark_of(functions, session) else { return false };
        let meant = references::of_connection(installation.crypto(), functions, ssl);
        let port = connection::wishes(installation.library, functions, ssl).port;
        mark.identity == identity(judge.fingerprint(mode), &meant, port)
            && now() <= mark.until
            && judge.resumes(&installation.log, mode, mark.reason, &meant)
    }
}

/// Chains the security callback of a new context, which tells when a client's handshake begins.
///
/// # Safety
/// `context` is a context of the OpenSSL that `library` is.
pub(crate) unsafe fn attach(library: &Library, functions: &Ssl, context: *mut SSL_CTX) {
    const CALLBACKS: [Security; SLOTS] = [security::<0>, security::<1>, security::<2>, security::<3>];
    // SAFETY: as the caller says.
    unsafe {
        let Some(earlier) = functions.SSL_CTX_get_security_callback(context) else { return };
        // All new contexts have OpenSSL's own; where somebody put another there, the second line has to do.
        if library.note_security(earlier) as usize == earlier as usize {
            functions.SSL_CTX_set_security_callback(context, CALLBACKS.get(library.slot()).copied());
        }
    }
}

/// Called by OpenSSL to ask whether something is secure enough. The answer is OpenSSL's own.
pub(crate) unsafe extern "C" fn security<const SLOT: usize>(
    ssl: *const SSL,
    context: *const SSL_CTX,
    operation: c_int,
    bits: c_int,
    number: c_int,
    other: *mut c_void,
    argument: *mut c_void,
) -> c_int {
    let Some(library) = Library::at(SLOT) else { return 0 };
    // Asked some hundred times in a handshake, on either side: what is not for us is passed on at once.
    if matches!(operation, SSL_SECOP_VERSION | SSL_SECOP_SIGALG_CHECK) && !ssl.is_null() {
        guard((), || {
            // SAFETY: OpenSSL passes a connection of its own.
            unsafe { notice(library, ssl.cast_mut(), operation, number) };
        });
    }
    match library.earlier_security() {
        // SAFETY: this is the callback that was there, with the arguments that were meant for it.
        Some(earlier) => unsafe { earlier(ssl, context, operation, bits, number, other, argument) },
        None => 0,
    }
}

/// # Safety
/// `ssl` is a connection of the OpenSSL that `library` is.
unsafe fn notice(library: &Library, ssl: *mut SSL, operation: c_int, number: c_int) {
    let Some(functions) = library.known_ssl() else { return };
    // SAFETY: as the caller says.
    unsafe {
        if functions.SSL_is_server(ssl) != 0 {
            return;
        }
        if operation == SSL_SECOP_VERSION {
            // A renegotiation, which TLS 1.3 does not have, offers the session of its own connection.
            let renegotiates = number != TLS1_3_VERSION && functions.SSL_get_state(ssl) == TLS_ST_OK;
            if (renegotiates || functions.SSL_in_before(ssl) == 1)
                && let Some(placed) = context::placed_for(library, functions, ssl)
            {
                take_ended(placed.installation, functions, ssl);
            }
        } else if let Some(State::Asked(_)) = connection::state(functions, ssl, library.connection_index())
            && let Some(Placed { installation, status }) = context::placed_for(library, functions, ssl)
        {
            status.note_replaced();
            if !installation.status.note_replaced() {
                return;
            }
            // The signature is checked after the chain: by now our verify callback would have run.
            let event = "the program verifies certificates by itself: its handshakes are not judged";
            installation.log.event(Level::Warning, format_args!("{event}"));
        }
    }
}

/// Takes a session from a handshake that begins, unless it may be resumed; and early data from one that may.
///
/// # Safety
/// `ssl` is a connection of the OpenSSL of `installation`, before its handshake.
unsafe fn take_ended(installation: &Installation, functions: &Ssl, ssl: *mut SSL) {
    // SAFETY: as the caller says.
    unsafe {
        let session = functions.SSL_get_session(ssl);
        if !session.is_null() && is_ended(installation, functions, ssl, session) {
            functions.SSL_CTX_remove_session(functions.SSL_get_SSL_CTX(ssl), session);
        }
    }
}

/// Whether a session may not be resumed. From one that may, early data is taken.
///
/// # Safety
/// `session` is the session of `ssl`, a connection of the OpenSSL of `installation`.
unsafe fn is_ended(installation: &Installation, functions: &Ssl, ssl: *mut SSL, session: *mut SSL_SESSION) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let judge = match &installation.client {
            Client::On(judge) => judge,
            Client::Broken(_) => return true,
            Client::Off => return false,
        };
        let wishes = connection::wishes(installation.library, functions, ssl);
        let Some(mode) = judge.mode(wishes.mode) else { return false };
        if !may_resume(installation, judge, functions, ssl, mode, session) {
            return true;
        }
        functions.SSL_SESSION_set_max_early_data(session, 0);
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mecai::host::Reference;

    use super::*;

    #[test]
    fn marks_there_and_back() {
        let mark = Mark { reason: Reason::Exempt, code: 12, until: UnixTime(1_800_000_000), identity: [7; 16] };
        let octets = mark.to_octets();
        assert_eq!(Mark::from_octets(&octets), Some(mark));
        for end in 0..octets.len() {
            assert_eq!(Mark::from_octets(&octets[..end]), None);
        }
        for (place, value) in [(0, b'M'), (6, 0), (6, 4)] {
            let mut wrong = octets;
            wrong[place] = value;
            assert_eq!(Mark::from_octets(&wrong), None);
        }
    }

    #[test]
    fn an_identity_is_of_one_server_and_one_policy() {
        let at = |policy: &str, sni, hosts: &[&'static str], port| {
            let references = hosts.iter().map(|host| Reference::parse(host)).collect();
            identity(policy.as_bytes(), &Identity { references, sni }, NonZeroU16::new(port))
        };
        let of = |policy, sni, hosts: &[&'static str]| at(policy, sni, hosts, 0);
        let all = [
            of("policy", Some("a.example"), &["a.example"]),
            of("policy", Some("b.example"), &["a.example"]),
            of("policy", Some("a.example"), &["b.example"]),
            of("policy", None, &["a.example"]),
            of("policy", Some("a.example"), &["a.example", "b.example"]),
            of("other", Some("a.example"), &["a.example"]),
            at("policy", Some("a.example"), &["a.example"], 443),
            at("policy", Some("a.example"), &["a.example"], 8443),
        ];
        for (place, identity) in all.iter().enumerate() {
            assert!(!all[..place].contains(identity), "{place}");
        }
        assert_eq!(of("policy", Some("A.example"), &["a.Example"]), all[0]);
    }
}
