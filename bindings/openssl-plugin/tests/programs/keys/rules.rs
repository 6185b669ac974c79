//! The keys of the rules that a client judges by.

use std::fs;

use mecai::extension::ALTERNATE;

use crate::client_hello::our_extensions;
use crate::failover::Fallen;
use crate::release;
use crate::world::{HOST, Vouched, World, said};

use super::{ACCEPTED, REFUSED, curl, world};

/// With a quorum of 1 and one voucher per server, so many servers are accepted as the pick has members that vouch.
#[test]
fn key_candidates_is_how_many_are_picked() {
    let (world, site, _) = world();
    let servers: Vec<_> = (1..6)
        .map(|first| world.showing(&site, &Vouched { first, authorities: 1, ..Vouched::for_site(&site) }, &[]))
        .collect();
    let state = world.path("state");
    let accepted = |candidates: &str| {
        let keys = [("state", state.as_str()), ("quorum", "1"), ("candidates", candidates)];
        servers.iter().filter(|server| curl(&world, server, &keys).0 == ACCEPTED).count()
    };
    assert_eq!(accepted("6"), 5, "all are picked");
    let (one, three) = (accepted("1"), accepted("3"));
    assert!(one <= 1 && (2..=3).contains(&three), "{one}, {three}: the CA's own operator may be among them");
}

#[test]
fn key_quorum_is_how_many_must_have_vouched() {
    let (world, site, _) = world();
    let server = world.showing(&site, &Vouched { authorities: 3, ..Vouched::for_site(&site) }, &[]);
    let state = world.path("state");
    for (quorum, status) in [("1", ACCEPTED), ("3", ACCEPTED), ("4", REFUSED)] {
        let keys = [("state", state.as_str()), ("candidates", "6"), ("quorum", quorum)];
        let (outcome, log) = curl(&world, &server, &keys);
        assert_eq!(outcome, status, "{quorum}: {log}");
    }
}

#[test]
fn key_disclose_names_the_pick_on_the_wire() {
    let (world, _, bare) = world();
    let state = world.path("state");
    let request = |disclose: &str, candidates: &str| {
        let keys = [("state", state.as_str()), ("disclose", disclose), ("candidates", candidates)];
        let config = world.write_config("client", &keys);
        our_extensions(&said(&world.s_client(&config, &bare, &["-servername", HOST, "-msg"])))
    };
    assert_eq!(request("none", "4"), [(0xFF4D, vec![]), (0xFF4E, vec![])]);
    for candidates in ["2", "4"] {
        // The operators of this world have one authority each.
        let disclosed = request("candidates", candidates);
        let [(0xFF4D, vouchers), (0xFF4E, alternate), (0xFF50, ids)] = &disclosed[..] else { panic!("{disclosed:?}") };
        assert!(vouchers.is_empty() && alternate.is_empty());
        let ids = mecai::extension::read_candidates(ids).unwrap();
        assert_eq!(ids.len().to_string(), candidates);
        assert!(ids.iter().all(|id| world.authorities.iter().any(|key| key.public_key().id() == id)));
    }
}

/// Everybody is picked; two operators that look from America have vouched, and none of the eight that look from Europe.
#[test]
fn key_region_narrows_the_pick() {
    const EUROPE: [&str; 8] = ["DE", "FR", "IT", "DE", "FR", "IT", "DE", "FR"];
    let mut operators = vec![("DE", ""), ("US", "US"), ("CA", "US")];
    operators.extend(EUROPE.map(|country| (country, "EU")));
    let world = World::with_operators(&operators);
    let site = world.site("site", &[HOST]);
    let server = world.showing(&site, &Vouched { authorities: 2, ..Vouched::for_site(&site) }, &[]);
    let state = world.path("state");
    let keys = [("state", state.as_str()), ("candidates", "31")];
    let judged = |region: &[(&str, &str)]| curl(&world, &server, &[&keys, region].concat());
    let (everybody, log) = judged(&[]);
    assert!(everybody == ACCEPTED && !log.contains("region_widened"), "{log}");
    let (europe, log) = judged(&[("region", "EU")]);
    assert!(europe == REFUSED && log.contains("suspicious_certificate"), "{log}");
    let (too_few, log) = judged(&[("region", "US")]);
    assert!(too_few == ACCEPTED && log.contains("region_widened"), "{log}");
}

#[test]
fn key_addresses_says_what_an_unseen_address_means() {
    let (world, site, _) = world();
    let elsewhere = Vouched { address: "192.0.2.1".parse().unwrap(), ..Vouched::for_site(&site) };
    let server = world.showing(&site, &elsewhere, &[]);
    let s_client = |addresses| {
        let config = world.write_config("client", &[("addresses", addresses)]);
        said(&world.s_client(&config, &server, &["-servername", HOST]))
    };
    assert!(s_client("note").contains("Verification: OK"));
    assert!(world.take_log().contains("address_not_seen"));
    assert!(s_client("require").contains("saw this certificate at 127.0.0.1"));
    assert!(world.take_log().contains("refused www.shop.example: address_not_seen"));
    let (hidden, log) = curl(&world, &server, &[("addresses", "require")]);
    assert_eq!(hidden, REFUSED, "curl hides its socket");
    assert!(log.contains("refused www.shop.example: peer_unknown"), "{log}");
    assert!(s_client("ignore").contains("Verification: OK"));
    assert!(!world.take_log().contains("address_not_seen"));
}

#[test]
fn key_exempt_names_servers_that_need_no_vouchers() {
    let (world, _, bare) = world();
    for (exempt, status) in [
        (HOST, ACCEPTED),
        ("*.shop.example, intra.example", ACCEPTED),
        ("shop.example", REFUSED),
        // A range is for addresses that the program meant, never for those that a name resolved to.
        ("127.0.0.0/8", REFUSED),
    ] {
        let (outcome, log) = curl(&world, &bare, &[("exempt", exempt)]);
        assert_eq!(outcome, status, "{exempt}: {log}");
        assert_eq!(
            log.contains(&format!("mecai: exempt {HOST}: exempt_name: not judged")),
            status == ACCEPTED,
            "{log}"
        );
    }
    let server = world.server(&world.site("address", &["127.0.0.1"]), &["-www"]);
    for (exempt, told) in [("127.0.0.0/8", "exempt 127.0.0.1: exempt_address"), ("10.0.0.0/8", "no_voucher")] {
        let outcome = if release::tells_what_is_verified() { told } else { "no_reference_identity" };
        let config = world.write_config("client", &[("exempt", exempt)]);
        world.s_client(&config, &server, &["-noservername", "-verify_ip", "127.0.0.1"]);
        let log = world.take_log();
        assert!(log.contains(outcome), "{exempt}: {log}");
    }
}

#[test]
fn key_local_roots_names_roots_that_need_no_vouchers() {
    let (world, _, bare) = world();
    let another = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/root.pem");
    for (roots, status) in [(world.path("root.pem").as_str(), ACCEPTED), (another, REFUSED)] {
        let (outcome, log) = curl(&world, &bare, &[("local_roots", roots)]);
        assert_eq!(outcome, status, "{roots}: {log}");
        assert_eq!(log.contains(&format!("mecai: exempt {HOST}: exempt_local_root: ")), status == ACCEPTED, "{log}");
    }
    // Both in one file, with text between them.
    let both = ["a root", another, "and another", &world.path("root.pem")];
    let text = both.map(|part| fs::read_to_string(part).unwrap_or_else(|_| format!("{part}\n"))).concat();
    fs::write(world.path("both.pem"), text).unwrap();
    assert_eq!(curl(&world, &bare, &[("local_roots", &world.path("both.pem"))]).0, ACCEPTED);
}

#[test]
fn key_failover_lets_an_alternate_be_asked_for_and_used() {
    let fallen = Fallen::new();
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &["-tls1_2"]);
    for (value, is_on) in [("on", true), ("off", false)] {
        let outcome = fallen.curl_trusting(&server, "roots.pem", &[("failover", value)], &[]);
        assert_eq!((outcome.accepted, outcome.log.contains("alternate")), (is_on, is_on), "{outcome:?}");
        let config = fallen.world.write_config("client", &[("failover", value)]);
        let said = said(&fallen.world.s_client(&config, &server, &["-servername", HOST, "-msg"]));
        let asked = our_extensions(&said).iter().any(|(number, _)| *number == ALTERNATE);
        assert_eq!(asked, is_on);
    }
}
