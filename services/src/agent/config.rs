//! The agent's configuration file, TOML. The comments here are its reference; relative paths are relative to the
//! directory of the file, times are in seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mecai::authority_list::ListKeys;
use mecai::host::is_host;
use mecai::request::Protocol;
use mecai::statement::{ADDRESSES_MAX, LIFETIME_MAX, STAY_MAX};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::authority::config::Resolver;
use crate::config_file::{self, ConfigError};

/// Where the configuration is unless told.
pub(super) const DEFAULT_PATH: &str = "/etc/mecai/agent.toml";
const TIMEOUT_MAX: u64 = 300;
const PARALLELISM_MAX: usize = 512;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The authority list; its signatures are beside it, with `.minisig` added to its name. It is read again when it
    /// changes.
    pub authorities: PathBuf,
    /// The minisign public keys that sign the list: `"KEY"`, or `"M of KEY, KEY"` where M of them must have signed.
    #[serde(deserialize_with = "list_keys")]
    pub authorities_keys: ListKeys,
    /// The directory from which servers read their vouchers; made if it is not there. Default:
    /// `/var/lib/mecai/vouchers`.
    #[serde(default = "default_store")]
    pub store: PathBuf,
    /// Directories that get the same files, for servers that run in a chroot. Default: none.
    #[serde(default)]
    pub copies: Vec<PathBuf>,
    /// The agent's own directory, with `status.json`; made if it is not there. Default: `state` beside the store.
    #[serde(default)]
    state: Option<PathBuf>,
    /// The DNS resolvers that are asked for the addresses of hosts: `["192.0.2.53", "[2001:db8::53]:5353"]`. Default:
    /// those of the system.
    #[serde(default)]
    pub resolvers: Vec<Resolver>,
    /// The roots for authorities that are reached by https, PEM. Default: `/etc/ssl/certs/ca-certificates.crt`.
    #[serde(default = "default_ca_file")]
    pub ca_file: PathBuf,
    /// How long vouchers are to live. Default and most: 86400.
    #[serde(default = "default_lifetime")]
    pub lifetime: u64,
    /// How long after the last round the next one begins, shortened by a random tenth at most. Default: a quarter of
    /// `lifetime`.
    #[serde(default)]
    interval: Option<u64>,
    /// How long one authority may take to answer. Default: 30; at most 300.
    #[serde(default = "default_timeout")]
    pub timeout: u64,
    /// How many authorities are asked at a time. Default: 64; at most 512.
    #[serde(default = "default_parallelism")]
    pub parallelism: usize,
    /// The sites.
    #[serde(default, rename = "site")]
    pub sites: Vec<Site>,
}

/// Section `[[site]]`: a certificate, and the hosts and ports that show it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Host names in lower case (A-labels), or addresses. Never a wildcard: vouchers are for one name.
    pub hosts: Vec<String>,
    /// The ports as clients see them. Default: 443.
    #[serde(default = "default_ports")]
    pub ports: Vec<u16>,
    /// How to get to TLS there: `tls`, or STARTTLS by `smtp`, `imap`, `pop3`, `postgres`. Default: `tls`.
    #[serde(default)]
    pub protocol: Protocol,
    /// The certificate chain that the server shows, PEM, its own certificate first. It is read again when it changes.
    pub certificate: PathBuf,
    /// The chain of a second certificate, from another operator, on the same key as `certificate`, PEM. Clients go over
    /// to it when the first one's operator fails. It is read again when it changes. Default: none.
    #[serde(default)]
    pub alternate: Option<PathBuf>,
    /// The private key of `certificate`, PEM. Only `csr` and `stage` read it. Default: none.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// The addresses of the hosts, at most 16. Default: those that the resolvers say at each round.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// For how many days the site promises to go on showing vouchers, at most 30; 0 takes an earlier promise back.
    /// Default: no word about it.
    #[serde(default)]
    pub stay: Option<u8>,
    /// An OpenSSL serverinfo file to write, for servers without the module. Default: none.
    #[serde(default)]
    pub serverinfo: Option<PathBuf>,
    /// A command for `/bin/sh -c` that makes the server read `serverinfo` again when it has changed. Default: none.
    #[serde(default)]
    pub reload: Option<String>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = config_file::read(path)?;
        config.make_absolute(path.parent().unwrap_or(Path::new(".")));
        let wrong = |(key, problem)| ConfigError::Value { path: path.to_owned(), key, problem };
        config.check().and_then(|()| config.check_sites()).map_err(wrong)?;
        Ok(config)
    }

    /// The agent's own directory.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| self.store.parent().unwrap_or(Path::new("/")).join("state"))
    }

    /// Seconds between two rounds.
    #[must_use]
    pub fn interval(&self) -> u64 {
        self.interval.unwrap_or(self.lifetime / 4).max(1)
    }

    fn make_absolute(&mut self, directory: &Path) {
        let of_sites = self.sites.iter_mut().flat_map(Site::files).flatten();
        let own = [&mut self.authorities, &mut self.store, &mut self.ca_file];
        for file in own.into_iter().chain(&mut self.copies).chain(self.state.as_mut()).chain(of_sites) {
            *file = directory.join(&*file);
        }
    }

    fn check(&self) -> Result<(), Wrong> {
        let within = |key, value: u64, most: u64| {
            if (1..=most).contains(&value) { Ok(()) } else { Err((key, format!("{value} is not 1 to {most}"))) }
        };
        within("lifetime", self.lifetime, LIFETIME_MAX)?;
        if let Some(interval) = self.interval {
            // A round that fails must leave time for another one.
            within("interval", interval, (self.lifetime / 2).max(1))?;
        }
        within("timeout", self.timeout, TIMEOUT_MAX)?;
        within("parallelism", self.parallelism as u64, PARALLELISM_MAX as u64)?;
        let mut directories = vec![&self.store];
        for copy in &self.copies {
            if directories.contains(&copy) {
                return Err(("copies", format!("{} is the store, or stands there twice", copy.display())));
            }
            directories.push(copy);
        }
        if directories.contains(&&self.state()) {
            return Err(("state", format!("{} holds vouchers that servers read", self.state().display())));
        }
        Ok(())
    }

    fn check_sites(&self) -> Result<(), Wrong> {
        if self.sites.is_empty() {
            return Err(("site", "there is no [[site]]".to_owned()));
        }
        let mut places = HashMap::new();
        let mut files: HashMap<&Path, &Path> = HashMap::new();
        let mut alternates = HashMap::new();
        let mut keys = HashMap::new();
        for site in &self.sites {
            site.check()?;
            for (host, port) in site.places() {
                if places.insert((host, port, &site.certificate), ()).is_some() {
                    let file = site.certificate.display();
                    return Err(("hosts", format!("{host} port {port} stands there twice with {file}")));
                }
            }
            // One store file, and so one alternate, for a certificate.
            same_for_all(&mut alternates, "alternate", site, site.alternate.as_ref())?;
            if let Some(key) = &site.key {
                same_for_all(&mut keys, "key", site, Some(key))?;
            }
            let Some(file) = &site.serverinfo else { continue };
            if files.insert(file, &site.certificate).is_some_and(|other| other != site.certificate) {
                return Err(("serverinfo", format!("{} is given for two certificates", file.display())));
            }
        }
        Ok(())
    }
}

/// Several sites with one certificate have one value of this key.
fn same_for_all<'s>(
    values: &mut HashMap<&'s Path, Option<&'s PathBuf>>,
    key: &'static str,
    site: &'s Site,
    value: Option<&'s PathBuf>,
) -> Result<(), Wrong> {
    let before = *values.entry(&site.certificate).or_insert(value);
    if before == value {
        return Ok(());
    }
    let [before, value] = [before, value].map(|file| file.map_or("none".to_owned(), |file| file.display().to_string()));
    Err((key, format!("{value} and {before} are given for one certificate, {}", site.certificate.display())))
}

/// A key, and what is wrong with its value.
type Wrong = (&'static str, String);

impl Site {
    /// Each host with each port.
    pub(super) fn places(&self) -> impl Iterator<Item = (&str, u16)> {
        self.hosts.iter().flat_map(|host| self.ports.iter().map(move |port| (host.as_str(), *port)))
    }

    fn files(&mut self) -> [Option<&mut PathBuf>; 4] {
        let Self { certificate, alternate, key, serverinfo, .. } = self;
        [Some(certificate), alternate.as_mut(), key.as_mut(), serverinfo.as_mut()]
    }

    fn check(&self) -> Result<(), Wrong> {
        if self.hosts.is_empty() {
            return Err(("hosts", "a [[site]] has no hosts".to_owned()));
        }
        if let Some(host) = self.hosts.iter().find(|host| !is_host(host)) {
            let rule = "is neither a host name in lower case (A-labels, no wildcard) nor an address in its short form";
            return Err(("hosts", format!("{host:?} {rule}")));
        }
        if self.ports.is_empty() || self.ports.contains(&0) {
            return Err(("ports", format!("{:?} is not a list of ports from 1", self.ports)));
        }
        if self.addresses.len() > ADDRESSES_MAX {
            return Err(("addresses", format!("{} are more than {ADDRESSES_MAX}", self.addresses.len())));
        }
        if let Some(days) = self.stay.filter(|days| *days > STAY_MAX) {
            return Err(("stay", format!("{days} is not 0 to {STAY_MAX} days")));
        }
        if self.alternate.as_ref() == Some(&self.certificate) {
            return Err(("alternate", format!("{} is the certificate itself", self.certificate.display())));
        }
        if self.reload.is_some() && self.serverinfo.is_none() {
            return Err(("reload", "it runs when serverinfo has changed, and there is no serverinfo".to_owned()));
        }
        Ok(())
    }
}

fn list_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ListKeys, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn default_store() -> PathBuf {
    "/var/lib/mecai/vouchers".into()
}

fn default_ca_file() -> PathBuf {
    "/etc/ssl/certs/ca-certificates.crt".into()
}

fn default_lifetime() -> u64 {
    LIFETIME_MAX
}

fn default_timeout() -> u64 {
    30
}

fn default_parallelism() -> usize {
    64
}

fn default_ports() -> Vec<u16> {
    vec![443]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SITE: &str = "[[site]]\nhosts = [\"www.shop.example\"]\ncertificate = \"shop.pem\"\n";

    fn read(more: &str, sites: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.toml");
        let key = minisign::KeyPair::generate_unencrypted_keypair().unwrap().pk.to_base64();
        let text = format!("authorities = \"list.json\"\nauthorities_keys = \"{key}\"\n{more}\n{sites}");
        std::fs::write(&path, text).unwrap();
        let short = |text: String| text.replace(directory.path().to_str().unwrap(), "DIR");
        Config::read(&path).map_err(|error| short(error.to_string()))
    }

    #[test]
    fn little_is_needed() {
        let config = read("", SITE).unwrap();
        assert!(config.authorities.is_absolute() && config.authorities.ends_with("list.json"));
        assert!(config.sites[0].certificate.is_absolute());
        assert_eq!(config.state(), Path::new("/var/lib/mecai/state"));
        assert_eq!(
            (config.lifetime, config.interval(), config.sites[0].ports.as_slice()),
            (86_400, 21_600, &[443][..])
        );
        assert_eq!(read("lifetime = 20", SITE).unwrap().interval(), 5);
    }

    #[test]
    fn every_wrong_key_or_value_is_named() {
        let site = |more: &str| format!("{SITE}{more}");
        for (more, sites, expected) in [
            ("colour = 1", SITE.to_owned(), "DIR/agent.toml line 3: unknown field `colour`"),
            ("", site("port = 1"), "DIR/agent.toml line 7: unknown field `port`"),
            ("", String::new(), "DIR/agent.toml: site: there is no [[site]]"),
            ("lifetime = 86401", site(""), "DIR/agent.toml: lifetime: 86401 is not 1 to 86400"),
            ("interval = 43201", site(""), "DIR/agent.toml: interval: 43201 is not 1 to 43200"),
            ("timeout = 0", site(""), "DIR/agent.toml: timeout: 0 is not 1 to 300"),
            ("parallelism = 513", site(""), "DIR/agent.toml: parallelism: 513 is not 1 to 512"),
            ("store = \"/v\"\ncopies = [\"/v\"]", site(""), "DIR/agent.toml: copies: /v is the store"),
            ("store = \"/v\"\nstate = \"/v\"", site(""), "DIR/agent.toml: state: /v holds vouchers"),
            ("resolvers = [\"dns\"]", site(""), "DIR/agent.toml line 3: \"dns\" is not an address"),
            ("", site("ports = []"), "DIR/agent.toml: ports: [] is not a list"),
            ("", site("protocol = \"http\""), "DIR/agent.toml line 7: unknown variant `http`"),
            ("", site("stay = 31"), "DIR/agent.toml: stay: 31 is not 0 to 30 days"),
            ("", site("reload = \"true\""), "DIR/agent.toml: reload: it runs when serverinfo"),
            ("", SITE.replace("www", "*"), "DIR/agent.toml: hosts: \"*.shop.example\" is neither"),
            ("", SITE.replace("\"www.shop.example\"", ""), "DIR/agent.toml: hosts: a [[site]] has no hosts"),
            ("", SITE.repeat(2), "DIR/agent.toml: hosts: www.shop.example port 443 stands there twice"),
            (
                "",
                format!("{}{}", site("serverinfo = \"/s\"\n"), site("serverinfo = \"/s\"\n").replace("shop", "other")),
                "DIR/agent.toml: serverinfo: /s is given for two certificates",
            ),
            ("", site("alternate = \"shop.pem\""), "DIR/agent.toml: alternate: DIR/shop.pem is the certificate itself"),
            (
                "",
                format!("{}{}", site("alternate = \"b.pem\"\n"), site("ports = [1]")),
                "DIR/agent.toml: alternate: none and DIR/b.pem are given for one certificate, DIR/shop.pem",
            ),
            (
                "",
                format!("{}{}", site("key = \"a.key\"\n"), site("ports = [1]\nkey = \"b.key\"")),
                "DIR/agent.toml: key: DIR/b.key and DIR/a.key are given for one certificate, DIR/shop.pem",
            ),
            ("", site(&format!("addresses = [{}]", "\"192.0.2.1\",".repeat(17))), "DIR/agent.toml: addresses: 17 are"),
        ] {
            let error = read(more, &sites).unwrap_err();
            assert!(error.starts_with(expected), "{more} {sites}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Config::read(Path::new("/nonexistent/agent.toml")).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/agent.toml: No such file"), "{error}");
    }
}
