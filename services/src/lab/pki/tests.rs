//! Certificates as the `openssl` program judges them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::World;
use super::leaf::certificate_pem;
use super::{Issued, Leaf, Pointers, Validity};

const HOST: &str = "www.shop.example";

struct Case {
    world: World,
    directory: PathBuf,
}

impl Case {
    fn new() -> Self {
        let world = World::builder().operators(2).start().unwrap();
        let directory = world.make_directory(&["case"]).unwrap();
        Self { world, directory }
    }

    /// `openssl verify` of a chain under the given roots, in words.
    fn verify(&self, roots: &str, issued: &Issued, option: &str, value: &str) -> (bool, String) {
        fs::write(self.directory.join("roots.pem"), roots).unwrap();
        fs::write(self.directory.join("chain.pem"), issued.chain_pem()).unwrap();
        let output = Command::new("openssl")
            .args(["verify", "-CAfile", "roots.pem", "-untrusted", "chain.pem", "-purpose", "sslserver"])
            .args(["-x509_strict", option, value, "chain.pem"])
            .current_dir(&self.directory)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
        (output.status.success(), text)
    }

    fn verify_host(&self, roots: &str, issued: &Issued) -> (bool, String) {
        self.verify(roots, issued, "-verify_hostname", HOST)
    }

    fn root(&self, index: usize) -> String {
        self.world.operators()[index].root().certificate_pem()
    }
}

#[track_caller]
fn assert_refused(outcome: (bool, String), word: &str) {
    assert!(!outcome.0 && outcome.1.contains(word), "{outcome:?}");
}

fn pointers_in(issued: &Issued) -> (usize, usize) {
    let text = String::from_utf8_lossy(issued.certificate()).into_owned();
    (text.matches("/ocsp").count(), text.matches(".crl").count())
}

#[test]
fn a_leaf_is_good_for_its_names_and_addresses_under_its_operators_root_only() {
    let case = Case::new();
    let issued = case.world.operators()[0].issue(&Leaf::new([HOST, "127.10.0.1", "::1"])).unwrap();
    let outcome = case.verify_host(&case.root(0), &issued);
    assert!(outcome.0, "{}", outcome.1);
    for address in ["127.10.0.1", "::1"] {
        assert!(case.verify(&case.root(0), &issued, "-verify_ip", address).0);
    }
    assert_refused(case.verify_host(&case.root(1), &issued), "unable to get");
    assert_eq!(pointers_in(&issued), (1, 1));
    assert_eq!(issued.serial().len(), 16);
}

#[test]
fn bad_leaves_are_bad_in_the_way_asked_for() {
    let case = Case::new();
    let a = &case.world.operators()[0];
    let expired = a.issue(&Leaf::new([HOST]).validity(Validity::expired(60))).unwrap();
    assert_refused(case.verify_host(&case.root(0), &expired), "certificate has expired");
    let wrong_name = a.issue(&Leaf::new(["evil.example"])).unwrap();
    assert_refused(case.verify_host(&case.root(0), &wrong_name), "hostname mismatch");
}

#[test]
fn lifetime_key_and_pointers_are_as_given() {
    let case = Case::new();
    let a = &case.world.operators()[0];
    let first = a.issue(&Leaf::new([HOST])).unwrap();
    let short = Leaf::new([HOST]).lifetime(6 * 24 * 3600).pointers(Pointers::default()).key(first.key_pem());
    let second = a.issue(&short).unwrap();
    assert_eq!(pointers_in(&second), (0, 0));
    assert!(case.verify_host(&case.root(0), &second).0);
    let parse = |issued: &Issued| {
        let (_, certificate) = X509Certificate::from_der(issued.certificate()).unwrap();
        let validity = certificate.validity();
        let life = validity.not_after.timestamp() - validity.not_before.timestamp();
        (life, certificate.public_key().raw.to_vec(), certificate.raw_serial().to_vec())
    };
    let ((_, first_key, first_serial), (life, second_key, second_serial)) = (parse(&first), parse(&second));
    assert_eq!(life, 6 * 24 * 3600 + 60);
    assert_eq!(first_key, second_key);
    assert_ne!(first_serial, second_serial);
    assert_eq!(second_serial, second.serial());
    let error = a.issue(&Leaf::new([HOST]).key("no key")).unwrap_err();
    assert_eq!(error.code(), "lab_issue");
    assert!(error.to_string().contains(HOST), "{error}");
}

#[test]
fn a_request_is_answered_for_its_key_and_names_if_its_key_has_signed_it() {
    let case = Case::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![HOST.to_owned(), "127.10.0.1".to_owned()]).unwrap();
    let request = params.serialize_request(&key).unwrap();
    let chain = case.world.operators()[0].issue_for(&request.pem().unwrap()).unwrap();
    fs::write(case.directory.join("roots.pem"), case.root(0)).unwrap();
    fs::write(case.directory.join("chain.pem"), &chain).unwrap();
    for (option, value) in [("-verify_hostname", HOST), ("-verify_ip", "127.10.0.1")] {
        let mut command = Command::new("openssl");
        command.args(["verify", "-CAfile", "roots.pem", "-untrusted", "chain.pem", "-purpose", "sslserver"]);
        command.args(["-x509_strict", option, value, "chain.pem"]).current_dir(&case.directory);
        assert!(command.output().unwrap().status.success(), "{option}");
    }
    let (_, pem) = x509_parser::pem::parse_x509_pem(chain.as_bytes()).unwrap();
    let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
    assert_eq!(pem.parse_x509().unwrap().public_key().raw, spki);

    // Another name than the one that was signed.
    let mut changed = request.der().to_vec();
    let at = changed.windows(HOST.len()).position(|octets| octets == HOST.as_bytes()).unwrap();
    changed[at] ^= 1;
    let forged = certificate_pem(&changed).replace("CERTIFICATE-", "CERTIFICATE REQUEST-");
    let error = case.world.operators()[0].issue_for(&forged).unwrap_err();
    assert_eq!(error.code(), "lab_issue");
    assert!(error.to_string().contains("signature"), "{error}");
}

#[test]
fn a_root_cross_signed_by_another_operator_leads_to_that_operators_root() {
    let case = Case::new();
    let [a, b] = case.world.operators() else { panic!("two operators") };
    let mut issued = a.issue(&Leaf::new([HOST])).unwrap();
    issued.append(b.root().cross_sign(a.root(), Validity::seconds(3600)).unwrap());
    let outcome = case.verify_host(&case.root(1), &issued);
    assert!(outcome.0, "{}", outcome.1);
    assert!(case.verify_host(&case.root(0), &issued).0);
}

#[test]
fn an_intermediate_below_another_operators_root_is_its_owners() {
    let case = Case::new();
    let [a, b] = case.world.operators() else { panic!("two operators") };
    let before = a.ca_keys();
    let ca = a.intermediate_below(b).unwrap();
    let issued = ca.issue(&Leaf::new([HOST])).unwrap();
    let outcome = case.verify_host(&case.root(1), &issued);
    assert!(outcome.0, "{}", outcome.1);
    assert_refused(case.verify_host(&case.root(0), &issued), "unable to get");
    assert_eq!(a.ca_keys(), [before, vec![ca.spki_sha256()]].concat());
    assert!(!b.ca_keys().contains(&ca.spki_sha256()));
    let url = ca.pointers().ocsp.clone().unwrap();
    assert!(url.contains(&a.revocation().address().to_string()), "{url}");
}

#[test]
fn key_hashes_are_those_of_the_certificates() {
    let case = Case::new();
    let a = &case.world.operators()[0];
    for ca in [a.root(), a.intermediate()] {
        let (_, certificate) = X509Certificate::from_der(ca.certificate()).unwrap();
        let hash = ring::digest::digest(&ring::digest::SHA256, certificate.public_key().raw);
        assert_eq!(hash.as_ref(), ca.spki_sha256());
        assert_eq!(certificate.raw_serial(), ca.serial());
    }
}

#[test]
fn pem_is_what_openssl_writes() {
    let case = Case::new();
    let certificate = case.world.operators()[0].root().certificate();
    fs::write(case.directory.join("root.der"), certificate).unwrap();
    let mut command = Command::new("openssl");
    command.args(["x509", "-inform", "DER", "-in", "root.der"]).current_dir(&case.directory);
    assert_eq!(String::from_utf8(command.output().unwrap().stdout).unwrap(), certificate_pem(certificate));
}
