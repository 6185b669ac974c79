//! What a program wishes for one connection: another mode, the server's address, the port that is meant.

use super::{Attached, at_port, words};
use crate::release;
use crate::world::HOST;

/// The numbers of the modes.
const MODES: [(u32, &str); 4] = [(1, "off"), (2, "observe"), (3, "opportunistic"), (4, "require")];

/// What came of a handshake: the first word, and the outcome's number.
fn outcome(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once(' ').unwrap();
    (word, rest.trim_start_matches("again ").split(' ').next().unwrap())
}

/// In both directions: whatever the context has, the connection's own mode counts, and the next one has the context's.
#[test]
fn a_connection_has_the_mode_that_is_wished() {
    let attached = Attached::new();
    for version in ["1.2", "1.3"] {
        for (_, own) in MODES {
            let script: String =
                MODES.iter().map(|(number, _)| format!("mode {number} shake shake mode 0 shake ")).collect();
            let script = format!("version {version} {script}");
            let lines = attached.run(&[&attached.client(&["mode", own]), &words(&script)]);
            let expected = |mode| match mode {
                "off" => ("connected", "0x0"),
                "require" => ("failed", "0x1"),
                _ => ("connected", "0x2"),
            };
            for ((_, wished), lines) in MODES.iter().zip(lines[1..].chunks(3)) {
                let outcomes: Vec<_> = lines.iter().map(|line| outcome(line)).collect();
                assert_eq!(outcomes, [expected(wished), expected(own), expected(own)], "{own} {wished}: {lines:?}");
            }
        }
    }
}

/// What was let through in one mode is judged in another, and the other way round; off is as if nothing were there.
#[test]
fn a_session_is_not_resumed_in_another_mode() {
    let attached = Attached::new();
    for version in ["1.2", "1.3"] {
        let script = format!(
            "version {version} mode 2 shake resume mode 2 shake resume mode 3 shake resume mode 2 shake resume mode 4 shake"
        );
        let lines = attached.run(&[&attached.client(&[]), &words(&script)]);
        let starts: Vec<&str> = lines[1..].iter().map(|line| line.split(" no_voucher").next().unwrap()).collect();
        let expected =
            ["connected 0x2 40", "connected again 0x2 40", "connected 0x2 40", "connected 0x2 40", "failed 0x1 40"];
        assert_eq!(starts, expected, "{lines:#?}");
        // A session that nobody judged.
        let lines =
            attached.run(&[&attached.client(&[]), &words(&format!("version {version} mode 1 shake resume shake"))]);
        assert_eq!([outcome(&lines[1]), outcome(&lines[2])], [("connected", "0x0"), ("failed", "0x1")], "{lines:?}");
        // With vouchers, too: the same policy is the same mode.
        let script = words(&format!("version {version} shake resume shake resume mode 2 shake resume mode 2 shake"));
        let lines = attached.run(&[&attached.both(&[]), &script]);
        let again: Vec<bool> = lines[2..].iter().map(|line| line.contains(" again ")).collect();
        assert_eq!(again, [false, true, false, true], "{lines:?}");
        assert!(lines[2..].iter().all(|line| line.contains(" 0x4d01 19713 accepted: ")), "{lines:?}");
        // Off, OpenSSL alone decides: what the session's own handshake came to is not told of this one.
        let script = words(&format!("version {version} shake resume mode 1 shake"));
        let lines = attached.run(&[&attached.both(&[]), &script]);
        assert!(lines[3].starts_with("connected again 0x0 0 not_judged: "), "{lines:?}");
    }
}

#[test]
fn the_port_that_is_meant_is_compared() {
    let attached = Attached::new();
    attached.in_memory.write_vouchers(&at_port(&attached.in_memory, 8443));
    for version in ["1.2", "1.3"] {
        let script = format!("version {version} peer - 8443 shake peer - 443 shake shake");
        let lines = attached.run(&[&attached.both(&[]), &words(&script)]);
        assert!(lines[2].starts_with("connected 0x4d01 ") && !lines[2].contains("port_not_compared"), "{lines:?}");
        assert!(lines[3].starts_with(&format!("failed 0x1 54 wrong_port: refused {HOST}: wrong_port: ")), "{lines:?}");
        assert!(lines[4].starts_with("connected 0x4d01 ") && lines[4].contains("port_not_compared"), "{lines:?}");
    }
}

#[test]
fn a_session_is_not_resumed_at_another_port() {
    let attached = Attached::new();
    attached.in_memory.write_vouchers(&at_port(&attached.in_memory, 8443));
    for version in ["1.2", "1.3"] {
        let script = format!("version {version} peer - 8443 shake resume peer - 8443 shake resume peer - 443 shake");
        let lines = attached.run(&[&attached.both(&[]), &words(&script)]);
        assert!(lines[3].starts_with("connected again 0x4d01 "), "{lines:?}");
        assert!(lines[4].starts_with("failed 0x1 54 wrong_port: "), "{lines:?}");
    }
}

/// In memory no socket tells an address.
#[test]
fn the_address_is_the_one_that_is_told() {
    let attached = Attached::new();
    let note = words("shake peer 127.0.0.1 0 shake peer ::ffff:127.0.0.1 0 shake peer 192.0.2.1 0 shake");
    let lines = attached.run(&[&attached.both(&[]), &note]);
    let notes = |line: &str| [line.contains("peer_unknown"), line.contains("address_not_seen")];
    let told: Vec<_> = lines[2..].iter().map(|line| notes(line)).collect();
    assert_eq!(told, [[true, false], [false, false], [false, false], [false, true]], "{lines:#?}");
    let require = words("shake peer 127.0.0.1 0 shake peer 192.0.2.1 0 shake");
    let lines = attached.run(&[&attached.both(&["addresses", "require"]), &require]);
    let codes: Vec<_> = lines[2..].iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        codes,
        ["failed 0x1 60 peer_unknown", "connected 0x4d01 19713 accepted", "failed 0x1 61 address_not_seen"],
        "{lines:#?}"
    );
}

/// Behind a proxy the socket tells the proxy's address, and the program says that it knows none.
#[test]
fn the_sockets_address_can_be_put_aside() {
    let attached = Attached::new();
    let (world, site) = (&attached.in_memory.world, &attached.in_memory.site);
    let server = world.showing(site, &crate::world::Vouched::for_site(site), &[]);
    let connect = format!("connect 127.0.0.1:{}", server.port);
    let script = format!(
        "{connect} peer - 443 {connect} peer 0.0.0.0 0 {connect} peer :: 0 {connect} peer 192.0.2.1 0 {connect}"
    );
    let lines = attached.run(&[&attached.client(&[]), &words(&script)]);
    let notes: Vec<_> = lines[1..].iter().map(|line| line.split("; notes: ").nth(1).unwrap_or("")).collect();
    let expected = [
        "port_not_compared, no_secret",
        "no_secret",
        "peer_unknown, port_not_compared, no_secret",
        "peer_unknown, port_not_compared, no_secret",
        "port_not_compared, address_not_seen, no_secret",
    ];
    assert_eq!(notes, expected, "{lines:#?}");
}

#[test]
fn a_copy_of_a_connection_has_the_same_wishes() {
    let attached = Attached::new();
    let lines = attached.run(&[&attached.client(&["mode", "observe"]), &words("mode 4 dup shake dup shake")]);
    assert_eq!([outcome(&lines[1]), outcome(&lines[2])], [("failed", "0x1"), ("connected", "0x2")], "{lines:?}");
    let lines = attached.run(&[&attached.both(&[]), &words("peer - 8443 dup shake")]);
    assert!(lines[2].starts_with("failed 0x1 54 wrong_port: "), "{lines:?}");
}

#[test]
fn a_server_shows_nothing_where_it_is_told_so() {
    let attached = Attached::new();
    for version in ["1.2", "1.3"] {
        let lines = attached.run(&[&attached.both(&[]), &words(&format!("version {version} shake hide shake shake"))]);
        let outcomes: Vec<_> = lines[2..].iter().map(|line| outcome(line)).collect();
        assert_eq!(outcomes, [("connected", "0x4d01"), ("failed", "0x1"), ("connected", "0x4d01")], "{lines:?}");
    }
}

/// Not even a request leaves, though the context's clients judge.
#[test]
fn a_connection_that_is_off_asks_what_openssl_alone_would_ask() {
    let attached = Attached::new();
    for version in ["1.2", "1.3"] {
        let script = words(&format!("asks version {version} shake mode 1 shake"));
        // The server counts what it knows, so it has to be attached in both.
        let plain = attached.run(&[&attached.server(), &script])[1].clone();
        let lines = attached.run(&[&attached.both(&[]), &script]);
        let asks = |line: &str| -> (String, u32) {
            let (ours, count) = line.split_once(", of ").unwrap();
            (ours.to_owned(), count.parse().unwrap())
        };
        let ((alone, all), (on, on_all), (off, off_all)) = (asks(&plain), asks(&lines[2]), asks(&lines[4]));
        assert_eq!([alone.as_str(), &on, &off], ["asks", "asks ff4d ff4e", "asks"]);
        assert_eq!(on_all, off_all + 2);
        // From 3.2 on, clients of an attached context do not offer to take compressed certificates.
        assert!(off_all == all || off_all + 1 == all && release::compresses_certificates(), "{all} {off_all}");
        assert_eq!(
            [outcome(&lines[3]), outcome(&lines[5])],
            [("connected", "0x4d01"), ("connected", "0x0")],
            "{lines:?}"
        );
    }
}

#[test]
fn what_comes_after_the_handshake_comes_too_late() {
    let attached = Attached::new();
    let lines = attached.run(&[&attached.both(&[]), &words("again")]);
    assert_eq!(lines[3], "late 42 42");
}

/// A client without a list cannot be told to judge.
#[test]
fn a_context_that_judges_nobody_says_so() {
    let attached = Attached::new();
    let script = words("client mode off . mode 4 shake mode 1 shake shake");
    let lines = attached.run(&[&script]);
    assert_eq!(lines[0], "client 0 attached");
    assert_eq!(lines[1], "mode 43 the connection's context judges nobody");
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines[2..].iter().all(|line| line.starts_with("connected 0x0 ")), "{lines:?}");
}
