//! Clients that a server without vouchers tries to win over by what OpenSSL lets a program do with its connections and
//! sessions. What a program may ask for while a handshake goes on is asked too.

use std::path::Path;

use crate::in_memory::{ASAN, InMemory, VALGRIND, Watched};
use crate::world::HOST;

/// What the module calls an accepted connection, a refused one, and one that it did not judge.
const ACCEPTED: &str = "0x4d01";
const REFUSED: &str = "0x1";
const NOT_JUDGED: &str = "0x0";

/// What came of each attack in this version of TLS.
fn attacks(memory: &InMemory, version: &str) -> Vec<String> {
    let bare = memory.world.site("bare", &[HOST]);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = [version.to_owned(), text(&memory.module), text(&bare.certificate), text(&bare.key)];
    let said = memory.run("attacks", &arguments.each_ref().map(String::as_str));
    said.lines().map(str::to_owned).collect()
}

fn assert_only_vouchers_win(watched: Watched) {
    for version in ["1.2", "1.3"] {
        let memory = InMemory::new(watched);
        let said = attacks(&memory, version);
        assert!(said.len() >= 11, "{said:?}");
        for line in said {
            let (attack, outcome) = line.split_once(": ").unwrap();
            let expected = match attack {
                "vouchers" | "vouchers, and questions at any time" => format!("connected {ACCEPTED}"),
                "vouchers, again" => format!("connected again {ACCEPTED}"),
                // The ClientHello is not written.
                "the same, with a security callback" => format!("failed {NOT_JUDGED}"),
                "early data" => "0".to_owned(),
                _ => format!("failed {REFUSED}"),
            };
            assert_eq!(outcome, expected, "{version} {attack}: {}", memory.world.log());
        }
    }
}

#[test]
fn no_use_of_connections_and_sessions_wins_a_client_over() {
    assert_only_vouchers_win(Watched::No);
}

#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_in_attacks() {
    assert_only_vouchers_win(VALGRIND);
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_in_attacks() {
    assert_only_vouchers_win(ASAN);
}

#[test]
fn nothing_wins_a_client_over_whose_configuration_cannot_be_read() {
    for version in ["1.2", "1.3"] {
        let memory = InMemory::new(Watched::No);
        memory.world.write_config("both", &[("quorum", "5")]);
        for line in attacks(&memory, version) {
            assert!(line.contains(": failed ") || line.starts_with("early data: 0"), "{version} {line}");
        }
    }
}
