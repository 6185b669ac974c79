//! What the tests of the authority share: a world, sites on real nginx, an authority in this process.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses a part of it"
)]

pub mod shop;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mecai::authority_list::{ListFile, OperatorEntry};
use mecai::chain::certificate_digest;
use mecai::endorsement::Endorsement;
use mecai::request::{Protocol, VoucherRequest};
use mecai::signature::SigningKey;
use mecai::statement::{Proposal, Statement};
use mecai::time::UnixTime;
use mecai_services::authority::clock::SystemClock;
use mecai_services::authority::config::Config;
use mecai_services::authority::init::{Init, init};
use mecai_services::authority::key::read_key;
use mecai_services::authority::server::Server;
use mecai_services::lab::{Issued, Nginx, Operator, Port, World};

pub const HOST: &str = "www.shop.example";
pub const IP: &str = "127.10.0.1";

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn hex(octets: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(octets)
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited 20 s for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The same port at several addresses, held.
pub fn same_port<const N: usize>(addresses: [&str; N]) -> [Port; N] {
    loop {
        let first = Port::hold(ip(addresses[0])).unwrap();
        let number = first.address().port();
        let others = addresses[1..].iter().map(|address| Port::hold_exact((ip(address), number).into()));
        // Another program may have that number at another address.
        if let Ok(others) = others.collect::<Result<Vec<_>, _>>() {
            let all: Vec<Port> = std::iter::once(first).chain(others).collect();
            return all.try_into().ok().unwrap();
        }
    }
}

/// A world with a directory for authorities and a signed authority list.
pub struct Stand {
    pub world: World,
    pub signer: minisign::KeyPair,
    pub directory: tempfile::TempDir,
}

impl Stand {
    pub fn new(operators: usize) -> Self {
        let stand = Self {
            world: World::builder().operators(operators).start().unwrap(),
            signer: minisign::KeyPair::generate_unencrypted_keypair().unwrap(),
            directory: tempfile::tempdir().unwrap(),
        };
        for operator in stand.world.operators() {
            init(&stand.init(operator), UnixTime(now() - 60)).unwrap();
        }
        stand.write_list(1, stand.entries());
        stand
    }

    pub fn operator(&self, index: usize) -> &Operator {
        &self.world.operators()[index]
    }

    fn init(&self, operator: &Operator) -> Init {
        Init {
            operator: operator.id().to_owned(),
            name: Some(operator.name().to_owned()),
            country: operator.country().to_owned(),
            url: "http://127.0.0.1:1/".to_owned(),
            region: Vec::new(),
            ca: Vec::new(),
            days: 365,
            listen: "127.0.0.1:0".parse().unwrap(),
            roots: self.world.roots(),
            authorities: self.list(),
            authorities_keys: Some(self.signer.pk.to_base64()),
            dir: self.directory.path().join(operator.id()),
        }
    }

    pub fn list(&self) -> PathBuf {
        self.directory.path().join("authorities.json")
    }

    /// The entries that `init` made, with the operators' CA keys.
    pub fn entries(&self) -> Vec<OperatorEntry> {
        let entry = |operator: &Operator| {
            let path = self.directory.path().join(operator.id()).join("list-entry.json");
            let mut entry: OperatorEntry = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            entry.ca_keys = operator.ca_keys().iter().map(|key| hex(key)).collect();
            entry
        };
        self.world.operators().iter().map(entry).collect()
    }

    pub fn write_list(&self, sequence: u64, operators: Vec<OperatorEntry>) {
        let list = ListFile {
            version: 1,
            sequence,
            issued: UnixTime(now() - 60).to_string(),
            expires: UnixTime(now() + 86_400).to_string(),
            operators,
        };
        let json = serde_json::to_vec_pretty(&list).unwrap();
        let signature = minisign::sign(None, &self.signer.sk, json.as_slice(), None, None).unwrap();
        std::fs::write(self.directory.path().join("authorities.json.minisig"), signature.to_string()).unwrap();
        std::fs::write(self.list(), json).unwrap();
    }

    pub fn key(&self, operator: usize) -> SigningKey {
        read_key(&self.directory.path().join(self.operator(operator).id()).join("authority.key")).unwrap()
    }

    pub fn database(&self, operator: usize) -> PathBuf {
        self.directory.path().join(self.operator(operator).id()).join("authority.db")
    }

    /// The configuration that `init` made, with what a world on loopback needs, and `more` of it.
    pub fn config(&self, operator: usize, ports: &[u16], more: &str) -> Config {
        let path = self.directory.path().join(self.operator(operator).id()).join("authority.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        let fetch: Vec<u16> =
            self.world.operators().iter().map(|operator| operator.revocation().address().port()).collect();
        writeln!(text, "resolvers = [\"{}\"]", self.world.dns().address()).unwrap();
        writeln!(text, "allow = [\"127.0.0.0/8\", \"::1/128\"]").unwrap();
        writeln!(text, "ports = {ports:?}\nfetch_ports = {fetch:?}\n{more}").unwrap();
        let path = path.with_extension("test.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path).unwrap()
    }

    pub async fn authority(&self, config: Config) -> Authority {
        let server = Server::bind(config, Arc::new(SystemClock)).await.unwrap();
        let address = server.address();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Authority { address, stop: Some(stop), task: Some(task) }
    }

    /// nginx with one certificate, at `IP`; the world's DNS says so.
    pub fn site(&self, issued: &Issued, more: &str) -> Site {
        let [port] = same_port([IP]);
        self.world.dns().set(HOST, &[ip(IP)]);
        self.site_at(&port, &[issued], more)
    }

    /// nginx at a port, with certificates of several key types.
    pub fn site_at(&self, port: &Port, issued: &[&Issued], more: &str) -> Site {
        let mut text = format!("server {{ listen {} ssl; server_name {HOST};", port.address());
        for (index, issued) in issued.iter().enumerate() {
            let files = self.world.write_site(&format!("{HOST}-{}-{index}", port.address().port()), issued).unwrap();
            write!(text, "ssl_certificate {}; ssl_certificate_key {};", files.chain.display(), files.key.display())
                .unwrap();
        }
        write!(text, "{more} }}").unwrap();
        let name = format!("nginx-{}-{}", port.address().ip(), port.address().port());
        let directory = self.world.make_directory(&[&name]).unwrap();
        let nothing: [(&str, &str); 0] = [];
        let nginx = Nginx::start(&directory, &[port.address()], &text, nothing).unwrap();
        Site { nginx, address: port.address() }
    }
}

pub struct Site {
    pub nginx: Nginx,
    pub address: SocketAddr,
}

/// What a request says, to be changed before it is sent.
#[derive(Clone)]
pub struct Ask {
    pub host: String,
    pub port: u16,
    pub addresses: Vec<IpAddr>,
    pub certificate: [u8; 32],
    pub produced_at: u64,
    pub lifetime: u64,
    pub protocol: Protocol,
}

impl Ask {
    pub fn new(port: u16, certificate: &[u8]) -> Self {
        Self {
            host: HOST.to_owned(),
            port,
            addresses: vec![ip(IP)],
            certificate: certificate_digest(certificate),
            produced_at: now(),
            lifetime: 3_600,
            protocol: Protocol::Tls,
        }
    }

    pub fn statement(&self) -> Vec<u8> {
        Proposal {
            host: &self.host,
            port: self.port,
            addresses: &self.addresses,
            certificate: self.certificate,
            produced_at: UnixTime(self.produced_at),
            not_after: UnixTime(self.produced_at + self.lifetime),
            stay: None,
        }
        .to_der()
        .unwrap()
    }

    pub fn der(&self) -> Vec<u8> {
        let statement = self.statement();
        let statement = Statement::from_der(&statement).unwrap();
        VoucherRequest { statement, protocol: self.protocol }.to_der().unwrap()
    }
}

pub struct Authority {
    pub address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Authority {
    /// One that runs elsewhere.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, stop: None, task: None }
    }

    pub async fn ask(&self, ask: &Ask) -> Answer {
        self.try_ask(ask).await.unwrap()
    }

    /// None if the authority is gone.
    pub async fn try_ask(&self, ask: &Ask) -> Option<Answer> {
        self.try_send("POST", "/v1/endorsements", "application/vnd.mecai.voucher-request", &ask.der()).await
    }

    pub async fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Answer {
        self.try_send(method, path, media_type, body).await.unwrap()
    }

    async fn try_send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Option<Answer> {
        let url = format!("http://{}{path}", self.address);
        let (method, media_type, body) = (method.to_owned(), media_type.to_owned(), body.to_vec());
        tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let request = ureq::http::Request::builder()
                .method(method.as_str())
                .uri(url)
                .header("content-type", media_type)
                .body(body)
                .unwrap();
            let mut response = agent.run(request).ok()?;
            let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap().to_owned();
            Some(Answer {
                status: response.status().as_u16(),
                headers: response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
                body: response.body_mut().read_to_vec().ok()?,
            })
        })
        .await
        .unwrap()
    }

    /// Ends it as SIGTERM would; returns when all of it has ended.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.task.take().unwrap().await.unwrap();
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The endorsement's parts that matter, after its signature was checked.
    pub fn endorsed(&self, ask: &Ask, key: &SigningKey) -> (Vec<bool>, mecai::endorsement::Evidence) {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/vnd.mecai.endorsement"));
        let der = ask.statement();
        let statement = Statement::from_der(&der).unwrap();
        let endorsement = Endorsement::from_der(&self.body, ask.addresses.len()).unwrap();
        assert_eq!(endorsement.authority(), key.public_key().id());
        assert!(endorsement.is_signed_by(key.public_key(), &statement.digest()));
        let seen = (0..ask.addresses.len()).map(|index| endorsement.seen().contains(index)).collect();
        (seen, endorsement.evidence())
    }

    /// The problem's code and detail, after its form was checked.
    pub fn problem(&self) -> (String, String) {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{text}");
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(json["status"], self.status, "{text}");
        assert!(json["title"].is_string(), "{text}");
        let code = json["type"].as_str().unwrap().strip_prefix("urn:mecai:problem:").unwrap();
        (code.to_owned(), json["detail"].as_str().unwrap().to_owned())
    }
}
