//! What a server has sent and nobody has read yet.

use super::DialogueFailure;

/// How many octets a server may send in a whole dialogue. Greetings and abilities take some hundred.
pub(super) const DIALOGUE_MAX: usize = 16 * 1024;
/// How much of a line stands in a sentence.
const SAID_MAX: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Lines {
    octets: Vec<u8>,
    /// How many there have been in all.
    heard: usize,
}

impl Lines {
    pub(super) fn push(&mut self, octets: &[u8]) -> Result<(), DialogueFailure> {
        self.heard += octets.len();
        if self.heard > DIALOGUE_MAX {
            return Err(DialogueFailure::TooLong(DIALOGUE_MAX));
        }
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    /// The next line, without its end, if all of it has come.
    pub(super) fn line(&mut self) -> Option<String> {
        let end = self.octets.iter().position(|&octet| octet == b'\n')?;
        let line: Vec<u8> = self.octets.drain(..=end).collect();
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        Some(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned())
    }

    /// The next octet.
    pub(super) fn octet(&mut self) -> Option<u8> {
        (!self.octets.is_empty()).then(|| self.octets.remove(0))
    }

    /// How many octets nobody has read.
    pub(super) fn left(&self) -> usize {
        self.octets.len()
    }
}

/// A line as a sentence quotes it.
pub(super) fn said(line: &str) -> String {
    line.chars().take(SAID_MAX).collect()
}
