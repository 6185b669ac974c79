//! Hostile servers, and clients with the module.

use std::process::{Command, Output, Stdio};
use std::slice;

use mecai::extension::{ALTERNATE, ANSWER_MAX, CANDIDATES, STAGED, write_staged};

use super::{DECODE_ERROR, FINISHED, ILLEGAL_PARAMETER, Peer, UNSUPPORTED_EXTENSION, vouchers};
use crate::release;
use crate::world::{HOST, Vouched, World, answer, said};

struct Case {
    world: World,
    good: Vec<u8>,
    peer: Peer,
}

impl Case {
    fn new() -> Self {
        let world = World::new();
        let site = world.site("site", &[HOST]);
        let good = answer(&[world.bundle(&Vouched::for_site(&site))]);
        let peer = Peer::server(&world, &site);
        Self { world, good, peer }
    }

    /// What `openssl s_client` with this configuration makes of it, and what the server is told.
    fn s_client(&mut self, config: &str, version: &str, into: &str, extensions: &[(u16, Vec<u8>)]) -> (String, String) {
        self.peer.sends(version, into, extensions);
        let said = said(&self.world.s_client(config, &self.peer.process, &["-servername", HOST]));
        (said, self.peer.outcome())
    }
}

/// Answers that break the syntax, and the code of each.
fn broken() -> [(Vec<u8>, &'static str, &'static str); 6] {
    [
        (vec![], "answer_malformed", "the answer of 0 octets breaks off or is wrong at octet 0"),
        (vec![0, 0], "answer_malformed", "the answer of 2 octets breaks off or is wrong at octet 0"),
        (vec![0, 4, 0, 9, 1, 1], "answer_malformed", "the answer of 6 octets breaks off or is wrong at octet 2"),
        (vec![0, 3, 0, 1, 1, 7], "answer_malformed", "the answer of 6 octets breaks off or is wrong at octet 5"),
        (vec![0; ANSWER_MAX + 1], "answer_too_large", "the answer has 16385 octets, more than 16384"),
        (vec![0; 60_000], "answer_too_large", "the answer has 60000 octets, more than 16384"),
    ]
}

/// Where the answer belongs.
const PLACES: [(&str, &str); 2] = [("1.2", "server_hello"), ("1.3", "certificate")];

#[test]
fn the_answer_is_taken_where_it_belongs_and_nowhere_else() {
    let mut case = Case::new();
    let config = case.world.write_config("client", &[("disclose", "candidates"), ("state", &case.world.path("state"))]);
    let good = vouchers(&case.good);
    for (version, into) in PLACES {
        let (said, outcome) = case.s_client(&config, version, into, slice::from_ref(&good));
        assert_eq!(outcome, FINISHED, "{version}: {said}");
        assert!(case.world.take_log().contains("accepted"), "{version}: {said}");
        // Twice is OpenSSL's own affair.
        for twice in [good.clone(), (ALTERNATE, good.1.clone())] {
            let (said, outcome) = case.s_client(&config, version, into, &[twice.clone(), twice]);
            assert_eq!(outcome, ILLEGAL_PARAMETER, "{version}: {said}");
        }
    }
    for into in [
        "server_hello",
        "hello_retry_request",
        "encrypted_extensions",
        "certificate_request",
        "second_certificate",
        "both_certificates",
    ] {
        for misplaced in [good.clone(), (ALTERNATE, good.1.clone())] {
            let (said, outcome) = case.s_client(&config, "1.3", into, &[misplaced]);
            assert_eq!(outcome, ILLEGAL_PARAMETER, "{into}: {said}");
            assert!(said.contains("bad extension"), "{into}: {said}");
        }
    }
    assert_eq!(case.world.log(), "", "none of these was judged");
}

#[test]
fn what_nobody_asked_for_is_an_unsupported_extension() {
    let mut case = Case::new();
    let client = case.world.write_config("client", &[("disclose", "none")]);
    let without_failover = case.world.write_config("without-failover", &[("failover", "off")]);
    let server = case.world.write_section(
        "server",
        &format!("path = {}\nrole = server\nvouchers = /nowhere\n", crate::world::module().display()),
    );
    let good = case.good.clone();
    for (version, into) in PLACES {
        // A client that shows vouchers as a server and asks for none.
        let (said, outcome) = case.s_client(&server, version, into, &[vouchers(&good)]);
        assert_eq!(outcome, UNSUPPORTED_EXTENSION, "{version}: {said}");
        for (config, number, alert) in [
            (&without_failover, ALTERNATE, UNSUPPORTED_EXTENSION),
            (&client, STAGED, UNSUPPORTED_EXTENSION),
            // No message of a server has a place for this one.
            (&client, CANDIDATES, ILLEGAL_PARAMETER),
        ] {
            let (said, outcome) = case.s_client(config, version, into, &[vouchers(&good), (number, good.clone())]);
            assert_eq!(outcome, alert, "{version} {number:#x}: {said}");
        }
        // Without the module, and where it is off, OpenSSL lets pass what it does not know.
        for config in ["/dev/null", &case.world.write_config("off", &[("mode", "off")])] {
            let (said, outcome) = case.s_client(config, version, into, &[vouchers(&good)]);
            assert_eq!(outcome, FINISHED, "{version}: {said}");
        }
    }
}

#[test]
fn a_broken_answer_ends_a_handshake_that_demands_vouchers() {
    let mut case = Case::new();
    let config = case.world.write_config("client", &[]);
    for (octets, code, sentence) in broken() {
        for (version, into) in PLACES {
            let (said, outcome) = case.s_client(&config, version, into, &[vouchers(&octets)]);
            if into == "server_hello" && octets.len() > release::server_hello_max() {
                assert_eq!(outcome, ILLEGAL_PARAMETER, "{version} {code}: {said}");
                assert!(said.contains("excessive message size"), "{said}");
                continue;
            }
            assert_eq!(outcome, DECODE_ERROR, "{version} {code}: {said}");
            let log = case.world.take_log();
            assert_eq!(log.lines().count(), 1, "{log}");
            assert!(log.trim_end().ends_with(&format!("refused {HOST}: {code}: {sentence}")), "{log}");
            let (ours, openssls) = (said.find(sentence).unwrap(), said.find("bad extension").unwrap());
            assert!(ours < openssls, "why comes before what: {said}");
        }
    }
}

fn python(case: &Case, config: &str) -> Output {
    let program = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
try:
    with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
        with context.wrap_socket(plain, server_hostname='www.shop.example') as tls:
            tls.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
            print('connected', tls.recv(100) != b'')
except ssl.SSLError as error: print(type(error).__name__, error.reason)
";
    let mut command = Command::new("python3");
    command.env("OPENSSL_CONF", config).args(["-c", program, &case.world.path("root.pem")]);
    command.arg(case.peer.process.port.to_string()).output().unwrap()
}

#[test]
fn curl_and_python_fail_on_a_broken_answer_and_on_broken_vouchers() {
    let mut case = Case::new();
    let config = case.world.write_config("client", &[]);
    let rubbish = answer(&[b"rubbish".to_vec()]);
    for (version, into) in PLACES {
        for (octets, alert, code, class) in [
            (&vec![], DECODE_ERROR, "answer_malformed", "SSLError BAD_EXTENSION"),
            // The syntax of the extension is right: the chain comes first, and the alert is that of a bad certificate.
            (&rubbish, "alert 40", "malformed", "SSLCertVerificationError CERTIFICATE_VERIFY_FAILED"),
        ] {
            case.peer.sends(version, into, &[vouchers(octets)]);
            let curl = case.world.curl(&config, &case.peer.process, &[]);
            assert_eq!((curl.status.code(), case.peer.outcome().as_str()), (Some(60), alert), "{}", said(&curl));
            case.peer.sends(version, into, &[vouchers(octets)]);
            let said = said(&python(&case, &config));
            assert!(said.contains(class), "{version}: {said}");
            assert_eq!(case.peer.outcome(), alert);
            let log = case.world.take_log();
            assert_eq!(log.matches(&format!("refused {HOST}: {code}: ")).count(), 2, "{log}");
        }
    }
}

/// Beside good vouchers: they are for authorities alone.
#[test]
fn curl_and_python_take_no_staged_certificates() {
    let mut case = Case::new();
    let config = case.world.write_config("client", &[]);
    let staged = write_staged(&[(&[b"certificate"], b"key proof")]).unwrap();
    for (version, into) in PLACES {
        let sent = [vouchers(&case.good), (STAGED, staged.clone())];
        case.peer.sends(version, into, &sent);
        let curl = case.world.curl(&config, &case.peer.process, &[]);
        assert!(curl.status.code() == Some(35) || curl.status.code() == Some(60), "{}", said(&curl));
        assert_eq!(case.peer.outcome(), UNSUPPORTED_EXTENSION, "{version}");
        case.peer.sends(version, into, &sent);
        let said = said(&python(&case, &config));
        assert!(said.contains("SSLError BAD_EXTENSION"), "{version}: {said}");
        assert_eq!(case.peer.outcome(), UNSUPPORTED_EXTENSION, "{version}");
    }
    assert_eq!(case.world.log(), "", "none of these was judged");
}

#[test]
fn a_broken_answer_breaks_no_handshake_that_needs_no_vouchers() {
    let mut case = Case::new();
    let root = case.world.path("root.pem");
    for (key, value, outcome) in [
        ("mode", "observe", "unvouched"),
        ("mode", "opportunistic", "unvouched"),
        ("exempt", HOST, "exempt"),
        ("local_roots", &root, "exempt"),
    ] {
        let config = case.world.write_config("client", &[(key, value)]);
        for (octets, code, _) in broken() {
            for (version, into) in PLACES {
                case.peer.sends(version, into, &[vouchers(&octets)]);
                let curl = case.world.curl(&config, &case.peer.process, &[]);
                assert_eq!(curl.status.code(), Some(0), "{key} = {value}, {code}: {}", said(&curl));
                assert_eq!(case.peer.outcome(), FINISHED);
                let log = case.world.take_log();
                assert!(log.contains(&format!("mecai: {outcome} {HOST}: ")), "{log}");
                assert_eq!(log.contains(&format!(": {code}: ")), outcome == "unvouched", "{log}");
            }
        }
    }
    // A list of local roots saves nobody else.
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/root.pem");
    let config = case.world.write_config("client", &[("local_roots", other)]);
    case.peer.sends("1.3", "certificate", &[vouchers(&[])]);
    assert_eq!(case.world.curl(&config, &case.peer.process, &[]).status.code(), Some(60));
    assert_ne!(case.peer.outcome(), FINISHED);
    assert!(case.world.take_log().contains("refused www.shop.example: answer_malformed"));
    // A program that does not verify finds the refusal in the verify result, if it looks.
    let config = case.world.write_config("client", &[]);
    for (version, into) in PLACES {
        case.peer.sends(version, into, &[vouchers(&[])]);
        let mut careless = Command::new("openssl");
        careless.env("OPENSSL_CONF", &config).args(["s_client", "-CAfile", &root, "-servername", HOST]);
        careless.arg("-connect").arg(format!("127.0.0.1:{}", case.peer.process.port)).stdin(Stdio::null());
        let said = said(&careless.output().unwrap());
        assert_eq!(case.peer.outcome(), FINISHED, "{said}");
        assert!(said.contains("Verification error: application verification failure"), "{said}");
        assert!(case.world.take_log().contains("refused www.shop.example: answer_malformed"));
    }
}
