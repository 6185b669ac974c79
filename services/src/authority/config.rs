//! The authority's configuration file, TOML. The comments here are its reference; relative paths are relative to the
//! directory of the file, times are in seconds.

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use mecai::authority_list::ListKeys;
use mecai::host::is_host;
use mecai::request::Protocol;
use mecai::statement::LIFETIME_MAX;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::config_file::{self, ConfigError};

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port of the HTTP server: `"127.0.0.1:8440"`. Https is a proxy's business; what counts is the
    /// signature of the answer.
    pub listen: SocketAddr,
    /// Proxies whose `X-Forwarded-For` is believed, as networks: requests that come through them count for the address
    /// that the last such proxy was connected from. Default: none.
    #[serde(default)]
    pub proxies: Vec<IpNet>,
    /// The id of the operator that runs this authority, as in the authority list.
    pub operator: String,
    /// The private key, PKCS#8 in PEM: P-256, P-384 or Ed25519. Only its owner may read the file.
    pub key: PathBuf,
    /// The SQLite database with journal and distrust list; made if it is not there.
    pub database: PathBuf,
    /// How many days a request stays in the journal. Default: 90.
    #[serde(default = "default_journal_days")]
    pub journal_days: u32,
    /// The roots that this authority trusts, PEM.
    pub roots: PathBuf,
    /// The authority list; its signatures are beside it, with `.minisig` added to the name. It is read again when it
    /// changes.
    pub authorities: PathBuf,
    /// The minisign public keys that sign the list: `"KEY"`, or `"M of KEY, KEY"` where M of them must have signed.
    #[serde(deserialize_with = "list_keys")]
    pub authorities_keys: ListKeys,
    /// The DNS resolvers: `["192.0.2.53", "[2001:db8::53]:5353"]`. Default: those of the system.
    #[serde(default)]
    pub resolvers: Vec<Resolver>,
    /// Special-purpose networks to which connections are allowed all the same, for probes and for OCSP and CRL:
    /// `["10.1.0.0/16"]`. Default: none.
    #[serde(default)]
    pub allow: Vec<IpNet>,
    /// The protocols in which servers are probed, `["tls", "smtp", "imap", "pop3", "postgres"]`: how to get to TLS there.
    /// Leave out what the network keeps from getting through, as many do with SMTP. Default: all of these.
    #[serde(default = "default_protocols")]
    pub protocols: Vec<Protocol>,
    /// Ports that are probed. Default: those on which servers with TLS are met, 25, 110, 143, 443, 465, 563, 587, 636, 853,
    /// 989, 990, 992, 993, 994, 995, 5061, 5223, 5432, 6514, 6697, 8443 and 8883.
    #[serde(default = "default_ports")]
    pub ports: Vec<u16>,
    /// Ports from which OCSP responses and CRLs are fetched. Default: 80.
    #[serde(default = "default_fetch_ports")]
    pub fetch_ports: Vec<u16>,
    /// Hosts that are not probed; a leading dot stands for all names below. Default: names that mean something else to
    /// every network (`localhost`, `.localhost`, `.local`, `.internal`, `.onion`, `.alt`, `.home.arpa`).
    #[serde(default = "default_refused_hosts")]
    pub refused_hosts: Vec<String>,
    /// The longest life of a statement that this authority endorses. Default and most: 86400.
    #[serde(default = "default_max_lifetime")]
    pub max_lifetime: u64,
    /// How long things may take.
    #[serde(default)]
    pub deadlines: Deadlines,
    /// How much is done.
    #[serde(default)]
    pub limits: Limits,
    /// How revocation evidence is used.
    #[serde(default)]
    pub evidence: Evidence,
}

/// Section `[deadlines]`, in seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    /// For the DNS answers of one name. Default: 5.
    pub dns: NonZeroU32,
    /// For one TCP connection of a probe. Default: 4.
    pub connect: NonZeroU32,
    /// For the whole probe of one address. Default: 10.
    pub probe: NonZeroU32,
    /// For fetching one OCSP response or CRL. Default: 5.
    pub fetch: NonZeroU32,
    /// For the revocation check of a whole chain. Default: 15.
    pub revocation: NonZeroU32,
}

/// Section `[limits]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests a minute by one requester (an IPv4 address or an IPv6 /64). Default: 1200.
    pub requester_per_minute: NonZeroU32,
    /// Requests a minute for one host and port. Default: 60.
    pub host_per_minute: NonZeroU32,
    /// Probes a minute of one address. Default: 600.
    pub address_per_minute: NonZeroU32,
    /// Requests that are worked on at a time; further ones are told to come back. Default: 512.
    pub requests_at_once: NonZeroUsize,
    /// Addresses that are probed at a time. Default: 256.
    pub probes_at_once: NonZeroUsize,
    /// Octets that a server may send in one handshake. Default: 262144.
    pub handshake_octets: NonZeroUsize,
    /// Octets of a CRL. Default: 8388608.
    pub crl_octets: NonZeroUsize,
}

/// Section `[evidence]`, in seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// Fetched evidence is used again for at most so long, and never after its nextUpdate. 0: never. Default: 3600.
    pub kept: u64,
    /// A stapled OCSP response of at most this age is taken as it is; with an older one the responder is asked, and
    /// the staple counts only when the responder and CRLs cannot be had. Default: 43200.
    pub staple_fresh: u64,
}

/// A resolver's address and port; the port is 53 unless given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Resolver(pub SocketAddr);

impl TryFrom<String> for Resolver {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
        address
            .or_else(|_| text.parse())
            .map(Self)
            .map_err(|_| format!("{text:?} is not an address, or an address with a port"))
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self { dns: seconds(5), connect: seconds(4), probe: seconds(10), fetch: seconds(5), revocation: seconds(15) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let rate = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let count = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Self {
            requester_per_minute: rate(1_200),
            host_per_minute: rate(60),
            address_per_minute: rate(600),
            requests_at_once: count(512),
            probes_at_once: count(256),
            handshake_octets: count(256 * 1024),
            crl_octets: count(8 * 1024 * 1024),
        }
    }
}

impl Default for Evidence {
    fn default() -> Self {
        Self { kept: 3_600, staple_fresh: 43_200 }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = config_file::read(path)?;
        config.check(path)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        for file in [&mut config.key, &mut config.database, &mut config.roots, &mut config.authorities] {
            *file = directory.join(&*file);
        }
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |key, problem| Err(ConfigError::Value { path: path.to_owned(), key, problem });
        if !(1..=LIFETIME_MAX).contains(&self.max_lifetime) {
            return wrong("max_lifetime", format!("{} is not 1 to {LIFETIME_MAX}", self.max_lifetime));
        }
        if self.journal_days == 0 {
            return wrong("journal_days", "0 days would keep nothing".to_owned());
        }
        for (key, ports) in [("ports", &self.ports), ("fetch_ports", &self.fetch_ports)] {
            if ports.is_empty() || ports.contains(&0) {
                return wrong(key, format!("{ports:?} is not a list of ports from 1"));
            }
        }
        if self.protocols.is_empty() {
            return wrong("protocols", "[] leaves nothing to probe".to_owned());
        }
        let odd = |host: &&String| !is_host(host.strip_prefix('.').unwrap_or(host));
        if let Some(host) = self.refused_hosts.iter().find(odd) {
            return wrong("refused_hosts", format!("{host:?} is not a host name in lower case, or a dot and one"));
        }
        Ok(())
    }

    /// Whether `host` is one that is not probed.
    #[must_use]
    pub fn refuses(&self, host: &str) -> bool {
        self.refused_hosts
            .iter()
            .any(|refused| refused == host || (refused.starts_with('.') && host.ends_with(refused.as_str())))
    }
}

fn list_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ListKeys, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn default_journal_days() -> u32 {
    90
}

fn default_protocols() -> Vec<Protocol> {
    Protocol::ALL.to_vec()
}

fn default_ports() -> Vec<u16> {
    vec![
        25, 110, 143, 443, 465, 563, 587, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5223, 5432, 6514, 6697, 8443,
        8883,
    ]
}

fn default_fetch_ports() -> Vec<u16> {
    vec![80]
}

fn default_refused_hosts() -> Vec<String> {
    ["localhost", ".localhost", ".local", ".internal", ".onion", ".alt", ".home.arpa"].map(str::to_owned).to_vec()
}

fn default_max_lifetime() -> u64 {
    LIFETIME_MAX
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn keys() -> String {
        minisign::KeyPair::generate_unencrypted_keypair().unwrap().pk.to_base64()
    }

    fn read(more: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.toml");
        let text = format!(
            "listen = \"127.0.0.1:8440\"\noperator = \"operator-a\"\nkey = \"authority.key\"\n\
             database = \"/var/lib/mecai/authority.db\"\nroots = \"roots.pem\"\nauthorities = \"list.json\"\n\
             authorities_keys = \"{}\"\n{more}\n",
            keys()
        );
        std::fs::write(&path, text).unwrap();
        Config::read(&path).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "FILE"))
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = read("").unwrap();
        assert!(config.key.is_absolute() && config.key.ends_with("authority.key"));
        assert_eq!(config.database, Path::new("/var/lib/mecai/authority.db"));
        assert_eq!((config.max_lifetime, config.deadlines.dns.get()), (86_400, 5));
    }

    #[test]
    fn every_wrong_key_or_value_is_named() {
        for (more, expected) in [
            ("colour = 1", "FILE line 8: unknown field `colour`"),
            ("[limits]\nhosts = 1", "FILE line 9: unknown field `hosts`"),
            ("[deadlines]\ndns = 0", "FILE line 9: invalid value: integer `0`"),
            ("max_lifetime = 86401", "FILE: max_lifetime: 86401 is not 1 to 86400"),
            ("max_lifetime = 0", "FILE: max_lifetime: 0 is not 1 to 86400"),
            ("ports = []", "FILE: ports: [] is not a list"),
            ("protocols = []", "FILE: protocols: [] leaves nothing to probe"),
            ("protocols = [\"xmpp\"]", "FILE line 8: unknown variant `xmpp`"),
            ("fetch_ports = [0]", "FILE: fetch_ports: [0] is not a list"),
            ("resolvers = [\"dns.example\"]", "FILE line 8: \"dns.example\" is not an address"),
            ("allow = [\"10.0.0.0/33\"]", "FILE line 8: invalid"),
            ("refused_hosts = [\"*.example\"]", "FILE: refused_hosts: \"*.example\" is not a host name"),
            ("journal_days = 0", "FILE: journal_days: 0 days"),
        ] {
            let error = read(more).unwrap_err();
            assert!(error.starts_with(expected), "{more}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_missing_key_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:8440\"\n").unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("missing field `operator`"), "{error}");
    }

    #[test]
    fn resolvers_have_port_53_unless_told() {
        let config = read("resolvers = [\"192.0.2.53\", \"[2001:db8::53]:5353\", \"2001:db8::1\"]").unwrap();
        let written: Vec<String> = config.resolvers.iter().map(|resolver| resolver.0.to_string()).collect();
        assert_eq!(written, ["192.0.2.53:53", "[2001:db8::53]:5353", "[2001:db8::1]:53"]);
    }

    #[test]
    fn hosts_are_refused_by_name_and_by_suffix() {
        let config = read("refused_hosts = [\"a.example\", \".b.example\"]").unwrap();
        for (host, refused) in
            [("a.example", true), ("x.a.example", false), ("b.example", false), ("x.b.example", true)]
        {
            assert_eq!(config.refuses(host), refused, "{host}");
        }
    }
}
