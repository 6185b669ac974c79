//! Stock clients with the module, against a stock server that shows vouchers from a serverinfo file.

use std::process::{Command, Stdio};

use crate::release;
use crate::world::{HOST, Server, Site, Vouched, World, answer, now, said};
use mecai::time::UnixTime;

/// A world and the site's certificate.
fn world() -> (World, Site) {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    (world, site)
}

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn a_server_with_vouchers_is_accepted_and_the_log_says_why() {
    let (world, site) = world();
    let config = world.write_config("client", &[]);
    for version in VERSIONS {
        let server = world.showing(&site, &Vouched::for_site(&site), &[version]);
        let curl = world.curl(&config, &server, &[]);
        assert_eq!(curl.status.code(), Some(0), "{version}: {}\n{}", said(&curl), world.log());
        let log = world.take_log();
        let (_, reason) = log.trim_end().split_once(&format!("mecai: accepted {HOST}: ")).unwrap();
        assert!(reason.starts_with("vouched for by 3 operators other than the certificate's (3 required, 5 "), "{log}");
        assert!(log.contains("s old)") && log.contains("notes: peer_unknown, port_not_compared, no_secret"), "{log}");

        let s_client = world.s_client(&config, &server, &["-servername", HOST]);
        assert!(s_client.status.success() && said(&s_client).contains("Verification: OK"), "{}", said(&s_client));
        assert!(!world.take_log().contains("peer_unknown"), "s_client tells its socket");
    }
}

#[test]
fn a_server_without_vouchers_is_refused_and_programs_keep_their_error() {
    let (world, site) = world();
    let config = world.write_config("client", &[]);
    for version in VERSIONS {
        let server = world.server(&site, &["-www", version]);
        let curl = world.curl(&config, &server, &[]);
        assert_eq!(curl.status.code(), Some(60), "{version}: {}", said(&curl));
        let log = world.take_log();
        assert!(log.contains(&format!("refused {HOST}: no_voucher: the server sent no vouchers")), "{log}");

        let s_client = said(&world.s_client(&config, &server, &["-servername", HOST]));
        assert!(s_client.contains("Verification error: application verification failure"), "{s_client}");
        let certificate = s_client.find("certificate verify failed").unwrap();
        let ours = s_client.find("the server sent no vouchers (no_voucher)").unwrap();
        assert!(certificate < ours, "the error that programs know comes first: {s_client}");
    }
}

#[test]
fn python_raises_its_own_class_also_where_hashlib_came_first() {
    let (world, site) = world();
    let config = world.write_config("client", &[]);
    let program = "
import sys
if sys.argv[3] == 'hashlib': import hashlib; hashlib.sha256()
import socket, ssl
context = ssl.create_default_context(cafile=sys.argv[1])
try:
    with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
        with context.wrap_socket(plain, server_hostname='www.shop.example') as tls: print('accepted', tls.version())
except ssl.SSLCertVerificationError as error: print('refused', error.verify_code, error.verify_message)
";
    let python = |server: &Server, first: &str| {
        let mut command = Command::new("python3");
        command.env("OPENSSL_CONF", &config).args(["-c", program, &world.path("root.pem")]);
        said(&command.arg(server.port.to_string()).arg(first).output().unwrap())
    };
    let good = world.showing(&site, &Vouched::for_site(&site), &[]);
    let bare = world.server(&site, &["-www"]);
    for first in ["hashlib", "ssl"] {
        assert!(python(&good, first).contains("accepted TLSv1.3"), "{}", world.log());
        assert!(python(&bare, first).contains("refused 50 application verification failure"), "{}", world.log());
    }
    assert_eq!(world.log().matches("refused").count(), 2);
}

#[test]
fn each_wrong_voucher_has_its_code() {
    let (world, site) = world();
    let config = world.write_config("client", &[]);
    let other = world.site("other", &[HOST]);
    let good = Vouched::for_site(&site);
    let (produced_at, lifetime) = (UnixTime(now().0 - 7200), 3600);
    for (code, vouched) in [
        ("wrong_certificate", Vouched { certificate: &other.der, ..good.clone() }),
        ("wrong_host", Vouched { host: "www.other.example", ..good.clone() }),
        ("expired", Vouched { produced_at, lifetime, ..good.clone() }),
        ("clock_behind", Vouched { produced_at: now().plus(1000), ..good.clone() }),
        ("suspicious_certificate", Vouched { authorities: 1, ..good }),
    ] {
        let server = world.showing(&site, &vouched, &[]);
        assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(60), "{code}");
        let log = world.take_log();
        assert!(log.contains(&format!("refused {HOST}: {code}: ")), "{code}: {log}");
        let is_alarm = matches!(code, "wrong_certificate" | "wrong_host" | "suspicious_certificate");
        assert_eq!(log.contains("; alarm"), is_alarm, "{log}");
    }
    for (code, octets) in
        [("answer_malformed", b"\0\x09\0\x05short".to_vec()), ("malformed", b"\0\x05\0\x03\x30\x01\0".to_vec())]
    {
        let info = world.serverinfo("info.pem", &octets);
        let server = world.server(&site, &["-www", "-serverinfo", &info]);
        assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(60), "{code}");
        assert!(world.take_log().contains(&format!("{code}: ")), "{code}");
    }
}

#[test]
fn the_programs_own_verdict_stays_its_own() {
    let (world, site) = world();
    let config = world.write_config("client", &[]);
    let good = world.showing(&site, &Vouched::for_site(&site), &[]);
    // A chain that the program does not trust is refused by the program, as without the module.
    let untrusted =
        world.curl(&config, &good, &["--cacert", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/root.pem")]);
    assert_eq!(untrusted.status.code(), Some(60));
    assert!(said(&untrusted).contains("unable to get local issuer certificate"), "{}", said(&untrusted));
    assert_eq!(world.take_log(), "", "what the program refuses is not judged");
    // A program that does not care goes on; one that asks afterwards has the error in its hands.
    let bare = world.server(&site, &["-www"]);
    assert_eq!(world.curl(&config, &bare, &["--insecure"]).status.code(), Some(0));
    let mut careless = Command::new("openssl");
    careless.env("OPENSSL_CONF", &config).args(["s_client", "-CAfile", &world.path("root.pem"), "-servername", HOST]);
    let careless =
        careless.args(["-connect", &format!("127.0.0.1:{}", bare.port)]).stdin(Stdio::null()).output().unwrap();
    assert!(careless.status.success());
    assert!(said(&careless).contains("Verification error: application verification failure"), "{}", said(&careless));
    assert!(world.take_log().contains("no_voucher"));
    // A wrong name is found by curl itself, after the handshake.
    let other = world.site("other", &["www.other.example"]);
    let vouched = Vouched { certificate: &other.der, ..Vouched::for_site(&site) };
    let info = world.serverinfo("other-info.pem", &answer(&[world.bundle(&vouched)]));
    let wrong_name = world.server(&other, &["-www", "-serverinfo", &info]);
    let curl = world.curl(&config, &wrong_name, &[]);
    assert_eq!(curl.status.code(), Some(60));
    assert!(said(&curl).contains("no alternative certificate subject name"), "{}", said(&curl));
}

#[test]
fn what_the_program_verifies_against_is_what_is_judged() {
    let (world, site) = world();
    let config = world.write_config("client", &[("exempt", "127.0.0.0/8")]);
    let good = world.showing(&site, &Vouched::for_site(&site), &[]);
    let by_address = world.server(&world.site("address", &["127.0.0.1"]), &["-www"]);
    for (server, arguments, told, untold) in [
        (
            &by_address,
            &["-noservername", "-verify_ip", "127.0.0.1"][..],
            "exempt 127.0.0.1: exempt_address",
            "no_reference_identity",
        ),
        (
            &good,
            &["-servername", "other.example", "-verify_hostname", HOST],
            "accepted www.shop.example: ",
            "refused other.example: wrong_host",
        ),
        (&good, &["-noservername"], "no_reference_identity", "no_reference_identity"),
    ] {
        let said = said(&world.s_client(&config, server, arguments));
        let log = world.take_log();
        let expected = if release::tells_what_is_verified() { told } else { untold };
        assert!(log.contains(expected), "{arguments:?}: {log}{said}");
        assert_eq!(said.contains("Verification: OK"), !log.contains("refused"), "{arguments:?}: {said}");
    }
}

/// A rogue certificate for the host and for the attacker's own address, which authorities rightly vouch for, and an
/// attacker's DNS answer: the program demands both of the certificate, and means the host.
#[test]
fn vouchers_of_an_address_are_none_of_the_host_that_dns_gave_it_for() {
    let (world, _) = world();
    let config = world.write_config("client", &[]);
    let rogue = world.site("rogue", &[HOST, "127.0.0.1"]);
    let server = world.showing(&rogue, &Vouched { host: "127.0.0.1", ..Vouched::for_site(&rogue) }, &[]);
    for (arguments, told) in [
        (&["-verify_ip", "127.0.0.1"][..], "accepted 127.0.0.1: "),
        (&["-verify_ip", "127.0.0.1", "-verify_hostname", HOST], "refused www.shop.example: wrong_host"),
    ] {
        let said = said(&world.s_client(&config, &server, arguments));
        let log = world.take_log();
        let expected = if release::tells_what_is_verified() { told } else { "no_reference_identity" };
        assert!(log.contains(expected), "{arguments:?}: {log}{said}");
        assert_eq!(said.contains("Verification: OK"), !log.contains("refused"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_list_that_cannot_be_used_refuses_with_its_code() {
    let (world, site) = world();
    let good = world.showing(&site, &Vouched::for_site(&site), &[]);
    let refused = |config: &str, code: &str| {
        assert_eq!(world.curl(config, &good, &[]).status.code(), Some(60), "{code}");
        let log = world.take_log();
        assert!(log.contains(&format!("refused {HOST}: {code}: ")), "{code}: {log}");
    };
    let config = world.write_config("client", &[]);
    world.write_list(2, UnixTime(now().0 - 1));
    refused(&config, "list_expired");
    world.write_list(3, now().plus(25 * 86_400));
    refused(&config, "clock_behind");
    world.write_list(4, now().plus(86_400));
    std::fs::write(world.path("list.json"), "{}").unwrap();
    refused(&config, "list_unsigned");
}
