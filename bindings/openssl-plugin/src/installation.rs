//! What the callbacks of a context work with: its settings, and what comes of them. One that openssl.cnf asks for is for
//! every context of an OpenSSL, one that a program asks for is for those that it attaches.

pub(crate) mod config;
mod local_roots;
pub(crate) mod status;

use std::ffi::c_void;
use std::path::Path;
use std::sync::Arc;

use self::status::Status;
use crate::handshake::answers::Answers;
use crate::handshake::issuers::Issuers;
use crate::judge::Judge;
use crate::library::Library;
use crate::log::{Level, Log};
use crate::openssl::{Crypto, Ssl, Unusable};

/// What the callbacks of a context work with.
pub(crate) struct Installation {
    pub(crate) library: &'static Library,
    pub(crate) client: Client,
    pub(crate) answers: Option<Answers>,
    pub(crate) issuers: Issuers,
    pub(crate) log: Log,
    pub(crate) status: Status,
}

/// What happens to client handshakes.
pub(crate) enum Client {
    /// Nothing is asked or judged.
    Off,
    /// Vouchers are asked for and judged.
    On(Box<Judge>),
    /// Everything is refused: the settings could not be read. The text names the key and what is wrong with it.
    #[cfg_attr(not(feature = "module"), expect(dead_code, reason = "whoever attaches is told at once"))]
    Broken(Arc<str>),
}

pub(crate) const BROKEN: &str =
    "the configuration could not be read: client handshakes are refused, servers show no vouchers";

impl Installation {
    pub(crate) fn new(library: &'static Library, log: Log, client: Client, answers: Option<Answers>) -> Self {
        Self { library, client, answers, issuers: Issuers::default(), log, status: Status::default() }
    }

    /// libcrypto's functions.
    pub(crate) fn crypto(&self) -> &'static Crypto {
        &self.library.crypto
    }

    /// libssl's functions, looked up when the first SSL_CTX is made; none if they are hidden.
    pub(crate) fn ssl(&self) -> Option<&'static Ssl> {
        let tell = |reason: &Unusable| {
            self.log.event(Level::Warning, format_args!("{}", does_nothing(&self.library.title(), reason)));
        };
        self.library.ssl_or(tell).ok()
    }

    /// Why no handshake can be judged, with the key to look at.
    pub(crate) fn problem(&self) -> Option<String> {
        match &self.client {
            Client::Off => None,
            Client::On(judge) => judge.list_problem(),
            Client::Broken(problem) => Some(format!("{BROKEN}: {problem}")),
        }
    }

    /// The installation that a callback got back from OpenSSL.
    ///
    /// # Safety
    /// `argument` is what `register` or `context::put_in` gave to OpenSSL.
    pub(crate) unsafe fn from_argument(argument: *mut c_void) -> &'static Self {
        // SAFETY: it came from a reference to a static.
        unsafe { &*argument.cast::<Self>() }
    }

    /// All installations of the process.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        Library::all().flat_map(Library::installations)
    }
}

/// What is told where the functions of an OpenSSL cannot be used.
pub(crate) fn does_nothing(object: &str, reason: &Unusable) -> String {
    format!("the module does nothing in {object}: {reason}")
}

/// The name of the program's file, as the log has it.
pub(crate) fn program() -> String {
    let path = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    // An executable that was replaced since is shown with this appended.
    let name = path.file_name().unwrap_or(Path::new("program").as_os_str()).to_string_lossy();
    name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned()
}
