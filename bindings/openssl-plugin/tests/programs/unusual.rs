//! Clients that use OpenSSL in ways that few do.

use std::fs;
use std::path::Path;
use std::process::Command;

use mecai::chain::certificate_digest;
use mecai::store::{Contents, Store, StoredBundle};

use crate::world::{HOST, Site, Vouched, World, said};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/unusual.c");
const OTHER_ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/root.pem");

/// A world, a site with vouchers and one without, and the program.
fn world() -> (World, Site, Site) {
    let world = World::new();
    let (site, bare) = (world.site("site", &[HOST]), world.site("bare", &[HOST]));
    fs::create_dir(world.path("vouchers")).unwrap();
    let bundle = StoredBundle::from_der(&world.bundle(&Vouched::for_site(&site))).unwrap();
    let contents = Contents::new(certificate_digest(&site.der), vec![bundle], None, vec![]).unwrap();
    Store::new(world.path("vouchers")).write(&contents).unwrap();
    world.cc("unusual", SOURCE, &["-lssl", "-lcrypto"]);
    (world, site, bare)
}

fn run(world: &World, config: &str, kind: &str, root: &str, site: &Site) -> String {
    let mut command = Command::new(world.path("unusual"));
    command.env("OPENSSL_CONF", config).args([kind, root]).arg(&site.certificate).arg(&site.key);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn config(world: &World, lines: &[(&str, &str)]) -> String {
    assert!(Path::new(&world.path("vouchers")).is_dir());
    world.write_config("both", &[&[("vouchers", world.path("vouchers").as_str())], lines].concat())
}

#[test]
fn a_program_that_verifies_in_several_steps_is_judged_when_it_has_decided() {
    let (world, site, bare) = world();
    let config = config(&world, &[]);
    let root = world.path("root.pem");
    assert_eq!(run(&world, &config, "retry", &root, &site), "connected 0\n", "{}", world.log());
    let log = world.take_log();
    assert_eq!((log.lines().count(), log.matches("accepted").count()), (1, 1), "{log}");
    assert_eq!(run(&world, &config, "retry", &root, &bare), "refused 50\n");
    let log = world.take_log();
    assert_eq!((log.lines().count(), log.matches("no_voucher").count()), (1, 1), "{log}");
}

/// Neither a chain that the program does not trust nor a refusal leaves a mark on the session, which a renegotiation
/// offers again; and a program that does not verify goes on.
#[test]
fn a_renegotiation_is_a_full_handshake_where_the_session_may_not_be_resumed() {
    let (world, site, bare) = world();
    for mode in ["require", "observe"] {
        let config = config(&world, &[("mode", mode)]);
        let root = world.path("root.pem");
        let known =
            [(&site, root.as_str(), ("0", "0"), 1), (&bare, &root, ("50", "0"), 1 + usize::from(mode == "require"))];
        for (site, root, (required, observed), judged) in
            known.into_iter().chain([(&bare, OTHER_ROOT, ("20", "20"), 0)])
        {
            let error = if mode == "require" { required } else { observed };
            let outcome = run(&world, &config, "renegotiate", root, site);
            assert_eq!(outcome, format!("connected {error}\nrenegotiated\n"), "{mode} {root}: {}", world.log());
            let log = world.take_log();
            assert_eq!(log.lines().count(), judged, "{mode} {root}: {log}");
        }
    }
}

#[test]
fn a_program_that_overrules_its_own_verification_is_not_silent() {
    let (world, site, bare) = world();
    let config = config(&world, &[]);
    assert_eq!(run(&world, &config, "tolerant", &world.path("root.pem"), &site), "connected 0\n");
    assert_eq!(run(&world, &config, "tolerant", &world.path("root.pem"), &bare), "refused 50\n");
    world.take_log();
    assert_eq!(run(&world, &config, "tolerant", OTHER_ROOT, &bare), "connected 21\n");
    let log = world.take_log();
    assert!(log.contains("not judged www.shop.example: the program goes on in spite of the X509 error 21"), "{log}");
    // A program that does not verify at all says so itself.
    run(&world, &config, "renegotiate", OTHER_ROOT, &bare);
    assert_eq!(world.take_log(), "");
}

/// The client shows the site's certificate too: the server, which has the module for both sides, does not judge it.
#[test]
fn a_client_that_is_asked_for_its_certificate_later_was_judged_before() {
    let (world, site, bare) = world();
    let root = world.path("root.pem");
    for (mode, site, outcome) in [
        ("require", &site, "connected 0\nasked later 0\n"),
        ("require", &bare, "refused 50\n"),
        ("observe", &bare, "connected 0\nasked later 0\n"),
    ] {
        assert_eq!(run(&world, &config(&world, &[("mode", mode)]), "later", &root, site), outcome, "{}", world.log());
        let log = world.take_log();
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}
