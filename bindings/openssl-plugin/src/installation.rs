//! One OpenSSL that the module serves: its functions, the settings, and what the callbacks share.
//!
//! Every OpenSSL of the process has its own installation, in a slot that is filled once and never emptied: callbacks
//! stay registered for as long as the process lives.
//!
//! Whatever is found out once is found out by whoever needs it first, by two threads if both do, and what the first one
//! found counts. Nobody waits for another: a child that was forked meanwhile has no such thread, and a thread that loads
//! a library, inside the linker's lock, may need what another thread asks the linker for.

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use once_cell::race::OnceBox;

use crate::answers::Answers;
use crate::config::{Section, Settings};
use crate::error_queue::ErrorLibrary;
use crate::issuers::Issuers;
use crate::judge::Judge;
use crate::log::{Level, Log};
use crate::object::Object;
use crate::openssl::{CRYPTO_EX_INDEX_SSL, CRYPTO_EX_INDEX_SSL_CTX, Crypto, Security, Ssl, Unusable};
use crate::status::Status;
use crate::{connection, context, status};

/// How many OpenSSLs of one process are served; further ones are left alone.
pub(crate) const SLOTS: usize = 4;

static INSTALLED: [OnceBox<Installation>; SLOTS] = [const { OnceBox::new() }; SLOTS];

/// What the callbacks of one OpenSSL work with.
pub(crate) struct Installation {
    pub(crate) crypto: Crypto,
    pub(crate) client: Client,
    pub(crate) answers: Option<Answers>,
    pub(crate) issuers: Issuers,
    pub(crate) log: Log,
    pub(crate) errors: ErrorLibrary,
    pub(crate) status: Status,
    /// The security callback that every context had before ours.
    pub(crate) earlier_security: OnceBox<Security>,
    /// See [`Self::connection_index`].
    connection_index: AtomicI32,
    is_registered: AtomicBool,
    slot: usize,
    object: Object,
    ssl: OnceBox<Option<Ssl>>,
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

impl Installation {
    /// Installs the module in the OpenSSL that is part of `object`, unless that has been done or cannot be.
    ///
    /// Settings that cannot be read install a module that refuses: to give up would leave every client unprotected,
    /// without anybody being told.
    pub(crate) fn install(object: Object, section: impl FnOnce(&Crypto) -> Result<Section, String>) {
        // One that a fork has left half installed is installed again. So is one that two threads install at once; the
        // second finds every context attended to.
        let is_installed =
            |other: &Self| other.is_registered.load(Ordering::Acquire) && other.object.name() == object.name();
        if Self::all().any(is_installed) || Self::all().count() == SLOTS {
            return;
        }
        let crypto = match Crypto::of(&object) {
            Ok(crypto) => crypto,
            Err(reason) => return Self::leave_alone(&object, &reason),
        };
        let section = section(&crypto);
        let Some(mut installation) = Self::new(object, crypto, section).map(Box::new) else { return };
        for (slot, place) in INSTALLED.iter().enumerate() {
            installation.slot = slot;
            match place.set(installation) {
                Ok(()) => {
                    let Some(installation) = place.get() else { return };
                    installation.register();
                    if let Some(event) = status::hidden().filter(|_| slot == 0) {
                        installation.log.event(Level::Warning, format_args!("{event}"));
                    }
                    return;
                }
                Err(back) => installation = back,
            }
        }
    }

    /// Tells that the OpenSSL that is part of `object` is left alone. Its settings cannot be read, so it is told where
    /// another one of the process tells what it does, now or once there is one.
    fn leave_alone(object: &Object, reason: &Unusable) {
        let event = does_nothing(object, reason);
        if let Some(other) = Self::all().next() {
            other.log.event(Level::Warning, format_args!("{event}"));
        }
        status::note_hidden(event);
    }

    /// None if there is nothing to do in this program.
    fn new(object: Object, crypto: Crypto, section: Result<Section, String>) -> Option<Self> {
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
                let client = settings.client.map_or(Client::Off, |client| Client::On(Box::new(Judge::new(client))));
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
        Some(Self {
            errors: ErrorLibrary::register(&crypto),
            crypto,
            client,
            answers,
            issuers: Issuers::default(),
            log,
            status: Status::default(),
            earlier_security: OnceBox::new(),
            connection_index: AtomicI32::new(-1),
            is_registered: AtomicBool::new(false),
            slot: 0,
            object,
            ssl: OnceBox::new(),
        })
    }

    /// Asks OpenSSL to call us for every new SSL_CTX. libssl may not be there yet: Python's hashlib brings libcrypto
    /// alone, and that reads the configuration.
    fn register(&'static self) {
        let argument = ptr::from_ref(self).cast_mut().cast::<c_void>();
        // SAFETY: the callbacks have the types of their places, and `argument` lives as long as the process.
        unsafe {
            let connection = self.crypto.CRYPTO_get_ex_new_index(
                CRYPTO_EX_INDEX_SSL,
                0,
                argument,
                None,
                Some(connection::duplicate),
                Some(connection::free),
            );
            self.connection_index.store(connection, Ordering::Release);
            let context = self.crypto.CRYPTO_get_ex_new_index(
                CRYPTO_EX_INDEX_SSL_CTX,
                0,
                argument,
                Some(context::new),
                None,
                None,
            );
            if connection < 0 || context < 0 {
                self.log.event(Level::Warning, format_args!("OpenSSL has no room for the module: it does nothing"));
            }
        }
        self.is_registered.store(true, Ordering::Release);
    }

    /// libssl's functions, looked up when the first SSL_CTX is made; none if they are hidden.
    pub(crate) fn ssl(&self) -> Option<&Ssl> {
        let find = || {
            Box::new(match Ssl::over(&self.crypto) {
                Ok(ssl) => Some(ssl),
                Err(error) => {
                    self.log.event(Level::Warning, format_args!("{}", does_nothing(&self.object, &error)));
                    None
                }
            })
        };
        self.ssl.get_or_init(find).as_ref()
    }

    /// The same, if they have been looked up.
    pub(crate) fn known_ssl(&self) -> Option<&Ssl> {
        self.ssl.get()?.as_ref()
    }

    /// Why no handshake can be judged, with the key to look at.
    pub(crate) fn problem(&self) -> Option<String> {
        match &self.client {
            Client::Off => None,
            Client::On(judge) => judge.list_problem(),
            Client::Broken(problem) => Some(format!("{BROKEN}: {problem}")),
        }
    }

    /// Whether they were looked for and not found.
    pub(crate) fn has_no_ssl(&self) -> bool {
        self.ssl.get().is_some_and(Option::is_none)
    }

    /// Where a connection's state is in the extra data of its SSL.
    pub(crate) fn connection_index(&self) -> c_int {
        // No SSL exists before `register` has set it.
        self.connection_index.load(Ordering::Acquire)
    }

    /// The slot, which a callback without an argument has as a constant.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// The installation in `slot`.
    pub(crate) fn at(slot: usize) -> Option<&'static Self> {
        INSTALLED.get(slot)?.get()
    }

    /// The installation that a callback got back from OpenSSL.
    ///
    /// # Safety
    /// `argument` is what [`Self::register`] or [`context::new`] gave to OpenSSL.
    pub(crate) unsafe fn from_argument(argument: *mut c_void) -> &'static Self {
        // SAFETY: it came from a reference to a static.
        unsafe { &*argument.cast::<Self>() }
    }

    /// All installations of the process.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        INSTALLED.iter().map_while(OnceBox::get)
    }
}

fn does_nothing(object: &Object, reason: &Unusable) -> String {
    format!("the module does nothing in {}: {reason}", object.title())
}

/// The name that the program was called by, which may be a link's: python3 for python3.11.
fn called() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The name of the program's file, as the log has it.
fn program() -> String {
    let path = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    // An executable that was replaced since is shown with this appended.
    let name = path.file_name().unwrap_or(Path::new("program").as_os_str()).to_string_lossy();
    name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned()
}
