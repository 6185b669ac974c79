//! nginx's error log, by kinds of lines.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// Lines that differ only in time, process and number of the connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// `info`, `notice`, `error` and so on.
    pub level: String,
    /// The address of the client; none for what nginx says of itself.
    pub client: Option<String>,
    pub message: String,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}: {}", self.level, self.client.as_deref().unwrap_or("nginx"), self.message)
    }
}

/// How often each kind is in the log.
pub fn kinds(path: &Path) -> BTreeMap<Kind, usize> {
    let mut kinds = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        *kinds.entry(kind(line).unwrap_or_else(|| panic!("a line that is not nginx's: {line}"))).or_default() += 1;
    }
    kinds
}

/// `2026/12/01 12:00:00 [info] 17#17: *4 message, client: 127.0.0.1, server: 127.30.0.1:443`
fn kind(line: &str) -> Option<Kind> {
    let (_, rest) = line.split_once(" [")?;
    let (level, rest) = rest.split_once("] ")?;
    let (_, message) = rest.split_once(": ")?;
    let level = level.to_owned();
    let Some((_, event)) = message.strip_prefix('*').and_then(|numbered| numbered.split_once(' ')) else {
        return Some(Kind { level, client: None, message: without_numbers(message) });
    };
    let (message, rest) = event.split_once(", client: ")?;
    Some(Kind { level, client: rest.split(',').next().map(str::to_owned), message: message.to_owned() })
}

/// What nginx says of itself is full of process ids.
fn without_numbers(message: &str) -> String {
    let mut plain = String::new();
    for letter in message.chars() {
        match letter {
            '0'..='9' if plain.ends_with('#') => {}
            '0'..='9' => plain.push('#'),
            _ => plain.push(letter),
        }
    }
    plain
}
