//! What has been seen of the module: OpenSSL gives no way to read back a verify callback.

use std::sync::atomic::{AtomicBool, Ordering};

use once_cell::race::OnceBox;

use crate::installation::Installation;
use crate::library::Library;
use crate::openssl::SSL_CTX;
use crate::{context, copies};

/// What one installation has seen, or one context of it.
#[derive(Debug, Default)]
pub(crate) struct Status {
    judged: AtomicBool,
    replaced: AtomicBool,
}

impl Status {
    pub(crate) fn note_judged(&self) {
        // Written only once, so that cores do not fight for the line in every handshake.
        if !self.judged.load(Ordering::Relaxed) {
            self.judged.store(true, Ordering::Relaxed);
        }
    }

    /// Notes it; true for the first time.
    pub(crate) fn note_replaced(&self) -> bool {
        !self.replaced.load(Ordering::Relaxed) && !self.replaced.swap(true, Ordering::Relaxed)
    }
}

/// What there is to say of a process, in ascending order of how much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// No OpenSSL of the process has the module.
    Nothing,
    /// An OpenSSL loaded the module, and its functions cannot be found: nobody knows what it does.
    Unknown,
    /// The module is installed; no handshake has shown more.
    Installed,
    /// A handshake was judged.
    Working,
    /// A handshake that asked for vouchers went on without being judged: the program has its own verify callback.
    Replaced,
    /// The configuration or the authority list cannot be used: no handshake can be judged.
    Broken,
}

/// What there is to say of one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfContext {
    /// Nobody attends to it.
    Nothing,
    /// This has been seen of it.
    Seen(Seen),
    /// Another copy of mecai does, which gave this number.
    Copy(u32),
    /// Something does of which nothing is known here.
    Elsewhere,
}

impl OfContext {
    /// The number that `mecai_openssl_context_status` gives.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Nothing => Seen::Nothing.number(),
            Self::Seen(seen) => seen.number(),
            Self::Copy(number) => number,
            Self::Elsewhere => 6,
        }
    }
}

impl Seen {
    /// The number that `mecai_openssl_status` gives.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Installed => 1,
            Self::Working => 2,
            Self::Replaced => 3,
            Self::Broken => 4,
            Self::Unknown => 5,
        }
    }
}

/// Why an OpenSSL that loaded the module goes without it.
static LEFT_ALONE: OnceBox<String> = OnceBox::new();
static HIDDEN: OnceBox<String> = OnceBox::new();

/// Notes that the configuration keeps the module out of this program.
#[cfg(feature = "module")]
pub(crate) fn note_left_alone(why: &str) {
    LEFT_ALONE.get_or_init(|| Box::new(why.to_owned()));
}

/// Notes that an OpenSSL loaded the module and cannot be used.
#[cfg(feature = "module")]
pub(crate) fn note_hidden(why: String) {
    HIDDEN.get_or_init(|| Box::new(why));
}

/// What was noted of an OpenSSL that cannot be used.
pub(crate) fn hidden() -> Option<&'static String> {
    HIDDEN.get()
}

/// The worst that is known of this process, and a sentence.
pub(crate) fn of_process() -> (Seen, String) {
    let served = Installation::all().map(of_installation).max_by_key(|(seen, _)| *seen);
    let hidden = || hidden().map(|why| (Seen::Unknown, why.clone()));
    let left_alone = || LEFT_ALONE.get().map(|why| (Seen::Nothing, why.clone()));
    let nothing = || (Seen::Nothing, "no OpenSSL of this process has loaded the module".to_owned());
    served.or_else(hidden).or_else(left_alone).unwrap_or_else(nothing)
}

/// What is known of one context, and a sentence.
///
/// # Safety
/// `context` is NULL, or a context of some OpenSSL of the process.
pub(crate) unsafe fn of_context(context: *mut SSL_CTX) -> (OfContext, String) {
    if context.is_null() {
        return (OfContext::Nothing, "there is no context".to_owned());
    }
    // SAFETY: as the caller says.
    let library = match unsafe { Library::making(context) } {
        Ok(library) => library,
        Err(reason) => return (OfContext::Nothing, format!("not attached: {reason}")),
    };
    let Some(functions) = library.known_ssl() else {
        return (OfContext::Nothing, "not attached: its OpenSSL hides its functions".to_owned());
    };
    // SAFETY: as the caller says; it is of this OpenSSL.
    unsafe {
        match context::placed(library, functions, context) {
            Some(placed) => {
                let (seen, sentence) = of(placed.installation, &placed.status);
                let sentence = match seen {
                    Seen::Installed => "attached: no handshake of this context has been judged yet".to_owned(),
                    Seen::Working => "attached: a handshake of this context has been judged".to_owned(),
                    _ => sentence,
                };
                (OfContext::Seen(seen), sentence)
            }
            None if context::is_attended_to(functions, context) => {
                let elsewhere =
                    || (OfContext::Elsewhere, format!("this context is attended to {}", context::ELSEWHERE));
                let by_copy = copies::ask(|copy| copy.status(context));
                by_copy.map_or_else(elsewhere, |(number, sentence)| (OfContext::Copy(number), sentence))
            }
            None => (OfContext::Nothing, "not attached".to_owned()),
        }
    }
}

fn of_installation(installation: &Installation) -> (Seen, String) {
    of(installation, &installation.status)
}

/// What `status` says, of the whole or of a part of `installation`.
fn of(installation: &Installation, status: &Status) -> (Seen, String) {
    if let Some(problem) = installation.problem() {
        return (Seen::Broken, problem);
    }
    let (seen, sentence) = if installation.library.has_no_ssl() {
        (
            Seen::Unknown,
            "the OpenSSL that loaded the module hides its TLS functions: nothing can be said of its handshakes",
        )
    } else if status.replaced.load(Ordering::Relaxed) {
        (
            Seen::Replaced,
            "a handshake asked for vouchers and was not judged: the program has a verify callback of its own",
        )
    } else if status.judged.load(Ordering::Relaxed) {
        (Seen::Working, "the module has judged a handshake")
    } else {
        (Seen::Installed, "the module is installed and has judged no handshake yet")
    };
    (seen, sentence.to_owned())
}
