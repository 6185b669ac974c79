//! Why a step did not go as told.

use super::super::Error;

/// What ended a step.
#[derive(Debug)]
pub(super) enum Failure {
    /// The lab itself failed.
    Lab(Error),
    /// A program did something else than the story tells.
    Unmet(String),
}

impl Failure {
    /// One sentence.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Lab(error) => error.to_string(),
            Self::Unmet(sentence) => sentence.clone(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Lab(error)
    }
}

/// Ends the step unless `holds`.
pub(super) fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::Unmet(otherwise())) }
}

/// Ends the step where something of the core or the system failed.
pub(super) fn unmet<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Failure {
    let what = what.to_owned();
    move |error| Failure::Unmet(format!("{what}: {error}"))
}
