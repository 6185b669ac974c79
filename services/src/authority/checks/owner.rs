//! Who owns a chain: an authority never vouches for what its own operator issued.

use mecai::authority_list::AuthorityList;
use mecai::chain::Chain;
use mecai::request::Problem;
use thiserror::Error;

use super::hex;

/// Why a chain is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OwnerFailure {
    /// Nobody is known to own the root.
    #[error("the root with key {} is not in the authority list", hex(.anchor))]
    RootNotListed {
        /// The SPKI hash of the root.
        anchor: mecai::Sha256,
    },
    /// The authority's own operator owns a part of it.
    #[error("a part of the chain belongs to {operator}, this authority's own operator")]
    OwnOperator {
        /// The operator's id.
        operator: String,
    },
}

impl OwnerFailure {
    /// What an authority answers for it (spec 9).
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::RootNotListed { .. } => Problem::RootNotListed,
            Self::OwnOperator { .. } => Problem::OwnOperator,
        }
    }
}

/// The ids of the operators that own the chain, none of which is `own`.
///
/// # Errors
/// [`OwnerFailure`].
pub fn check(list: &AuthorityList, chain: &Chain, own: &str) -> Result<Vec<String>, OwnerFailure> {
    let owners = list.owners(chain).ok_or_else(|| OwnerFailure::RootNotListed { anchor: *chain.anchor() })?;
    let operators = list.operators().iter().enumerate();
    let ids: Vec<String> =
        operators.filter(|(index, _)| owners.contains(*index)).map(|(_, operator)| operator.id.clone()).collect();
    if ids.iter().any(|id| id == own) {
        return Err(OwnerFailure::OwnOperator { operator: own.to_owned() });
    }
    Ok(ids)
}
