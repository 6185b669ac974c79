//! The server's store (spec section 11): a directory with one file per certificate, and the answers built from it.
//!
//! The agent [merges](Contents::merge) what authorities gave into [`Contents`] and [writes](Store::write) them. The
//! serving process keeps a [`Cache`], which gives a prebuilt answer per handshake. Programs without an agent
//! [add](Store::add) what they collected themselves.

mod answers;
mod cache;
mod change;
mod error;
mod file;
mod merge;
mod serverinfo;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;

pub use self::answers::{Answers, LeftOut, Part, STAGED_ANSWER_MAX};
pub use self::cache::{Cache, Entry, LOOK_EVERY};
pub use self::error::{StoreCause, StoreError};
pub use self::file::{Contents, FILE_MAX, StoredAlternate, StoredBundle, StoredStaged};
pub use self::serverinfo::{NO_VOUCHERS, serverinfo, serverinfo_text, write_serverinfo};
use crate::octets::Hex;
use crate::{Sha256, durable};

/// A directory of vouchers; no file of it is kept open.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The store in this directory, which must exist before a file is written.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The file of the certificate with this SHA-256.
    #[must_use]
    pub fn path(&self, certificate: &Sha256) -> PathBuf {
        self.directory.join(format!("{}{SUFFIX}", Hex(certificate)))
    }

    /// What is stored for the certificate; none if it has no file.
    pub fn read(&self, certificate: &Sha256) -> Result<Option<Contents>, StoreError> {
        let path = self.path(certificate);
        match read_file(&path, certificate) {
            Ok(contents) => Ok(Some(contents)),
            Err(StoreCause::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(StoreError { path, cause }),
        }
    }

    /// Writes the file of a certificate durably; readable by everybody, since vouchers are public.
    pub fn write(&self, contents: &Contents) -> Result<(), StoreError> {
        let path = self.path(contents.certificate());
        let write = || {
            let octets = contents.to_der()?;
            durable::replace(&path, &octets, 0o644).map_err(StoreCause::Write)
        };
        write().map_err(|cause| StoreError { path: path.clone(), cause })
    }

    /// Takes the file of a certificate away.
    pub fn remove(&self, certificate: &Sha256) -> Result<(), StoreError> {
        let path = self.path(certificate);
        durable::remove(&path).map_err(|error| StoreError { path, cause: StoreCause::Write(error) })
    }

    /// The certificates that have a file, ascending.
    pub fn certificates(&self) -> Result<Vec<Sha256>, StoreError> {
        let list = || -> io::Result<Vec<Sha256>> {
            let mut certificates = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                certificates.extend(entry?.file_name().to_str().and_then(certificate_of));
            }
            certificates.sort_unstable();
            Ok(certificates)
        };
        list().map_err(|error| StoreError { path: self.directory.clone(), cause: StoreCause::Unreadable(error) })
    }
}

const SUFFIX: &str = ".vouchers";

fn certificate_of(file_name: &str) -> Option<Sha256> {
    HEXLOWER.decode(file_name.strip_suffix(SUFFIX)?.as_bytes()).ok()?.try_into().ok()
}

fn read_file(path: &Path, certificate: &Sha256) -> Result<Contents, StoreCause> {
    let octets = durable::open(path).and_then(|file| durable::read(file, FILE_MAX)).map_err(StoreCause::Unreadable)?;
    Contents::from_der(&octets, certificate)
}

#[cfg(test)]
mod models;
#[cfg(test)]
mod tests;
