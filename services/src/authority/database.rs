//! The authority's database: one SQLite file for the journal and the distrust list.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// The schema that this version reads and writes.
const VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE requests (
        id          INTEGER PRIMARY KEY,
        received    INTEGER NOT NULL,  -- seconds since 1970
        took        INTEGER NOT NULL,  -- milliseconds
        requester   TEXT    NOT NULL,  -- address
        host        TEXT,              -- of the statement, if it could be read
        port        INTEGER,
        outcome     TEXT    NOT NULL,  -- 'endorsed' or the code of the problem
        detail      TEXT    NOT NULL,
        request     BLOB    NOT NULL,  -- as received, at most 4,096 octets
        endorsement BLOB               -- as answered
    );
    CREATE INDEX requests_received ON requests (received);
    CREATE INDEX requests_host ON requests (host, received);
    CREATE TABLE distrust (
        kind   TEXT    NOT NULL CHECK (kind IN ('operator', 'key', 'certificate')),
        value  TEXT    NOT NULL,       -- operator id, or SHA-256 in lower-case hex
        reason TEXT    NOT NULL,
        added  INTEGER NOT NULL,       -- seconds since 1970
        PRIMARY KEY (kind, value)
    ) WITHOUT ROWID;
    CREATE TABLE list_sequence (
        only    INTEGER PRIMARY KEY CHECK (only = 1),
        highest INTEGER NOT NULL
    );
";

/// A database that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// SQLite failed.
    #[error("the database {}: {cause}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        cause: rusqlite::Error,
    },
    /// Written by another version.
    #[error("the database {} has schema {found}; this program knows schema {VERSION}", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
}

/// Opens the database, and makes it if it is not there.
///
/// # Errors
/// [`DatabaseError`].
pub fn open(path: &Path) -> Result<Connection, DatabaseError> {
    let failed = |cause| DatabaseError::Sqlite { path: path.to_owned(), cause };
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    // What was committed survives the machine's crash: a signature leaves only after its record (spec 9).
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    match prepare(&mut connection).map_err(failed)? {
        VERSION => Ok(connection),
        found => Err(DatabaseError::Version { path: path.to_owned(), found }),
    }
}

/// Makes the schema in an empty database; gives the version that stands there afterwards.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    if found != 0 {
        return Ok(found);
    }
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(VERSION)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_database_of_another_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        open(&path).unwrap();
        open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("has schema 7; this program knows schema 1"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        std::fs::write(&path, "this is not a database, and long enough to be told apart from one").unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("not a database"));
    }
}
