//! The journal: every request with its outcome, on disk before a signature leaves (spec 9).
//!
//! One thread writes. What has come in while it wrote goes into its next transaction, so that many requests share one
//! sync of the disk.

use std::net::IpAddr;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::database::{self, DatabaseError};

/// Entries that wait for the writer.
const WAITING: usize = 1_024;
/// Entries in one transaction.
const BATCH: usize = 256;
/// How often old entries are deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);
const DAY: u64 = 86_400;

/// One request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Seconds since 1970.
    pub received: u64,
    /// How long the answer took.
    pub took: Duration,
    /// Who asked.
    pub requester: IpAddr,
    /// Host and port of the statement, if it could be read.
    pub target: Option<(String, u16)>,
    /// `endorsed`, or the code of the problem.
    pub outcome: &'static str,
    /// The problem in words, with what only the operator may see.
    pub detail: String,
    /// The request as received.
    pub request: Vec<u8>,
    /// The DER of the endorsement.
    pub endorsement: Option<Vec<u8>>,
}

/// The record could not be made; no signature may leave.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the journal could not be written: {0}")]
pub struct JournalFailure(String);

/// Takes entries for the writer.
pub struct Journal {
    sender: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

struct Job {
    entry: Entry,
    done: Option<oneshot::Sender<Result<(), JournalFailure>>>,
}

impl Journal {
    /// Opens the journal in the database at `path`; entries are kept for `days`.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub fn open(path: &Path, days: u32) -> Result<Self, DatabaseError> {
        let connection = database::open(path)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let writer = std::thread::spawn(move || {
            Writer { connection, days, pruned: None }.run(receiver);
        });
        Ok(Self { sender: Some(sender), writer: Some(writer) })
    }

    /// Records `entry` and returns when it is on disk.
    ///
    /// # Errors
    /// [`JournalFailure`]: then it is not.
    pub async fn record(&self, entry: Entry) -> Result<(), JournalFailure> {
        let stopped = || JournalFailure("its writer has stopped".to_owned());
        let (done, written) = oneshot::channel();
        let job = Job { entry, done: Some(done) };
        let sender = self.sender.as_ref().ok_or_else(stopped)?;
        sender.send(job).await.map_err(|_| stopped())?;
        written.await.map_err(|_| stopped())?
    }

    /// Records `entry` without waiting: for refusals, which carry no signature. When the writer cannot keep up, the
    /// entry goes to the log instead.
    pub fn note(&self, entry: Entry) {
        let Some(sender) = &self.sender else { return };
        if let Err(failed) = sender.try_send(Job { entry, done: None }) {
            let (mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job)) = failed;
            tracing::warn!(entry = ?job.entry, "not in the journal: its writer cannot keep up");
        }
    }
}

impl Drop for Journal {
    /// Waits until everything that was handed over is written.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}

struct Writer {
    connection: Connection,
    days: u32,
    pruned: Option<Instant>,
}

impl Writer {
    fn run(mut self, mut receiver: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(BATCH);
        while receiver.blocking_recv_many(&mut jobs, BATCH) > 0 {
            let result = self.write(&jobs).map_err(|cause| JournalFailure(cause.to_string()));
            if let Err(failure) = &result {
                tracing::error!(%failure, entries = jobs.len(), "the journal could not be written");
            }
            for job in jobs.drain(..) {
                if let Some(done) = job.done {
                    // Whoever asked may have gone away.
                    let _ = done.send(result.clone());
                }
            }
            if self.pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
                self.prune();
            }
        }
    }

    fn write(&mut self, jobs: &[Job]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO requests
                 (received, took, requester, host, port, outcome, detail, request, endorsement)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            for Job { entry, .. } in jobs {
                insert.execute(params![
                    i64::try_from(entry.received).unwrap_or(i64::MAX),
                    i64::try_from(entry.took.as_millis()).unwrap_or(i64::MAX),
                    entry.requester.to_string(),
                    entry.target.as_ref().map(|(host, _)| host),
                    entry.target.as_ref().map(|(_, port)| port),
                    entry.outcome,
                    entry.detail,
                    entry.request,
                    entry.endorsement,
                ])?;
            }
        }
        transaction.commit()
    }

    /// Deletes what is older than the newest entry by more than the configured days.
    fn prune(&mut self) {
        self.pruned = Some(Instant::now());
        let seconds = i64::try_from(u64::from(self.days) * DAY).unwrap_or(i64::MAX);
        let deleted = self
            .connection
            .execute("DELETE FROM requests WHERE received < (SELECT max(received) FROM requests) - ?1", [seconds]);
        match deleted {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, days = self.days, "deleted old entries of the journal"),
            Err(cause) => tracing::warn!(%cause, "old entries of the journal could not be deleted"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(received: u64, endorsement: Option<Vec<u8>>) -> Entry {
        Entry {
            received,
            took: Duration::from_millis(7),
            requester: "192.0.2.1".parse().unwrap(),
            target: Some(("www.shop.example".to_owned(), 443)),
            outcome: "endorsed",
            detail: String::new(),
            request: vec![1, 2],
            endorsement,
        }
    }

    fn count(path: &Path) -> i64 {
        let connection = database::open(path).unwrap();
        connection.query_row("SELECT count(*) FROM requests", (), |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn an_entry_is_on_disk_when_record_returns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        let journal = Journal::open(&path, 90).unwrap();
        journal.record(entry(1_000, Some(vec![3]))).await.unwrap();
        assert_eq!(count(&path), 1);
    }

    #[tokio::test]
    async fn noted_entries_are_written_before_the_journal_closes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        let journal = Journal::open(&path, 90).unwrap();
        for _ in 0..500 {
            journal.note(entry(1_000, None));
        }
        drop(journal);
        assert_eq!(count(&path), 500);
    }

    #[tokio::test]
    async fn a_journal_that_cannot_be_written_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        let journal = Journal::open(&path, 90).unwrap();
        database::open(&path).unwrap().execute_batch("DROP TABLE requests").unwrap();
        let failure = journal.record(entry(1_000, Some(vec![3]))).await.unwrap_err();
        assert!(failure.to_string().contains("no such table"), "{failure}");
    }

    #[tokio::test]
    async fn old_entries_are_deleted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.db");
        let journal = Journal::open(&path, 1).unwrap();
        journal.record(entry(1_000, None)).await.unwrap();
        drop(journal);
        let journal = Journal::open(&path, 1).unwrap();
        journal.record(entry(1_000 + DAY, None)).await.unwrap();
        drop(journal);
        assert_eq!(count(&path), 2);
        let journal = Journal::open(&path, 1).unwrap();
        journal.record(entry(1_001 + DAY, None)).await.unwrap();
        drop(journal);
        assert_eq!(count(&path), 2);
    }
}
