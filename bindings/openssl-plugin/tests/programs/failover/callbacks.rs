//! Programs whose verify callback has its own mind: it is asked about the alternate as about any certificate.

use std::fs;
use std::process::Command;

use mecai::extension::write_alternate;

use super::Fallen;
use crate::world::{HOST, Server, said};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/failover/decide.c");

fn decide(fallen: &Fallen, server: &Server, kind: &str, roots: &str) -> (String, String) {
    let program = fallen.world.cc("decide", SOURCE, &["-Wextra", "-lssl", "-lcrypto"]);
    let config = fallen.world.write_config("client", &[]);
    let mut command = Command::new(program);
    command.env("OPENSSL_CONF", config).args([kind, &server.port.to_string(), HOST, &fallen.world.path(roots)]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    (String::from_utf8(output.stdout).unwrap(), fallen.world.take_log())
}

/// Every root but that of the server's own certificate.
fn write_others(fallen: &Fallen) {
    let roots = fs::read_to_string(fallen.world.path("roots.pem")).unwrap();
    let (_, others) = roots.split_once("-----END CERTIFICATE-----\n").unwrap();
    fs::write(fallen.world.path("others.pem"), others).unwrap();
}

#[test]
fn a_callback_is_asked_about_both_certificates() {
    let fallen = Fallen::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[version]);
        let (outcome, log) = decide(&fallen, &server, "accept", "roots.pem");
        assert_eq!(outcome, "asked 2, connected 0, same\n", "{version}: {log}");
    }
}

/// What the program itself finds wrong with the server's own certificate lies with no CA, by whatever error it says so.
#[test]
fn a_callback_that_rejects_the_certificate_ends_the_handshake() {
    let fallen = Fallen::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[version]);
        let (outcome, log) = decide(&fallen, &server, "reject", "roots.pem");
        assert_eq!(outcome, "asked 1, refused 28, none\n", "{version}: {log}");
        assert!(!log.contains("alternate"), "{version}: {log}");
    }
}

/// OpenSSL asks again from the beginning, about the server's own certificate first.
#[test]
fn a_callback_that_takes_several_steps_for_the_alternate_is_asked_again() {
    let fallen = Fallen::new();
    write_others(&fallen);
    for version in ["-tls1_2", "-tls1_3"] {
        let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[version]);
        for (roots, asked) in [("roots.pem", 5), ("others.pem", 2)] {
            let (outcome, log) = decide(&fallen, &server, "retry", roots);
            assert_eq!(outcome, format!("asked {asked}, connected 0, same\n"), "{version}: {log}");
            assert!(log.lines().count() == 1 && log.contains("; the alternate is used"), "{version}: {log}");
        }
    }
}

/// Neither certificate is accepted, and none is refused.
#[test]
fn a_callback_that_goes_on_whatever_is_wrong_is_refused_nothing() {
    let fallen = Fallen::new();
    write_others(&fallen);
    let unvouched = write_alternate(&[&fallen.alternate(1).der], &[]).unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = fallen.showing(&unvouched, &[version]);
        let (outcome, log) = decide(&fallen, &server, "tolerate", "others.pem");
        assert_eq!(outcome, "asked 0, connected 21, none\n", "{version}: {log}");
        assert!(log.lines().count() == 1 && log.contains(": not judged "), "{version}: {log}");
    }
}
