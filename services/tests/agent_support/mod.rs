//! What the tests of the agent share: authorities that sign well or behave badly, a signed list of them, a certificate,
//! a configuration, and the program itself.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses a part of it"
)]

pub mod probe;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mecai::Sha256;
use mecai::authority_list::{AuthorityEntry, ListFile, OperatorEntry};
use mecai::bundle::Bundle;
use mecai::chain::certificate_digest;
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::request::{Problem, VoucherRequest};
use mecai::signature::{PublicKey, SigningKey};
use mecai::statement::Statement;
use mecai::store::{Contents, Store};
use mecai::time::UnixTime;
use mecai_services::agent::{AuthorityStatus, SiteStatus, Status};

pub const HOST: &str = "www.shop.example";

pub fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// Waits until `condition` gives something.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited 20 s for: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// How an authority answers.
#[derive(Clone, Debug)]
pub enum Manner {
    Good,
    Refuse(Problem, &'static str),
    /// This status, these headers, this body.
    Raw(&'static str, Vec<u8>),
    /// A good endorsement under another Content-Type.
    Typed(&'static str),
    /// Signed by a key that is not in the list.
    OtherKey,
    /// The right authority id, over another statement.
    OtherStatement,
    /// Takes the request and answers well after so long.
    Late(Duration),
    /// Takes the request and sends one octet a second.
    Drip,
    /// Closes the connection without a word.
    Close,
    /// Endorses what a server with this store shows.
    Probe(Arc<probe::Server>),
}

/// An authority in this process.
pub struct Authority {
    pub address: SocketAddr,
    pub key: Arc<SigningKey>,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// One question that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub at: Instant,
    pub host: String,
    pub statement: Vec<u8>,
}

impl Authority {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = Self {
            address: listener.local_addr().unwrap(),
            key: Arc::new(SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()),
            manner: Arc::new(Mutex::new(manner)),
            asked: Arc::default(),
        };
        let (key, manner, asked) =
            (Arc::clone(&authority.key), Arc::clone(&authority.manner), Arc::clone(&authority.asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (key, manner, asked) = (Arc::clone(&key), Arc::clone(&manner), Arc::clone(&asked));
                // A peer that goes away ends its own thread only.
                thread::spawn(move || answer(stream.unwrap(), &key, &manner, &asked));
            }
        });
        authority
    }

    pub fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn answer(stream: TcpStream, key: &SigningKey, manner: &Mutex<Manner>, asked: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_ascii_lowercase());
    }
    assert_eq!(head[0], "post /v1/endorsements http/1.1");
    assert!(head.contains(&"content-type: application/vnd.mecai.voucher-request".to_owned()), "{head:?}");
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = VoucherRequest::from_der(&body).unwrap();
    let statement = &request.statement;
    asked.lock().unwrap().push(Asked {
        at: Instant::now(),
        host: statement.host().to_owned(),
        statement: statement.der().to_vec(),
    });
    let good = |key: &SigningKey, statement: &Statement<'_>| {
        endorse(key, statement, Seen::from_indices([0]).unwrap(), Evidence::Ocsp { age: 60 }).unwrap()
    };
    const TYPE: &str = "Content-Type: application/vnd.mecai.endorsement\r\n";
    let manner = manner.lock().unwrap().clone();
    let (head, body) = match manner {
        Manner::Good => (format!("200 OK\r\n{TYPE}"), good(key, statement)),
        Manner::Refuse(problem, detail) => {
            let head = format!("{} No\r\nContent-Type: application/problem+json\r\n", problem.status());
            (head, problem.to_json(detail, None))
        }
        Manner::Raw(head, body) => (head.to_owned(), body),
        Manner::Typed(media_type) => (format!("200 OK\r\nContent-Type: {media_type}\r\n"), good(key, statement)),
        Manner::OtherKey => {
            let other = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
            (format!("200 OK\r\n{TYPE}"), good(&other, statement))
        }
        Manner::OtherStatement => {
            let mut other = statement.der().to_vec();
            let year = other.windows(2).position(|octets| octets == [0x18, 15]).unwrap() + 5;
            other[year] -= 1;
            let not_after = other.windows(2).rposition(|octets| octets == [0x18, 15]).unwrap() + 5;
            other[not_after] -= 1;
            (format!("200 OK\r\n{TYPE}"), good(key, &Statement::from_der(&other).unwrap()))
        }
        Manner::Late(pause) => {
            thread::sleep(pause);
            (format!("200 OK\r\n{TYPE}"), good(key, statement))
        }
        Manner::Drip => {
            let mut stream = stream;
            for octet in b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" {
                if stream.write_all(&[*octet]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_secs(1));
            }
            return;
        }
        Manner::Close => return,
        Manner::Probe(server) => match server.judge(statement) {
            Ok(()) => (format!("200 OK\r\n{TYPE}"), good(key, statement)),
            Err((problem, detail)) => {
                let head = format!("{} No\r\nContent-Type: application/problem+json\r\n", problem.status());
                (head, problem.to_json(&detail, None))
            }
        },
    };
    let mut octets = format!("HTTP/1.1 {head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    octets.extend(body);
    // The agent may have given up.
    let _ = (&stream).write_all(&octets);
}

/// A directory with a list, a certificate and a configuration.
pub struct Stand {
    pub directory: tempfile::TempDir,
    pub authorities: Vec<Authority>,
    signer: minisign::KeyPair,
    sequence: u64,
}

impl Stand {
    pub fn new(manners: impl IntoIterator<Item = Manner>) -> Self {
        let mut stand = Self {
            directory: tempfile::tempdir().unwrap(),
            authorities: manners.into_iter().map(Authority::start).collect(),
            signer: minisign::KeyPair::generate_unencrypted_keypair().unwrap(),
            sequence: 0,
        };
        stand.write_list();
        stand.write_certificate();
        stand.configure("", "");
        stand
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Signs a list of the authorities, each of an operator of its own: `operator-0`.
    pub fn write_list(&mut self) {
        let urls: Vec<String> =
            self.authorities.iter().map(|authority| format!("http://{}/", authority.address)).collect();
        self.write_list_with(&urls);
    }

    pub fn write_list_with(&mut self, urls: &[String]) {
        self.sequence += 1;
        let entry = |(index, (authority, url)): (usize, (&Authority, &String))| OperatorEntry {
            id: format!("operator-{index}"),
            name: format!("Operator {index}"),
            country: "DE".to_owned(),
            ca_keys: vec![format!("{index:064x}")],
            authorities: vec![AuthorityEntry {
                public_key: authority.key.public_key_base64(),
                url: url.clone(),
                regions: Vec::new(),
                valid_from: "2026-01-01T00:00:00Z".to_owned(),
                valid_until: "9999-01-01T00:00:00Z".to_owned(),
            }],
        };
        let list = ListFile {
            version: 1,
            sequence: self.sequence,
            issued: UnixTime(now().0 - 60).to_string(),
            expires: now().plus(86_400).to_string(),
            operators: self.authorities.iter().zip(urls).enumerate().map(entry).collect(),
        };
        self.sign(&serde_json::to_vec(&list).unwrap());
    }

    pub fn sign(&self, list: &[u8]) {
        let signature = minisign::sign(None, &self.signer.sk, list, None, None).unwrap();
        std::fs::write(self.path("list.json.minisig"), signature.to_string()).unwrap();
        std::fs::write(self.path("list.json"), list).unwrap();
    }

    /// A new certificate in the same file, by rename; gives its digest.
    pub fn write_certificate(&self) -> Sha256 {
        let key = rcgen::KeyPair::generate().unwrap();
        self.issue("shop", &key, &[HOST])
    }

    /// A new certificate in `NAME.pem`, by rename, and its key in `NAME.key`; gives its digest.
    pub fn issue(&self, name: &str, key: &rcgen::KeyPair, hosts: &[&str]) -> Sha256 {
        self.issue_until(name, key, hosts, 4_096)
    }

    pub fn issue_until(&self, name: &str, key: &rcgen::KeyPair, hosts: &[&str], year: i32) -> Sha256 {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(hosts).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(key).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        std::fs::write(self.path("issued.new"), certificate.pem()).unwrap();
        std::fs::rename(self.path("issued.new"), self.path(&format!("{name}.pem"))).unwrap();
        certificate_digest(certificate.der())
    }

    /// A server that shows the certificate of `shop.pem`, and what is stored beside it.
    pub fn server(&self) -> Arc<probe::Server> {
        Arc::new(probe::Server::new(self.path("store"), &std::fs::read(self.path("shop.pem")).unwrap()))
    }

    /// Lets all authorities endorse what the server shows.
    pub fn probe(&self, server: &Arc<probe::Server>) {
        self.authorities.iter().for_each(|authority| authority.set(Manner::Probe(Arc::clone(server))));
    }

    pub fn certificate(&self) -> Sha256 {
        let pem = std::fs::read(self.path("shop.pem")).unwrap();
        let pem = x509_parser::pem::Pem::iter_from_buffer(&pem).next().unwrap().unwrap();
        certificate_digest(&pem.contents)
    }

    /// Writes the configuration, with `more` before and inside its one site.
    pub fn configure(&self, more: &str, more_of_site: &str) {
        let text = format!(
            "authorities = \"list.json\"\nauthorities_keys = \"{}\"\nstore = \"store\"\n{more}\n[[site]]\n\
             hosts = [\"{HOST}\"]\ncertificate = \"shop.pem\"\naddresses = [\"192.0.2.1\"]\n{more_of_site}\n",
            self.signer.pk.to_base64()
        );
        std::fs::write(self.path("agent.toml"), text).unwrap();
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mecai"));
        command.arg("agent").args(words).arg("--config").arg(self.path("agent.toml"));
        // A proxy in the environment must not be used.
        command.env("http_proxy", "http://127.0.0.1:1").env("RUST_LOG", "info,mecai_services=debug");
        command
    }

    /// Runs the program to its end: its exit status and what it wrote.
    pub fn run(&self, words: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// `mecai agent run` until it is dropped.
    pub fn start(&self) -> Running {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Running { child, log: self.path("log") }
    }

    pub fn status(&self) -> Option<Status> {
        Status::read(&self.path("state")).unwrap()
    }

    pub fn site(&self) -> Option<SiteStatus> {
        Some(self.status()?.sites.remove(0))
    }

    pub fn authority_status(&self, index: usize) -> AuthorityStatus {
        self.site().unwrap().authorities.remove(index)
    }

    /// The codes of the failures, by authority; `ok` for none.
    pub fn codes(&self) -> Vec<String> {
        let code = |authority: AuthorityStatus| authority.failing.map_or("ok".to_owned(), |failing| failing.code);
        self.site().map(|site| site.authorities.into_iter().map(code).collect()).unwrap_or_default()
    }

    pub fn stored(&self, directory: &str, certificate: &Sha256) -> Option<Contents> {
        Store::new(self.path(directory)).read(certificate).unwrap()
    }

    /// The bundles in the store: how many endorsements each, freshest first. Every signature is checked.
    pub fn bundles(&self) -> Vec<usize> {
        let Some(contents) = self.stored("store", &self.certificate()) else { return Vec::new() };
        contents.bundles().iter().map(|stored| self.check(&Bundle::from_der(stored.der()).unwrap())).collect()
    }

    /// Those of the alternate in the store file of a certificate; none without an alternate.
    pub fn bundles_of_alternate(&self, primary: &Sha256) -> Option<Vec<usize>> {
        let contents = self.stored("store", primary)?;
        let bundles = &contents.alternate()?.bundles;
        Some(bundles.iter().map(|stored| self.check(&Bundle::from_der(stored.der()).unwrap())).collect())
    }

    fn check(&self, bundle: &Bundle<'_>) -> usize {
        let digest = bundle.statement().digest();
        for endorsement in bundle.endorsements() {
            let of = |authority: &&Authority| authority.key.public_key().id() == endorsement.authority();
            let key: &PublicKey = self.authorities.iter().find(of).unwrap().key.public_key();
            assert!(endorsement.is_signed_by(key, &digest));
        }
        bundle.endorsement_count()
    }
}

/// `mecai agent run`.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub fn signal(&self, signal: i32) {
        // SAFETY: kill has no memory effects; the child is ours and not yet waited for.
        assert_eq!(unsafe { libc::kill(i32::try_from(self.child.id()).unwrap(), signal) }, 0);
    }

    /// Ends it by SIGTERM: its exit status, and how long it took.
    pub fn stop(mut self) -> (i32, Duration) {
        self.signal(libc::SIGTERM);
        let began = Instant::now();
        let status = until("the agent ends", || self.child.try_wait().unwrap());
        (status.code().unwrap(), began.elapsed())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of the agent\n{}", self.log());
        }
    }
}

/// Whether a path exists.
pub fn exists(path: &Path) -> Option<()> {
    path.exists().then_some(())
}
