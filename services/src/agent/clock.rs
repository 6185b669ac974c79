//! The machine's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use mecai::time::UnixTime;

/// Now; a clock before 1970 reads as 1970.
pub(super) fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()))
}
