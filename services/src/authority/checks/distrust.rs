//! Operators, keys and certificates that the authority no longer vouches for.
//!
//! The list is in the database and is read for every request, so that a change by another process counts at once.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use mecai::Sha256;
use mecai::time::UnixTime;
use rusqlite::{Connection, OptionalExtension, params};
use thiserror::Error;

use super::hex;
use crate::authority::database::{self, DatabaseError};

/// What is distrusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Everything that an operator owns, by its id in the authority list.
    Operator(String),
    /// Every certificate with this key, by its SPKI hash.
    Key(Sha256),
    /// One certificate, by its SHA-256.
    Certificate(Sha256),
}

impl Subject {
    fn kind(&self) -> &'static str {
        match self {
            Self::Operator(_) => "operator",
            Self::Key(_) => "key",
            Self::Certificate(_) => "certificate",
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Operator(id) => id.clone(),
            Self::Key(hash) | Self::Certificate(hash) => hex(hash),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.value())
    }
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `operator`, `key` or `certificate`.
    pub kind: String,
    /// The operator's id, or a hash in lower-case hex.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub added: UnixTime,
}

/// Why a certificate is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DistrustFailure {
    /// Something in its chain is distrusted, or the key of the handshake that showed it.
    #[error("the {} {} is distrusted since {}: {}", .0.kind, .0.value, .0.added, .0.reason)]
    Distrusted(Entry),
    /// The list cannot be read, so nothing can be vouched for.
    #[error("the distrust list cannot be read: {0}")]
    Database(#[from] rusqlite::Error),
}

/// The list.
pub struct DistrustList {
    connection: Mutex<Connection>,
}

impl DistrustList {
    /// Opens the list in the database at `path`.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { connection: Mutex::new(database::open(path)?) })
    }

    /// Refuses if any of `subjects` is in the list.
    ///
    /// # Errors
    /// [`DistrustFailure`].
    pub fn check(&self, subjects: &[Subject]) -> Result<(), DistrustFailure> {
        let connection = self.lock();
        let mut select =
            connection.prepare_cached("SELECT reason, added FROM distrust WHERE kind = ?1 AND value = ?2")?;
        for subject in subjects {
            let (kind, value) = (subject.kind(), subject.value());
            let found = select.query_row((kind, &value), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if let Some((reason, added)) = found {
                return Err(DistrustFailure::Distrusted(Entry {
                    kind: kind.to_owned(),
                    value,
                    reason,
                    added: seconds(added),
                }));
            }
        }
        Ok(())
    }

    /// Adds a line, or gives an old one a new reason. Returns whether it is new.
    ///
    /// # Errors
    /// SQLite's.
    pub fn add(&self, subject: &Subject, reason: &str, now: UnixTime) -> rusqlite::Result<bool> {
        let added = i64::try_from(now.0).unwrap_or(i64::MAX);
        let connection = self.lock();
        let new = connection.execute(
            "INSERT INTO distrust (kind, value, reason, added) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![subject.kind(), subject.value(), reason, added],
        )?;
        if new == 0 {
            connection.execute(
                "UPDATE distrust SET reason = ?3 WHERE kind = ?1 AND value = ?2",
                params![subject.kind(), subject.value(), reason],
            )?;
        }
        Ok(new == 1)
    }

    /// Removes a line. Returns whether there was one.
    ///
    /// # Errors
    /// SQLite's.
    pub fn remove(&self, subject: &Subject) -> rusqlite::Result<bool> {
        let removed = self
            .lock()
            .execute("DELETE FROM distrust WHERE kind = ?1 AND value = ?2", params![subject.kind(), subject.value()])?;
        Ok(removed == 1)
    }

    /// All lines, oldest first.
    ///
    /// # Errors
    /// SQLite's.
    pub fn list(&self) -> rusqlite::Result<Vec<Entry>> {
        let connection = self.lock();
        let mut select =
            connection.prepare("SELECT kind, value, reason, added FROM distrust ORDER BY added, kind, value")?;
        let rows = select.query_map((), |row| {
            Ok(Entry { kind: row.get(0)?, value: row.get(1)?, reason: row.get(2)?, added: seconds(row.get(3)?) })
        })?;
        rows.collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        // A panic elsewhere leaves no half-done work in a connection: each statement is a transaction.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(stored: i64) -> UnixTime {
    UnixTime(u64::try_from(stored).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_added_by_another_process_counts_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        let server = DistrustList::open(&path).unwrap();
        let tool = DistrustList::open(&path).unwrap();
        let chain = [Subject::Operator("operator-b".to_owned()), Subject::Key([7; 32]), Subject::Certificate([8; 32])];
        server.check(&chain).unwrap();
        for subject in &chain {
            assert!(tool.add(subject, "hacked", UnixTime(1_000)).unwrap());
            let refused = server.check(&chain).unwrap_err();
            assert_eq!(refused.to_string(), format!("the {subject} is distrusted since 1970-01-01T00:16:40Z: hacked"));
            assert!(tool.remove(subject).unwrap());
            server.check(&chain).unwrap();
        }
    }

    #[test]
    fn adding_twice_changes_the_reason_only() {
        let directory = tempfile::tempdir().unwrap();
        let list = DistrustList::open(&directory.path().join("authority.db")).unwrap();
        let subject = Subject::Key([7; 32]);
        assert!(list.add(&subject, "first", UnixTime(1_000)).unwrap());
        assert!(!list.add(&subject, "second", UnixTime(2_000)).unwrap());
        let lines = list.list().unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].reason.as_str(), lines[0].added), ("second", UnixTime(1_000)));
        assert!(list.remove(&subject).unwrap());
        assert!(!list.remove(&subject).unwrap());
    }

    #[test]
    fn a_list_that_cannot_be_read_refuses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        let list = DistrustList::open(&path).unwrap();
        database::open(&path).unwrap().execute_batch("DROP TABLE distrust").unwrap();
        assert!(list.check(&[Subject::Key([7; 32])]).is_err());
    }
}
