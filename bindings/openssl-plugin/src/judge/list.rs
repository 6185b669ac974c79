//! The authority list of this process: read at load, and again when its file has changed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::Guard;
use mecai::authority_list::{AuthorityList, LIST_MAX, ListError, ListKeys};
use mecai::state::State;

use crate::files::read_at_most;
use crate::log::{Level, Log};
use crate::schedule::ArcSwap;
use crate::watch::{FileMark, Interval, LOOK_EVERY};

/// More than the signatures of any list.
const SIGNATURES_MAX: u64 = 1 << 20;

/// The list's file, and what came of it.
pub(crate) struct WatchedList {
    path: PathBuf,
    signatures: PathBuf,
    keys: ListKeys,
    /// Keeps the highest sequence number, so that no older list is accepted by a later process.
    state: Option<State>,
    /// Whether a list remembers endorsements that were verified.
    remembers: bool,
    interval: Interval,
    current: ArcSwap<Current>,
}

/// What the files gave when they were read last.
pub(crate) struct Current {
    pub(crate) list: Result<AuthorityList, ListError>,
    marks: [FileMark; 2],
}

impl WatchedList {
    /// Reads the list. Without one every handshake is refused, with its code; here the key is named.
    pub(crate) fn open(path: PathBuf, keys: ListKeys, state: Option<State>, remembers: bool, log: &Log) -> Self {
        let mut signatures = path.clone().into_os_string();
        signatures.push(".minisig");
        let mut list = Self {
            signatures: PathBuf::from(signatures),
            path,
            keys,
            state,
            remembers,
            interval: Interval::of(LOOK_EVERY),
            current: ArcSwap::from_pointee(Current {
                list: Err(ListError::Missing("not read yet".into())),
                marks: [FileMark::Absent; 2],
            }),
        };
        let first = Current { marks: list.marks(), list: list.read(0, log) };
        list.current = ArcSwap::from_pointee(first);
        if let Some(problem) = list.problem() {
            log.problem(format_args!("{problem}"));
        }
        list
    }

    /// Why there is no list, with its key.
    pub(crate) fn problem(&self) -> Option<String> {
        let current = self.current.load();
        current.list.as_ref().err().map(|error| format!("authorities = {}: {error}", self.path.display()))
    }

    /// The list as it is now. Looks at the files at most once in five seconds, and reads them only if they changed;
    /// what cannot be accepted is not put in place of a list that was.
    pub(crate) fn current(&self, log: &Log) -> Guard<Arc<Current>> {
        if self.interval.is_over() {
            let (before, marks) = (self.current.load(), self.marks());
            if marks != before.marks {
                let after = Current { marks, list: self.read_again(&before.list, log) };
                // A look that took so long that another one overtook it is dropped.
                self.current.compare_and_swap(&*before, Arc::new(after));
            }
        }
        self.current.load()
    }

    fn marks(&self) -> [FileMark; 2] {
        [FileMark::of(&self.path), FileMark::of(&self.signatures)]
    }

    fn read_again(&self, before: &Result<AuthorityList, ListError>, log: &Log) -> Result<AuthorityList, ListError> {
        let Ok(old) = before else { return self.read(0, log) };
        self.read(old.sequence(), log).or_else(|error| {
            log.event(Level::Warning, format_args!("{}: {error}; the list before stays in use", self.path.display()));
            Ok(old.clone())
        })
    }

    /// Reads the files, and keeps the list's sequence number if it is the highest so far.
    fn read(&self, highest: u64, log: &Log) -> Result<AuthorityList, ListError> {
        let list = read(&self.path, &self.signatures, &self.keys, highest)?;
        let list = if self.remembers { list.remembering() } else { list };
        let kept = self.state.as_ref().map_or(Ok(0), |state| state.raise_list_sequence(list.sequence()));
        match kept {
            Ok(highest) if highest > list.sequence() => {
                Err(ListError::RolledBack { sequence: list.sequence(), highest })
            }
            Ok(_) => Ok(list),
            Err(error) => {
                let event = "an older authority list would not be noticed";
                log.event(Level::Warning, format_args!("{event}: {error}"));
                Ok(list)
            }
        }
    }
}

fn read(path: &Path, signatures: &Path, keys: &ListKeys, highest: u64) -> Result<AuthorityList, ListError> {
    let missing = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| ListError::Missing(format!("{path}: {error}").into())
    };
    // One octet more than allowed is enough to be refused.
    let json = read_at_most(path, LIST_MAX as u64 + 1).map_err(missing(path))?;
    let signatures = read_at_most(signatures, SIGNATURES_MAX).map_err(missing(signatures))?;
    AuthorityList::read(&json, &String::from_utf8_lossy(&signatures), keys, highest)
}

#[cfg(test)]
mod model;
