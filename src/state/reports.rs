//! The spool of mismatch reports (spec section 10): one file per event, bounded.

use std::fs;
use std::io;
use std::path::Path;

use super::State;
use super::error::{StateCause, StateError};
use crate::durable;
use crate::report::{Report, file_name};
use crate::schedule::point;

/// The most reports that are kept.
pub const REPORTS_MAX: usize = 1_000;
/// The most octets that all reports together may have.
pub const REPORTS_OCTETS_MAX: u64 = 33_554_432;

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spooled {
    /// It was written.
    Written,
    /// The same event was recorded before.
    Known,
    /// The spool is full, so it was dropped.
    Full,
}

impl State {
    /// Keeps a report until it is submitted.
    pub fn spool(&self, report: &Report) -> Result<Spooled, StateError> {
        let octets = report.to_json();
        let directory = self.directory.join(DIRECTORY);
        self.make(&directory)?;
        let path = directory.join(file_name(&octets));
        let _lock = self.lock()?;
        let unreadable = |error: io::Error| StateCause::Unreadable(error).at(&directory);
        point();
        if fs::exists(&path).map_err(unreadable)? {
            return Ok(Spooled::Known);
        }
        let (count, size) = used(&directory).map_err(unreadable)?;
        if count >= REPORTS_MAX || size.saturating_add(octets.len() as u64) > REPORTS_OCTETS_MAX {
            return Ok(Spooled::Full);
        }
        match durable::create(&path, &octets, 0o600) {
            Ok(true) => Ok(Spooled::Written),
            Ok(false) => Ok(Spooled::Known),
            Err(error) => Err(StateCause::NotWritten(error).at(&path)),
        }
    }
}

const DIRECTORY: &str = "reports";

/// Files and octets. What a writer left behind that was killed counts, too.
fn used(directory: &Path) -> io::Result<(usize, u64)> {
    point();
    let (mut count, mut size) = (0, 0_u64);
    for entry in fs::read_dir(directory)? {
        // A file that was submitted and taken away meanwhile takes no place.
        if let Ok(metadata) = entry?.metadata() {
            count += 1;
            size = size.saturating_add(metadata.len());
        }
    }
    Ok((count, size))
}
