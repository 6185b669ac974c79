//! What OpenSSL can do from 3.5 on, with the module on both sides. `tests/run.sh` runs these tests on such releases.

use std::fs;
use std::process::Command;

use crate::server::store;
use crate::sessions::connect;
use crate::world::{HOST, Site, Vouched, World, said};

const QUIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/quic.c");

/// A world, a site with vouchers in the world's store and one without, and a configuration for both sides.
fn world() -> (World, Site, Site, String) {
    let world = World::new();
    let (site, bare) = (world.site("site", &[HOST]), world.site("bare", &[HOST]));
    store(&world, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let config = world.write_config("both", &[("vouchers", &world.path("vouchers"))]);
    (world, site, bare, config)
}

#[test]
#[ignore = "part of make test-long"]
fn quic_connections_are_judged_and_resumed() {
    let (world, site, bare, config) = world();
    let program = world.cc("quic", QUIC, &["-lssl", "-lcrypto"]);
    for (site, outcome, log) in [
        (&site, "connected anew 0\nconnected again 0\n", &["accepted"][..]),
        (&bare, "refused anew 50\nrefused anew 50\n", &["no_voucher", "no_voucher"]),
    ] {
        let mut command = Command::new(&program);
        command.env("OPENSSL_CONF", &config).arg(world.path("root.pem")).arg(&site.certificate).arg(&site.key);
        let output = command.output().unwrap();
        let written = world.take_log();
        assert_eq!(String::from_utf8_lossy(&output.stdout), outcome, "{}\n{written}", said(&output));
        assert_eq!(written.lines().count(), log.len(), "{written}");
        assert!(written.lines().zip(log).all(|(line, word)| line.contains(word)), "{written}");
    }
}

/// A server that compresses its certificates beforehand leaves the extension out of them.
#[test]
#[ignore = "part of make test-long"]
fn a_client_with_the_module_takes_no_compressed_certificate() {
    let (world, site, _, config) = world();
    let server = world.server_with(&site, &["-www", "-tls1_3", "-cert_comp"], Some(&config));
    let stock = said(&world.s_client("/dev/null", &server, &["-servername", HOST, "-msg"]));
    assert!(stock.contains("CompressedCertificate") && stock.contains("Verification: OK"), "{stock}");
    let ours = said(&world.s_client(&config, &server, &["-servername", HOST, "-msg"]));
    assert!(!ours.contains("CompressedCertificate") && ours.contains("Verification: OK"), "{ours}\n{}", world.log());
    assert!(world.take_log().contains("accepted"));
}

/// The ClientHello is larger than one segment, and here there are two of them.
#[test]
#[ignore = "part of make test-long"]
fn a_key_exchange_with_ml_kem_after_a_retry() {
    let (world, site, bare, config) = world();
    for (site, outcome) in [(&site, "accepted"), (&bare, "no_voucher")] {
        let server = world.server_with(site, &["-www", "-tls1_3", "-groups", "X25519MLKEM768"], Some(&config));
        let arguments = ["-servername", HOST, "-msg", "-groups", "*X25519:X25519MLKEM768"];
        let said = said(&world.s_client(&config, &server, &arguments));
        assert_eq!(said.matches(", ClientHello").count(), 2, "{said}");
        let log = world.take_log();
        assert!(log.lines().count() == 1 && log.contains(outcome), "{log}\n{said}");
        assert!(outcome != "accepted" || said.contains("X25519MLKEM768\n"), "{said}");
    }
}

/// Keys for encrypted ClientHellos, and what a client has to know of them.
fn ech(world: &World, name: &str) -> (String, String) {
    let keys = world.path(name);
    let made = Command::new("openssl").args(["ech", "-public_name", "cover.example", "-out", &keys]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let text = fs::read_to_string(&keys).unwrap();
    let list = text.lines().skip_while(|line| !line.contains("BEGIN ECHCONFIG")).filter(|line| !line.starts_with('-'));
    (keys, list.collect())
}

/// Only from OpenSSL 4.0 on. What is judged is the name that is encrypted.
#[test]
#[ignore = "part of make test-long"]
fn an_encrypted_client_hello_asks_for_vouchers_too() {
    let (world, site, bare, config) = world();
    let cover = world.site("cover", &["cover.example"]);
    let ((keys, list), (other_keys, _)) = (ech(&world, "ech.pem"), ech(&world, "other-ech.pem"));
    let only_server = world.write_config("server", &[("role", "server"), ("vouchers", &world.path("vouchers"))]);
    let server = |site, keys: &str| world.server_with(site, &["-www", "-tls1_3", "-ech_key", keys], Some(&config));
    for (site, keys, config, outcome, log) in [
        (&site, &keys, "/dev/null", "ECH: success: 1", ""),
        (&site, &keys, &only_server, "ECH: success: 1", ""),
        (&site, &keys, &config, "ECH: success: 1", "accepted www.shop.example: "),
        (&bare, &keys, &config, "application verification failure", "refused www.shop.example: no_voucher"),
        // A server that cannot decrypt it shows a certificate for the public name; OpenSSL goes on with neither.
        (&cover, &other_keys, "/dev/null", "ech required", ""),
        (&cover, &other_keys, &config, "application verification failure", "refused cover.example: no_voucher"),
    ] {
        let arguments = ["-servername", HOST, "-ech_config_list", &list];
        let said = said(&world.s_client(config, &server(site, keys), &arguments));
        assert!(said.contains(outcome), "{said}");
        let written = world.take_log();
        assert_eq!(written.lines().count(), usize::from(!log.is_empty()), "{written}");
        assert!(written.contains(log), "{written}");
    }
    let (server, session) = (server(&site, &keys), world.path("session"));
    for (way, kind) in [("-sess_out", "New, "), ("-sess_in", "Reused, ")] {
        let arguments = ["-ech_config_list", &list, way, &session];
        let said = connect(&world, Some(&config), &server, "-tls1_3", &arguments);
        assert!(said.contains(kind) && said.contains("ECH: success: 1"), "{said}");
    }
    assert_eq!(world.take_log().lines().count(), 1, "a session that is resumed is not judged again");
}

/// The SHA-256 of the certificate's public key, as a TLSA record has it.
fn key_hash(site: &Site) -> String {
    mecai::chain::spki_hash(&site.der).unwrap().iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Nobody vouches for a raw public key, which is no certificate. The program is told which keys to trust, by DANE; one
/// that trusts others is refused.
#[test]
#[ignore = "part of make test-long"]
fn raw_public_keys_are_the_programs_own_business() {
    let (world, site, _, config) = world();
    let server = world.server_with(&site, &["-www", "-tls1_3", "-enable_server_rpk"], Some(&config));
    let record = format!("3 1 1 {}", key_hash(&site));
    let told = ["-dane_tlsa_domain", HOST, "-dane_tlsa_rrdata", &record];
    for (config, log) in [("/dev/null", ""), (&config, ": exempt_dane: ")] {
        for (told, outcome, log) in [(&told[..], "Verification: OK", log), (&[], "Raw public key untrusted", "")] {
            let arguments = [&["-servername", HOST, "-enable_server_rpk"], told].concat();
            let said = said(&world.s_client(config, &server, &arguments));
            assert!(said.contains("Server raw public key") && said.contains(outcome), "{said}");
            let written = world.take_log();
            assert_eq!(written.lines().count(), usize::from(!log.is_empty()), "{written}");
            assert!(written.contains(log), "{written}");
        }
    }
}
