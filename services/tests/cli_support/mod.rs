//! What the tests of the command line share: the built program, operators with CA and authority keys, and a stock
//! `openssl s_server` that serves vouchers from a serverinfo file.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses a part of it"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use mecai::authority_list::{AuthorityEntry, ListFile, OperatorEntry};
use mecai::bundle;
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::extension::write_bundles;
use mecai::signature::SigningKey;
use mecai::statement::{Proposal, Statement};
use mecai::store::{Part, serverinfo};
use mecai::time::UnixTime;
use mecai_services::lab::{Ca, Issued, Leaf, Pointers, Port, Process, Subject, Validity};
use serde_json::Value;

pub const HOST: &str = "www.shop.example";
const DAY: u64 = 86_400;

pub fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// The built program, without what this machine's openssl.cnf may say.
pub fn mecai() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mecai"));
    command.env_remove("OPENSSL_CONF").env_remove("SSL_CERT_FILE");
    command
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub out: String,
    pub err: String,
    pub status: i32,
}

impl Said {
    pub fn by(command: &mut Command) -> Self {
        Self::of(&command.output().unwrap())
    }

    pub fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
            status: output.status.code().unwrap_or_else(|| panic!("{:?}", output.status)),
        }
    }

    /// Panics unless it ended so.
    #[track_caller]
    pub fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, status, "\n--- stdout\n{}--- stderr\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Panics unless standard output has all of these.
    #[track_caller]
    pub fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.out.contains(text), "{text:?} is not in\n{}", self.out);
        }
        self
    }

    /// Panics unless standard error has all of these.
    #[track_caller]
    pub fn complains(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.err.contains(text), "{text:?} is not in\n{}", self.err);
        }
        self
    }
}

/// A CA operator.
pub struct Operator {
    pub id: String,
    pub country: &'static str,
    pub ca: Ca,
    pub key: SigningKey,
}

impl Operator {
    fn new(index: usize) -> Self {
        let letter = char::from(b'a' + u8::try_from(index).unwrap());
        let country = ["DE", "US", "JP"][index % 3];
        let subject = Subject {
            name: format!("Operator {letter} Root"),
            organization: format!("Operator {letter}"),
            country: country.to_owned(),
        };
        let ca = Ca::root(&subject, Validity::seconds(365 * DAY), Pointers::default()).unwrap();
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        Self { id: format!("operator-{letter}"), country, ca, key }
    }

    fn entry(&self) -> OperatorEntry {
        OperatorEntry {
            id: self.id.clone(),
            name: self.id.replace("operator-", "Operator "),
            country: self.country.to_owned(),
            ca_keys: vec![HEXLOWER.encode(&self.ca.spki_sha256())],
            authorities: vec![AuthorityEntry {
                public_key: self.key.public_key_base64(),
                url: format!("http://{}.example/", self.id),
                regions: vec!["EU".to_owned()],
                valid_from: UnixTime(now().0 - DAY).to_string(),
                valid_until: UnixTime(now().0 + DAY).to_string(),
            }],
        }
    }
}

/// Operators, a signed list of them, and a directory for files.
pub struct World {
    pub directory: tempfile::TempDir,
    pub operators: Vec<Operator>,
    pub signer: minisign::KeyPair,
}

impl World {
    /// `count` operators; the first owns the sites' certificates.
    pub fn new(count: usize) -> Self {
        let world = Self {
            directory: tempfile::tempdir().unwrap(),
            operators: (0..count).map(Operator::new).collect(),
            signer: minisign::KeyPair::generate_unencrypted_keypair().unwrap(),
        };
        world.sign_list(&world.list_json(17));
        let roots: String = world.operators.iter().map(|operator| operator.ca.certificate_pem()).collect();
        std::fs::write(world.path("roots.pem"), roots).unwrap();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn list(&self) -> PathBuf {
        self.path("authorities.json")
    }

    pub fn list_keys(&self) -> String {
        self.signer.pk.to_base64()
    }

    pub fn list_json(&self, sequence: u64) -> Vec<u8> {
        list_json(
            sequence,
            now().0 - 60,
            now().0 + 20 * DAY - 1_800,
            self.operators.iter().map(Operator::entry).collect(),
        )
    }

    pub fn sign_list(&self, json: &[u8]) {
        let signature = minisign::sign(None, &self.signer.sk, json, None, None).unwrap();
        std::fs::write(self.path("authorities.json.minisig"), signature.to_string()).unwrap();
        std::fs::write(self.list(), json).unwrap();
    }

    /// A certificate of the first operator.
    pub fn certificate(&self, host: &str) -> Issued {
        self.operators[0].ca.issue(&Leaf::new([host])).unwrap()
    }

    /// A certificate of the operator of this number.
    pub fn certificate_by(&self, operator: usize, leaf: &Leaf) -> Issued {
        self.operators[operator].ca.issue(leaf).unwrap()
    }

    /// A bundle in which these operators endorse that they saw the certificate at 127.0.0.1.
    pub fn bundle(&self, claim: &Claim, operators: &[usize]) -> Vec<u8> {
        let statement = claim.statement();
        let statement = Statement::from_der(&statement).unwrap();
        let seen = Seen::from_indices([0]).unwrap();
        let sign = |index: &usize| {
            endorse(&self.operators[*index].key, &statement, seen, Evidence::Ocsp { age: 7_200 }).unwrap()
        };
        let endorsements: Vec<Vec<u8>> = operators.iter().map(sign).collect();
        let endorsements: Vec<&[u8]> = endorsements.iter().map(Vec::as_slice).collect();
        bundle::assemble(statement.der(), &endorsements).unwrap()
    }

    /// `mecai check` of a server, with this world's list and roots and a state of its own.
    pub fn check(&self, server: &Server) -> Command {
        let mut command = mecai();
        command.arg("check").arg(format!("{HOST}:443")).arg("--connect").arg(server.address.to_string());
        command.arg("--ca-file").arg(self.path("roots.pem"));
        command.arg("--authorities").arg(self.list()).arg("--authorities-keys").arg(self.list_keys());
        command.arg("--state").arg(self.path("state"));
        command
    }
}

pub fn list_json(sequence: u64, issued: u64, expires: u64, operators: Vec<OperatorEntry>) -> Vec<u8> {
    let (issued, expires) = (UnixTime(issued).to_string(), UnixTime(expires).to_string());
    serde_json::to_vec_pretty(&ListFile { version: 1, sequence, issued, expires, operators }).unwrap()
}

/// What a statement says; a good one for [`HOST`] unless changed.
#[derive(Clone)]
pub struct Claim {
    pub host: &'static str,
    pub port: u16,
    pub certificate: mecai::Sha256,
    pub produced_at: UnixTime,
    pub not_after: UnixTime,
    pub stay: Option<u8>,
}

impl Claim {
    pub fn of(certificate: &Issued) -> Self {
        Self {
            host: HOST,
            port: 443,
            certificate: mecai::chain::certificate_digest(certificate.certificate()),
            produced_at: UnixTime(now().0 - 3 * 3_600),
            not_after: UnixTime(now().0 + 20 * 3_600),
            stay: Some(30),
        }
    }

    pub fn statement(&self) -> Vec<u8> {
        let proposal = Proposal {
            host: self.host,
            port: self.port,
            addresses: &["127.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            certificate: self.certificate,
            produced_at: self.produced_at,
            not_after: self.not_after,
            stay: self.stay,
        };
        proposal.to_der().unwrap()
    }
}

/// A stock OpenSSL server.
pub struct Server {
    pub address: SocketAddr,
    _process: Process,
    _port: Port,
}

impl Server {
    /// Shows a certificate, and these bundles if there are any.
    pub fn start(world: &World, certificate: &Issued, bundles: &[Vec<u8>], more: &[&str]) -> Self {
        let bundles: Vec<&[u8]> = bundles.iter().map(Vec::as_slice).collect();
        Self::start_answering(world, certificate, write_bundles(&bundles).as_deref(), more)
    }

    /// Shows a certificate, and this answer to the extension.
    pub fn start_answering(world: &World, certificate: &Issued, answer: Option<&[u8]>, more: &[&str]) -> Self {
        let answers: Vec<(Part, &[u8])> = answer.into_iter().map(|answer| (Part::Vouchers, answer)).collect();
        Self::start_at("127.0.0.1", world, certificate, &answers, more)
    }

    /// Shows a certificate at this address, and these answers.
    pub fn start_at(ip: &str, world: &World, certificate: &Issued, answers: &[(Part, &[u8])], more: &[&str]) -> Self {
        let port = Port::hold(ip.parse().unwrap()).unwrap();
        let address = port.address();
        let file = |name: &str, text: &str| {
            let path = world.path(&format!("{name}-{}.pem", address.port()));
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-accept"]).arg(address.to_string());
        command.arg("-cert").arg(file("cert", &certificate.chain_pem()));
        command.arg("-key").arg(file("key", certificate.key_pem()));
        if !answers.is_empty() {
            command.arg("-serverinfo").arg(file("serverinfo", &serverinfo(answers).unwrap()));
        }
        command.args(more).env_remove("OPENSSL_CONF");
        let log = world.path(&format!("s_server-{}.log", address.port()));
        let mut process = Process::start("s_server", command, &log).unwrap();
        process.wait_for_listeners(&[address], Duration::from_secs(20)).unwrap();
        Self { address, _process: process, _port: port }
    }
}

/// The files of a directory, by name.
pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
