//! The section of openssl.cnf that configures the module, read into [`Settings`] that cannot be wrong.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use mecai::authority_list::ListKeys;
use mecai::policy::{AddressRule, Exemption, Mode, Policy, Quorum, QuorumError};

use crate::installation::local_roots;

/// Everything that the section says, but for `log`, which is opened first.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What clients do; none if nothing asks for vouchers (`role = server`, or `mode = off` without a list).
    pub(crate) client: Option<Client>,
    /// The store that servers answer from; none if this process answers nobody (`mode = off`, `role = client`).
    pub(crate) vouchers: Option<PathBuf>,
    /// The programs that the module leaves alone.
    #[cfg_attr(not(feature = "module"), expect(dead_code, reason = "openssl.cnf alone has this key"))]
    pub(crate) except: Vec<String>,
}

/// What a client asks for and demands.
#[derive(Debug)]
pub(crate) struct Client {
    /// None is `off`.
    pub(crate) mode: Option<Mode>,
    pub(crate) policy: Policy,
    pub(crate) authorities: PathBuf,
    pub(crate) keys: ListKeys,
    pub(crate) disclose: bool,
    pub(crate) state: Option<PathBuf>,
    pub(crate) reports: bool,
}

/// A key or value that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A key that is not in the table.
    #[error("unknown key \"{key}\" (known are {})", known.join(", "))]
    UnknownKey { key: String, known: Vec<&'static str> },
    /// A key that only a file has a use for.
    #[error("{0} is a key of openssl.cnf alone")]
    OfTheFile(&'static str),
    /// A key that a program gives twice.
    #[error("{0} is given twice")]
    Twice(String),
    /// A key at the end of a program's settings.
    #[error("{0} is given without a value: count is the number of strings, keys and values")]
    NoValue(String),
    /// A value that its key does not take.
    #[error("{key} = {value}: {problem}")]
    Value { key: &'static str, value: String, problem: String },
    /// A file that cannot be used.
    #[error("{key} = {path}: {problem}")]
    File { key: &'static str, path: String, problem: String },
    /// A key that the others need.
    #[error("{key} is missing: {why}")]
    Missing { key: &'static str, why: &'static str },
}

const KEYS: [&str; 18] = [
    "path",
    "mode",
    "role",
    "authorities",
    "authorities_keys",
    "vouchers",
    "candidates",
    "quorum",
    "disclose",
    "region",
    "addresses",
    "exempt",
    "local_roots",
    "failover",
    "state",
    "reports",
    "log",
    "except",
];

/// Those that say where openssl.cnf loads the module, and into which programs.
const OF_THE_FILE: [&str; 2] = ["path", "except"];

impl Settings {
    /// Reads the names and values of a section.
    pub(crate) fn read(section: &Section) -> Result<Self, ConfigError> {
        section.check_names()?;
        let modes = [
            ("require", Some(Mode::Require)),
            ("opportunistic", Some(Mode::Opportunistic)),
            ("observe", Some(Mode::Observe)),
            ("off", None),
        ];
        let mode = section.word("mode", Some(Mode::Require), &modes)?;
        let roles = [("both", (true, true)), ("client", (true, false)), ("server", (false, true))];
        let (is_client, is_server) = section.word("role", (true, true), &roles)?;
        let vouchers = section.path("vouchers")?;
        if !is_client && vouchers.is_none() {
            let why = "role = server needs the directory to serve from";
            return Err(ConfigError::Missing { key: "vouchers", why });
        }
        Ok(Self {
            client: Client::read(section, mode, is_client)?,
            vouchers: vouchers.filter(|_| is_server && mode.is_some()),
            except: section.list::<Program>("except")?.into_iter().map(|program| program.0).collect(),
        })
    }
}

impl Client {
    /// Every value is checked, also where no client comes of them.
    fn read(section: &Section, mode: Option<Mode>, is_client: bool) -> Result<Option<Self>, ConfigError> {
        let addresses =
            [("note", AddressRule::Note), ("require", AddressRule::Require), ("ignore", AddressRule::Ignore)];
        let policy = Policy {
            mode: mode.unwrap_or(Mode::Require),
            quorum: quorum(section)?,
            region: section.parsed::<Region>("region")?.map(|region| region.0),
            addresses: section.word("addresses", AddressRule::Note, &addresses)?,
            exempt: section.list::<Exemption>("exempt")?,
            local_roots: match section.path("local_roots")? {
                Some(path) => local_roots::read(&path).map_err(|error| {
                    let (path, problem) = (path.display().to_string(), error.to_string());
                    ConfigError::File { key: "local_roots", path, problem }
                })?,
                None => Vec::new(),
            },
            failover: section.word("failover", true, &[("on", true), ("off", false)])?,
        };
        let disclose = section.word("disclose", false, &[("none", false), ("candidates", true)])?;
        let reports = section.word("reports", true, &[("on", true), ("off", false)])?;
        let state = section.path("state")?;
        let authorities = section.path("authorities")?;
        let keys = section.parsed::<ListKeys>("authorities_keys")?;

        let why = "a client needs it (for one that is none, say role = server)";
        let (authorities, keys) = match (authorities, keys) {
            _ if !is_client => return Ok(None),
            (Some(authorities), Some(keys)) => (authorities, keys),
            _ if mode.is_none() => return Ok(None),
            (None, _) => return Err(ConfigError::Missing { key: "authorities", why }),
            (_, None) => return Err(ConfigError::Missing { key: "authorities_keys", why }),
        };
        Ok(Some(Self { mode, policy, authorities, keys, disclose, state, reports }))
    }
}

fn quorum(section: &Section) -> Result<Quorum, ConfigError> {
    let default = Quorum::default();
    let candidates = section.parsed::<usize>("candidates")?.unwrap_or(default.candidates());
    let required = section.parsed::<usize>("quorum")?.unwrap_or(default.required());
    Quorum::new(required, candidates).map_err(|error| match error {
        QuorumError::Candidates(_) => ConfigError::value("candidates", candidates, error),
        _ => ConfigError::value("quorum", required, error),
    })
}

/// The file name of a program.
struct Program(String);

impl FromStr for Program {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') { Err("the name of a program has no directory") } else { Ok(Self(text.to_owned())) }
    }
}

/// A word that authorities use for where they look from.
struct Region(String);

impl FromStr for Region {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_region = text.bytes().all(|octet| matches!(octet, b'A'..=b'Z' | b'0'..=b'9' | b'-'));
        if is_region { Ok(Self(text.to_owned())) } else { Err("a region is a word of A-Z 0-9 -") }
    }
}

/// The names and values of a section, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section(Vec<(String, String)>);

impl FromIterator<(String, String)> for Section {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(lines: T) -> Self {
        Self(lines.into_iter().collect())
    }
}

impl Section {
    /// The value of `name`, without the white space around it.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.trim())
    }

    /// What a program says by itself, keys and values in turn: in whatever order, it is the same.
    pub(crate) fn of_program(strings: &[&str]) -> Result<Self, ConfigError> {
        let mut lines: Vec<(String, String)> = Vec::with_capacity(strings.len() / 2);
        for line in strings.chunks(2) {
            let key = line[0];
            if let Some(key) = OF_THE_FILE.iter().find(|own| **own == key) {
                return Err(ConfigError::OfTheFile(key));
            }
            if !KEYS.contains(&key) {
                let known = KEYS.iter().filter(|key| !OF_THE_FILE.contains(key)).copied().collect();
                return Err(ConfigError::UnknownKey { key: key.to_owned(), known });
            }
            let value = line.get(1).ok_or_else(|| ConfigError::NoValue(key.to_owned()))?;
            if lines.iter().any(|(other, _)| other == key) {
                return Err(ConfigError::Twice(key.to_owned()));
            }
            lines.push((key.to_owned(), value.trim().to_owned()));
        }
        lines.sort();
        Ok(Self(lines))
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        for (name, _) in &self.0 {
            let Some(key) = KEYS.iter().find(|key| *key == name) else {
                return Err(ConfigError::UnknownKey { key: name.clone(), known: KEYS.to_vec() });
            };
            if self.value(key) == Some("") {
                return Err(ConfigError::value(key, "", "the value is empty"));
            }
        }
        Ok(())
    }

    fn word<T: Copy>(&self, key: &'static str, default: T, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(default) };
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(*meaning),
            None => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                Err(ConfigError::value(key, value, format!("expected {}", words.join(", "))))
            }
        }
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&self, key: &'static str) -> Result<Option<T>, ConfigError> {
        let parse = |value: &str| value.parse().map_err(|error| ConfigError::value(key, value, error));
        self.value(key).map(parse).transpose()
    }

    fn path(&self, key: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let path = PathBuf::from(value);
        if path.is_absolute() {
            Ok(Some(path))
        } else {
            Err(ConfigError::value(key, value, "expected a path that begins with /"))
        }
    }

    fn list<T: FromStr<Err: fmt::Display>>(&self, key: &'static str) -> Result<Vec<T>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let item = |item: &str| match item.trim() {
            "" => Err(ConfigError::value(key, value, "an item between commas is empty")),
            item => item.parse().map_err(|error| ConfigError::value(key, item, error)),
        };
        value.split(',').map(item).collect()
    }
}

impl ConfigError {
    fn value(key: &'static str, value: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::Value { key, value: value.to_string(), problem: problem.to_string() }
    }
}

#[cfg(test)]
mod tests;
