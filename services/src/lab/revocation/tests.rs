//! The responder and the CRLs as the `openssl` program sees them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64;

use super::super::{Ca, CrlBehaviour, Freshness, Issued, Leaf, OcspBehaviour, Operator, RevocationReason, World};

struct Case {
    world: World,
    leaf: Issued,
    directory: PathBuf,
}

impl Case {
    fn new() -> Self {
        let world = World::builder().operators(2).start().unwrap();
        let leaf = world.operators()[0].issue(&Leaf::new(["www.shop.example"])).unwrap();
        let directory = world.make_directory(&["case"]).unwrap();
        fs::write(directory.join("leaf.pem"), leaf.chain_pem()).unwrap();
        let a = &world.operators()[0];
        fs::write(directory.join("issuer.pem"), a.intermediate().certificate_pem()).unwrap();
        fs::write(directory.join("root.pem"), a.root().certificate_pem()).unwrap();
        Self { world, leaf, directory }
    }

    fn a(&self) -> &Operator {
        &self.world.operators()[0]
    }

    /// `openssl ocsp` about the leaf; the exit status is about the protocol, the text about the certificate.
    fn ocsp(&self, options: &[&str]) -> (bool, String) {
        let url = self.a().intermediate().pointers().ocsp.clone().unwrap();
        let about = ["-issuer", "issuer.pem", "-cert", "leaf.pem", "-CAfile", "root.pem", "-url", &url];
        // A digest among the options counts for what stands behind it.
        openssl(&self.directory, &[&["ocsp"], options, &about].concat())
    }

    /// `openssl verify` of the leaf, with CRLs for it and for the intermediate fetched now.
    fn verify_with_crls(&self) -> (bool, String) {
        let mut crls = String::new();
        for ca in [self.a().root(), self.a().intermediate()] {
            let (status, _, der) = get(ca.pointers().crl.as_ref().unwrap());
            assert_eq!(status, 200);
            fs::write(self.directory.join("crl.der"), der).unwrap();
            let (ok, text) = openssl(&self.directory, &["crl", "-inform", "DER", "-in", "crl.der"]);
            if !ok {
                return (ok, text);
            }
            crls.push_str(&text);
        }
        fs::write(self.directory.join("crls.pem"), crls).unwrap();
        let line = "verify -crl_check_all -CRLfile crls.pem -CAfile root.pem -untrusted issuer.pem \
                    -verify_hostname www.shop.example -purpose sslserver leaf.pem";
        openssl(&self.directory, &line.split_whitespace().collect::<Vec<_>>())
    }
}

fn openssl(directory: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(arguments).current_dir(directory).output().unwrap();
    let text = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
    (output.status.success(), text)
}

/// Status, content type and body of a plain HTTP/1.1 GET.
fn get(url: &str) -> (u16, String, Vec<u8>) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let content_type = head.split("content-type: ").nth(1).map(|rest| rest.lines().next().unwrap().to_owned());
    (head[9..12].parse().unwrap(), content_type.unwrap_or_default(), answer[end + 4..].to_vec())
}

#[track_caller]
fn assert_says(outcome: (bool, String), success: bool, words: &[&str]) {
    assert_eq!(outcome.0, success, "{}", outcome.1);
    for word in words {
        assert!(outcome.1.contains(word), "no {word:?} in: {}", outcome.1);
    }
}

#[test]
fn openssl_ocsp_accepts_good_and_sees_revocations_and_reasons() {
    let case = Case::new();
    assert_says(case.ocsp(&[]), true, &["Response verify OK", "leaf.pem: good"]);
    assert_says(case.ocsp(&["-sha256", "-no_nonce"]), true, &["Response verify OK", "leaf.pem: good"]);
    let status = case.a().intermediate().status();
    status.revoke(case.leaf.serial(), RevocationReason::KeyCompromise);
    assert_says(case.ocsp(&[]), true, &["Response verify OK", "leaf.pem: revoked", "Reason: keyCompromise"]);
    status.revoke(case.leaf.serial(), RevocationReason::Unspecified);
    let outcome = case.ocsp(&[]);
    assert!(!outcome.1.contains("Reason"), "{}", outcome.1);
    status.restore(case.leaf.serial());
    assert_says(case.ocsp(&[]), true, &["leaf.pem: good"]);
    assert_eq!(status.ocsp_requests(), 5);
}

#[test]
fn the_nonce_comes_back() {
    let case = Case::new();
    let outcome = case.ocsp(&["-nonce", "-resp_text"]);
    assert_says(outcome.clone(), true, &["OCSP Nonce", "Response verify OK"]);
    assert!(!outcome.1.contains("WARNING: no nonce"), "{}", outcome.1);
}

#[test]
fn the_root_answers_for_the_intermediate_and_nobody_for_others() {
    let case = Case::new();
    let root = case.a().root();
    let url = root.pointers().ocsp.clone().unwrap();
    let about = ["ocsp", "-issuer", "root.pem", "-cert", "issuer.pem", "-CAfile", "root.pem", "-url", &url];
    assert_says(openssl(&case.directory, &about), true, &["Response verify OK", "issuer.pem: good"]);
    root.status().revoke(case.a().intermediate().serial(), RevocationReason::CaCompromise);
    assert_says(openssl(&case.directory, &about), true, &["issuer.pem: revoked", "Reason: cACompromise"]);
    // A serial number that was never issued, and an issuer that is not this one.
    let unissued = ["ocsp", "-issuer", "root.pem", "-serial", "0x41", "-CAfile", "root.pem", "-url", &url];
    assert_says(openssl(&case.directory, &unissued), true, &["0x41: unknown"]);
    let foreign = ["ocsp", "-noverify", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-url", &url];
    assert_says(openssl(&case.directory, &foreign), true, &["leaf.pem: unknown"]);
}

#[test]
fn a_delegated_responder_is_accepted() {
    let case = Case::new();
    case.a().intermediate().delegate_ocsp(true).unwrap();
    let outcome = case.ocsp(&["-resp_text"]);
    assert_says(outcome, true, &["Response verify OK", "leaf.pem: good", "OCSP Signing", "OCSP No Check"]);
    case.a().intermediate().delegate_ocsp(false).unwrap();
    let outcome = case.ocsp(&["-resp_text"]);
    assert!(!outcome.1.contains("OCSP Signing"), "{}", outcome.1);
    assert_says(outcome, true, &["Response verify OK", "leaf.pem: good"]);
}

#[test]
fn each_misbehaviour_is_seen_as_what_it_is() {
    let case = Case::new();
    let status = case.a().intermediate().status();
    status.set_ocsp(OcspBehaviour::Unknown);
    assert_says(case.ocsp(&[]), true, &["Response verify OK", "leaf.pem: unknown"]);
    status.set_ocsp(OcspBehaviour::TryLater);
    assert_says(case.ocsp(&[]), false, &["Responder Error: trylater (3)"]);
    status.set_ocsp(OcspBehaviour::Garbage);
    assert_says(case.ocsp(&[]), false, &["Error querying OCSP responder"]);
    status.set_ocsp(OcspBehaviour::Expired);
    assert_says(case.ocsp(&[]), true, &["Response verify OK", "status expired"]);
    status.set_ocsp(OcspBehaviour::WrongSigner);
    assert_says(case.ocsp(&[]), false, &["Response Verify Failure", "signature failure"]);
    status.set_ocsp(OcspBehaviour::Hang);
    assert_says(case.ocsp(&["-timeout", "1"]), false, &["transfer timeout"]);
    status.set_ocsp(OcspBehaviour::Answer);
    assert_says(case.ocsp(&[]), true, &["leaf.pem: good"]);
}

#[test]
fn times_are_set_in_seconds() {
    let case = Case::new();
    let status = case.a().intermediate().status();
    status.set_freshness(Freshness { age: 7200, validity: 7300 });
    assert_says(case.ocsp(&["-status_age", "7100"]), true, &["status too old"]);
    assert_says(case.ocsp(&["-status_age", "7230"]), true, &["Response verify OK", "leaf.pem: good"]);
    assert!(!case.ocsp(&["-status_age", "7230"]).1.contains("WARNING: Status times invalid"));
    status.set_freshness(Freshness { age: 7200, validity: 3600 });
    assert_says(case.ocsp(&["-validity_period", "0"]), true, &["status expired"]);
}

#[test]
fn get_requests_work_and_unreadable_ones_get_an_answer() {
    let case = Case::new();
    let url = case.a().intermediate().pointers().ocsp.clone().unwrap();
    let make = ["ocsp", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-no_nonce", "-reqout", "request.der"];
    assert!(openssl(&case.directory, &make).0);
    let request = fs::read(case.directory.join("request.der")).unwrap();
    let encoded = BASE64.encode(&request).replace('+', "%2B").replace('=', "%3D").replace('/', "%2F");
    let (status, content_type, response) = get(&format!("{url}/{encoded}"));
    assert_eq!((status, content_type.as_str()), (200, "application/ocsp-response"));
    fs::write(case.directory.join("response.der"), response).unwrap();
    let read = "ocsp -respin response.der -issuer issuer.pem -cert leaf.pem -CAfile root.pem -no_nonce";
    let outcome = openssl(&case.directory, &read.split_whitespace().collect::<Vec<_>>());
    assert_says(outcome, true, &["Response verify OK", "leaf.pem: good"]);

    // SEQUENCE { ENUMERATED malformedRequest }
    let (status, _, response) = get(&format!("{url}/{}", BASE64.encode(b"nonsense")));
    assert_eq!((status, response.as_slice()), (200, [0x30, 3, 0x0a, 1, 1].as_slice()));
    assert_eq!(get(&format!("{url}/*")).0, 400);
    assert_eq!(get(&format!("http://{}/nobody/ca.crl", case.a().revocation().address())).0, 404);
}

#[test]
fn a_stapled_response_is_the_same_as_one_by_http() {
    let case = Case::new();
    let staple = case.a().intermediate().staple(case.leaf.serial()).unwrap();
    fs::write(case.directory.join("staple.der"), staple).unwrap();
    let read = "ocsp -respin staple.der -issuer issuer.pem -cert leaf.pem -CAfile root.pem";
    let outcome = openssl(&case.directory, &read.split_whitespace().collect::<Vec<_>>());
    assert_says(outcome, true, &["Response verify OK", "leaf.pem: good"]);
}

#[test]
fn openssl_verify_checks_the_crls_of_leaf_and_intermediate() {
    let case = Case::new();
    assert_says(case.verify_with_crls(), true, &["leaf.pem: OK"]);
    let (intermediate, root) = (case.a().intermediate(), case.a().root());
    intermediate.status().revoke(case.leaf.serial(), RevocationReason::KeyCompromise);
    assert_says(case.verify_with_crls(), false, &["error 23 at 0 depth lookup: certificate revoked"]);
    intermediate.status().restore(case.leaf.serial());
    root.status().revoke(intermediate.serial(), RevocationReason::CaCompromise);
    assert_says(case.verify_with_crls(), false, &["error 23 at 1 depth lookup: certificate revoked"]);
    root.status().restore(intermediate.serial());

    intermediate.status().set_crl(CrlBehaviour::Expired);
    assert_says(case.verify_with_crls(), false, &["error 12 at 0 depth lookup: CRL has expired"]);
    intermediate.status().set_crl(CrlBehaviour::WrongSigner);
    assert_says(case.verify_with_crls(), false, &["error 8 at 0 depth lookup: CRL signature failure"]);
    intermediate.status().set_crl(CrlBehaviour::Garbage);
    assert_says(case.verify_with_crls(), false, &["Unable to load CRL"]);
    intermediate.status().set_crl(CrlBehaviour::Answer);
    assert_says(case.verify_with_crls(), true, &["leaf.pem: OK"]);
}

#[test]
fn a_crl_can_be_missing_or_hang_and_the_issuer_can_be_fetched() {
    let case = Case::new();
    let intermediate: &Ca = case.a().intermediate();
    let crl = intermediate.pointers().crl.clone().unwrap();
    assert_eq!(get(&crl).1, "application/pkix-crl");
    intermediate.status().set_crl(CrlBehaviour::Missing);
    assert_eq!(get(&crl).0, 404);
    assert_eq!(intermediate.status().crl_requests(), 2);

    intermediate.status().set_crl(CrlBehaviour::Hang);
    let mut stream = TcpStream::connect(case.a().revocation().address()).unwrap();
    write!(stream, "GET /intermediate/ca.crl HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(intermediate.status().crl_requests(), 3);

    let (_, content_type, certificate) = get(intermediate.pointers().ca_issuers.as_ref().unwrap());
    assert_eq!(content_type, "application/pkix-cert");
    assert_eq!(certificate, intermediate.certificate());
}

#[test]
fn a_server_goes_down_with_its_connections_and_comes_up_at_the_same_port() {
    let case = Case::new();
    let server = case.a().revocation();
    let address: SocketAddr = server.address();
    case.a().intermediate().status().set_ocsp(OcspBehaviour::Hang);
    let mut open = TcpStream::connect(address).unwrap();
    write!(open, "POST /intermediate/ocsp HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").unwrap();
    for _ in 0..2 {
        server.down();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        server.up().unwrap();
        assert_eq!(server.address(), address);
        assert_eq!(get(&format!("http://{address}/intermediate/ca.cer")).0, 200);
    }
    let broken = open.read(&mut [0]);
    assert!(matches!(broken, Ok(0)) || broken.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
}
