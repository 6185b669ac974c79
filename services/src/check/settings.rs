//! What a check demands: the command line, over the mecai section of openssl.cnf, over the defaults.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use mecai::authority_list::ListKeys;
use mecai::chain;
use mecai::policy::{AddressRule, Exemption, Mode, Policy, Quorum};
use openssl::x509::X509;

use super::Options;
use crate::openssl_cnf::{CnfError, OpensslCnf, Section};

/// Everything that judging needs to know beforehand.
pub(super) struct Settings {
    pub(super) policy: Policy,
    pub(super) authorities: PathBuf,
    pub(super) keys: ListKeys,
    pub(super) state: Option<PathBuf>,
    /// Whether evidence of an alarm is kept in the state directory.
    pub(super) reports: bool,
}

/// Why nothing can be judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error(transparent)]
    Cnf(#[from] CnfError),
    #[error("{} has no mecai section", .0.display())]
    NoSection(PathBuf),
    #[error("unknown key {key:?} in the mecai section of {}", path.display())]
    UnknownKey { key: String, path: PathBuf },
    #[error("{key} = {value}: {problem}")]
    Value { key: &'static str, value: String, problem: String },
    #[error("{option} is missing (nor does openssl.cnf have {key} in a mecai section)")]
    Missing { option: &'static str, key: &'static str },
}

/// Keys of the section that say nothing about a check: it always asks, and always judges as `require` does.
const OTHERS: [&str; 8] = ["path", "mode", "role", "vouchers", "disclose", "log", "except", "failover"];

impl Settings {
    pub(super) fn new(options: &Options) -> Result<Self, SettingsError> {
        let file = File::of(options)?;
        let authorities = options.authorities.clone().or(file.path("authorities"));
        let keys = match &options.authorities_keys {
            Some(keys) => Some(keys.clone()),
            None => file.parsed("authorities_keys")?,
        };
        let local_roots = match file.path("local_roots") {
            Some(path) => read_roots(&path).map_err(|problem| value("local_roots", path.display(), problem))?,
            None => Vec::new(),
        };
        let policy = Policy {
            mode: Mode::Require,
            quorum: quorum(options, &file)?,
            region: match &options.region {
                Some(region) => Some(region.clone()),
                None => file
                    .text("region")
                    .map(|text| region(&text).map_err(|problem| value("region", &text, problem)))
                    .transpose()?,
            },
            addresses: match options.addresses {
                Some(rule) => rule.into(),
                None => file.parsed::<Addresses>("addresses")?.map_or(AddressRule::Note, Into::into),
            },
            exempt: file.list("exempt")?,
            local_roots,
            failover: true,
        };
        let missing = |option, key| SettingsError::Missing { option, key };
        Ok(Self {
            policy,
            authorities: authorities.ok_or(missing("--authorities", "authorities"))?,
            keys: keys.ok_or(missing("--authorities-keys", "authorities_keys"))?,
            state: options.state.clone().or(file.path("state")),
            reports: match file.text("reports").as_deref() {
                None | Some("on") => true,
                Some("off") => false,
                Some(other) => return Err(value("reports", other, "expected on, off")),
            },
        })
    }
}

/// What to make of the peer's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Addresses {
    Note,
    Require,
    Ignore,
}

impl From<Addresses> for AddressRule {
    fn from(addresses: Addresses) -> Self {
        match addresses {
            Addresses::Note => Self::Note,
            Addresses::Require => Self::Require,
            Addresses::Ignore => Self::Ignore,
        }
    }
}

impl FromStr for Addresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        clap::ValueEnum::from_str(text, false).map_err(|_| "expected note, require, ignore".to_owned())
    }
}

/// A region, as authority lists spell it.
pub(super) fn region(text: &str) -> Result<String, String> {
    let is_word = text.bytes().all(|octet| matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b'-'));
    if is_word && !text.is_empty() { Ok(text.to_owned()) } else { Err("a region is a word of A-Z 0-9 -".to_owned()) }
}

fn quorum(options: &Options, file: &File) -> Result<Quorum, SettingsError> {
    let default = Quorum::default();
    let candidates = options.candidates.or(file.parsed("candidates")?).unwrap_or(default.candidates());
    let required = options.quorum.or(file.parsed("quorum")?).unwrap_or(default.required());
    Quorum::new(required, candidates).map_err(|problem| value("quorum", required, problem))
}

/// The mecai section of an openssl.cnf; empty if none was asked for and the system's has none.
struct File(Section);

impl File {
    fn of(options: &Options) -> Result<Self, SettingsError> {
        let (path, section) = match &options.config {
            Some(path) => match OpensslCnf::read(path)?.mecai() {
                Some(section) => (path.clone(), section),
                None => return Err(SettingsError::NoSection(path.clone())),
            },
            None if options.authorities.is_some() => return Ok(Self(Section::new())),
            // Nothing says which list: what programs on this machine go by is the best answer.
            None => match OpensslCnf::default_path().filter(|path| path.exists()) {
                Some(path) => {
                    let section = OpensslCnf::read(&path)?.mecai().unwrap_or_default();
                    (path, section)
                }
                None => return Ok(Self(Section::new())),
            },
        };
        const OURS: [&str; 10] = [
            "authorities",
            "authorities_keys",
            "candidates",
            "quorum",
            "region",
            "addresses",
            "exempt",
            "local_roots",
            "state",
            "reports",
        ];
        let unknown = section.iter().find(|(key, _)| !OURS.contains(&key.as_str()) && !OTHERS.contains(&key.as_str()));
        match unknown {
            Some((key, _)) => Err(SettingsError::UnknownKey { key: key.clone(), path }),
            None => Ok(Self(section)),
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        self.0.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.trim().to_owned())
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str) -> Result<Option<T>, SettingsError> {
        let parse = |text: String| text.parse().map_err(|problem| value(key, &text, problem));
        self.text(key).map(parse).transpose()
    }

    fn list(&self, key: &'static str) -> Result<Vec<Exemption>, SettingsError> {
        let Some(text) = self.text(key) else { return Ok(Vec::new()) };
        text.split(',').map(|item| item.trim().parse().map_err(|problem| value(key, item.trim(), problem))).collect()
    }
}

fn value(key: &'static str, value: impl Display, problem: impl Display) -> SettingsError {
    SettingsError::Value { key, value: value.to_string(), problem: problem.to_string() }
}

/// The SPKI hashes of the certificates in a PEM file.
fn read_roots(path: &Path) -> Result<Vec<mecai::Sha256>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let roots = X509::stack_from_pem(&pem).map_err(|error| error.to_string())?;
    let hash = |root: &X509| root.to_der().ok().and_then(|der| chain::spki_hash(&der));
    let hashes: Option<Vec<_>> = roots.iter().map(hash).collect();
    hashes.filter(|hashes| !hashes.is_empty()).ok_or_else(|| "it holds no certificates in PEM".to_owned())
}
