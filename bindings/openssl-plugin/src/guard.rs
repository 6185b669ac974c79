//! No panic crosses into OpenSSL: every export and every callback runs inside [`guard`].

use std::panic::{self, AssertUnwindSafe};

/// Runs `body`; gives `refusal` if it panics.
pub(crate) fn guard<T>(refusal: T, body: impl FnOnce() -> T) -> T {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        planted::panic_if_planted();
        body()
    }));
    match outcome {
        Ok(value) => value,
        Err(payload) => {
            // A payload may panic when it is dropped.
            std::mem::forget(payload);
            refusal
        }
    }
}

/// A panic that a test puts into every guarded function of its thread.
#[cfg(test)]
pub(crate) mod planted {
    use std::cell::Cell;

    thread_local!(static PLANTED: Cell<bool> = const { Cell::new(false) });

    pub(crate) fn panic_if_planted() {
        assert!(!PLANTED.get(), "planted");
    }

    pub(crate) fn with_panic<T>(call: impl FnOnce() -> T) -> T {
        PLANTED.set(true);
        let value = call();
        PLANTED.set(false);
        value
    }
}

#[cfg(test)]
mod tests;
