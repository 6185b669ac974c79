//! What the callbacks of a context work with: its settings, and what comes of them. One that openssl.cnf asks for is for
//! every context of an OpenSSL, one that a program asks for is for those that it attaches.

use std::ffi::c_void;
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::race::OnceBox;

use crate::answers::Answers;
use crate::config::{Section, Settings};
use crate::issuers::Issuers;
use crate::judge::Judge;
use crate::library::Library;
use crate::log::{Level, Log};
use crate::object::Object;
use crate::openssl::{CRYPTO_EX_INDEX_SSL_CTX, Crypto, Ssl, Unusable};
use crate::status::Status;
use crate::{context, status};

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
    Broken(Arc<str>),
}

const BROKEN: &str = "the configuration could not be read: client handshakes are refused, servers show no vouchers";

/// The installation in an OpenSSL that openssl.cnf asks for.
#[derive(Default)]
pub(crate) struct Module {
    installation: OnceBox<Installation>,
    is_registered: AtomicBool,
}

impl Module {
    /// The installation, if there is one.
    pub(crate) fn get(&self) -> Option<&Installation> {
        self.installation.get()
    }
}

impl Installation {
    /// Installs the module in the OpenSSL that is part of `object`, unless that has been done or cannot be.
    ///
    /// Settings that cannot be read install a module that refuses: to give up would leave every client unprotected,
    /// without anybody being told.
    pub(crate) fn install(object: &Object, section: impl FnOnce(&Crypto) -> Result<Section, String>) {
        // One that a fork has left half installed is installed again. So is one that two threads install at once; the
        // second finds every context attended to.
        let is_registered = |library: &Library| library.module.is_registered.load(Ordering::Acquire);
        if Library::known(object).is_some_and(is_registered) {
            return;
        }
        let crypto = match Crypto::of(object) {
            Ok(crypto) => crypto,
            Err(reason) => return leave_alone(object, &reason),
        };
        let Some((log, client, answers)) = read(section(&crypto)) else { return };
        let Ok(library) = Library::of(object, crypto) else { return };
        let is_first = Self::of_modules().next().is_none();
        let new = || Box::new(Self::new(library, log, client, answers));
        let installation = library.module.installation.get_or_init(new);
        installation.register();
        if let Some(event) = status::hidden().filter(|_| is_first) {
            installation.log.event(Level::Warning, format_args!("{event}"));
        }
    }

    pub(crate) fn new(library: &'static Library, log: Log, client: Client, answers: Option<Answers>) -> Self {
        Self { library, client, answers, issuers: Issuers::default(), log, status: Status::default() }
    }

    /// Asks OpenSSL to call us for every new SSL_CTX.
    fn register(&'static self) {
        let argument = ptr::from_ref(self).cast_mut().cast::<c_void>();
        let has_room = self.library.register();
        // SAFETY: the callback has the type of its place, and `argument` lives as long as the process.
        let index = unsafe {
            let class = CRYPTO_EX_INDEX_SSL_CTX;
            self.crypto().CRYPTO_get_ex_new_index(class, 0, argument, Some(context::new), None, None)
        };
        if !has_room || index < 0 {
            self.log.event(Level::Warning, format_args!("OpenSSL has no room for the module: it does nothing"));
        }
        self.library.module.is_registered.store(true, Ordering::Release);
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
    /// `argument` is what [`Self::register`] or [`context::put_in`] gave to OpenSSL.
    pub(crate) unsafe fn from_argument(argument: *mut c_void) -> &'static Self {
        // SAFETY: it came from a reference to a static.
        unsafe { &*argument.cast::<Self>() }
    }

    /// All installations of the process.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        Library::all().flat_map(Library::installations)
    }

    /// Those that openssl.cnf has asked for.
    fn of_modules() -> impl Iterator<Item = &'static Self> {
        Library::all().filter_map(|library| library.module.get())
    }
}

/// What a section of openssl.cnf comes to; none if there is nothing to do in this program.
fn read(section: Result<Section, String>) -> Option<(Log, Client, Option<Answers>)> {
    let program = program();
    let (log, settings) = match section {
        Ok(section) => match Log::open(section.value("log"), &program) {
            Ok(log) => (log, Settings::read(&section).map_err(|error| error.to_string())),
            Err(error) => (Log::stderr(&program), Err(error)),
        },
        Err(error) => (Log::stderr(&program), Err(error)),
    };
    let (client, answers) = match settings {
        Ok(settings) if settings.except.iter().any(|name| *name == program || *name == called()) => {
            status::note_left_alone("the key except names this program");
            return None;
        }
        Ok(settings) => {
            let client = settings.client.filter(|client| client.mode.is_some());
            let client = client.map_or(Client::Off, |client| Client::On(Box::new(Judge::new(client))));
            (client, settings.vouchers.map(Answers::new))
        }
        Err(error) => {
            log.problem(format_args!("{BROKEN}: {error}"));
            (Client::Broken(error.into()), None)
        }
    };
    if matches!(client, Client::Off) && answers.is_none() {
        status::note_left_alone("the configuration says mode = off, or gives this role nothing to do");
        return None;
    }
    Some((log, client, answers))
}

/// Tells that the OpenSSL that is part of `object` is left alone. Its settings cannot be read, so it is told where
/// another one of the process tells what it does, now or once there is one.
fn leave_alone(object: &Object, reason: &Unusable) {
    let event = does_nothing(&object.title(), reason);
    if let Some(other) = Installation::of_modules().next() {
        other.log.event(Level::Warning, format_args!("{event}"));
    }
    status::note_hidden(event);
}

fn does_nothing(object: &str, reason: &Unusable) -> String {
    format!("the module does nothing in {object}: {reason}")
}

/// The name that the program was called by, which may be a link's: python3 for python3.11.
fn called() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The name of the program's file, as the log has it.
pub(crate) fn program() -> String {
    let path = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    // An executable that was replaced since is shown with this appended.
    let name = path.file_name().unwrap_or(Path::new("program").as_os_str()).to_string_lossy();
    name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned()
}
