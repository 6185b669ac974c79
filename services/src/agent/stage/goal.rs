//! When a staged certificate is ready: well vouched for at every host and port, by the measure of the status, and with
//! its vouchers where servers look for them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use mecai::Sha256;
use mecai::store::Store;
use mecai::time::UnixTime;

use super::super::config::Config;
use super::super::status::{SiteStatus, Status};

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

    /// Why it is not reached.
    pub(super) fn missing(&self, status: Option<&Status>, now: UnixTime) -> String {
        let certificate = HEXLOWER.encode(&self.certificate);
        let nothing = || format!("nothing is known of {certificate} at {}", self.first());
        let Some(status) = status else { return nothing() };
        let sites: Vec<Option<&SiteStatus>> = status.of(&self.certificate, self.places()).collect();
        let mut reasons: Vec<String> =
            status.troubles.iter().map(|trouble| format!("{} ({})", trouble.sentence, trouble.code)).collect();
        let what = match sites.iter().find(|site| !site.is_some_and(SiteStatus::is_well)) {
            Some(None) => nothing(),
            Some(Some(site)) => {
                reasons.extend(site.trouble.iter().map(|trouble| format!("{} ({})", trouble.sentence, trouble.code)));
                for known in &site.authorities {
                    let failing = known.failing.as_ref();
                    reasons.extend(failing.map(|it| format!("{}: {} ({})", known.operator, it.sentence, it.code)));
                }
                let (vouching, operators) = (site.vouching, site.operators);
                format!(
                    "{vouching} of {operators} operators vouch for {certificate} at {} port {}",
                    site.host, site.port
                )
            }
            None => {
                let lacking = self.directories.iter().find(|directory| !self.is_in(directory, now));
                let lacking = lacking.map(|directory| directory.display().to_string()).unwrap_or_default();
                format!("the vouchers for {certificate} are not in {lacking}")
            }
        };
        std::iter::once(what).chain(reasons).collect::<Vec<_>>().join("; ")
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
