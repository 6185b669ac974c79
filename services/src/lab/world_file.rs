//! `world.json`: where everything in a world is, for programs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::pki::Ca;
use super::{Authority, Error, Operator, SignedList};

/// The version of this file's format.
const VERSION: u32 = 1;

/// What `world.json` holds. Paths are absolute.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WorldFile {
    /// 1.
    pub version: u32,
    /// The world's directory.
    pub directory: PathBuf,
    /// The roots of all operators, PEM: a client's CAfile.
    pub roots: PathBuf,
    /// The DNS server, UDP and TCP.
    pub dns: SocketAddr,
    /// The authority list, JSON; its signatures are beside it, with `.minisig` added to its name.
    pub authorities: PathBuf,
    /// Who must have signed the list: `2 of KEY, KEY, KEY`.
    pub authorities_keys: String,
    /// The operators, in order.
    pub operators: Vec<OperatorEntry>,
    /// Sites whose key and chain were written.
    pub sites: Vec<SiteEntry>,
}

/// One operator.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// `operator-a`.
    pub id: String,
    /// `Operator A`.
    pub name: String,
    /// Two letters.
    pub country: String,
    /// The server for OCSP, CRLs and CA certificates.
    pub revocation: SocketAddr,
    /// The root.
    pub root: CaEntry,
    /// The intermediate, which issues its customers' certificates.
    pub intermediate: CaEntry,
    /// Its authority, if the world has any.
    pub authority: Option<AuthorityEntry>,
}

/// One authority.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEntry {
    /// Where it answers.
    pub url: String,
    /// Its configuration, TOML.
    pub config: PathBuf,
    /// Its private key, PKCS #8 in PEM.
    pub key: PathBuf,
    /// Its standard output and standard error.
    pub log: PathBuf,
}

/// One CA.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CaEntry {
    /// Its certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PKCS #8 in PEM.
    pub key: PathBuf,
    /// SHA-256 of its SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// The OCSP responder for the certificates that it issues.
    pub ocsp: Option<String>,
    /// The CRL for the certificates that it issues.
    pub crl: Option<String>,
    /// Its own certificate, DER.
    pub ca_issuers: Option<String>,
}

/// A site's certificate.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct SiteEntry {
    /// The name under which it was written.
    pub name: String,
    /// The chain as a server sends it, PEM.
    pub chain: PathBuf,
    /// The private key, PKCS #8 in PEM.
    pub key: PathBuf,
}

impl WorldFile {
    /// Reads `world.json` of the world in `directory`.
    ///
    /// # Errors
    /// [`Error::File`], also for a file that is not of this format.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let path = Self::path(directory);
        let read = || {
            let file: Self = serde_json::from_slice(&std::fs::read(&path)?)?;
            if file.version == VERSION {
                return Ok(file);
            }
            Err(std::io::Error::other(format!("its version is {}, not {VERSION}", file.version)))
        };
        read().map_err(Error::file("read", &path))
    }

    /// Where the file is in a world's directory.
    pub fn path(directory: &Path) -> PathBuf {
        directory.join("world.json")
    }

    pub(super) fn new(
        directory: &Path,
        roots: PathBuf,
        dns: SocketAddr,
        list: &SignedList,
        operators: Vec<OperatorEntry>,
    ) -> Self {
        Self {
            version: VERSION,
            directory: directory.to_path_buf(),
            roots,
            dns,
            authorities: list.path().to_path_buf(),
            authorities_keys: list.keys(),
            operators,
            sites: Vec::new(),
        }
    }

    /// As it stands in the file.
    ///
    /// # Errors
    /// [`Error::File`] for a path that is not UTF-8.
    pub fn to_json(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(std::io::Error::from);
        text.map_err(Error::file("write", &Self::path(&self.directory)))
    }

    /// Written beside and renamed, so that a reader never sees half of it.
    pub(super) fn write(&self) -> Result<(), Error> {
        let path = Self::path(&self.directory);
        let beside = path.with_extension("json.new");
        let text = self.to_json()?;
        let write = || std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
        write().map_err(Error::file("write", &path))
    }
}

impl OperatorEntry {
    /// For an operator whose CAs' files are in `directory`.
    pub(super) fn new(operator: &Operator, directory: &Path) -> Self {
        Self {
            id: operator.id().to_owned(),
            name: operator.name().to_owned(),
            country: operator.country().to_owned(),
            revocation: operator.revocation().address(),
            root: CaEntry::new(operator.root(), directory, "root"),
            intermediate: CaEntry::new(operator.intermediate(), directory, "intermediate"),
            authority: None,
        }
    }
}

impl AuthorityEntry {
    pub(super) fn new(authority: &Authority) -> Self {
        Self {
            url: authority.url(),
            config: authority.config().to_path_buf(),
            key: authority.key().to_path_buf(),
            log: authority.log().to_path_buf(),
        }
    }
}

impl CaEntry {
    fn new(ca: &Ca, directory: &Path, name: &str) -> Self {
        let pointers = ca.pointers().clone();
        Self {
            certificate: directory.join(format!("{name}.pem")),
            key: directory.join(format!("{name}.key")),
            spki_sha256: HEXLOWER.encode(&ca.spki_sha256()),
            ocsp: pointers.ocsp,
            crl: pointers.crl,
            ca_issuers: pointers.ca_issuers,
        }
    }
}
