//! MECAI in single contexts and connections of a program that asks for it itself, without openssl.cnf.

pub(crate) mod find;
pub(crate) mod live;
pub(crate) mod shared;

use std::ffi::CStr;
use std::net::IpAddr;
use std::num::NonZeroU16;

use mecai::policy::Mode;

use crate::context::{self, NotPut};
use crate::handshake::answers::Answers;
use crate::handshake::connection::{self, Peer, WishedMode, Wishes};
use crate::installation::config::{ConfigError, Section, Settings};
use crate::installation::{Client, Installation, program};
use crate::judge::Judge;
use crate::library::{Library, NoLibrary};
use crate::log::Log;
use crate::openssl::{SSL, SSL_CTX, Ssl};

/// Why a call did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A pointer.
    #[error("{0} is NULL")]
    Null(&'static str),
    /// A number.
    #[error("{0}")]
    Argument(String),
    /// Keys and values.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// A string among them.
    #[error("the string at place {0} of the settings is not UTF-8")]
    NotText(usize),
    /// They ask for nothing that the context could do.
    #[error("{0}")]
    Nothing(&'static str),
    /// What a key names.
    #[error("{0}")]
    File(String),
    /// The OpenSSL that made the context.
    #[error(transparent)]
    Library(#[from] NoLibrary),
    /// It refused.
    #[error("{0}")]
    OpenSsl(&'static str),
    /// The context has MECAI.
    #[error("MECAI is already attached to this context: {0}")]
    AlreadyAttached(&'static str),
    /// The connection's context has none.
    #[error("MECAI is not attached to the context of this connection")]
    NotAttached,
    /// It is for before the handshake.
    #[error("the handshake of this connection has begun: this has to be said before")]
    TooLate,
    /// There is nothing to judge by.
    #[error(
        "the context of this connection judges nobody: it has no authority list, or its settings could not be read"
    )]
    NoClient,
}

/// Puts MECAI into a context; after a refusal the context is as it was, unless that says otherwise.
///
/// # Safety
/// `context` is a context of some OpenSSL of the process, and nobody else uses it meanwhile.
pub(crate) unsafe fn attach(context: *mut SSL_CTX, settings: &[&CStr]) -> Result<(), Refusal> {
    let strings = (0..).zip(settings).map(|(place, string)| string.to_str().map_err(|_| Refusal::NotText(place)));
    let strings = strings.collect::<Result<Vec<&str>, _>>()?;
    let section = Section::of_program(&strings)?;
    // SAFETY: as the caller says.
    unsafe {
        let library = Library::making(context)?;
        let functions = library.known_ssl().ok_or_else(|| NoLibrary::NotFound(library.title()))?;
        if !library.register() {
            return Err(Refusal::OpenSsl("OpenSSL has no room for more extra data in its objects"));
        }
        if context::placed(library, functions, context).is_some() {
            return Err(Refusal::AlreadyAttached("by openssl.cnf, or by an earlier call"));
        }
        if context::is_attended_to(functions, context) {
            return Err(Refusal::AlreadyAttached(context::ELSEWHERE));
        }
        let make = || {
            let installation = install(library, &section)?;
            check_use(&installation, functions, context).map(|()| installation)
        };
        let installation = library.attached.get_or_make(&section, make)?;
        if let Some(problem) = installation.problem() {
            return Err(Refusal::File(problem));
        }
        check_use(installation, functions, context)?;
        learn_security(library, functions);
        context::put_in(installation, functions, context, true).map_err(|not_put| match not_put {
            NotPut::Untouched => Refusal::OpenSsl(
                "OpenSSL refused the extension 0xFF4D: the context has one, by a serverinfo file for MECAI, or there is \
                 no memory",
            ),
            NotPut::Incomplete => Refusal::OpenSsl(
                "OpenSSL refused a part: free this context (it has an extension of MECAI, by a serverinfo file, or there \
                 is no memory)",
            ),
        })
    }
}

/// An installation by settings that no context has yet. Whatever they name is looked at now, while somebody hears of it.
fn install(library: &'static Library, section: &Section) -> Result<Installation, Refusal> {
    let settings = Settings::read(section)?;
    let mut log = Log::open(section.value("log"), &program()).map_err(Refusal::File)?;
    if let Some(directory) = &settings.vouchers {
        let problem = |error| Refusal::File(format!("vouchers = {}: {error}", directory.display()));
        std::fs::read_dir(directory).map_err(problem)?;
    }
    let client = match settings.client.map(Judge::new).map(Judge::remembering) {
        Some(judge) => match log.first_problem(|log| judge.prepare(log)) {
            Some(problem) => return Err(Refusal::File(problem)),
            None => Client::On(Box::new(judge)),
        },
        None => Client::Off,
    };
    Ok(Installation::new(library, log, client, settings.vouchers.map(Answers::new)))
}

/// A context that these settings can do nothing for was not meant.
///
/// # Safety
/// `context` is a context of the OpenSSL that `functions` are of.
unsafe fn check_use(installation: &Installation, functions: &Ssl, context: *const SSL_CTX) -> Result<(), Refusal> {
    // SAFETY: as the caller says; methods are static.
    let (only_servers, only_clients) = unsafe {
        let method = functions.SSL_CTX_get_ssl_method(context);
        (method == functions.TLS_server_method(), method == functions.TLS_client_method())
    };
    let (judges, serves) = (matches!(installation.client, Client::On(_)), installation.answers.is_some());
    if only_clients && !judges && serves {
        return Err(Refusal::Nothing("role = server, but this context makes clients alone: say role = client"));
    }
    if only_servers && judges && !serves {
        return Err(Refusal::Nothing("vouchers is missing: this context makes servers alone"));
    }
    Ok(())
}

/// Has the security callback that every new context has in this OpenSSL noted. That of the context at hand may be the
/// program's own.
///
/// # Safety
/// `functions` are those of `library`.
unsafe fn learn_security(library: &Library, functions: &Ssl) {
    if library.earlier_security().is_some() {
        return;
    }
    // SAFETY: as the caller says; the context is freed once.
    unsafe {
        let fresh = functions.SSL_CTX_new(functions.TLS_client_method());
        if !fresh.is_null() {
            if let Some(own) = functions.SSL_CTX_get_security_callback(fresh) {
                library.note_security(own);
            }
            functions.SSL_CTX_free(fresh);
        }
    }
}

/// Has a connection judged in this mode; none is that of its context.
///
/// # Safety
/// `ssl` is a connection of some OpenSSL of the process, and nobody else uses it meanwhile.
pub(crate) unsafe fn set_mode(ssl: *mut SSL, mode: WishedMode) -> Result<(), Refusal> {
    // SAFETY: as the caller says.
    unsafe {
        wish(ssl, |installation, wishes| {
            // A server that only serves can be told to show nothing.
            let is_possible = match mode {
                WishedMode::OfContext => true,
                WishedMode::Off => !matches!(installation.client, Client::Broken(_)),
                WishedMode::Mode(_) => matches!(installation.client, Client::On(_)),
            };
            if !is_possible {
                return Err(Refusal::NoClient);
            }
            wishes.mode = mode;
            Ok(())
        })
    }
}

/// Has the server's address and its port compared with these.
///
/// # Safety
/// As for [`set_mode`].
pub(crate) unsafe fn set_peer(ssl: *mut SSL, peer: Peer, port: Option<NonZeroU16>) -> Result<(), Refusal> {
    // SAFETY: as the caller says.
    unsafe {
        wish(ssl, |_, wishes| {
            wishes.peer = peer;
            wishes.port = port;
            Ok(())
        })
    }
}

/// What is known of a server whose address is in so many octets. The unspecified address says that nothing is.
pub(crate) fn peer(address: &[u8]) -> Option<Peer> {
    let address: IpAddr = match address {
        [] => return Some(Peer::OfSocket),
        octets => match (<[u8; 4]>::try_from(octets), <[u8; 16]>::try_from(octets)) {
            (Ok(octets), _) => octets.into(),
            (_, Ok(octets)) => octets.into(),
            _ => return None,
        },
    };
    let address = mecai::host::plain_address(address);
    Some(if address.is_unspecified() { Peer::Unknown } else { Peer::At(address) })
}

/// The mode of this number.
pub(crate) fn mode(number: u32) -> Option<WishedMode> {
    Some(match number {
        0 => WishedMode::OfContext,
        1 => WishedMode::Off,
        2 => WishedMode::Mode(Mode::Observe),
        3 => WishedMode::Mode(Mode::Opportunistic),
        4 => WishedMode::Mode(Mode::Require),
        _ => return None,
    })
}

/// Changes what a program wishes for a connection.
///
/// # Safety
/// As for [`set_mode`].
unsafe fn wish(
    ssl: *mut SSL,
    change: impl FnOnce(&Installation, &mut Wishes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    // SAFETY: as the caller says.
    unsafe {
        let (library, functions) = Library::of_connection(ssl).ok_or(Refusal::NotAttached)?;
        let placed = context::placed_for(library, functions, ssl).ok_or(Refusal::NotAttached)?;
        if functions.SSL_in_before(ssl) != 1 {
            return Err(Refusal::TooLate);
        }
        let index = library.connection_index();
        let mut wishes = connection::wishes(library, functions, ssl);
        change(placed.installation, &mut wishes)?;
        library.note_wishes();
        if connection::change(functions, ssl, index, |connection| connection.wishes = wishes) {
            Ok(())
        } else {
            Err(Refusal::OpenSsl("OpenSSL has no memory for what is wished"))
        }
    }
}
