//! A client's memory (spec section 11): the secret of its picks, the highest list sequence, the hosts that promised to
//! go on showing vouchers, and reports that are not yet submitted. Many processes of one user share one directory.

mod error;
mod hosts;
mod reports;
mod secret;
mod sequence;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;

pub use self::error::{StateCause, StateError};
pub use self::hosts::{HOSTS_PER_DOMAIN, Memory, Promise};
pub use self::reports::{REPORTS_MAX, REPORTS_OCTETS_MAX, Spooled};
use crate::durable;
use crate::schedule::{point, sleep};

/// A user's directory. It holds nothing open: every call looks at the files anew, so a process may change its user or
/// its root directory between two calls.
#[derive(Clone, Debug)]
pub struct State {
    directory: PathBuf,
}

impl State {
    /// The state in this directory, which is made (mode 0700) when something is first kept there.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Whether the directory is there; an error if another user could look into it or write to it.
    fn exists(&self) -> Result<bool, StateError> {
        point();
        let metadata = match fs::metadata(&self.directory) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(StateCause::Unreadable(error).at(&self.directory)),
        };
        if !metadata.is_dir() {
            return Err(StateCause::Malformed("a directory").at(&self.directory));
        }
        check_private(&self.directory, &metadata, |mode| mode & 0o077 == 0)?;
        Ok(true)
    }

    /// Makes the directory and one below it, unless they are there.
    fn make(&self, below: &Path) -> Result<(), StateError> {
        self.exists()?;
        // Directories above are nobody's secret: others keep their own things beside ours.
        let above = self.directory.parent().map_or(Ok(()), fs::create_dir_all);
        above.map_err(|error| StateCause::NotWritten(error).at(&self.directory))?;
        for directory in [&self.directory, below] {
            point();
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(|error| StateCause::NotWritten(error).at(directory))?;
        }
        self.exists().map(|_| ())
    }

    /// Keeps other processes from changing files until the lock is dropped. Waits a second at most: a handshake must
    /// not hang because another process was stopped.
    fn lock(&self) -> Result<Lock, StateError> {
        const ATTEMPTS: u32 = 200;
        const PAUSE: Duration = Duration::from_millis(5);
        let failed = |error| StateCause::NotWritten(error).at(&self.directory);
        let directory = File::open(&self.directory).map_err(failed)?;
        for _ in 0..ATTEMPTS {
            point();
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Lock(directory)),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => sleep(PAUSE),
                Err(error) => return Err(failed(error.into())),
            }
        }
        Err(StateCause::Busy.at(&self.directory))
    }
}

/// Held by one process at a time.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // By hand, since a child that was forked meanwhile has the same file open. Closing unlocks where this fails.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Whether only this process's user can use what has this metadata.
fn check_private(path: &Path, metadata: &fs::Metadata, right: impl Fn(u32) -> bool) -> Result<(), StateError> {
    let (owner, user) = (metadata.uid(), geteuid().as_raw());
    let mode = metadata.mode() & 0o7777;
    if owner != user {
        return Err(StateCause::OtherOwner { owner, user }.at(path));
    }
    if !right(mode) {
        return Err(StateCause::OtherMode { mode }.at(path));
    }
    Ok(())
}

/// A small text file; none if it is not there.
fn read_text(path: &Path, most: usize) -> Result<Option<String>, StateError> {
    let octets = match durable::open(path).and_then(|file| durable::read(file, most)) {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StateCause::Unreadable(error).at(path)),
    };
    String::from_utf8(octets).map(Some).map_err(|_| StateCause::Malformed("a line of digits").at(path))
}

/// A decimal number in its one spelling.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod models;
#[cfg(test)]
mod tests;
