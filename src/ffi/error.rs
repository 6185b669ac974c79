//! Why a call failed, in a sentence.

use std::fmt::Display;
use std::sync::Arc;

use super::guard::guard;
use super::handle::{self, Noun};
use super::output::{Out, Text, mecai_bytes};
use super::result::{self, mecai_result};
use crate::authority_list::ListError;
use crate::chain::ChainError;
use crate::extension::AnswerError;
use crate::statement::DecodeError;

/// Why a call failed: the result, and a sentence with the values compared. It does not change; any number of threads may
/// use it at once.
pub struct mecai_error;

/// What a body gives to its guard.
#[derive(Debug)]
pub(super) struct Failure {
    result: mecai_result,
    sentence: Text,
}

impl Failure {
    pub(super) fn new(result: mecai_result, sentence: impl Display) -> Self {
        Self { result, sentence: Text::new(sentence) }
    }

    pub(super) fn result(&self) -> mecai_result {
        self.result
    }
}

impl Noun for Failure {
    const NAME: &'static str = "mecai_error";
    type Handle = mecai_error;
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        let result = match &error {
            DecodeError::Malformed { .. } => result::MECAI_ERR_MALFORMED,
            DecodeError::UnknownVersion => result::MECAI_ERR_UNKNOWN_VERSION,
            DecodeError::TooLongLived { .. } => result::MECAI_ERR_TOO_LONG_LIVED,
        };
        Self::new(result, error)
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        Self::new(result::MECAI_ERR_ANSWER, error)
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        Self::new(result::MECAI_ERR_CHAIN, error)
    }
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        let result = match &error {
            ListError::Missing(_) => result::MECAI_ERR_LIST_MISSING,
            ListError::Malformed(_) => result::MECAI_ERR_LIST_MALFORMED,
            ListError::Unsigned { .. } => result::MECAI_ERR_LIST_UNSIGNED,
            ListError::RolledBack { .. } => result::MECAI_ERR_LIST_ROLLED_BACK,
        };
        Self::new(result, error)
    }
}

/// The result of the call that failed, and the sentence, UTF-8, which stays until the error is freed. Either place may be
/// NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_error_get(
    error: *const mecai_error,
    result: *mut mecai_result,
    sentence: *mut mecai_bytes,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(std::ptr::null_mut(), || {
            let (mut result, mut sentence) = (Out::optional(result), Out::optional(sentence));
            let failure: Arc<Failure> = handle::get(error)?;
            result.set(failure.result);
            sentence.set(failure.sentence.view());
            Ok(())
        })
    }
}

/// Frees an error; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_error_free(error: *mut mecai_error) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Failure>(error)) }
}
