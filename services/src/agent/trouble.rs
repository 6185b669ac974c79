//! What goes wrong on the agent's own side: a stable word and one sentence.

use std::fmt;

use mecai::authority_list::ListError;
use mecai::time::UnixTime;
use serde::{Deserialize, Serialize};

/// A word for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Stable.
    pub code: &'static str,
    /// With the values compared.
    pub sentence: String,
}

impl Trouble {
    /// Puts both together.
    pub fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.sentence, self.code)
    }
}

impl From<&ListError> for Trouble {
    fn from(error: &ListError) -> Self {
        let code = match error {
            ListError::Missing(_) => "no_list",
            ListError::Unsigned { .. } => "list_unsigned",
            ListError::RolledBack { .. } => "list_rolled_back",
            // Also for what later versions of the core may find.
            _ => "list_malformed",
        };
        Self::new(code, error.to_string())
    }
}

/// Something that fails, as `status.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// A stable word: of spec section 9 for authorities, else the agent's own.
    pub code: String,
    /// One sentence.
    pub sentence: String,
    /// The first failure since the last success, RFC 3339.
    pub since: String,
    /// The last failure, RFC 3339.
    pub last: String,
}

impl Failing {
    /// Goes on from what failed before, or begins at `now`.
    #[must_use]
    pub fn after(before: Option<&Self>, code: &str, sentence: String, now: UnixTime) -> Self {
        let now = now.to_string();
        let since = before.map_or_else(|| now.clone(), |before| before.since.clone());
        Self { code: code.to_owned(), sentence, since, last: now }
    }
}
