//! A staged certificate on disk: `staged/<SHA-256>.json` in the agent's directory, written by `mecai agent stage`, read
//! by the agent. Nothing in it is secret.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use mecai::key_proof::KeyProof;
use mecai::store::StoredStaged;
use mecai::time::UnixTime;
use mecai::verify::CLOCK_TOLERANCE;
use mecai::{Sha256, durable};
use serde::{Deserialize, Serialize};

use super::super::certificate::Certificate;
use super::super::trouble::Trouble;

const VERSION: u32 = 1;

/// A certificate that is to take the place of a site's, and the proofs of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Staged {
    /// The certificate file that the site has in the configuration.
    pub(in super::super) site: PathBuf,
    pub(in super::super) certificate: Certificate,
    proofs: Vec<Proof>,
}

/// What the directory of them holds.
#[derive(Debug, Default)]
pub(in super::super) struct AllStaged {
    pub(in super::super) staged: Vec<Staged>,
    /// What is wrong with the other files.
    pub(in super::super) damaged: Vec<Trouble>,
}

/// The proof for one host and port, beside the certificate with one key (spec section 12).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Proof {
    der: Vec<u8>,
    host: String,
    port: u16,
    handshake_key: Sha256,
    not_before: UnixTime,
    not_after: UnixTime,
}

impl Staged {
    /// Puts together what belongs together.
    pub(in super::super) fn new(site: PathBuf, certificate: Certificate, proofs: Vec<Vec<u8>>) -> Result<Self, String> {
        let read = |der: Vec<u8>| -> Result<Proof, String> {
            let proof = KeyProof::from_der(&der).map_err(|error| error.to_string())?;
            let claim = *proof.claim();
            if claim.certificate != certificate.digest {
                return Err("a key proof is for another certificate".to_owned());
            }
            let (host, port) = (claim.host.to_owned(), claim.port);
            let (not_before, not_after) = (claim.not_before, claim.not_after);
            Ok(Proof { host, port, handshake_key: claim.handshake_key, not_before, not_after, der })
        };
        let proofs = proofs.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { site, certificate, proofs })
    }

    /// The directory of them, in the agent's own.
    pub(in super::super) fn directory(state: &Path) -> PathBuf {
        state.join("staged")
    }

    pub(in super::super) fn path(state: &Path, certificate: &Sha256) -> PathBuf {
        Self::directory(state).join(format!("{}{SUFFIX}", HEXLOWER.encode(certificate)))
    }

    /// All of them, and what is wrong with those that are damaged.
    ///
    /// # Errors
    /// `staged_unreadable` when the directory or a file in it cannot be read, which may pass.
    pub(in super::super) fn read_all(state: &Path) -> Result<AllStaged, Trouble> {
        let directory = Self::directory(state);
        let list = || -> io::Result<BTreeSet<PathBuf>> {
            let paths =
                std::fs::read_dir(&directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
            // Others are being written.
            let is_whole = |path: &PathBuf| {
                path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(SUFFIX.as_bytes()))
            };
            Ok(paths.into_iter().filter(is_whole).collect())
        };
        let mut all = AllStaged::default();
        let paths = match list() {
            Ok(paths) => paths,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(all),
            Err(cause) => return Err(trouble(&directory, cause.to_string())),
        };
        for path in paths {
            let octets = match std::fs::read(&path) {
                Ok(octets) => octets,
                // Taken away meanwhile.
                Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
                Err(cause) => return Err(trouble(&path, cause.to_string())),
            };
            match Self::from_json(&octets) {
                Ok(staged) => all.staged.push(staged),
                Err(problem) => all.damaged.push(trouble(&path, problem)),
            }
        }
        Ok(all)
    }

    /// Writes it durably.
    ///
    /// # Errors
    /// `state_failed`.
    pub(in super::super) fn write(&self, state: &Path) -> Result<(), Trouble> {
        let wire = Wire {
            version: VERSION,
            site: self.site.clone(),
            chain: self.certificate.chain.iter().map(|der| BASE64.encode(der)).collect(),
            key_proofs: self.proofs.iter().map(|proof| BASE64.encode(&proof.der)).collect(),
        };
        let path = Self::path(state, &self.certificate.digest);
        let write = || {
            std::fs::create_dir_all(Self::directory(state))?;
            let text = serde_json::to_vec_pretty(&wire).map_err(io::Error::other)?;
            durable::replace(&path, &text, 0o644)
        };
        write().map_err(|cause| Trouble::new("state_failed", format!("cannot write {}: {cause}", path.display())))
    }

    /// Takes its file away.
    pub(in super::super) fn remove(&self, state: &Path) {
        let path = Self::path(state, &self.certificate.digest);
        if let Err(cause) = std::fs::remove_file(&path)
            && cause.kind() != ErrorKind::NotFound
        {
            tracing::error!(code = "state_failed", "{} cannot be removed: {cause}", path.display());
        }
    }

    /// The hosts and ports for which it is proved.
    pub(in super::super) fn places(&self) -> BTreeSet<(&str, u16)> {
        self.proofs.iter().map(|proof| (proof.host.as_str(), proof.port)).collect()
    }

    /// When it was staged.
    pub(in super::super) fn since(&self) -> UnixTime {
        self.proofs.iter().map(|proof| proof.not_before.plus(CLOCK_TOLERANCE)).max().unwrap_or(UnixTime(0))
    }

    /// The last second in which any proof is in force.
    pub(in super::super) fn until(&self) -> UnixTime {
        self.proofs.iter().map(|proof| proof.not_after).max().unwrap_or(UnixTime(0))
    }

    /// What is shown beside a certificate with this key.
    pub(in super::super) fn beside(&self, key: &Sha256) -> impl Iterator<Item = StoredStaged> {
        let chain = &self.certificate.chain;
        let proofs = self.proofs.iter().filter(move |proof| proof.handshake_key == *key);
        proofs.map(move |proof| StoredStaged { chain: chain.clone(), key_proof: proof.der.clone() })
    }

    fn from_json(octets: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(octets).map_err(|cause| cause.to_string())?;
        if wire.version != VERSION {
            return Err(format!("its version is {}, not {VERSION}", wire.version));
        }
        let decode = |texts: &[String]| {
            let decoded: Result<Vec<_>, _> = texts.iter().map(|text| BASE64.decode(text.as_bytes())).collect();
            decoded.map_err(|cause| cause.to_string())
        };
        let certificate = Certificate::from_chain(decode(&wire.chain)?)?;
        Self::new(wire.site, certificate, decode(&wire.key_proofs)?)
    }
}

const SUFFIX: &str = ".json";

fn trouble(path: &Path, problem: String) -> Trouble {
    Trouble::new("staged_unreadable", format!("the staged certificate {}: {problem}", path.display()))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    site: PathBuf,
    /// Certificates in DER, base64.
    chain: Vec<String>,
    /// Key proofs in DER, base64.
    key_proofs: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_damaged_is_left_out_and_what_cannot_be_read_is_no_answer() {
        let state = tempfile::tempdir().unwrap();
        let of = || Staged::read_all(state.path());
        assert!(of().is_ok_and(|all| all.staged.is_empty() && all.damaged.is_empty()));
        let path = Staged::path(state.path(), &[0; 32]);
        std::fs::create_dir(Staged::directory(state.path())).unwrap();
        std::fs::write(&path, "{}").unwrap();
        assert!(of().is_ok_and(|all| all.damaged.len() == 1 && all.damaged[0].code == "staged_unreadable"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(of().unwrap_err().code, "staged_unreadable");
        std::fs::remove_dir_all(Staged::directory(state.path())).unwrap();
        std::fs::write(Staged::directory(state.path()), "").unwrap();
        assert_eq!(of().unwrap_err().code, "staged_unreadable");
    }
}
