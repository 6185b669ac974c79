//! What a command line calls a site: all `[[site]]` sections of one certificate file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::config::{Config, Site};
use super::trouble::Trouble;

/// All sections of one certificate file.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) certificate: PathBuf,
    pub(super) sections: Vec<Site>,
}

impl Whole {
    /// Finds a site by one of its hosts, or by its certificate file.
    ///
    /// # Errors
    /// `site_unknown`, or `site_ambiguous` when the host has several certificates.
    pub(super) fn find(config: &Config, name: &str) -> Result<Self, Trouble> {
        let is_it = |site: &&Site| site.hosts.iter().any(|host| host == name) || site.certificate == Path::new(name);
        let files: BTreeSet<&PathBuf> = config.sites.iter().filter(is_it).map(|site| &site.certificate).collect();
        let mut files = files.into_iter();
        match (files.next(), files.next()) {
            (None, _) => Err(unknown(config, name)),
            (Some(certificate), None) => {
                let sections = config.sites.iter().filter(|site| site.certificate == *certificate).cloned().collect();
                Ok(Self { certificate: certificate.clone(), sections })
            }
            (Some(first), Some(second)) => {
                let (first, second) = (first.display(), second.display());
                let sentence = format!("{name} has the certificates {first} and {second}: name the site by its file");
                Err(Trouble::new("site_ambiguous", sentence))
            }
        }
    }

    /// Finds a site by the first of these names that is known.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) fn find_first(config: &Config, names: &[String]) -> Result<Self, Trouble> {
        let mut all = names.iter().map(|name| Self::find(config, name));
        let is_found = |found: &Result<Self, Trouble>| !found.as_ref().is_err_and(|trouble| trouble.code == UNKNOWN);
        all.find(is_found).unwrap_or_else(|| Err(unknown(config, &names.join(" or "))))
    }

    /// Every host once, in the configuration's order.
    pub(super) fn hosts(&self) -> Vec<&String> {
        let mut seen = BTreeSet::new();
        self.sections.iter().flat_map(|site| &site.hosts).filter(|host| seen.insert(*host)).collect()
    }

    /// The file with the private key, where the configuration has one.
    pub(super) fn key(&self) -> Option<&PathBuf> {
        self.sections.iter().find_map(|site| site.key.as_ref())
    }

    /// Every host with every port.
    pub(super) fn places(&self) -> BTreeSet<(&str, u16)> {
        self.sections.iter().flat_map(Site::places).collect()
    }

    pub(super) fn alternate(&self) -> Option<&PathBuf> {
        self.sections.iter().find_map(|site| site.alternate.as_ref())
    }
}

const UNKNOWN: &str = "site_unknown";

fn unknown(config: &Config, name: &str) -> Trouble {
    let hosts: BTreeSet<&str> = config.sites.iter().flat_map(|site| &site.hosts).map(String::as_str).collect();
    let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
    Trouble::new(UNKNOWN, format!("no [[site]] has the host {name}; there are {hosts}"))
}
