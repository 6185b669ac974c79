//! What has been seen of the module: OpenSSL gives no way to read back a verify callback.

use std::sync::atomic::{AtomicBool, Ordering};

/// What one installation has seen.
#[derive(Debug, Default)]
pub(crate) struct Status {
    judged: AtomicBool,
    replaced: AtomicBool,
}

/// The most telling thing that has been seen, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// The module is installed; no handshake has shown more.
    Installed,
    /// A handshake was judged.
    Working,
    /// A handshake that asked for vouchers went on without being judged: the program has its own verify callback.
    Replaced,
}

impl Status {
    pub(crate) fn note_judged(&self) {
        set(&self.judged);
    }

    /// Notes it; true for the first time.
    pub(crate) fn note_replaced(&self) -> bool {
        !self.replaced.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn seen(&self) -> Seen {
        if self.replaced.load(Ordering::Relaxed) {
            Seen::Replaced
        } else if self.judged.load(Ordering::Relaxed) {
            Seen::Working
        } else {
            Seen::Installed
        }
    }
}

impl Seen {
    /// The number that `mecai_openssl_status` gives.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Installed => 1,
            Self::Working => 2,
            Self::Replaced => 3,
        }
    }
}

/// Writes only once, so that cores do not fight for the line in every handshake.
fn set(seen: &AtomicBool) {
    if !seen.load(Ordering::Relaxed) {
        seen.store(true, Ordering::Relaxed);
    }
}
