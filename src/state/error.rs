//! What can be wrong with a client's state directory.

use std::io;
use std::path::{Path, PathBuf};

/// A file or directory of the state that could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct StateError {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    pub cause: StateCause,
}

/// Why a file or directory of the state could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateCause {
    /// The system gave no octets.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// The system did not take the octets.
    #[error("cannot be written: {0}")]
    NotWritten(#[source] io::Error),
    /// It belongs to another user.
    #[error("belongs to the user {owner}, not to {user}, as whom this process runs")]
    OtherOwner {
        /// The file's owner.
        owner: u32,
        /// The process's effective user.
        user: u32,
    },
    /// Other users could read or write it.
    #[error("has the mode {mode:04o}; directories must have 0700 and the secret 0600")]
    OtherMode {
        /// The permission bits.
        mode: u32,
    },
    /// Not what a client writes.
    #[error("is not {0}; take it away to start anew")]
    Malformed(&'static str),
    /// Another process held the lock for a second.
    #[error("is locked by another process for more than a second")]
    Busy,
    /// The system gave no random numbers.
    #[error("cannot be made: the system gave no random numbers")]
    NoRandom,
}

impl StateCause {
    pub(super) fn at(self, path: &Path) -> StateError {
        StateError { path: path.to_owned(), cause: self }
    }
}

impl StateError {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.cause {
            StateCause::Unreadable(_) => "state_unreadable",
            StateCause::NotWritten(_) => "state_not_written",
            StateCause::OtherOwner { .. } | StateCause::OtherMode { .. } => "state_not_private",
            StateCause::Malformed(_) => "state_malformed",
            StateCause::Busy => "state_busy",
            StateCause::NoRandom => "state_no_random",
        }
    }
}
