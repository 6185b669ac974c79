//! Servers with the module: what they show, to whom, and that nothing else changes.

use std::fs;
use std::time::{Duration, Instant};

use crate::daemons::Daemon;
use crate::release;
use crate::world::{HOST, Server, Site, Vouched, World, said};

/// Puts the bundles of a certificate into the world's store.
pub(crate) fn store(world: &World, site: &Site, bundles: &[Vec<u8>]) {
    world.store(&world.path("vouchers"), site, bundles);
}

/// Shows what is in the store.
pub(crate) fn config(world: &World) -> String {
    world.write_config("server", &[("role", "server"), ("vouchers", &world.path("vouchers"))])
}

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[test]
fn a_server_shows_the_vouchers_of_its_certificate() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    store(&world, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let client = world.write_config("client", &[]);
    for version in VERSIONS {
        let server = world.server_with(&site, &["-www", version], Some(&config(&world)));
        let mut accepted = 0;
        for arguments in [&["-servername", HOST][..], &["-noservername", "-verify_hostname", HOST]] {
            let s_client = said(&world.s_client(&client, &server, arguments));
            let is_meant = arguments[0] == "-servername" || release::tells_what_is_verified();
            assert_eq!(s_client.contains("Verification: OK"), is_meant, "{version}: {s_client}\n{}", world.log());
            accepted += usize::from(is_meant);
        }
        assert_eq!(world.take_log().matches("accepted").count(), accepted, "{version}");
        let other = world.s_client(&client, &server, &["-servername", "x.example", "-verify_hostname", HOST]);
        assert!(said(&other).contains("no_voucher"), "nothing is shown for a name without vouchers: {}", said(&other));
        // A client that does not ask is shown nothing, and notices nothing.
        let plain = world.s_client("/dev/null", &server, &["-servername", HOST, "-msg"]);
        assert!(plain.status.success() && said(&plain).contains("Verification: OK"));
    }
}

#[test]
fn a_new_file_is_shown_without_a_restart_and_a_ruined_one_is_not() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    fs::create_dir(world.path("vouchers")).unwrap();
    let client = world.write_config("client", &[("log", "off")]);
    let server = world.server_with(&site, &["-www"], Some(&config(&world)));
    let connect = || world.curl(&client, &server, &[]).status.code();
    assert_eq!(connect(), Some(60));
    store(&world, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while connect() != Some(0) {
        assert!(Instant::now() < deadline, "not shown within 10 seconds");
        std::thread::sleep(Duration::from_millis(100));
    }
    let file = fs::read_dir(world.path("vouchers")).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, "torn").unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !world.log().contains(file.to_str().unwrap()) {
        assert_eq!(connect(), Some(0), "what was read before stays in use");
        assert!(Instant::now() < deadline, "nobody is told");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(world.log().lines().count(), 1, "{}", world.log());
}

/// A connection to the daemon.
pub(crate) fn s_client(world: &World, config: &str, daemon: &Daemon, arguments: &[&str]) -> String {
    said(&world.s_client_to(config, daemon.port, arguments))
}

/// A server asks for the client's certificate: OpenSSL's own verification decides, on both sides.
#[test]
fn client_certificates_are_the_servers_own_business() {
    let world = World::new();
    let (site, user) = (world.site("site", &[HOST]), world.site("user", &["user.example"]));
    store(&world, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let both = world.write_config("both", &[("vouchers", &world.path("vouchers"))]);
    for version in VERSIONS {
        let arguments = ["-www", "-Verify", "1", "-verify_return_error", "-CAfile", &world.path("root.pem"), version];
        let server = world.server_with(&site, &arguments, Some(&both));
        let (certificate, key) = (user.certificate.to_str().unwrap(), user.key.to_str().unwrap());
        let good = world.curl(&both, &server, &["--cert", certificate, "--key", key]);
        assert_eq!(good.status.code(), Some(0), "{version}: {}\n{}", said(&good), world.log());
        let none = world.curl(&both, &server, &[]);
        assert_ne!(none.status.code(), Some(0), "{version}");
        let log = world.take_log();
        assert_eq!(
            log.matches("mecai: accepted").count(),
            2,
            "{version}: the clients judge, the server does not: {log}"
        );
        assert_eq!(log.lines().count(), 2, "{log}");
    }
}

#[test]
fn the_state_of_a_server_is_not_touched() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    fs::create_dir(world.path("vouchers")).unwrap();
    let lines = [("role", "server"), ("vouchers", &world.path("vouchers")), ("state", &world.path("state"))];
    let config = world.write_config("server", &lines);
    let server: Server = world.server_with(&site, &["-www"], Some(&config));
    assert_eq!(world.curl("/dev/null", &server, &[]).status.code(), Some(0));
    assert!(!fs::exists(world.path("state")).unwrap());
}
