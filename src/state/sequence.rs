//! The highest sequence number of an authority list that was accepted; never lowered (spec section 6, section 11).

use std::path::Path;

use super::error::{StateCause, StateError};
use super::{State, decimal, read_text};
use crate::durable;

impl State {
    /// The highest sequence number so far; none if none was kept.
    pub fn list_sequence(&self) -> Result<Option<u64>, StateError> {
        if self.exists()? { read(&self.directory.join(FILE)) } else { Ok(None) }
    }

    /// Keeps `sequence` if it is the highest so far, and gives the highest: a list with a lower one is rolled back.
    pub fn raise_list_sequence(&self, sequence: u64) -> Result<u64, StateError> {
        if let Some(highest) = self.list_sequence()?.filter(|highest| *highest >= sequence) {
            return Ok(highest);
        }
        self.make(&self.directory)?;
        let _lock = self.lock()?;
        let path = self.directory.join(FILE);
        if let Some(highest) = read(&path)?.filter(|highest| *highest >= sequence) {
            return Ok(highest);
        }
        durable::replace(&path, format!("{sequence}\n").as_bytes(), 0o600)
            .map_err(|error| StateCause::NotWritten(error).at(&path))?;
        Ok(sequence)
    }
}

const FILE: &str = "list-sequence";
/// Digits of 2^64, and a newline.
const LENGTH_MAX: usize = 21;

fn read(path: &Path) -> Result<Option<u64>, StateError> {
    let Some(text) = read_text(path, LENGTH_MAX)? else { return Ok(None) };
    match text.strip_suffix('\n').and_then(decimal) {
        Some(sequence) => Ok(Some(sequence)),
        None => Err(StateCause::Malformed("a sequence number and a newline").at(path)),
    }
}
