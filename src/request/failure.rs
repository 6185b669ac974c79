//! Why an authority gave no endorsement that can be used (spec section 9).

use super::ENDORSEMENT_MAX;
use super::problem::Problem;
use crate::AuthorityId;
use crate::octets::Hex;
use crate::time::UnixTime;

/// One failure of one authority, as the agent shows and records it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// What went wrong.
    pub cause: Cause,
    /// Before when the authority asked not to be asked again (`Retry-After`).
    pub retry_at: Option<UnixTime>,
}

/// What went wrong. Texts that came from outside are free of control characters and of bounded length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The authority says why.
    #[error("{}: {detail}", problem.title())]
    Refused {
        /// The check that failed.
        problem: Problem,
        /// The authority's sentence.
        detail: String,
    },
    /// No connection, or it broke.
    #[error("the authority cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer by {deadline}")]
    Timeout {
        /// The last second in which it would have counted.
        deadline: UnixTime,
    },
    /// Status 200 with another Content-Type than an endorsement's.
    #[error("the answer has the content type {0:?}, not \"{expected}\"", expected = super::ENDORSEMENT_TYPE)]
    WrongContentType(String),
    /// More octets than an endorsement may have.
    #[error("the answer has more than {ENDORSEMENT_MAX} octets")]
    AnswerTooLarge,
    /// Not the DER of an endorsement for this statement.
    #[error("the answer is no endorsement of the statement: {0}")]
    AnswerMalformed(String),
    /// Signed in the name of another authority.
    #[error("the answer is by authority {}, not by {}", Hex(found), Hex(expected))]
    WrongAuthority {
        /// Who it says it is.
        found: AuthorityId,
        /// Who was asked.
        expected: AuthorityId,
    },
    /// Not a signature of this statement by the authority's key in the list.
    #[error("the signature is not by the key of authority {} over the statement that it was asked about", Hex(.0))]
    BadSignature(AuthorityId),
    /// Neither an endorsement nor a problem of the spec.
    #[error("the answer has the HTTP status {status} and is no problem of this protocol{said}")]
    UnexpectedStatus {
        /// The HTTP status.
        status: u16,
        /// What it said, as `: …`; empty if nothing.
        said: String,
    },
}

impl Failure {
    /// No connection, or it broke: `why` in a few words.
    #[must_use]
    pub fn unreachable(why: &str) -> Self {
        Cause::Unreachable(clean(why)).into()
    }

    /// The stable word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.cause {
            Cause::Refused { problem, .. } => problem.code(),
            Cause::Unreachable(_) => "unreachable",
            Cause::Timeout { .. } => "timeout",
            Cause::WrongContentType(_) => "wrong_content_type",
            Cause::AnswerTooLarge => "answer_too_large",
            Cause::AnswerMalformed(_) => "answer_malformed",
            Cause::WrongAuthority { .. } => "wrong_authority",
            Cause::BadSignature(_) => "bad_signature",
            Cause::UnexpectedStatus { .. } => "unexpected_status",
        }
    }

    /// Whether the authority is better left alone for other questions too; otherwise the failure is about this one.
    #[must_use]
    pub fn concerns_authority(&self) -> bool {
        match &self.cause {
            Cause::Refused { problem, .. } => problem.concerns_authority(),
            _ => true,
        }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self { cause, retry_at: None }
    }
}

/// A text from outside, fit for a terminal and a log line.
pub(super) fn clean(text: &str) -> String {
    const LONGEST: usize = 500;
    let is_harmless = |c: &char| {
        !c.is_control() && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.trim().chars().map(|c| if is_harmless(&c) { c } else { ' ' }).take(LONGEST).collect()
}
