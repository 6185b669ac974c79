//! Looking at a file now and then, without a thread: whoever comes first after the interval looks.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::schedule::{AtomicU64, point};

/// A file is looked at at most once in so many seconds.
pub(crate) const LOOK_EVERY: u64 = 5;

/// When a file was looked at last. Many threads may ask at once; one of them is told to look.
#[derive(Debug)]
pub(crate) struct Interval {
    begun: Instant,
    length: u64,
    /// In seconds after it began.
    next: AtomicU64,
}

impl Interval {
    /// Begins now, and is over after so many seconds.
    pub(crate) fn of(length: u64) -> Self {
        Self { begun: Instant::now(), length, next: AtomicU64::new(length) }
    }

    /// Whether the caller is the one to look now.
    pub(crate) fn is_over(&self) -> bool {
        let (now, next) = (self.begun.elapsed().as_secs(), self.next.load(Ordering::Relaxed));
        now >= next && self.next.compare_exchange(next, now + self.length, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// What tells a file from the one that had its name before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileMark {
    /// There is no such file, or it may not be looked at.
    Absent,
    /// Device, inode, length, and time of the last change in seconds and nanoseconds.
    Present(u64, u64, u64, i64, i64),
}

impl FileMark {
    /// One look at the file.
    pub(crate) fn of(path: &Path) -> Self {
        point();
        match path.metadata() {
            Ok(file) => Self::Present(file.dev(), file.ino(), file.len(), file.ctime(), file.ctime_nsec()),
            Err(_) => Self::Absent,
        }
    }
}
