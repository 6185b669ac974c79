//! When a staged certificate is ready: well vouched for at every host and port, by the measure of the status, and with
//! its vouchers where servers look for them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use mecai::Sha256;
use mecai::store::Store;
use mecai::time::UnixTime;

use super::super::config::Config;
use super::super::status::{AuthorityStatus, SiteStatus, Status};
use super::super::trouble::Failing;

/// What is waited for.
pub(super) struct Goal {
    certificate: Sha256,
    places: BTreeSet<(String, u16)>,
    directories: Vec<PathBuf>,
}

impl Goal {
    pub(super) fn new(certificate: Sha256, places: BTreeSet<(String, u16)>, config: &Config) -> Self {
        let directories = std::iter::once(&config.store).chain(&config.copies).cloned().collect();
        Self { certificate, places, directories }
    }

    pub(super) fn certificate(&self) -> &Sha256 {
        &self.certificate
    }

    /// Whether a server that begins to use the certificate has its vouchers from its first handshake.
    pub(super) fn is_reached(&self, status: &Status, now: UnixTime) -> bool {
        status.is_vouched(&self.certificate, self.places()) && self.directories.iter().all(|it| self.is_in(it, now))
    }

    /// What is said when it is.
    pub(super) fn summary(&self, status: &Status) -> String {
        let sites: Vec<&SiteStatus> = status.of(&self.certificate, self.places()).flatten().collect();
        let fewest = sites.iter().min_by_key(|site| site.vouching);
        let (vouching, operators) = fewest.map_or((0, 0), |site| (site.vouching, site.operators));
        let at = if sites.len() > 1 { format!("each of {} hosts and ports", sites.len()) } else { self.first() };
        format!("{vouching} of {operators} operators vouch for {} at {at}", HEXLOWER.encode(&self.certificate))
    }

    /// How far it is.
    pub(super) fn progress(&self, status: Option<&Status>, now: UnixTime) -> String {
        let certificate = HEXLOWER.encode(&self.certificate);
        match status.and_then(|status| self.worst(status)) {
            Some(site) => {
                let (vouching, operators) = (site.vouching, site.operators);
                format!(
                    "{vouching} of {operators} operators vouch for {certificate} at {} port {}",
                    site.host, site.port
                )
            }
            None => match self.directories.iter().find(|directory| !self.is_in(directory, now)) {
                Some(directory) if status.is_some_and(|status| status.is_vouched(&self.certificate, self.places())) => {
                    format!("the vouchers for {certificate} are not in {}", directory.display())
                }
                _ => format!("nothing is known of {certificate} at {}", self.first()),
            },
        }
    }

    /// Why it is not reached.
    pub(super) fn missing(&self, status: Option<&Status>, now: UnixTime) -> String {
        let told = |failing: &Failing| format!("{} ({})", failing.sentence, failing.code);
        let mut reasons = vec![self.progress(status, now)];
        reasons.extend(status.iter().flat_map(|status| &status.troubles).map(told));
        if let Some(site) = status.and_then(|status| self.worst(status)) {
            reasons.extend(site.trouble.iter().map(told));
            let of = |known: &AuthorityStatus| {
                known.failing.as_ref().map(|failing| format!("{}: {}", known.operator, told(failing)))
            };
            reasons.extend(site.authorities.iter().filter_map(of));
        }
        reasons.join("; ")
    }

    /// The first place where it is not well.
    fn worst<'s>(&self, status: &'s Status) -> Option<&'s SiteStatus> {
        status.of(&self.certificate, self.places()).flatten().find(|site| !site.is_well())
    }

    fn places(&self) -> impl Iterator<Item = (&str, u16)> {
        self.places.iter().map(|(host, port)| (host.as_str(), *port))
    }

    fn first(&self) -> String {
        self.places().next().map(|(host, port)| format!("{host} port {port}")).unwrap_or_default()
    }

    fn is_in(&self, directory: &PathBuf, now: UnixTime) -> bool {
        let Ok(Some(contents)) = Store::new(directory).read(&self.certificate) else { return false };
        self.places().all(|place| {
            contents.bundles().iter().any(|bundle| (bundle.host(), bundle.port()) == place && now <= bundle.not_after())
        })
    }
}
