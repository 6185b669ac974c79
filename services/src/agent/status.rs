//! `status.json`: what the agent knows of every site and authority, for `mecai agent status` and for other programs.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use mecai::time::UnixTime;
use mecai::{Sha256, durable};
use serde::{Deserialize, Serialize};

use super::trouble::{Failing, Trouble};

const VERSION: u32 = 1;

/// The warning of a staged certificate that did not come into use.
pub(super) const STAGED_NOT_DEPLOYED: &str = "staged_not_deployed";

/// The whole file. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// 1.
    pub version: u32,
    /// When the agent wrote it.
    pub written: String,
    /// The authority list in use, none if there is none.
    pub list: Option<ListStatus>,
    /// What is wrong with files and commands.
    pub troubles: Vec<Failing>,
    /// One entry for every certificate, host and port.
    pub sites: Vec<SiteStatus>,
}

/// The authority list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListStatus {
    /// Its sequence.
    pub sequence: u64,
    /// The last second of its validity.
    pub expires: String,
}

/// One host and port that shows one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteStatus {
    /// As in the configuration.
    pub host: String,
    /// As in the configuration.
    pub port: u16,
    /// Which certificate of the site it is about.
    #[serde(default)]
    pub role: Role,
    /// The file with the certificate.
    pub certificate_file: PathBuf,
    /// SHA-256 of the certificate, hexadecimal; none if it could not be read.
    pub certificate: Option<String>,
    /// Operators of the list that can vouch for it: those that are active and own no part of its chain.
    pub operators: usize,
    /// How many of them vouch for it now.
    pub vouching: usize,
    /// How many of them did not endorse when they were last asked.
    pub failing: usize,
    /// The last second in which any of them does, none if none does.
    pub good_until: Option<String>,
    /// When all authorities are asked again.
    pub next_round: Option<String>,
    /// Why no authority can be asked.
    pub trouble: Option<Failing>,
    /// `operators_missing`, `answer_left_out`, `alternate_same_operator`, `staged_not_deployed`.
    pub warnings: Vec<Failing>,
    /// In the order of the list.
    pub authorities: Vec<AuthorityStatus>,
}

/// Which certificate of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one that the configuration calls `certificate`.
    #[default]
    Primary,
    /// The second one, on the same key.
    Alternate,
    /// One that is to take the primary's place.
    Staged,
    /// One whose place the primary took: servers may use it still.
    Earlier,
}

/// What one authority says of one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityStatus {
    /// The operator's id.
    pub operator: String,
    /// The authority's id, hexadecimal.
    pub authority: String,
    /// Where it is asked.
    pub url: String,
    /// The last second of its newest endorsement in the store, none if that has none in force.
    pub good_until: Option<String>,
    /// Why it did not endorse when it was last asked.
    pub failing: Option<Failing>,
    /// Before when it is not asked again after a failure.
    pub next_attempt: Option<String>,
    /// Before when it asked not to be asked again (`Retry-After`).
    pub retry_after: Option<String>,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Alternate => "alternate",
            Self::Staged => "staged",
            Self::Earlier => "earlier",
        })
    }
}

impl Status {
    /// Without sites yet.
    pub(super) fn new(now: UnixTime) -> Self {
        Self { version: VERSION, written: now.to_string(), list: None, troubles: Vec::new(), sites: Vec::new() }
    }

    /// Where the file is in the agent's directory.
    #[must_use]
    pub fn path(state: &Path) -> PathBuf {
        state.join("status.json")
    }

    /// Reads the file, none if there is none yet.
    ///
    /// # Errors
    /// `status_unreadable`.
    pub fn read(state: &Path) -> Result<Option<Self>, Trouble> {
        let path = Self::path(state);
        let trouble = |what: String| Trouble::new("status_unreadable", format!("{}: {what}", path.display()));
        let octets = match std::fs::read(&path) {
            Ok(octets) => octets,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(trouble(cause.to_string())),
        };
        let status: Self = serde_json::from_slice(&octets).map_err(|cause| trouble(cause.to_string()))?;
        if status.version == VERSION {
            Ok(Some(status))
        } else {
            Err(trouble(format!("its version is {}, not {VERSION}", status.version)))
        }
    }

    /// Writes the file so that readers see the old or the new one.
    pub(super) fn write(&self, state: &Path) -> Result<(), Trouble> {
        let path = Self::path(state);
        durable::replace(&path, self.to_json().as_bytes(), 0o644)
            .map_err(|cause| Trouble::new("state_failed", format!("cannot write {}: {}", path.display(), cause.kind())))
    }

    /// What is known of a certificate at these hosts and ports; none where it is not known there.
    pub(super) fn of<'s, 'p>(
        &'s self,
        certificate: &Sha256,
        places: impl IntoIterator<Item = (&'p str, u16)>,
    ) -> impl Iterator<Item = Option<&'s SiteStatus>> {
        let certificate = Some(HEXLOWER.encode(certificate));
        places.into_iter().map(move |(host, port)| {
            self.sites.iter().find(|site| (&*site.host, site.port) == (host, port) && site.certificate == certificate)
        })
    }

    /// Whether a certificate is well vouched for at all of them.
    pub(super) fn is_vouched<'p>(
        &self,
        certificate: &Sha256,
        places: impl IntoIterator<Item = (&'p str, u16)>,
    ) -> bool {
        self.of(certificate, places).all(|site| site.is_some_and(SiteStatus::is_well))
    }

    /// As it stands in the file.
    pub(super) fn to_json(&self) -> String {
        // Nothing in it can fail to be JSON.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl SiteStatus {
    /// Whether at most a quarter of the operators that can vouch do not do so, or failed when they were last asked.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let missing = self.operators.saturating_sub(self.vouching);
        self.trouble.is_none() && self.vouching > 0 && missing.max(self.failing) * 4 <= self.operators
    }

    /// Whether it was to come into use long ago.
    pub(super) fn is_overdue(&self) -> bool {
        self.warnings.iter().any(|warning| warning.code == STAGED_NOT_DEPLOYED)
    }

    /// Forgets what has ended by `now`: the file may be older than that.
    pub(super) fn expire(&mut self, now: UnixTime) {
        let is_over = |time: &String| time.parse().is_ok_and(|time: UnixTime| time < now);
        self.good_until.take_if(|time| is_over(time));
        for authority in &mut self.authorities {
            authority.good_until.take_if(|time| is_over(time));
        }
        let vouching: std::collections::BTreeSet<&str> =
            self.authorities.iter().filter(|known| known.good_until.is_some()).map(|known| &*known.operator).collect();
        self.vouching = vouching.len();
    }
}
