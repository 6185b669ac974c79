//! The only clock of the module.

use std::time::{SystemTime, UNIX_EPOCH};

use mecai::time::UnixTime;

/// The time by this machine's clock; a clock before 1970 is taken for 1970, when nothing is in force.
pub(crate) fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
