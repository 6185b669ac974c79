//! The authority list of a world, and the keys that sign it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mecai::authority_list::{LIST_LIFETIME_MAX, ListFile, OperatorEntry};
use mecai::time::UnixTime;
use minisign::KeyPair;

use super::directory::{write_private, write_public};
use super::{Error, unix_now};

/// There are so many keys, and so many of them sign: enough for a reader that demands [`REQUIRED`].
const KEYS: usize = 3;
const REQUIRED: usize = 2;

/// `authorities.json` in a world's directory, signed by two of three minisign keys (spec section 6).
#[derive(Debug)]
pub struct SignedList {
    path: PathBuf,
    public_keys: Vec<String>,
    secret_keys: Vec<PathBuf>,
    sequence: Mutex<u64>,
}

impl SignedList {
    /// Makes the keys, `1.key` and so on in `keys`; there is no list yet.
    pub(super) fn new(path: PathBuf, keys: &Path) -> Result<Self, Error> {
        let mut list = Self { path, public_keys: Vec::new(), secret_keys: Vec::new(), sequence: Mutex::new(0) };
        for number in 1..=KEYS {
            let pair = KeyPair::generate_unencrypted_keypair().map_err(failed("a minisign key"))?;
            let secret = pair.sk.to_box(None).map_err(failed("a minisign key"))?;
            let path = keys.join(format!("{number}.key"));
            write_private(&path, &secret.into_string())?;
            list.secret_keys.push(path);
            list.public_keys.push(pair.pk.to_base64());
        }
        Ok(list)
    }

    /// The JSON file; its signatures are beside it, with `.minisig` added to its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who must have signed it, as readers are configured: `2 of KEY, KEY, KEY`.
    pub fn keys(&self) -> String {
        format!("{REQUIRED} of {}", self.public_keys.join(", "))
    }

    /// The minisign secret keys, without a password.
    pub fn secret_keys(&self) -> &[PathBuf] {
        &self.secret_keys
    }

    /// Puts a list of these operators, one sequence number higher, in the place of the last one. No reader sees a list
    /// without its signatures: the new ones stand beside the old until the list is replaced.
    pub(super) fn publish(&self, operators: Vec<OperatorEntry>) -> Result<(), Error> {
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        let now = UnixTime(unix_now());
        let list = ListFile {
            version: 1,
            sequence: *sequence + 1,
            issued: now.to_string(),
            expires: now.plus(LIST_LIFETIME_MAX).to_string(),
            operators,
        };
        let json = serde_json::to_string_pretty(&list).map_err(failed("the authority list"))? + "\n";
        let mut new = String::new();
        for path in self.secret_keys.iter().take(REQUIRED) {
            new += &sign(path, &json)?;
        }
        let signatures = self.signatures();
        let old = if signatures.exists() {
            fs::read_to_string(&signatures).map_err(Error::file("read", &signatures))?
        } else {
            String::new()
        };
        replace(&signatures, &format!("{new}{old}"))?;
        replace(&self.path, &json)?;
        replace(&signatures, &new)?;
        *sequence += 1;
        Ok(())
    }

    fn signatures(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".minisig");
        name.into()
    }
}

fn sign(secret_key: &Path, json: &str) -> Result<String, Error> {
    let text = fs::read_to_string(secret_key).map_err(Error::file("read", secret_key))?;
    let signature = minisign::SecretKeyBox::from_string(&text)
        .and_then(minisign::SecretKeyBox::into_unencrypted_secret_key)
        .and_then(|key| minisign::sign(None, &key, json.as_bytes(), None, None))
        .map_err(failed("the authority list"))?;
    Ok(signature.into_string())
}

/// Written beside and renamed: a reader sees the old file or the new one.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let mut beside = path.to_path_buf().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    write_public(&beside, text)?;
    fs::rename(&beside, path).map_err(Error::file("replace", path))
}

fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Error {
    let what = what.to_owned();
    move |reason| Error::Issue { what, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use mecai::authority_list::AuthorityList;

    use super::*;

    fn operator(id: &str) -> OperatorEntry {
        OperatorEntry {
            id: id.to_owned(),
            name: id.to_owned(),
            country: "DE".to_owned(),
            ca_keys: vec!["00".repeat(32)],
            authorities: Vec::new(),
        }
    }

    #[test]
    fn readers_accept_every_new_list_and_not_with_one_signature() {
        let directory = tempfile::tempdir().unwrap();
        let list = SignedList::new(directory.path().join("authorities.json"), directory.path()).unwrap();
        for (number, id) in ["operator-a", "operator-b"].into_iter().enumerate() {
            list.publish(vec![operator(id)]).unwrap();
            let json = fs::read(list.path()).unwrap();
            let signatures = fs::read_to_string(list.signatures()).unwrap();
            let read = |signatures: &str| AuthorityList::read(&json, signatures, &list.keys().parse().unwrap(), 1);
            let accepted = read(&signatures).unwrap();
            assert_eq!(accepted.sequence(), number as u64 + 1);
            assert_eq!(accepted.operators()[0].id, id);
            let first: Vec<&str> = signatures.lines().take(4).collect();
            assert!(read(&first.join("\n")).is_err());
        }
    }

    #[test]
    fn minisign_itself_verifies_a_signature() {
        let directory = tempfile::tempdir().unwrap();
        let list = SignedList::new(directory.path().join("authorities.json"), directory.path()).unwrap();
        list.publish(vec![operator("operator-a")]).unwrap();
        let output =
            Command::new("minisign").arg("-Vm").arg(list.path()).args(["-P", &list.public_keys[0]]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
