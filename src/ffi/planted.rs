//! Panics for tests, which show that none reaches C.

use std::sync::atomic::{AtomicBool, Ordering};

static PLANTED: AtomicBool = AtomicBool::new(false);

/// From now on, or no more, every function of the C ABI panics. In no library that is installed.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_plant_panic(planted: bool) {
    PLANTED.store(planted, Ordering::Relaxed);
}

pub(super) fn is_planted() -> bool {
    PLANTED.load(Ordering::Relaxed)
}
