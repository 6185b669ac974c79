//! The authority list in use: read at the start and again whenever its file changes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use mecai::authority_list::{AuthorityList, ListError, ListKeys};
use rusqlite::{Connection, OptionalExtension};
use thiserror::Error;

use super::database::{self, DatabaseError};

/// A list that is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListProblem {
    /// A file cannot be read.
    #[error("{}: {cause}", .path.display())]
    File {
        /// The list or its signatures.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// It breaks a rule of spec section 6.
    #[error("{}: {cause}", .path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// Which rule.
        cause: ListError,
    },
    /// The authority could not know which chains are its own operator's.
    #[error("{}: it has no operator {operator}, which the configuration key `operator` names", .path.display())]
    OwnOperatorMissing {
        /// The list.
        path: PathBuf,
        /// The operator's id.
        operator: String,
    },
    /// The highest sequence cannot be read or kept.
    #[error(transparent)]
    Open(#[from] DatabaseError),
    /// The highest sequence cannot be read or kept.
    #[error("the highest sequence of authority lists cannot be kept: {0}")]
    Sequence(#[from] rusqlite::Error),
}

/// Where the list is and what it must satisfy.
#[derive(Debug, Clone)]
pub struct ListSource {
    /// The JSON file; its signatures are beside it, with `.minisig` added to its name.
    pub path: PathBuf,
    /// Who must have signed it.
    pub keys: ListKeys,
    /// The authority's own operator, which must be in it.
    pub operator: String,
}

/// The list in use.
pub struct ListInUse {
    source: ListSource,
    current: RwLock<Arc<AuthorityList>>,
    files: Mutex<Files>,
}

struct Files {
    connection: Connection,
    /// How the files looked when they were last read.
    looked: Looks,
}

type Looks = [Option<(SystemTime, u64)>; 2];

impl ListInUse {
    /// Reads the list; the highest sequence is kept in the database at `database`.
    ///
    /// # Errors
    /// [`ListProblem`].
    pub fn open(source: ListSource, database: &Path) -> Result<Self, ListProblem> {
        let connection = database::open(database)?;
        let looked = source.looks();
        let list = source.read(&connection)?;
        Ok(Self { source, current: RwLock::new(Arc::new(list)), files: Mutex::new(Files { connection, looked }) })
    }

    /// The list as last read.
    #[must_use]
    pub fn current(&self) -> Arc<AuthorityList> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the list again if a file has changed; whether there is a new list. What is in use stays in use when the
    /// new one is no good.
    ///
    /// # Errors
    /// [`ListProblem`], once for each change.
    pub fn refresh(&self) -> Result<bool, ListProblem> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = self.source.looks();
        if looks == files.looked {
            return Ok(false);
        }
        files.looked = looks;
        let list = self.source.read(&files.connection)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
        Ok(true)
    }
}

impl ListSource {
    fn signatures(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".minisig");
        name.into()
    }

    fn looks(&self) -> Looks {
        [self.path.clone(), self.signatures()].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    fn read(&self, connection: &Connection) -> Result<AuthorityList, ListProblem> {
        let signatures = self.signatures();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |cause| ListProblem::File { path, cause }
        };
        let json = fs::read(&self.path).map_err(failed(&self.path))?;
        let signed = fs::read_to_string(&signatures).map_err(failed(&signatures))?;
        let stored: Option<i64> =
            connection.query_row("SELECT highest FROM list_sequence", (), |row| row.get(0)).optional()?;
        let highest = stored.and_then(|highest| u64::try_from(highest).ok()).unwrap_or(0);
        let list = AuthorityList::read(&json, &signed, &self.keys, highest)
            .map_err(|cause| ListProblem::List { path: self.path.clone(), cause })?;
        if !list.operators().iter().any(|operator| operator.id == self.operator) {
            return Err(ListProblem::OwnOperatorMissing { path: self.path.clone(), operator: self.operator.clone() });
        }
        let sequence = i64::try_from(list.sequence()).unwrap_or(i64::MAX);
        connection.execute("INSERT OR REPLACE INTO list_sequence (only, highest) VALUES (1, ?1)", [sequence])?;
        Ok(list)
    }
}
