//! What can be wrong with a file of the store.

use std::io;
use std::path::PathBuf;

use super::file::FILE_MAX;
use crate::Sha256;
use crate::octets::Hex;
use crate::statement::DecodeError;

/// A file of the store that could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct StoreError {
    /// Which one.
    pub path: PathBuf,
    /// Why.
    pub cause: StoreCause,
}

/// Why a file of the store could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreCause {
    /// The system gave no octets.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// The system did not take the octets.
    #[error("cannot be written: {0}")]
    Write(#[source] io::Error),
    /// More than [`FILE_MAX`] octets.
    #[error("has {0} octets or more, over the limit of {FILE_MAX}")]
    TooLarge(usize),
    /// Shorter or longer than its first octets say.
    #[error("is torn: it has {found} octets instead of {expected}")]
    Torn {
        /// Octets that the file has.
        found: usize,
        /// Octets that it should have.
        expected: usize,
    },
    /// The digest in the file is not that of its contents.
    #[error("is damaged: its contents have the SHA-256 {}, but it says {}", Hex(computed), Hex(stored))]
    Digest {
        /// Of the contents.
        computed: Sha256,
        /// What the file says.
        stored: Sha256,
    },
    /// A version that is not known here.
    #[error("has the version {0}, not 1")]
    OtherVersion(u64),
    /// It holds the vouchers of another certificate than its name says.
    #[error("is for the certificate {}, not for {}", Hex(found), Hex(expected))]
    OtherCertificate {
        /// In the file.
        found: Sha256,
        /// By its name.
        expected: Sha256,
    },
    /// Whole, but not what the spec says.
    #[error("does not follow the format: {0}")]
    Malformed(#[from] DecodeError),
}

impl StoreError {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.cause {
            StoreCause::Unreadable(_) => "store_unreadable",
            StoreCause::Write(_) => "store_not_written",
            StoreCause::TooLarge(_) => "store_too_large",
            StoreCause::Torn { .. } => "store_torn",
            StoreCause::Digest { .. } => "store_damaged",
            StoreCause::OtherVersion(_) => "store_other_version",
            StoreCause::OtherCertificate { .. } => "store_other_certificate",
            StoreCause::Malformed(_) => "store_malformed",
        }
    }
}
