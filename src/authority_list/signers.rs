//! The minisign keys that an authority list must be signed by (spec section 6, "Signature").

use std::str::FromStr;

use minisign_verify::{PublicKey, Signature};

use super::ListError;

/// Public keys, and how many of them must have signed.
#[derive(Clone, Debug)]
pub struct ListKeys {
    keys: Vec<PublicKey>,
    required: usize,
}

/// A text that names no keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListKeysError {
    /// Not a minisign public key.
    #[error("{0:?} is not a minisign public key (56 characters, beginning with RW)")]
    NotAKey(String),
    /// The same key twice.
    #[error("the key {0:?} stands there twice")]
    Twice(String),
    /// More signatures than keys, or none.
    #[error("{required} of {keys} keys must sign: not 1 to {keys}")]
    Required {
        /// As written.
        required: usize,
        /// How many keys there are.
        keys: usize,
    },
}

/// `KEY`, or `M of KEY, KEY, …`: minisign public keys in base64.
impl FromStr for ListKeys {
    type Err = ListKeysError;

    fn from_str(text: &str) -> Result<Self, ListKeysError> {
        let (required, keys) = match text.split_once(" of ") {
            Some((number, keys)) => {
                let number = number.trim();
                (number.parse().map_err(|_| ListKeysError::NotAKey(text.to_owned()))?, keys)
            }
            None => (1, text),
        };
        let words: Vec<&str> = keys.split(',').map(str::trim).collect();
        let read = |word: &&str| PublicKey::from_base64(word).map_err(|_| ListKeysError::NotAKey((*word).to_owned()));
        let keys = words.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if let Some(twice) = words.iter().enumerate().find(|(index, word)| words[..*index].contains(word)) {
            return Err(ListKeysError::Twice((*twice.1).to_owned()));
        }
        // One key without a number means just that key; several need to say how many.
        if !(1..=keys.len()).contains(&required) || (keys.len() > 1 && !text.contains(" of ")) {
            return Err(ListKeysError::Required { required, keys: keys.len() });
        }
        Ok(Self { keys, required })
    }
}

impl ListKeys {
    /// Whether enough different keys have signed `list`; signatures that do not verify are passed over.
    pub(super) fn check(&self, list: &[u8], signatures: &str) -> Result<(), ListError> {
        let lines: Vec<&str> = signatures.lines().filter(|line| !line.trim().is_empty()).collect();
        let signatures: Vec<Signature> = lines.chunks(4).filter_map(decode).collect();
        let has_signed =
            |key: &&PublicKey| signatures.iter().any(|signature| key.verify(list, signature, true).is_ok());
        let good = self.keys.iter().filter(has_signed).count();
        if good < self.required { Err(ListError::Unsigned { good, required: self.required }) } else { Ok(()) }
    }
}

/// One block. The library passes over what the first line is; minisign does not.
fn decode(four: &[&str]) -> Option<Signature> {
    four.first()?.strip_prefix("untrusted comment: ")?;
    Signature::decode(&four.join("\n")).ok()
}
