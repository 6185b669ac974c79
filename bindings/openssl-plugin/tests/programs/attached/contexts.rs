//! What an attached context does, and what is said of it.

use super::{Attached, words};
use crate::in_memory::{ASAN, VALGRIND, Watched};
use crate::world::{HOST, Vouched};

const ACCEPTED: &str = "connected 0x4d01 19713 accepted: accepted www.shop.example: vouched for by ";
const REFUSED: &str = "failed 0x1 40 no_voucher: refused www.shop.example: no_voucher: the server sent no vouchers";

/// What the program prints begins like this, line by line.
fn expect(lines: &[String], expected: &[&str]) {
    let fits = lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, start)| line.starts_with(start));
    assert!(fits, "{lines:#?}\n{expected:#?}");
}

fn vouched_and_unvouched(watched: Watched) {
    let attached = Attached::watched(watched);
    for version in ["1.2", "1.3"] {
        let lines = attached.run(&[
            &attached.both(&[]),
            &words(&format!("version {version} shake status")),
            // The client alone: the server shows nothing.
            &words("fresh"),
            &attached.client(&[]),
            &words("shake status"),
            // The server alone: nobody asks.
            &words("fresh"),
            &attached.server(),
            &words("shake status"),
        ]);
        expect(
            &lines,
            &[
                "client 0 attached",
                "server 0 attached",
                ACCEPTED,
                "client 2 attached: a handshake of this context has been judged",
                "server 1 attached: no handshake of this context has been judged yet",
                "process 2 the module has judged a handshake",
                "client 0 attached",
                REFUSED,
                "client 2 ",
                "server 0 not attached",
                "process 2 ",
                "server 0 attached",
                "connected 0x0 0 not_judged: not judged: ",
                "client 0 not attached",
                "server 1 ",
                "process 2 ",
            ],
        );
    }
}

#[test]
fn a_client_accepts_vouchers_and_refuses_without() {
    vouched_and_unvouched(Watched::No);
}

/// Takes a minute, and needs valgrind.
#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_and_no_leak_in_attached_contexts() {
    vouched_and_unvouched(VALGRIND);
    failover(VALGRIND);
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_in_attached_contexts() {
    vouched_and_unvouched(ASAN);
    failover(ASAN);
}

fn failover(watched: Watched) {
    let attached = Attached::watched(watched);
    attached.in_memory.write_alternate();
    for version in ["1.2", "1.3"] {
        let lines = attached.run(&[&attached.both(&[]), &words(&format!("version {version} shake"))]);
        expect(&lines, &["client 0 ", "server 0 ", ACCEPTED]);
        assert!(lines[2].contains("the alternate is used"), "{lines:?}");
        let off = attached.run(&[&attached.both(&["failover", "off"]), &words(&format!("version {version} shake"))]);
        expect(&off, &["client 0 ", "server 0 ", REFUSED]);
    }
}

#[test]
fn the_alternate_takes_over() {
    failover(Watched::No);
}

/// Over a socket, which tells the server's address, and with a server that knows nothing of the module.
#[test]
fn a_stock_server_with_a_serverinfo_file_is_judged_as_well() {
    let attached = Attached::new();
    let (world, site) = (&attached.in_memory.world, &attached.in_memory.site);
    let good = world.showing(site, &Vouched::for_site(site), &[]);
    let bare = world.server(site, &["-www"]);
    let connect = |port: u16| words(&format!("connect 127.0.0.1:{port}"));
    let lines = attached.run(&[&attached.client(&[]), &connect(good.port), &connect(bare.port)]);
    expect(&lines, &["client 0 ", ACCEPTED, REFUSED]);
    assert!(!lines[1].contains("peer_unknown"), "{lines:?}");
}

/// Whoever attached first stays; nothing is asked for twice.
#[test]
fn a_second_call_is_an_error_and_changes_nothing() {
    let attached = Attached::new();
    let lines = attached.run(&[
        &attached.both(&[]),
        &attached.both(&["mode", "observe"]),
        &words("shake name elsewhere.example shake"),
    ]);
    let already = "40 MECAI is already attached to this context: by openssl.cnf, or by an earlier call";
    let refused = "failed 0x1 40 no_voucher: ";
    let (client, server) = (format!("client {already}"), format!("server {already}"));
    expect(&lines, &["client 0 ", "server 0 ", &client, &server, ACCEPTED, refused]);
}

/// openssl.cnf is for every context of the process, so there is nothing left to attach.
#[test]
fn beside_openssl_cnf_a_call_says_so() {
    let mut attached = Attached::new();
    let config = attached.in_memory.world.write_config("observing", &[("mode", "observe")]);
    attached.in_memory.config = config;
    let script = words("name elsewhere.example shake mode 4 shake status");
    let lines = attached.run(&[&attached.client(&[]), &script]);
    expect(
        &lines,
        &[
            "client 40 MECAI is already attached to this context: by openssl.cnf, or by an earlier call",
            "connected 0x2 40 no_voucher: unvouched ",
            // What a program wishes for a connection holds there, too.
            "failed 0x1 40 no_voucher: refused ",
            "client 2 ",
            "server 1 ",
            "process 2 ",
        ],
    );
}

#[test]
fn a_program_that_verifies_by_itself_is_told_so() {
    let attached = Attached::new();
    let lines = attached.run(&[&attached.client(&[]), &words("own shake status")]);
    let replaced = "3 a handshake asked for vouchers and was not judged: the program has a verify callback of its own";
    expect(
        &lines,
        &[
            "client 0 ",
            "connected 0x0 0 not_judged: ",
            &format!("client {replaced}"),
            "server 0 ",
            &format!("process {replaced}"),
        ],
    );
}

/// A server that turns to another context by the name: vouchers are shown as that one is attached.
#[test]
fn a_server_may_turn_to_another_context() {
    let attached = Attached::new();
    let store = attached.in_memory.world.path("vouchers");
    let empty = attached.in_memory.world.path("empty");
    std::fs::create_dir(&empty).unwrap();
    for version in ["1.2", "1.3"] {
        for (first, second, outcome) in [(&empty, &store, ACCEPTED), (&store, &empty, REFUSED)] {
            let script = format!(
                "server role server vouchers {first} . other role server vouchers {second} . version {version} shake"
            );
            let lines = attached.run(&[&attached.client(&[]), &words(&script)]);
            expect(&lines, &["client 0 ", "server 0 ", "other 0 ", outcome]);
        }
    }
}

/// A server that has answers of its own, from a serverinfo file, stays as it is; or, where OpenSSL has taken a part, is of
/// no more use.
#[test]
fn a_context_with_a_serverinfo_file_is_no_more_attached() {
    let attached = Attached::new();
    let (world, site) = (&attached.in_memory.world, &attached.in_memory.site);
    let answer = crate::world::answer(&[world.bundle(&Vouched::for_site(site))]);
    let vouchers = world.serverinfo("vouchers.pem", &answer);
    let lines = attached.run(&[
        &attached.client(&[]),
        &words(&format!("serverinfo {vouchers}")),
        &attached.server(),
        &words("shake status"),
    ]);
    let refused = "server 40 MECAI is already attached to this context: by another copy of MECAI in this process, or by a \
                   serverinfo file";
    let status =
        "server 6 this context is attended to by another copy of MECAI in this process, or by a serverinfo file";
    expect(&lines, &["client 0 ", refused, ACCEPTED, "client 2 ", status, "process 2 "]);
    let alternate = world.serverinfo_of("alternate.pem", &[(mecai::extension::ALTERNATE, &answer)]);
    let lines = attached.run(&[&words(&format!("serverinfo {alternate}")), &attached.server()]);
    expect(&lines, &["server 32 OpenSSL refused a part: free this context"]);
}

/// The module of openssl.cnf and the library that a program links may be two files. Whoever is asked about what the other
/// one attends to asks that one.
#[test]
fn another_copy_in_the_process_is_asked() {
    let mut attached = Attached::new();
    let world = &attached.in_memory.world;
    let copy = world.path("copy.so");
    std::fs::copy(&attached.in_memory.module, &copy).unwrap();
    let config = world.write_config("copy", &[("vouchers", &world.path("vouchers"))]);
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(attached.in_memory.module.to_str().unwrap(), &copy)).unwrap();
    attached.in_memory.config = config;
    let says = "another copy of MECAI in this process says: ";
    let found = words("find json shake resume shake name elsewhere.example shake own shake status");
    for script in [words("shake status"), found] {
        let lines = attached.run(&[&attached.client(&[]), &script]);
        let already = "client 40 MECAI is already attached to this context: by another copy of MECAI in this process";
        assert!(lines[0].starts_with(already), "{lines:#?}");
        assert!(
            lines[1].starts_with(&format!("connected 0x4d01 19713 accepted: {says}accepted {HOST}: ")),
            "{lines:#?}"
        );
        if script.len() == 2 {
            expect(
                &lines[2..],
                &[
                    &format!("client 2 {says}attached: a handshake of this context has been judged"),
                    &format!("server 1 {says}attached: "),
                    "process 0 ",
                ],
            );
            continue;
        }
        let told = super::json::told(&lines);
        let outcomes: Vec<_> = told.iter().map(|(_, account)| account["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["accepted", "accepted", "refused", "not_judged"], "{lines:#?}");
        assert_eq!(told[0].1["chain"], serde_json::json!(["operator-0"]));
        assert_eq!(told[0].1["bundles"].as_array().unwrap().len(), 1, "the other copy finds, too");
        let last = &lines[lines.len() - 3];
        assert!(last.starts_with(&format!("client 3 {says}a handshake asked for vouchers")), "{lines:#?}");
    }
}

#[test]
fn the_log_and_the_state_are_the_modules() {
    let attached = Attached::new();
    let world = &attached.in_memory.world;
    let (log, state) = (world.path("log"), world.path("state"));
    let lines = attached.run(&[&attached.both(&["log", &log, "state", &state]), &words("shake")]);
    expect(&lines, &["client 0 ", "server 0 ", ACCEPTED]);
    let log = world.take_log();
    assert!(log.contains(&format!("mecai: accepted {HOST}: ")) && !log.contains("no_secret"), "{log}");
    assert!(std::fs::exists(world.path("state/secret")).unwrap());
}
