//! nginx with virtual hosts: some with vouchers, one for a wildcard certificate without, and a default.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use mecai::bundle::assemble;
use mecai::chain::certificate_digest;
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::extension::write_bundles;
use mecai::signature::SigningKey;
use mecai::statement::{LIFETIME_MAX, Proposal, Statement};
use mecai::store::{Contents, Part, Store, StoredBundle, serverinfo};
use mecai::time::UnixTime;
use mecai_services::lab::{Leaf, Nginx, OpensslConf, Port, SiteEntry, World};

pub const WORKERS: u8 = 2;
/// The default server; it shows vouchers too.
pub const DEFAULT: &str = "default.shop.example";
/// A name of the wildcard certificate, for which nobody can vouch.
pub const WILDCARD: &str = "any.wild.example";
const AUTHORITIES: usize = 8;

/// A name that nginx serves.
pub struct Host {
    pub name: String,
    /// What a client is sent for it; none for the wildcard.
    pub answer: Option<Vec<u8>>,
    files: SiteEntry,
}

/// How nginx comes by the vouchers.
pub enum Vouchers {
    /// By the module, which openssl.cnf loads.
    Module,
    /// By OpenSSL's own serverinfo files: nginx without the module.
    Serverinfo,
}

/// Where nginx listens.
pub struct Ports {
    /// Sessions are resumed by tickets.
    pub tickets: Port,
    /// Sessions are resumed by ids, which nginx keeps.
    pub ids: Port,
}

/// Hosts with their certificates and vouchers.
pub struct Site {
    pub world: World,
    /// The hosts that have vouchers, the default first.
    pub hosts: Vec<Host>,
    wildcard: Host,
    store: PathBuf,
}

impl Site {
    /// So many hosts besides the default and the wildcard.
    pub fn new(hosts: usize) -> Self {
        let world = World::builder().operators(1).start().unwrap();
        let store = world.make_directory(&["vouchers"]).unwrap();
        let keys: Vec<SigningKey> =
            (0..AUTHORITIES).map(|_| SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()).collect();
        let names = (1..=hosts).map(|number| format!("www{number}.shop.example"));
        let vouched = |name: String| {
            let issued = world.operators()[0].issue(&Leaf::new([name.as_str()])).unwrap();
            let certificate = certificate_digest(issued.certificate());
            let bundle = bundle(&name, certificate, &keys);
            let stored = vec![StoredBundle::from_der(&bundle).unwrap()];
            Store::new(&store).write(&Contents::new(certificate, stored, None, Vec::new()).unwrap()).unwrap();
            let files = world.write_site(&name, &issued).unwrap();
            Host { name, answer: write_bundles(&[&bundle]), files }
        };
        let hosts = std::iter::once(DEFAULT.to_owned()).chain(names).map(vouched).collect();
        let issued = world.operators()[0].issue(&Leaf::new(["*.wild.example"])).unwrap();
        let files = world.write_site("wildcard", &issued).unwrap();
        let wildcard = Host { name: "*.wild.example".to_owned(), answer: None, files };
        Self { world, hosts, wildcard, store }
    }

    /// What a client that sends this name is answered by the module (spec section 5, "What a server answers").
    pub fn answer(&self, name: Option<&str>) -> Option<&[u8]> {
        let name = name.unwrap_or(DEFAULT);
        self.hosts.iter().find(|host| host.name == name)?.answer.as_deref()
    }

    /// The module's log; a server that serves has nothing to say there.
    pub fn module_log(&self) -> PathBuf {
        self.world.directory().join("module.log")
    }

    /// nginx, which listens at two ports.
    pub fn start(&self, vouchers: &Vouchers) -> (Nginx, Ports) {
        let hold = || Port::hold("127.30.0.1".parse().unwrap()).unwrap();
        let ports = Ports { tickets: hold(), ids: hold() };
        let addresses = [ports.tickets.address(), ports.ids.address()];
        // A cache that is soon full, with sessions of one kind: what it takes is no growth, and nginx always finds the
        // room of an older session for a new one.
        let texts = addresses.iter().zip(["none", "shared:sessions:64k"]).flat_map(|(address, cache)| {
            let servers = self.hosts.iter().chain([&self.wildcard]);
            servers.map(|host| self.server(*address, host, vouchers, cache))
        });
        let text: String = texts.collect();
        let (name, environment) = match vouchers {
            Vouchers::Module => ("with-module", Some(self.openssl_conf())),
            Vouchers::Serverinfo => ("without-module", None),
        };
        let directory = self.world.make_directory(&[name]).unwrap();
        let environment = environment.map(|path| ("OPENSSL_CONF", path));
        let nginx = Nginx::start_with_workers(WORKERS, &directory, &addresses, &text, environment).unwrap();
        (nginx, ports)
    }

    fn server(&self, address: SocketAddr, host: &Host, vouchers: &Vouchers, cache: &str) -> String {
        let listen = if host.name == DEFAULT { "ssl default_server reuseport" } else { "ssl" };
        let info = match (vouchers, &host.answer) {
            (Vouchers::Serverinfo, Some(answer)) => {
                let path = self.world.directory().join(format!("{}.serverinfo", host.name));
                fs::write(&path, serverinfo(&[(Part::Vouchers, answer)]).unwrap()).unwrap();
                format!("ssl_conf_command ServerInfoFile {};", path.display())
            }
            _ => String::new(),
        };
        format!(
            "server {{ listen {address} {listen}; server_name {}; ssl_protocols TLSv1.2 TLSv1.3;\n\
             ssl_certificate {}; ssl_certificate_key {}; {info}\n\
             ssl_session_cache {cache}; keepalive_timeout 0; location / {{ return 200 $pid; }} }}\n",
            host.name,
            host.files.chain.display(),
            host.files.key.display(),
        )
    }

    fn openssl_conf(&self) -> PathBuf {
        let path = self.world.directory().join("openssl.cnf");
        let conf = OpensslConf::server(&module(), &self.store).with("log", self.module_log().display());
        conf.write(&path).unwrap()
    }
}

/// The module as it ships.
fn module() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/openssl-plugin/link.sh");
    let output = Command::new(script).arg("release").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Path::new(String::from_utf8(output.stdout).unwrap().trim()).to_owned()
}

fn bundle(host: &str, certificate: mecai::Sha256, keys: &[SigningKey]) -> Vec<u8> {
    let produced_at = UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    let not_after = produced_at.plus(LIFETIME_MAX);
    let addresses: [IpAddr; 1] = ["127.30.0.1".parse().unwrap()];
    let proposal = Proposal { host, port: 443, addresses: &addresses, certificate, produced_at, not_after, stay: None };
    let der = proposal.to_der().unwrap();
    let statement = Statement::from_der(&der).unwrap();
    let seen = Seen::from_indices([0]).unwrap();
    let mut keys: Vec<&SigningKey> = keys.iter().collect();
    keys.sort_by_key(|key| *key.public_key().id());
    let endorse = |key| endorse(key, &statement, seen, Evidence::Ocsp { age: 60 }).unwrap();
    let endorsements: Vec<Vec<u8>> = keys.into_iter().map(endorse).collect();
    let endorsements: Vec<&[u8]> = endorsements.iter().map(Vec::as_slice).collect();
    assemble(&der, &endorsements).unwrap()
}
