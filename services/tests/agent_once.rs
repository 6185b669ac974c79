//! `mecai agent once` and `mecai agent status`, against authorities that sign well and that misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent_support;

use std::time::{Duration, Instant};

use agent_support::{HOST, Manner, Stand, now, until};
use mecai::request::Problem;
use mecai_services::agent::Status;

#[test]
fn everybody_vouches() {
    let stand = Stand::new([Manner::Good, Manner::Good, Manner::Good]);
    let (code, out, err) = stand.run(&["once"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.starts_with(&format!("{HOST} port 443: 3 of 3 operators vouch until ")), "{out}");
    assert_eq!(stand.bundles(), [3]);
    let statements: Vec<_> = stand.authorities.iter().map(|authority| authority.asked()[0].statement.clone()).collect();
    assert!(statements.iter().all(|statement| *statement == statements[0]), "all sign the same");

    let (code, out, _) = stand.run(&["status"]);
    assert_eq!(code, 0, "{out}");
    for word in ["SITE", "GOOD UNTIL", "operator-2", &stand.authorities[2].address.to_string(), "Authority list 1"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (code, out, _) = stand.run(&["status", "--json"]);
    assert_eq!(code, 0);
    let status: Status = serde_json::from_str(&out).unwrap();
    assert_eq!((status.sites[0].operators, status.sites[0].vouching), (3, 3));
}

#[test]
fn every_misbehaviour_has_its_code_and_nothing_of_it_is_stored() {
    let manners = [
        (
            Manner::Raw("200 OK\r\nContent-Type: application/vnd.mecai.endorsement\r\n", b"hello".to_vec()),
            "answer_malformed",
        ),
        (Manner::Typed("text/html"), "wrong_content_type"),
        (Manner::OtherKey, "wrong_authority"),
        (Manner::OtherStatement, "bad_signature"),
        (Manner::Refuse(Problem::Distrusted, "operator-x fell"), "distrusted"),
        (Manner::Raw("503 Busy\r\nContent-Type: text/html\r\n", b"<h1>".to_vec()), "unexpected_status"),
        (Manner::Raw("301 Moved\r\nLocation: http://127.0.0.1:1/\r\n", Vec::new()), "unexpected_status"),
        (
            Manner::Raw("200 OK\r\nContent-Type: application/vnd.mecai.endorsement\r\n", vec![0; 9000]),
            "answer_too_large",
        ),
        (Manner::Close, "unreachable"),
        (Manner::Raw("200 OK\r\nContent-Length: 7\r\n", b"x".to_vec()), "unreachable"),
        (Manner::Late(Duration::from_secs(30)), "timeout"),
        (Manner::Drip, "timeout"),
        (Manner::Refuse(Problem::OwnOperator, "operator-12 issued it"), "own_operator"),
        (Manner::Good, "ok"),
    ];
    let stand = Stand::new(manners.iter().map(|(manner, _)| manner.clone()));
    stand.configure("timeout = 2", "");
    let began = Instant::now();
    let (code, out, err) = stand.run(&["once"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(code, 3, "{out}{err}");
    assert_eq!(stand.codes(), manners.map(|(_, code)| code));
    assert_eq!(stand.bundles(), [1]);
    let site = stand.site().unwrap();
    assert_eq!((site.operators, site.vouching, site.failing), (13, 1, 12), "its own operator does not count");
    let sentence = "operator-4 (http://";
    assert!(out.contains(sentence) && out.contains("The chain is distrusted: operator-x fell (distrusted)"), "{out}");
    let (code, table, _) = stand.run(&["status"]);
    assert_eq!(code, 3);
    assert!(table.contains("own_operator"), "{table}");
}

#[test]
fn no_voucher_at_all_is_exit_status_5() {
    let stand = Stand::new([Manner::Close, Manner::Refuse(Problem::Revoked, "since yesterday")]);
    let (code, out, err) = stand.run(&["once"]);
    assert_eq!(code, 5, "{out}{err}");
    assert!(out.starts_with(&format!("{HOST} port 443: 0 of 2 operators vouch at the moment")), "{out}");
    assert_eq!(stand.run(&["status"]).0, 5);
}

#[test]
fn a_round_that_fails_loses_nothing() {
    let stand = Stand::new([Manner::Good, Manner::Good]);
    assert_eq!(stand.run(&["once"]).0, 0);
    let before = stand.stored("store", &stand.certificate()).unwrap();
    stand.authorities.iter().for_each(|authority| authority.set(Manner::Close));
    let (code, out, err) = stand.run(&["once"]);
    assert_eq!(code, 1, "nothing new came, but what there is is in force: {out}{err}");
    assert_eq!(stand.stored("store", &stand.certificate()).unwrap(), before);
    let failing = stand.authority_status(0);
    assert!(failing.good_until.is_some() && failing.failing.unwrap().code == "unreachable");
    stand.authorities[0].set(Manner::Good);
    // In the same second it would be the same statement.
    until("another second", || (now() > before.bundles()[0].produced_at()).then_some(()));
    assert_eq!(stand.run(&["once"]).0, 3);
    assert_eq!(stand.bundles(), [1, 1], "the new one, and of the old one what is not in it");
}

#[test]
fn retry_after_holds_for_the_next_process_too() {
    let busy = Manner::Raw("429 Slow\r\nContent-Type: application/problem+json\r\nRetry-After: 3600\r\n", {
        Problem::RateLimited.to_json("60 in a minute", None)
    });
    let stand = Stand::new([Manner::Good, busy]);
    assert_eq!(stand.run(&["once"]).0, 3);
    stand.authorities[1].set(Manner::Good);
    let (code, out, _) = stand.run(&["once"]);
    assert_eq!(code, 3, "{out}");
    assert_eq!(stand.codes(), ["ok", "rate_limited"]);
    assert_eq!((stand.authorities[0].count(), stand.authorities[1].count()), (2, 1));
    let next: mecai::time::UnixTime = stand.authority_status(1).next_attempt.unwrap().parse().unwrap();
    assert!((3_500..=3_700).contains(&next.since(now())), "{next}");
}

#[test]
fn the_list_must_be_signed_and_never_goes_back() {
    let mut stand = Stand::new([Manner::Good]);
    let first = [stand.path("list.json"), stand.path("list.json.minisig")].map(|path| std::fs::read(path).unwrap());
    stand.write_list();
    assert_eq!(stand.run(&["once"]).0, 0);
    for (path, octets) in ["list.json", "list.json.minisig"].iter().zip(&first) {
        std::fs::write(stand.path(path), octets).unwrap();
    }
    let failing = |expected: &str| {
        let (code, out, err) = stand.run(&["once"]);
        assert_eq!(code, 1, "{out}{err}");
        assert!(out.contains(expected), "{expected}: {out}");
    };
    failing("has sequence 1, lower than 2, which was accepted before (list_rolled_back)");
    std::fs::write(stand.path("list.json"), b"{}").unwrap();
    failing("(list_unsigned)");
    stand.sign(b"{}");
    failing("(list_malformed)");
    std::fs::remove_file(stand.path("list.json")).unwrap();
    failing("(no_list)");
    assert_eq!(stand.authorities[0].count(), 1, "nobody was asked by a list that is not accepted");
}

#[test]
fn an_expired_list_is_told_of() {
    let mut stand = Stand::new([Manner::Good]);
    stand.write_list();
    let text = std::fs::read_to_string(stand.path("list.json")).unwrap();
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let text = text
        .replace(list["issued"].as_str().unwrap(), "2026-01-01T00:00:00Z")
        .replace(list["expires"].as_str().unwrap(), "2026-01-20T00:00:00Z");
    stand.sign(text.as_bytes());
    let (code, out, _) = stand.run(&["once"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("expired at 2026-01-20T00:00:00Z") && out.contains("(list_expired)"), "{out}");
    assert_eq!(stand.bundles(), [1], "servers are not broken for it");
}

#[test]
fn files_that_cannot_be_read_are_told_of() {
    let stand = Stand::new([Manner::Good]);
    std::fs::write(stand.path("shop.pem"), "nothing").unwrap();
    let (code, out, _) = stand.run(&["once"]);
    assert_eq!(code, 5, "{out}");
    assert!(out.contains("there is no certificate in the file (certificate_unreadable)"), "{out}");
    stand.configure("colour = 1", "");
    let (code, _, err) = stand.run(&["once"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("unknown field `colour`") && err.contains("(configuration)"), "{err}");
    assert_eq!(stand.run(&["status", "--colour"]).0, 2);
}

#[test]
fn a_store_that_cannot_be_written_is_told_of() {
    let stand = Stand::new([Manner::Good]);
    std::fs::write(stand.path("store"), "a file, not a directory").unwrap();
    let (code, out, _) = stand.run(&["once"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("(store_not_written)"), "{out}");
}

#[test]
fn a_torn_file_is_set_aside_and_fetched_again() {
    let stand = Stand::new([Manner::Good]);
    assert_eq!(stand.run(&["once"]).0, 0);
    let path = mecai::store::Store::new(stand.path("store")).path(&stand.certificate());
    let octets = std::fs::read(&path).unwrap();
    std::fs::write(&path, &octets[..octets.len() / 2]).unwrap();
    let (code, _, err) = stand.run(&["once"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("is torn") && err.contains(".damaged"), "{err}");
    assert_eq!(stand.bundles(), [1]);
}

#[test]
fn one_agent_at_a_time() {
    let stand = Stand::new([Manner::Good]);
    let agent = stand.start();
    until("the first voucher", || stand.site().filter(|site| site.vouching == 1));
    let (code, _, err) = stand.run(&["once"]);
    assert_eq!(code, 1);
    assert!(err.contains("another agent holds") && err.contains("(agent_running)"), "{err}");
    assert_eq!(stand.run(&["status"]).0, 0, "looking is allowed");
    drop(agent);
    assert_eq!(stand.run(&["once"]).0, 0);
}

#[test]
fn before_the_first_round_there_is_no_status() {
    let stand = Stand::new([Manner::Good]);
    let (code, _, err) = stand.run(&["status"]);
    assert_eq!(code, 1);
    assert!(err.contains("no agent with this configuration has run yet (no_status)"), "{err}");
}

#[test]
fn a_voucher_never_outlives_what_was_asked_for() {
    let stand = Stand::new([Manner::Good]);
    stand.configure("lifetime = 20", "stay = 3\nports = [8443]");
    assert_eq!(stand.run(&["once"]).0, 0);
    let contents = stand.stored("store", &stand.certificate()).unwrap();
    let bundle = mecai::bundle::Bundle::from_der(contents.bundles()[0].der()).unwrap();
    let statement = bundle.statement();
    assert_eq!((statement.port(), statement.stay()), (8443, Some(3)));
    assert_eq!(statement.not_after().since(statement.produced_at()), 20);
}
