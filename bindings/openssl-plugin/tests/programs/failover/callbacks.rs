//! Programs whose verify callback has its own mind: it is asked about the alternate as about any certificate.

use std::process::Command;

use super::Fallen;
use crate::world::{HOST, Server, said};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/failover/decide.c");

fn decide(fallen: &Fallen, server: &Server, kind: &str) -> (String, String) {
    let program = fallen.world.cc("decide", SOURCE, &["-Wextra", "-lssl", "-lcrypto"]);
    let config = fallen.world.write_config("client", &[]);
    let mut command = Command::new(program);
    command.env("OPENSSL_CONF", config).args([kind, &server.port.to_string(), HOST, &fallen.world.path("roots.pem")]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    (String::from_utf8(output.stdout).unwrap(), fallen.world.take_log())
}

#[test]
fn a_callback_is_asked_about_both_certificates() {
    let fallen = Fallen::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[version]);
        let (outcome, log) = decide(&fallen, &server, "accept");
        assert_eq!(outcome, "asked 2, connected 0, same\n", "{version}: {log}");
    }
}

/// What the program itself finds wrong with the server's own certificate lies with no CA, by whatever error it says so.
#[test]
fn a_callback_that_rejects_the_certificate_ends_the_handshake() {
    let fallen = Fallen::new();
    for version in ["-tls1_2", "-tls1_3"] {
        let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[version]);
        let (outcome, log) = decide(&fallen, &server, "reject");
        assert_eq!(outcome, "asked 1, refused 28, none\n", "{version}: {log}");
        assert!(!log.contains("alternate"), "{version}: {log}");
    }
}
