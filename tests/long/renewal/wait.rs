//! Conditions that come true by themselves.

use std::thread;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);

/// Waits until the condition is true; panics with `what` when it is not in time.
pub fn wait_for(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < within, "not within {} s: {what}", within.as_secs());
        thread::sleep(POLL);
    }
}
