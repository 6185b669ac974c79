//! One OpenSSL of the process: its functions, what is registered in it, and what works with it.
//!
//! Every OpenSSL of the process has its own slot, which is filled once and never emptied: callbacks stay registered for
//! as long as the process lives.
//!
//! Whatever is found out once is found out by whoever needs it first, by two threads if both do, and what the first one
//! found counts. Nobody waits for another: a child that was forked meanwhile has no such thread, and a thread that loads
//! a library, inside the linker's lock, may need what another thread asks the linker for.

use std::ffi::{CStr, c_int};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use mecai::verdict::Verdict;
use once_cell::race::OnceBox;

use crate::attach::find;
use crate::attach::shared::Shared;
use crate::context;
use crate::handshake::connection;
use crate::installation::Installation;
#[cfg(feature = "module")]
use crate::module::install::Module;
use crate::openssl::error_queue::ErrorLibrary;
use crate::openssl::object::{self, Handle, Object};
use crate::openssl::{CRYPTO_EX_INDEX_SSL, CRYPTO_EX_INDEX_SSL_CTX, Crypto, SSL, SSL_CTX, Security, Ssl, Unusable};

/// How many OpenSSLs of one process are served; further ones are left alone.
pub(crate) const SLOTS: usize = 4;

static LIBRARIES: [OnceBox<Library>; SLOTS] = [const { OnceBox::new() }; SLOTS];

/// One OpenSSL.
pub(crate) struct Library {
    pub(crate) crypto: Crypto,
    /// What openssl.cnf says, once it has said it.
    #[cfg(feature = "module")]
    pub(crate) module: Module,
    /// What programs have attached to contexts of their own.
    pub(crate) attached: Shared,
    object: Object,
    slot: usize,
    ssl: OnceBox<Result<Tls, Unusable>>,
    registered: OnceBox<Registered>,
    earlier_security: OnceBox<Security>,
    finder: OnceBox<c_int>,
    /// Whether a program ever wished something for a single connection. Most never do, and OpenSSL takes its time to
    /// find what is kept in a connection.
    wished: AtomicBool,
}

/// libssl's functions, and where they are.
struct Tls {
    functions: Ssl,
    object: Object,
}

/// The function by which an object shows its libssl.
const METHOD: &CStr = c"SSL_CTX_get_ssl_method";

/// What OpenSSL has numbers for.
struct Registered {
    /// Where a connection's part is in the extra data of its SSL.
    connection: c_int,
    /// Where a context's is in that of its SSL_CTX.
    context: c_int,
    errors: ErrorLibrary,
    /// What another thread registered at the same time, which counts for nothing: OpenSSL points to its texts.
    idle: OnceBox<Registered>,
}

/// Why there is no library to work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoLibrary {
    /// None that can be used made the context.
    #[error("no OpenSSL whose functions can be found made this context ({0}): link the program to a shared libssl")]
    NotFound(String),
    /// The object is not there.
    #[error("{0} is not loaded into this process: name it as it was loaded, once it is")]
    NotLoaded(String),
    /// None that can be used is used by an object.
    #[error("no OpenSSL whose functions can be found is used by {object}: {reason}")]
    NotUsed { object: String, reason: String },
    /// It hides what is needed.
    #[error("{object}: {reason}")]
    Unusable { object: String, reason: Unusable },
    /// There is no slot left.
    #[error("this process has more than {SLOTS} OpenSSLs")]
    TooMany,
}

impl Library {
    /// All that are served.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        LIBRARIES.iter().map_while(OnceBox::get)
    }

    /// The one in this slot.
    pub(crate) fn at(slot: usize) -> Option<&'static Self> {
        LIBRARIES.get(slot)?.get()
    }

    /// The one whose libcrypto is in `object`, if it is served.
    pub(crate) fn known(object: &Object) -> Option<&'static Self> {
        Self::all().find(|library| library.object.name() == object.name())
    }

    /// The one whose libcrypto is in `object`, with these functions.
    pub(crate) fn of(object: &Object, crypto: Crypto) -> Result<&'static Self, NoLibrary> {
        let mut new = Box::new(Self {
            crypto,
            #[cfg(feature = "module")]
            module: Module::default(),
            attached: Shared::default(),
            object: object.clone(),
            slot: 0,
            ssl: OnceBox::new(),
            registered: OnceBox::new(),
            earlier_security: OnceBox::new(),
            finder: OnceBox::new(),
            wished: AtomicBool::new(false),
        });
        for (slot, place) in LIBRARIES.iter().enumerate() {
            new.slot = slot;
            // Another thread may have put this one there meanwhile.
            if place.get().is_none() {
                match place.set(new) {
                    Ok(()) => return place.get().ok_or(NoLibrary::TooMany),
                    Err(back) => new = back,
                }
            }
            if let Some(library) = place.get().filter(|library| library.object.name() == object.name()) {
                return Ok(library);
            }
        }
        Err(NoLibrary::TooMany)
    }

    /// The one that made `context`. Whichever object calls, it is found by what a context says of itself: its method is
    /// in the libssl that made it.
    ///
    /// # Safety
    /// `context` is a context of some OpenSSL of the process.
    pub(crate) unsafe fn making(context: *const SSL_CTX) -> Result<&'static Self, NoLibrary> {
        // SAFETY: as the caller says.
        let known = Self::all().find(|library| library.tls().is_some_and(|tls| unsafe { tls.made(context) }));
        if let Some(library) = known {
            return Ok(library);
        }
        let objects = Object::all();
        let mut found = NoLibrary::NotFound("none has SSL_CTX_get_ssl_method, or it is linked in and hidden".into());
        for (tls, handle) in objects.iter().filter_map(|object| Some((object, object.open()?))) {
            let method = handle.symbol(METHOD).filter(|place| tls.contains(place.addr()));
            // SAFETY: as the caller says; under this name OpenSSL has this function, which reads one pointer.
            let Some(true) = method.map(|get| unsafe { tls.contains(Ssl::method_by(get, context).addr()) }) else {
                continue;
            };
            match Self::with_tls(&objects, tls, &handle) {
                Err(reason @ NoLibrary::NotFound(_)) => found = reason,
                other => return other,
            }
        }
        Err(found)
    }

    /// The one whose functions the loaded object of this name uses; those of the program itself if the name is empty.
    pub(crate) fn used_by(name: &CStr) -> Result<&'static Self, NoLibrary> {
        let handle = Handle::of(name).ok_or_else(|| NoLibrary::NotLoaded(object::title(name)))?;
        let not_used = |reason| NoLibrary::NotUsed { object: object::title(name), reason };
        let hidden = || not_used("it has no SSL_CTX_get_ssl_method, or has it linked in and hidden".to_owned());
        let method = handle.symbol(METHOD).ok_or_else(hidden)?.addr();
        let known = Self::all().find(|library| library.tls().is_some_and(|tls| tls.object.contains(method)));
        if let Some(library) = known {
            return Ok(library);
        }
        let objects = Object::all();
        let tls = objects.iter().find(|object| object.contains(method)).ok_or_else(hidden)?;
        let handle = tls.open().ok_or_else(hidden)?;
        Self::with_tls(&objects, tls, &handle).map_err(|reason| match reason {
            NoLibrary::NotFound(reason) => not_used(reason),
            other => other,
        })
    }

    /// The one whose libssl is `tls`, which `handle` opens.
    fn with_tls(objects: &[Object], tls: &Object, handle: &Handle) -> Result<&'static Self, NoLibrary> {
        let libcrypto = handle.symbol(c"CRYPTO_get_ex_new_index");
        let object = libcrypto.and_then(|place| objects.iter().find(|object| object.contains(place.addr())));
        let object = object.ok_or_else(|| NoLibrary::NotFound(format!("{} hides its libcrypto", tls.title())))?;
        let unusable = |reason| NoLibrary::Unusable { object: object.title(), reason };
        let library = match Self::known(object) {
            Some(library) => library,
            None => Self::of(object, Crypto::of(object).map_err(unusable)?)?,
        };
        library.ssl().map_err(unusable)?;
        if library.tls().is_some_and(|known| known.object.name() == tls.name()) {
            return Ok(library);
        }
        Err(NoLibrary::NotFound(format!("{} is not the libssl over its libcrypto", tls.title())))
    }

    /// The one that made `ssl`, of those that are served.
    ///
    /// # Safety
    /// `ssl` is a connection of some OpenSSL of the process.
    pub(crate) unsafe fn of_connection(ssl: *const SSL) -> Option<(&'static Self, &'static Ssl)> {
        Self::all().find_map(|library| {
            let tls = library.tls()?;
            // SAFETY: as the caller says; the function reads one pointer.
            let method = unsafe { tls.functions.SSL_get_ssl_method(ssl) };
            tls.object.contains(method.addr()).then_some((library, &tls.functions))
        })
    }

    /// libssl's functions, looked up when the first SSL_CTX is made; none if they are hidden. libssl may not be there
    /// before: Python's hashlib brings libcrypto alone, and that reads the configuration.
    pub(crate) fn ssl(&self) -> Result<&Ssl, Unusable> {
        self.ssl_or(|_| {})
    }

    /// The same; `tell` is told once, by whoever looks first, why there are none.
    pub(crate) fn ssl_or(&self, tell: impl FnOnce(&Unusable)) -> Result<&Ssl, Unusable> {
        let find = || {
            let found = Ssl::over(&self.crypto).map(|(functions, object)| Tls { functions, object });
            if let Err(reason) = &found {
                tell(reason);
            }
            Box::new(found)
        };
        self.ssl.get_or_init(find).as_ref().map(|tls| &tls.functions).map_err(Clone::clone)
    }

    /// The same, if they have been looked up.
    pub(crate) fn known_ssl(&self) -> Option<&Ssl> {
        self.tls().map(|tls| &tls.functions)
    }

    /// Whether they were looked for and not found.
    pub(crate) fn has_no_ssl(&self) -> bool {
        self.ssl.get().is_some_and(Result::is_err)
    }

    /// Has OpenSSL give numbers to what the callbacks keep and say; false if it has no room.
    pub(crate) fn register(&self) -> bool {
        let mut place = &self.registered;
        if place.get().is_none() {
            let mut new = Box::new(Registered::new(&self.crypto));
            while let Err(back) = place.set(new) {
                new = back;
                let Some(taken) = place.get() else { break };
                place = &taken.idle;
            }
        }
        let Some(registered) = self.registered.get() else { return false };
        registered.connection >= 0 && registered.context >= 0
    }

    /// Has OpenSSL tell [`find`] of every connection that is made from now on; false if it has no room. What another
    /// thread registers at the same time tells nothing: its number is another one.
    pub(crate) fn begin_finding(&'static self) -> bool {
        let argument = ptr::from_ref(self).cast_mut().cast();
        let (made, freed) = (Some(find::note_made as _), Some(find::note_freed as _));
        // SAFETY: the callbacks have the types of their places, and the argument lives as long as the process.
        let register = || unsafe {
            Box::new(self.crypto.CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, argument, made, None, freed))
        };
        *self.finder.get_or_init(register) >= 0
    }

    /// Whether connections are found, so that more is kept of them.
    pub(crate) fn finds(&self) -> bool {
        self.finder.get().is_some_and(|number| *number >= 0)
    }

    /// Whether this is the number that tells of connections.
    pub(crate) fn finds_by(&self, number: c_int) -> bool {
        self.finder.get() == Some(&number)
    }

    /// A program is about to wish something for a connection.
    pub(crate) fn note_wishes(&self) {
        self.wished.store(true, Ordering::Relaxed);
    }

    /// Whether any did. Whoever goes on with that connection comes after it.
    pub(crate) fn has_wishes(&self) -> bool {
        self.wished.load(Ordering::Relaxed)
    }

    /// Where a connection's part is in the extra data of its SSL.
    pub(crate) fn connection_index(&self) -> c_int {
        // No context has our callbacks before `register`.
        self.registered.get().map_or(-1, |registered| registered.connection)
    }

    /// Where a context's part is in the extra data of its SSL_CTX.
    pub(crate) fn context_index(&self) -> c_int {
        self.registered.get().map_or(-1, |registered| registered.context)
    }

    /// Raises a refusal on OpenSSL's error queue.
    pub(crate) fn raise(&self, refusal: &Verdict) {
        if let Some(registered) = self.registered.get() {
            registered.errors.raise(&self.crypto, refusal.code(), &refusal.to_string());
        }
    }

    /// The slot, which a callback without an argument has as a constant.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// The security callback that a new context has.
    pub(crate) fn earlier_security(&self) -> Option<Security> {
        self.earlier_security.get().copied()
    }

    /// Notes the security callback of a new context; gives the one that counts.
    pub(crate) fn note_security(&self, own: Security) -> Security {
        *self.earlier_security.get_or_init(|| Box::new(own))
    }

    /// What a person calls it.
    pub(crate) fn title(&self) -> String {
        self.object.title()
    }

    fn tls(&self) -> Option<&Tls> {
        self.ssl.get()?.as_ref().ok()
    }

    /// What openssl.cnf has installed, and what programs have attached.
    pub(crate) fn installations(&self) -> impl Iterator<Item = &Installation> {
        #[cfg(feature = "module")]
        let of_module = self.module.get();
        #[cfg(not(feature = "module"))]
        let of_module = None;
        of_module.into_iter().chain(self.attached.iter())
    }
}

impl Registered {
    fn new(crypto: &Crypto) -> Self {
        let (ssl, context) = (CRYPTO_EX_INDEX_SSL, CRYPTO_EX_INDEX_SSL_CTX);
        let (duplicate, free) = (Some(connection::duplicate as _), Some(connection::free as _));
        let (none, free_context) = (ptr::null_mut(), Some(context::free as _));
        // SAFETY: the callbacks have the types of their places.
        unsafe {
            Self {
                connection: crypto.CRYPTO_get_ex_new_index(ssl, 0, none, None, duplicate, free),
                context: crypto.CRYPTO_get_ex_new_index(context, 0, none, None, None, free_context),
                errors: ErrorLibrary::register(crypto),
                idle: OnceBox::new(),
            }
        }
    }
}

impl Tls {
    /// # Safety
    /// `context` is a context of some OpenSSL of the process.
    unsafe fn made(&self, context: *const SSL_CTX) -> bool {
        // SAFETY: as the caller says; the function reads one pointer.
        self.object.contains(unsafe { self.functions.SSL_CTX_get_ssl_method(context) }.addr())
    }
}
