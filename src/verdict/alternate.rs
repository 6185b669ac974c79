//! Why a server's alternate is not accepted (spec section 8, "Failover").

use super::{Cause, Code};
use crate::Sha256;
use crate::chain::ChainError;
use crate::extension::AnswerError;
use crate::octets::Hex;
use crate::text::Text;

/// Why an alternate is not accepted, with the values compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The sentences say what the values are.
pub enum AlternateCause {
    #[error("{0}")]
    Answer(AnswerError),
    #[error("the alternate is {0}")]
    Chain(ChainError),
    #[error("the alternate is on the key {}, the handshake on {} (SPKI SHA-256)", Hex(.alternate), Hex(.handshake))]
    OtherKey { alternate: Sha256, handshake: Sha256 },
    #[error("the program's own verification refused the alternate's chain: {0}")]
    NotTrusted(String),
    #[error("the alternate is not for {meant}")]
    WrongName { meant: Text },
    #[error("operator {operator} owns a part of the alternate's chain and of the server's own")]
    SameOperator { operator: Text },
    #[error("{0}")]
    Rules(Cause),
}

impl AlternateCause {
    /// The stable code: one of its own, or that of the rule that an alternate misses like any certificate.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Answer(AnswerError::TooLarge(_)) => Code::AlternateTooLarge,
            Self::Answer(AnswerError::Malformed { .. }) | Self::Chain(_) => Code::AlternateMalformed,
            Self::OtherKey { .. } => Code::AlternateOtherKey,
            Self::NotTrusted(_) => Code::AlternateNotTrusted,
            Self::WrongName { .. } => Code::AlternateWrongName,
            Self::SameOperator { .. } => Code::AlternateSameOperator,
            Self::Rules(cause) => cause.code(),
        }
    }
}
