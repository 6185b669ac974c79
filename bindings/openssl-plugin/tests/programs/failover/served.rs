//! A server with the module shows its alternate and its staged certificates from the store, to those who ask.

use std::fs;
use std::path::Path;
use std::process::Command;

use mecai::chain::{certificate_digest, spki_hash};
use mecai::extension::{STAGED, read_alternate, read_staged};
use mecai::key_proof::{Claim, StagedKey};
use mecai::store::{Contents, Part, Store, StoredAlternate, StoredBundle, StoredStaged};
use rcgen::KeyPair;

use super::{Fallen, params};
use crate::client_hello::our_extensions;
use crate::daemons::{Daemon, apache, certificate, certificate_and_key, frontend, haproxy, nginx, virtual_host};
use crate::server::{config, s_client};
use crate::world::{HOST, Site, Vouched, now, said};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// Puts an alternate and a staged certificate into the store, and no vouchers; gives the staged one.
fn store(fallen: &Fallen, alternate: &Site) -> Site {
    let key = KeyPair::generate().unwrap();
    let next = fallen.world.issue("next", 2, params(&[HOST]), &key);
    let claim = Claim {
        host: HOST,
        port: 443,
        handshake_key: spki_hash(&fallen.site.der).unwrap(),
        certificate: certificate_digest(&next.der),
        not_before: now(),
        not_after: now().plus(3600),
    };
    let key_proof = StagedKey::from_pkcs8(&key.serialize_der()).unwrap().prove(&claim).unwrap();
    let staged = StoredStaged { chain: vec![next.der.clone()], key_proof };
    let vouched = Vouched { first: 2, ..Vouched::for_site(alternate) };
    let bundles = vec![StoredBundle::from_der(&fallen.world.bundle(&vouched)).unwrap()];
    let alternate = StoredAlternate { chain: vec![alternate.der.clone()], bundles };
    let digest = certificate_digest(&fallen.site.der);
    fs::create_dir_all(fallen.world.path("vouchers")).unwrap();
    let contents = Contents::new(digest, Vec::new(), Some(alternate), vec![staged]).unwrap();
    Store::new(fallen.world.path("vouchers")).write(&contents).unwrap();
    next
}

/// What the server answers to this extension of a client that sends it empty.
fn answer(fallen: &Fallen, daemon: &Daemon, part: Part, name: &str, version: &str) -> Option<Vec<u8>> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/failover/ask.c");
    let program = fallen.world.path("ask");
    if !Path::new(&program).exists() {
        fallen.world.cc("ask", source, &["-Wextra", "-lssl", "-lcrypto"]);
    }
    let mut command = Command::new(program);
    command.env("OPENSSL_CONF", "/dev/null").args([&daemon.port.to_string(), name, version]);
    let output = command.arg(part.extension().to_string()).output().unwrap();
    assert!(output.status.success(), "{}\n{}", said(&output), daemon.said());
    let hex = String::from_utf8(output.stdout).unwrap();
    let octets = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
    Some(octets.collect()).filter(|octets: &Vec<u8>| !octets.is_empty())
}

fn assert_shows_both(fallen: &Fallen, daemon: &Daemon, alternate: &Site, next: &Site) {
    for version in VERSIONS {
        let ask = |part, name| answer(fallen, daemon, part, name, version);
        let octets = ask(Part::Alternate, HOST).unwrap();
        let shown = read_alternate(&octets).unwrap();
        assert_eq!(shown.chain.collect::<Vec<_>>(), [&alternate.der[..]], "{version}");
        assert_eq!(shown.bundles.count(), 1, "{version}");
        let octets = ask(Part::Staged, HOST).unwrap();
        let chains: Vec<_> = read_staged(&octets).unwrap().map(|staged| staged.chain.collect::<Vec<_>>()).collect();
        assert_eq!(chains, [[&next.der[..]]], "{version}");
        // For another name the alternate is shown without vouchers, and nothing is staged.
        let octets = ask(Part::Alternate, "x.example").unwrap();
        assert_eq!(read_alternate(&octets).unwrap().bundles.count(), 0, "{version}");
        assert_eq!(ask(Part::Staged, "x.example"), None, "{version}");
        assert_eq!(ask(Part::Vouchers, HOST), None, "{version}: it has none");
    }
    let config = fallen.world.write_config("client", &[]);
    let curl = fallen.world.curl_to(&config, daemon.port, &["--cacert", &fallen.world.path("roots.pem")]);
    let log = fallen.world.take_log();
    assert!(curl.status.success() && log.contains("the alternate is used"), "{log}");
}

#[test]
fn nginx_shows_an_alternate_and_staged_certificates() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let next = store(&fallen, &alternate);
    let server = format!("server {{ listen 127.0.0.1:PORT ssl; {} return 204; }}", certificate(&fallen.site));
    let daemon = nginx(&fallen.world, "nginx", &server, Some(&config(&fallen.world)));
    assert_shows_both(&fallen, &daemon, &alternate, &next);
}

#[test]
fn apache_shows_an_alternate_and_staged_certificates() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let next = store(&fallen, &alternate);
    let hosts = virtual_host(HOST, &fallen.site);
    let daemon = apache(&fallen.world, "apache", &hosts, Some(&config(&fallen.world)));
    assert_shows_both(&fallen, &daemon, &alternate, &next);
}

#[test]
fn haproxy_shows_an_alternate_and_staged_certificates() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let next = store(&fallen, &alternate);
    certificate_and_key(&fallen.site);
    let daemon = haproxy(&fallen.world, "haproxy", "", &frontend(&fallen.site), Some(&config(&fallen.world)));
    assert_shows_both(&fallen, &daemon, &alternate, &next);
}

/// What a client has read is the same, octet for octet in number.
#[test]
fn whoever_does_not_ask_pays_nothing() {
    let fallen = Fallen::new();
    let server = format!("server {{ listen 127.0.0.1:PORT ssl; {} return 204; }}", certificate(&fallen.site));
    let daemon = nginx(&fallen.world, "nginx", &server, Some(&config(&fallen.world)));
    let read = |version: &str| {
        // TLS 1.3 sessions and ECDSA signatures differ in length: the least of many is what counts.
        let octets = (0..20).map(|_| {
            let said = s_client(&fallen.world, "/dev/null", &daemon, &["-servername", HOST, version]);
            let (_, rest) = said.split_once("SSL handshake has read ").unwrap();
            rest.split(' ').next().unwrap().parse::<usize>().unwrap()
        });
        octets.min().unwrap()
    };
    let before = VERSIONS.map(read);
    store(&fallen, &fallen.alternate(1));
    let shown = || answer(&fallen, &daemon, Part::Alternate, HOST, "-tls1_3").is_some();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !shown() {
        assert!(std::time::Instant::now() < deadline, "not shown within 10 seconds");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    for (version, before) in VERSIONS.into_iter().zip(before) {
        assert!(read(version).abs_diff(before) <= 1, "{version}");
    }
}

/// Only authorities ask for them.
#[test]
fn a_client_asks_for_no_staged_certificates() {
    let fallen = Fallen::new();
    let server = fallen.showing_all(&[(STAGED, b"\0\x01x")], &[]);
    let config = fallen.world.write_config("client", &[]);
    let asked = our_extensions(&said(&fallen.world.s_client(&config, &server, &["-servername", HOST, "-msg"])));
    assert_eq!(asked.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0xFF4D, 0xFF4E]);
}
