//! Who may vouch: operators, their CA keys and their authorities; signed, numbered and dated (spec section 6).

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::AuthorityId;
use crate::Sha256;
use crate::chain::Chain;
use crate::endorsement::Endorsement;
use crate::octets::{self, Hex};
use crate::signature::PublicKey;
use crate::time::UnixTime;

mod file;
mod operator_set;
mod signers;
mod verified;

pub use file::{AuthorityEntry, ListFile, OperatorEntry};
pub use operator_set::OperatorSet;
pub use signers::{ListKeys, ListKeysError};
use verified::VerifiedEndorsements;

/// The longest life of a list, in seconds.
pub const LIST_LIFETIME_MAX: u64 = 2_592_000;
/// The most operators in a list.
pub const OPERATORS_MAX: usize = 1_000;
/// The most octets of a list.
pub const LIST_MAX: usize = 4 << 20;
const CA_KEYS_MAX: usize = 10_000;
const AUTHORITIES_MAX: usize = 4_000;

/// A list whose signatures were checked and that follows every rule of spec section 6.
#[derive(Clone, Debug)]
pub struct AuthorityList {
    digest: Sha256,
    sequence: u64,
    issued: UnixTime,
    expires: UnixTime,
    operators: Vec<Operator>,
    /// CA key to the index of its operator.
    owners: HashMap<Sha256, usize>,
    /// Authority to the index of its operator and its own index there; ascending.
    authorities: Vec<(AuthorityId, usize, usize)>,
    /// What is not verified again, if the list remembers it.
    verified: Option<Arc<VerifiedEndorsements>>,
}

/// An organisation that owns CA keys and runs authorities.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Its stable id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// ISO 3166-1, two letters.
    pub country: String,
    /// SPKI hashes of all its CA keys.
    pub ca_keys: Vec<Sha256>,
    /// Its authorities.
    pub authorities: Vec<Authority>,
}

/// A Vouching Authority.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The key that verifies its endorsements.
    pub public_key: PublicKey,
    /// Where it is asked.
    pub url: String,
    /// Where it looks from.
    pub regions: Vec<String>,
    /// The first second of its validity.
    pub valid_from: UnixTime,
    /// The last second of its validity.
    pub valid_until: UnixTime,
}

/// A list that is not accepted. To clone it allocates nothing: every verdict tells of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// There is none.
    #[error("there is no authority list: {0}")]
    Missing(Arc<str>),
    /// It breaks a rule of spec section 6.
    #[error("the authority list is malformed: {0}")]
    Malformed(Arc<str>),
    /// Too few signatures.
    #[error("the authority list has good signatures of {good} of the configured keys, {required} are required")]
    Unsigned {
        /// Keys whose signatures verify.
        good: usize,
        /// Keys that have to have signed.
        required: usize,
    },
    /// Older than one accepted before.
    #[error("the authority list has sequence {sequence}, lower than {highest}, which was accepted before")]
    RolledBack {
        /// Its sequence.
        sequence: u64,
        /// The highest accepted.
        highest: u64,
    },
}

impl ListError {
    fn malformed(problem: String) -> Self {
        Self::Malformed(problem.into())
    }
}

impl AuthorityList {
    /// Checks the signatures (the text of `NAME.minisig`), then reads the list, and refuses a sequence below `highest`.
    pub fn read(json: &[u8], signatures: &str, keys: &ListKeys, highest: u64) -> Result<Self, ListError> {
        keys.check(json, signatures)?;
        let list = Self::from_json(json)?;
        if list.sequence < highest {
            return Err(ListError::RolledBack { sequence: list.sequence, highest });
        }
        Ok(list)
    }

    /// Reads a list whose signatures do not matter: one that is about to be signed, or shown.
    pub fn from_json(json: &[u8]) -> Result<Self, ListError> {
        if json.len() > LIST_MAX {
            return Err(ListError::malformed(format!("it has {} octets, more than {LIST_MAX}", json.len())));
        }
        let file: ListFile = serde_json::from_slice(json).map_err(|error| ListError::malformed(error.to_string()))?;
        Self::from_file(&file, octets::sha256(&[json])).map_err(ListError::malformed)
    }

    /// The same list, which remembers the endorsements by its authorities that were verified last: 128 of them, each by a
    /// digest of the authority's key, the statement, the endorsement and its signature. Whatever else the rules of
    /// acceptance ask, times among it, they ask each time.
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { verified: Some(Arc::new(VerifiedEndorsements::new())), ..self }
    }

    /// Whether this authority of the list has signed this endorsement, over the statement with this digest.
    pub(crate) fn has_signed(&self, authority: &Authority, endorsement: &Endorsement<'_>, statement: &Sha256) -> bool {
        let key = &authority.public_key;
        let Some(verified) = &self.verified else { return endorsement.is_signed_by(key, statement) };
        let Some(digest) = endorsement.digest(key, statement) else { return false };
        if verified.contains(&digest) {
            return true;
        }
        let is_good = endorsement.is_signed_by(key, statement);
        if is_good {
            verified.keep(&digest);
        }
        is_good
    }

    /// SHA-256 of its JSON.
    pub(crate) fn digest(&self) -> &Sha256 {
        &self.digest
    }

    /// The times around `now` in which the same authorities are valid.
    pub(crate) fn steady(&self, now: UnixTime) -> RangeInclusive<UnixTime> {
        let authorities = self.operators.iter().flat_map(|operator| &operator.authorities);
        let changes = authorities.flat_map(|authority| [authority.valid_from, authority.valid_until.plus(1)]);
        let (mut first, mut last) = (UnixTime(0), UnixTime(u64::MAX));
        for change in changes {
            if change <= now {
                first = first.max(change);
            } else {
                last = last.min(UnixTime(change.0 - 1));
            }
        }
        first..=last
    }

    /// Never goes back.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was issued.
    #[must_use]
    pub fn issued(&self) -> UnixTime {
        self.issued
    }

    /// The last second of its validity.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// The operators, in the list's order; an operator is named by its index here.
    #[must_use]
    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    /// The authority with this id, and the index of its operator.
    #[must_use]
    pub fn authority(&self, id: &AuthorityId) -> Option<(usize, &Authority)> {
        let place = self.authorities.binary_search_by(|(other, ..)| other.cmp(id)).ok()?;
        let (_, operator, authority) = *self.authorities.get(place)?;
        Some((operator, self.operators.get(operator)?.authorities.get(authority)?))
    }

    /// The operator that owns a CA key.
    #[must_use]
    pub fn owner(&self, ca_key: &Sha256) -> Option<usize> {
        self.owners.get(ca_key).copied()
    }

    /// All owners of a verified chain, none if its trust anchor is not listed. A CA certificate that is not listed
    /// belongs to the owner of its issuer, which is an owner of the chain already.
    #[must_use]
    pub fn owners(&self, chain: &Chain) -> Option<OperatorSet> {
        self.owner(chain.anchor())?;
        Some(self.known_owners(chain))
    }

    /// The owners of a chain as far as they are listed, whoever its trust anchor belongs to.
    #[must_use]
    pub fn known_owners(&self, chain: &Chain) -> OperatorSet {
        let mut owners = OperatorSet::default();
        for owner in chain.ca_keys().filter_map(|key| self.owner(key)) {
            owners.insert(owner);
        }
        owners
    }

    fn from_file(file: &ListFile, digest: Sha256) -> Result<Self, String> {
        let header = &file.header()?;
        let operators = file.operators.iter().map(OperatorEntry::read).collect::<Result<Vec<_>, _>>()?;
        let (sequence, issued, expires) = *header;
        let (owners, authorities) = (HashMap::new(), Vec::new());
        let mut list = Self { digest, sequence, issued, expires, operators, owners, authorities, verified: None };
        list.index()?;
        Ok(list)
    }

    /// Fills the look-up tables, and refuses what stands in the list twice.
    fn index(&mut self) -> Result<(), String> {
        let mut ids = HashSet::new();
        for (index, operator) in self.operators.iter().enumerate() {
            if !ids.insert(operator.id.as_str()) {
                return Err(format!("operator {:?} appears twice", operator.id));
            }
            for key in &operator.ca_keys {
                if let Some(other) = self.owners.insert(*key, index) {
                    let other = self.operators.get(other).map_or("", |operator| &operator.id);
                    return Err(format!("CA key {} appears twice, under {other:?} and {:?}", Hex(key), operator.id));
                }
            }
            for (place, authority) in operator.authorities.iter().enumerate() {
                self.authorities.push((*authority.public_key.id(), index, place));
            }
        }
        self.authorities.sort_unstable();
        if let Some(twice) = self.authorities.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(format!("authority {} appears twice", Hex(&twice[0].0)));
        }
        let authorities = self.operators.iter().flat_map(|operator| &operator.authorities);
        for authority in authorities {
            if self.owners.contains_key(authority.public_key.spki_hash()) {
                return Err(format!("the key of authority {} is a CA key", Hex(authority.public_key.id())));
            }
        }
        let within = |count: usize, most: usize, what: &str| {
            if count <= most { Ok(()) } else { Err(format!("it has {count} {what}, more than {most}")) }
        };
        within(self.operators.len(), OPERATORS_MAX, "operators")?;
        within(self.owners.len(), CA_KEYS_MAX, "CA keys")?;
        within(self.authorities.len(), AUTHORITIES_MAX, "authorities")
    }
}

impl Operator {
    /// Whether one of its authorities can vouch now.
    #[must_use]
    pub fn is_active(&self, now: UnixTime) -> bool {
        self.authorities.iter().any(|authority| authority.is_usable(now))
    }

    /// Whether one of its authorities in this region can vouch now.
    #[must_use]
    pub fn is_active_in(&self, region: &str, now: UnixTime) -> bool {
        self.authorities
            .iter()
            .any(|authority| authority.is_usable(now) && authority.regions.iter().any(|r| r == region))
    }
}

impl Authority {
    /// Whether its time in the list covers `now`.
    #[must_use]
    pub fn is_valid(&self, now: UnixTime) -> bool {
        (self.valid_from..=self.valid_until).contains(&now)
    }

    /// Whether it can vouch now: it is valid, and its algorithm is known.
    #[must_use]
    pub fn is_usable(&self, now: UnixTime) -> bool {
        self.is_valid(now) && self.public_key.algorithm().is_some()
    }
}
