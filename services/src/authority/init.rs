//! `mecai authority init`: a new authority's key, configuration, and entry for the authority list.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use mecai::authority_list::{
    AuthorityEntry, AuthorityList, ListError, ListFile, ListKeys, ListKeysError, OperatorEntry,
};
use mecai::chain::spki_hash;
use mecai::signature::{KeyFailure, SigningKey};
use mecai::time::UnixTime;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

use super::checks::hex;

/// What `init` is told.
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// Id of the operator, as in the authority list: a-z, 0-9 and -
    #[arg(long, value_name = "ID")]
    pub operator: String,
    /// Name of the operator; the id unless given
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Country of the operator, two letters (ISO 3166-1)
    #[arg(long, value_name = "CC")]
    pub country: String,
    /// URL under which agents reach this authority
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// Region from which it looks, as EU; may be given several times
    #[arg(long, value_name = "REGION")]
    pub region: Vec<String>,
    /// PEM file with CA certificates of the operator, for the entry; may be given several times
    #[arg(long, value_name = "FILE")]
    pub ca: Vec<PathBuf>,
    /// How long the key is to be valid, in days
    #[arg(long, value_name = "DAYS", default_value_t = 365)]
    pub days: u32,
    /// Address and port of the HTTP server
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8440")]
    pub listen: std::net::SocketAddr,
    /// PEM file with the roots that the authority trusts
    #[arg(long, value_name = "FILE", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    pub roots: PathBuf,
    /// The authority list
    #[arg(long, value_name = "FILE", default_value = "authorities.json")]
    pub authorities: PathBuf,
    /// Who signs the list: a minisign public key, or "M of KEY, KEY"
    #[arg(long, value_name = "KEYS")]
    pub authorities_keys: Option<String>,
    /// Directory for the files; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}

/// Why `init` made nothing, or not everything.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InitError {
    /// A file cannot be read or made; none is overwritten.
    #[error("{}: {cause}", .path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// A file of CA certificates that cannot be read.
    #[error("{}: it holds no CA certificate in PEM", .0.display())]
    Ca(PathBuf),
    /// The keys that sign the list.
    #[error("--authorities-keys: {0}")]
    ListKeys(#[from] ListKeysError),
    /// A value that could not stand in an authority list.
    #[error("the entry would not be accepted: {0}")]
    Entry(ListError),
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyFailure),
}

/// The files that were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The private key.
    pub key: PathBuf,
    /// The configuration.
    pub config: PathBuf,
    /// The entry for the authority list: an operator with this authority.
    pub entry: PathBuf,
}

/// Makes a new authority; `now` is the beginning of its validity.
///
/// # Errors
/// [`InitError`]. Files that were made before it failed stay.
pub fn init(arguments: &Init, now: UnixTime) -> Result<Made, InitError> {
    if let Some(keys) = &arguments.authorities_keys {
        keys.parse::<ListKeys>()?;
    }
    let pkcs8 = SigningKey::generate()?;
    let key = SigningKey::from_pkcs8(&pkcs8)?;
    let entry = OperatorEntry {
        id: arguments.operator.clone(),
        name: arguments.name.clone().unwrap_or_else(|| arguments.operator.clone()),
        country: arguments.country.clone(),
        ca_keys: ca_keys(&arguments.ca)?,
        authorities: vec![AuthorityEntry {
            public_key: key.public_key_base64(),
            url: arguments.url.clone(),
            regions: arguments.region.clone(),
            valid_from: now.to_string(),
            valid_until: now.plus(u64::from(arguments.days) * 86_400).to_string(),
        }],
    };
    check(&entry, now)?;
    let made = Made {
        key: arguments.dir.join("authority.key"),
        config: arguments.dir.join("authority.toml"),
        entry: arguments.dir.join("list-entry.json"),
    };
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| InitError::File { path, cause }
    };
    std::fs::create_dir_all(&arguments.dir).map_err(failed(&arguments.dir))?;
    let pem = zeroize::Zeroizing::new(pem(&pkcs8));
    write(&made.key, pem.as_bytes(), 0o600).map_err(failed(&made.key))?;
    write(&made.config, config(arguments).as_bytes(), 0o644).map_err(failed(&made.config))?;
    let json = serde_json::to_string_pretty(&entry).map_err(|cause| failed(&made.entry)(cause.into()))? + "\n";
    write(&made.entry, json.as_bytes(), 0o644).map_err(failed(&made.entry))?;
    Ok(made)
}

/// The SPKI hashes of the certificates in these files.
fn ca_keys(files: &[PathBuf]) -> Result<Vec<String>, InitError> {
    let mut keys = Vec::new();
    for path in files {
        let pem = std::fs::read(path).map_err(|cause| InitError::File { path: path.clone(), cause })?;
        let unreadable = || InitError::Ca(path.clone());
        let before = keys.len();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| unreadable())?;
            keys.push(hex(&spki_hash(&certificate).ok_or_else(unreadable)?));
        }
        if keys.len() == before {
            return Err(unreadable());
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// Whether a list with this entry would be read; CA keys may be put in by hand later.
fn check(entry: &OperatorEntry, now: UnixTime) -> Result<(), InitError> {
    let mut entry = entry.clone();
    if entry.ca_keys.is_empty() {
        entry.ca_keys.push(hex(&[0; 32]));
    }
    let list = ListFile {
        version: 1,
        sequence: 0,
        issued: now.to_string(),
        expires: now.plus(1).to_string(),
        operators: vec![entry],
    };
    let json =
        serde_json::to_vec(&list).map_err(|cause| InitError::Entry(ListError::Malformed(cause.to_string().into())))?;
    AuthorityList::from_json(&json).map(drop).map_err(InitError::Entry)
}

fn config(arguments: &Init) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let path = |path: &Path| text(&path.to_string_lossy());
    let keys = match &arguments.authorities_keys {
        Some(keys) => format!("authorities_keys = {}", text(keys)),
        None => {
            "# The minisign public keys that sign the list: \"KEY\", or \"M of KEY, KEY\".\n# authorities_keys = \"\""
                .to_owned()
        }
    };
    format!(
        "# Configuration of a Vouching Authority; paths are relative to this file.\n\
         listen = {}\noperator = {}\nkey = \"authority.key\"\ndatabase = \"authority.db\"\nroots = {}\n\
         authorities = {}\n{keys}\n",
        text(&arguments.listen.to_string()),
        text(&arguments.operator),
        path(&arguments.roots),
        path(&arguments.authorities),
    )
}

/// PEM as in RFC 7468.
fn pem(pkcs8: &[u8]) -> String {
    let base64 = zeroize::Zeroizing::new(data_encoding::BASE64.encode(pkcs8));
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for (index, letter) in base64.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + "\n-----END PRIVATE KEY-----\n"
}

/// Makes a new file, durably; an old one is left as it is.
fn write(path: &Path, octets: &[u8], mode: u32) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::authority::key::read_key;

    const NOW: UnixTime = UnixTime(1_795_392_000);

    fn arguments(dir: &Path) -> Init {
        Init {
            operator: "operator-a".to_owned(),
            name: None,
            country: "DE".to_owned(),
            url: "http://127.0.0.1:8440/".to_owned(),
            region: vec!["EU".to_owned()],
            ca: Vec::new(),
            days: 30,
            listen: "127.0.0.1:8440".parse().unwrap(),
            roots: "roots.pem".into(),
            authorities: "authorities.json".into(),
            authorities_keys: None,
            dir: dir.to_owned(),
        }
    }

    #[test]
    fn the_entry_names_the_key_that_was_made() {
        let directory = tempfile::tempdir().unwrap();
        let made = init(&arguments(directory.path()), NOW).unwrap();
        assert_eq!(std::fs::metadata(&made.key).unwrap().permissions().mode() & 0o777, 0o600);
        let entry: OperatorEntry = serde_json::from_slice(&std::fs::read(&made.entry).unwrap()).unwrap();
        let key = read_key(&made.key).unwrap();
        assert_eq!(entry.authorities[0].public_key, key.public_key_base64());
        assert_eq!(entry.authorities[0].valid_until, "2026-12-23T00:00:00Z");
    }

    #[test]
    fn openssl_reads_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let made = init(&arguments(directory.path()), NOW).unwrap();
        let output =
            std::process::Command::new("openssl").args(["pkey", "-noout", "-text", "-in"]).arg(&made.key).output();
        let output = output.unwrap();
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("prime256v1"));
    }

    #[test]
    fn the_configuration_is_read_once_the_list_keys_are_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let made = init(&arguments(&directory.path().join("without")), NOW).unwrap();
        let error = crate::authority::config::Config::read(&made.config).unwrap_err().to_string();
        assert!(error.contains("missing field `authorities_keys`"), "{error}");

        let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap().pk.to_base64();
        let with = Init { authorities_keys: Some(keys), ..arguments(&directory.path().join("with")) };
        let config = crate::authority::config::Config::read(&init(&with, NOW).unwrap().config).unwrap();
        assert_eq!(config.operator, "operator-a");
        assert_eq!(config.key, directory.path().join("with/authority.key"));
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_wrong_is_made() {
        let directory = tempfile::tempdir().unwrap();
        init(&arguments(directory.path()), NOW).unwrap();
        let error = init(&arguments(directory.path()), NOW).unwrap_err().to_string();
        assert!(error.contains("authority.key: File exists"), "{error}");

        let empty = directory.path().join("empty");
        for (wrong, expected) in [
            (Init { operator: "Operator A".to_owned(), ..arguments(&empty) }, "id is not"),
            (Init { country: "de".to_owned(), ..arguments(&empty) }, "country is not"),
            (Init { url: "ftp://a.example/".to_owned(), ..arguments(&empty) }, "url"),
            (Init { region: vec!["eu".to_owned()], ..arguments(&empty) }, "region"),
            (Init { authorities_keys: Some("x".to_owned()), ..arguments(&empty) }, "minisign"),
        ] {
            let error = init(&wrong, NOW).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(!empty.exists());
    }
}
