//! What the module tells a program that asks: what it has seen of the process, and what became of a connection.

use std::process::Command;

use crate::world::{HOST, Server, Site, Vouched, World, answer, module, said};

/// A world with the program, a server with vouchers, and one without.
fn world() -> (World, Server, Server) {
    let world = World::new();
    let site: Site = world.site("site", &[HOST]);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/told.c");
    world.cc("told", source, &["-lssl", "-lcrypto", "-ldl"]);
    let info = world.serverinfo("info.pem", &answer(&[world.bundle(&Vouched::for_site(&site))]));
    let good = world.server(&site, &["-www", "-serverinfo", &info]);
    let bare = world.server(&site, &["-www"]);
    (world, good, bare)
}

/// What the program says, line by line.
fn told(world: &World, config: &str, server: &Server, more: &[&str]) -> Vec<String> {
    let address = format!("127.0.0.1:{}", server.port);
    let mut command = Command::new(world.path("told"));
    command.arg(module()).args([&world.path("root.pem"), &address, HOST]).args(more).env("OPENSSL_CONF", config);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{:?} {}", output.status, said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_program_is_told_the_verdict_of_its_connection() {
    let (world, good, bare) = world();
    let config = |lines: &[(&str, &str)]| world.write_config("client", lines);
    let accepted = told(&world, &config(&[]), &good, &[]);
    assert!(
        accepted[1].starts_with(&format!("connected 0x4d01 accepted {HOST}: vouched for by 3 operators")),
        "{accepted:?}"
    );
    // What the log says, word by word.
    let log = world.take_log();
    assert!(log.contains(accepted[1].strip_prefix("connected 0x4d01 ").unwrap()), "{accepted:?} {log}");
    assert_eq!(accepted[3], "connected again 0x4d01 accepted: the session was resumed, and its vouchers are in force");

    let refused = told(&world, &config(&[]), &bare, &[]);
    assert_eq!(refused[1], format!("failed 0x1 refused {HOST}: no_voucher: the server sent no vouchers"));
    let unvouched = told(&world, &config(&[("mode", "observe")]), &bare, &[]);
    assert_eq!(unvouched[1], format!("connected 0x2 unvouched {HOST}: no_voucher: the server sent no vouchers"));
    assert!(unvouched[3].starts_with("connected again 0x2 unvouched: "), "{unvouched:?}");
    let exempt = told(&world, &config(&[("exempt", HOST)]), &bare, &[]);
    assert_eq!(exempt[1], format!("connected 0x3 exempt {HOST}: exempt_name: not judged: the name is exempt"));
    assert!(exempt[3].starts_with("connected again 0x3 exempt: "), "{exempt:?}");
    let off = told(&world, &config(&[("mode", "off")]), &bare, &[]);
    assert!(off[1].starts_with("connected 0x0 not judged: "), "{off:?}");
}

#[test]
fn a_program_is_told_what_the_module_has_seen() {
    let (world, good, bare) = world();
    let status = |lines: &[(&str, &str)], server: &Server, more: &[&str]| {
        let lines = told(&world, &world.write_config("client", lines), server, more);
        [lines[0].clone(), lines[2].clone()]
    };
    let installed = "status 1 the module is installed and has judged no handshake yet";
    let working = "status 2 the module has judged a handshake";
    assert_eq!(status(&[], &good, &[]), [installed, working]);
    assert_eq!(status(&[], &bare, &[]), [installed, working], "a refusal is a judgement");
    let replaced =
        "status 3 a handshake asked for vouchers and was not judged: the program has a verify callback of its own";
    assert_eq!(status(&[], &bare, &["own"]), [installed, replaced]);
    for (lines, why) in [
        ([("mode", "off")], "the configuration says mode = off, or gives this role nothing to do"),
        ([("except", "wget, told")], "the key except names this program"),
    ] {
        assert_eq!(status(&lines, &bare, &[]), [format!("status 0 {why}"), format!("status 0 {why}")]);
    }
    let broken = "status 4 the configuration could not be read: client handshakes are refused, servers show no vouchers: \
                  quorum = 5: quorum is 5, not 1 to candidates, which is 4";
    assert_eq!(status(&[("quorum", "5")], &good, &[]), [broken, broken]);
    let missing = "status 4 authorities = /no/such/list: there is no authority list: /no/such/list: No such file or \
                   directory (os error 2)";
    // The list is read with the first context.
    assert_eq!(status(&[("authorities", "/no/such/list")], &good, &[]), [installed, missing]);
    let nobody = told(&world, "/dev/null", &bare, &[]);
    assert_eq!(nobody[0], "status 0 no OpenSSL of this process has loaded the module");
    assert!(nobody[1].starts_with("connected 0x0 not judged: the module is not installed"), "{nobody:?}");
}
