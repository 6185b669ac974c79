//! `mecai show`: what is in a file.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::HEXLOWER;
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::extension::write_bundles;
use mecai::report::{Event, Report};
use mecai::request::{Protocol, VoucherRequest};
use mecai::statement::Statement;
use mecai::store::{Contents, Part, Store, StoredBundle, serverinfo};
use mecai::verdict::Code;
use serde_json::json;

mod cli_support;
use cli_support::{Claim, HOST, Said, World, mecai, now};

fn show(file: &Path) -> Command {
    let mut command = mecai();
    command.arg("show").arg(file);
    command
}

struct Files {
    world: World,
    claim: Claim,
    bundle: Vec<u8>,
}

impl Files {
    fn new() -> Self {
        let world = World::new(4);
        let claim = Claim::of(&world.certificate(HOST));
        let bundle = world.bundle(&claim, &[1, 2, 3]);
        Self { world, claim, bundle }
    }

    /// Shows these octets, named by the world's list, as text and as JSON.
    fn show(&self, name: &str, octets: &[u8]) -> (Said, serde_json::Value) {
        let path = self.world.path(name);
        std::fs::write(&path, octets).unwrap();
        let named = |command: &mut Command| Said::by(command.arg("--authorities").arg(self.world.list())).ended(0);
        (named(&mut show(&path)), named(show(&path).arg("--json")).json())
    }

    /// What is wrong with these octets.
    fn problem(&self, octets: &[u8]) -> String {
        let path = self.world.path("bad");
        std::fs::write(&path, octets).unwrap();
        Said::by(&mut show(&path)).ended(1).err
    }
}

#[test]
fn a_store_file() {
    let files = Files::new();
    let bundles = vec![StoredBundle::from_der(&files.bundle).unwrap()];
    let contents = Contents::new(files.claim.certificate, bundles, None, Vec::new()).unwrap();
    let store = Store::new(files.world.directory.path());
    store.write(&contents).unwrap();
    let path = store.path(&files.claim.certificate);
    let hex = HEXLOWER.encode(&files.claim.certificate);
    let said = Said::by(show(&path).arg("--authorities").arg(files.world.list())).ended(0);
    said.says(&["vouchers of a server", &hex, "bundle 1", HOST, "Operator b", "(20 h left)"]);
    let found = Said::by(show(&path).arg("--json")).ended(0).json();
    assert_eq!((&found["kind"], &found["certificate"]), (&json!("store"), &json!(hex)));
    assert_eq!(found["bundles"][0]["endorsements"].as_array().unwrap().len(), 3);
    assert_eq!(found["bundles"][0]["endorsements"][0]["operator"], json!(null));

    // By its name it is for this certificate; a copy under any other name is read too, a damaged one is not.
    let octets = std::fs::read(&path).unwrap();
    assert_eq!(files.show("copy", &octets).1["certificate"], hex);
    let other = files.world.path(&format!("{}.vouchers", "0".repeat(64)));
    std::fs::write(&other, &octets).unwrap();
    Said::by(&mut show(&other)).ended(1).complains(&["is for the certificate"]);
    assert!(files.problem(&octets[..octets.len() - 1]).contains("cut off"));
    let mut flipped = octets;
    *flipped.last_mut().unwrap() ^= 1;
    assert!(files.problem(&flipped).contains("damaged"));
}

#[test]
fn a_bundle_a_statement_an_endorsement_and_a_request() {
    let files = Files::new();
    let (said, found) = files.show("bundle", &files.bundle);
    said.says(&["bundle\n", "Operator c", "OCSP, 2 h old", "127.0.0.1"]);
    assert_eq!((&found["kind"], &found["statement"]["port"]), (&json!("bundle"), &json!(443)));

    let der = files.claim.statement();
    let (said, found) = files.show("statement", &der);
    said.says(&["statement\n", "127.0.0.1, 2001:db8::1", "30 days"]);
    assert_eq!((&found["kind"], &found["stay"]), (&json!("statement"), &json!(30)));

    let statement = Statement::from_der(&der).unwrap();
    let seen = Seen::from_indices([1]).unwrap();
    let endorsement = endorse(&files.world.operators[3].key, &statement, seen, Evidence::ShortLived).unwrap();
    let (said, found) = files.show("endorsement", &endorsement);
    said.says(&["endorsement\n", "Operator d", "short-lived certificate", "address 2 of 2"]);
    assert_eq!((&found["kind"], &found["seen_indices"]), (&json!("endorsement"), &json!([1])));

    let request = VoucherRequest { statement, protocol: Protocol::Imap };
    let (said, found) = files.show("request", &request.to_der().unwrap());
    said.says(&["voucher request", "protocol     imap"]);
    assert_eq!(found["protocol"], "imap");
}

#[test]
fn a_serverinfo_file() {
    let files = Files::new();
    let answer = write_bundles(&[&files.bundle]).unwrap();
    let pem = serverinfo(&[(Part::Vouchers, &answer)]).unwrap();
    let (said, found) = files.show("info.pem", pem.as_bytes());
    said.says(&["OpenSSL serverinfo file", &format!("{} octets", answer.len()), "Operator b"]);
    assert_eq!((&found["kind"], &found["answer"]), (&json!("serverinfo"), &json!(answer.len())));
    assert!(files.problem(&pem.as_bytes()[..200]).contains("not PEM"));
    assert!(files.problem(files.world.operators[0].ca.certificate_pem().as_bytes()).contains("\"CERTIFICATE\""));
    let torn = serverinfo(&[(Part::Vouchers, &answer[..answer.len() - 1])]).unwrap();
    assert!(files.problem(torn.as_bytes()).contains("breaks off or is wrong"));
}

#[test]
fn an_authority_list_and_a_report() {
    let files = Files::new();
    let (said, found) = files.show("list.json", &files.world.list_json(3));
    said.says(&["authority list", "operator-d"]);
    assert_eq!((&found["kind"], &found["sequence"]), (&json!("authority_list"), &json!(3)));

    let answer = write_bundles(&[&files.bundle, b"garbage"]).unwrap();
    let event = Event {
        answer: Some(&answer),
        chain: &[b"certificate"],
        code: Code::SuspiciousCertificate,
        host: HOST,
        at: now(),
        peer: Some("192.0.2.77".parse().unwrap()),
        port: None,
        region: Some("EU"),
    };
    let report = Report::new(&event).to_json();
    let (said, found) = files.show("report.json", &report);
    said.says(&["mismatch report", "suspicious_certificate", "192.0.2.0/24", "bundle 2\n  not readable (7 octets)"]);
    assert_eq!(found["report"]["host"], HOST);
    assert!(files.problem(&[&report[..], b" "].concat()).contains("not in canonical form"));
}

#[test]
fn files_that_are_something_else() {
    let files = Files::new();
    for (octets, problem) in [
        (&b""[..], "the file is empty"),
        (b"hello", "not a file of mecai"),
        (b"{\"a\": 1}", "neither an authority list nor a mismatch report"),
        (b"{", "not JSON"),
        (&files.bundle[..40], "cut off"),
        (&files.bundle[..files.bundle.len() - 1], "cut off"),
        (&[&files.bundle[..], b"more"].concat(), "malformed VoucherBundle"),
        (b"0A text that begins like a SEQUENCE", "cut off, or not a file of mecai: it has 35 of 67 octets"),
    ] {
        let said = files.problem(octets);
        assert!(said.contains(problem), "{problem:?} is not in {said:?}");
    }
    Said::by(&mut show(&files.world.path("nothing"))).ended(1).complains(&["nothing: No such file"]);
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let files = Files::new();
    let path = files.world.path("list.json");
    std::fs::write(&path, files.world.list_json(3)).unwrap();
    let mut child = show(&path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = Said::of(&child.wait_with_output().unwrap()).ended(0);
    assert_eq!(said.err, "");
}
