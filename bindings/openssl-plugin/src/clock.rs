//! The only clock of the module.

use std::ptr;

use mecai::time::UnixTime;

/// The time by this machine's clock; a clock before 1970 is taken for 1970, when nothing is in force.
pub(crate) fn now() -> UnixTime {
    // Whole seconds are all that is wanted, and the C library has them at hand: a finer clock would be read and divided
    // in every handshake.
    // SAFETY: no place to write to is passed.
    UnixTime(u64::try_from(unsafe { libc::time(ptr::null_mut()) }).unwrap_or(0))
}
