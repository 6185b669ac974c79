//! What openssl.cnf asks for: MECAI for every context of the OpenSSL that has read it.

use std::ffi::{c_int, c_long, c_void};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::race::OnceBox;

use crate::context;
use crate::guard::guard;
use crate::handshake::answers::Answers;
use crate::installation::config::{Section, Settings};
use crate::installation::status;
use crate::installation::{BROKEN, Client, Installation, does_nothing, program};
use crate::judge::Judge;
use crate::library::Library;
use crate::log::{Level, Log};
use crate::openssl::object::Object;
use crate::openssl::{CRYPTO_EX_DATA, CRYPTO_EX_INDEX_SSL_CTX, Crypto, SSL_CTX, Unusable};

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

    /// Asks OpenSSL to call us for every new SSL_CTX.
    fn register(&'static self) {
        let argument = ptr::from_ref(self).cast_mut().cast::<c_void>();
        let has_room = self.library.register();
        // SAFETY: the callback has the type of its place, and `argument` lives as long as the process.
        let index = unsafe {
            let class = CRYPTO_EX_INDEX_SSL_CTX;
            self.crypto().CRYPTO_get_ex_new_index(class, 0, argument, Some(new), None, None)
        };
        if !has_room || index < 0 {
            self.log.event(Level::Warning, format_args!("OpenSSL has no room for the module: it does nothing"));
        }
        self.library.module.is_registered.store(true, Ordering::Release);
    }

    /// Those that openssl.cnf has asked for.
    fn of_modules() -> impl Iterator<Item = &'static Self> {
        Library::all().filter_map(|library| library.module.get())
    }
}

/// Called by OpenSSL for every new SSL_CTX.
pub(crate) unsafe extern "C" fn new(
    context: *mut c_void,
    _value: *mut c_void,
    _data: *mut CRYPTO_EX_DATA,
    _index: c_int,
    _number: c_long,
    argument: *mut c_void,
) {
    guard((), || {
        // SAFETY: `register` gave this argument.
        let installation = unsafe { Installation::from_argument(argument) };
        let Some(functions) = installation.ssl().filter(|_| !context.is_null()) else { return };
        let context: *mut SSL_CTX = context.cast();
        // Another mecai in the same process was here before (a wheel, a second path to the module).
        // SAFETY: OpenSSL passes the context that it is making; it is of this OpenSSL.
        if unsafe { context::is_attended_to(functions, context) } {
            return;
        }
        // SAFETY: as above.
        if unsafe { context::put_in(installation, functions, context, false) }.is_err() {
            let event = "OpenSSL refused the extension for a new context";
            installation.log.event(Level::Warning, format_args!("{event}"));
        }
    });
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

/// The name that the program was called by, which may be a link's: python3 for python3.11.
fn called() -> String {
    let name = std::env::args_os().next().unwrap_or_default();
    Path::new(&name).file_name().unwrap_or_default().to_string_lossy().into_owned()
}
