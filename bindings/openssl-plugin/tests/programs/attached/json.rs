//! All that is told of a handshake, as JSON.

use std::fs;

use data_encoding::BASE64;
use mecai::report::Report;
use serde_json::{Value, json};

use super::{Attached, at_port, words};
use crate::in_memory::{ASAN, VALGRIND, Watched};
use crate::release;
use crate::world::{HOST, Vouched, World, answer, now};

/// Each outcome that the program printed, with what it told of it; the sentences are the same.
pub(super) fn told(lines: &[String]) -> Vec<(&str, Value)> {
    let outcomes = lines.iter().filter(|line| line.starts_with("connected") || line.starts_with("failed"));
    let accounts = lines.iter().filter_map(|line| line.strip_prefix("json "));
    let told: Vec<(&str, Value)> = outcomes
        .zip(accounts)
        .map(|(outcome, account)| {
            let account: Value = serde_json::from_str(account).unwrap();
            let head = format!("{} {}: ", account["number"], account["code"].as_str().unwrap());
            let (word, rest) = outcome.split_once(&head).unwrap();
            assert_eq!(rest, account["sentence"], "{account:#}");
            assert_eq!(word.contains(" again "), account["resumed"], "{account:#}");
            let mut members: Vec<&str> = account.as_object().unwrap().keys().map(String::as_str).collect();
            members.sort_unstable();
            assert_eq!(members, MEMBERS);
            (word, account)
        })
        .collect();
    assert!(!told.is_empty(), "{lines:#?}");
    told
}

const MEMBERS: [&str; 21] = [
    "alarm",
    "at",
    "bundles",
    "chain",
    "code",
    "failover",
    "name",
    "newest",
    "notes",
    "number",
    "operators",
    "outcome",
    "peer",
    "port",
    "report",
    "required",
    "resumed",
    "sent",
    "sentence",
    "stay_days",
    "until",
];

/// What is told of the handshakes of this script, the context being attached with these commands.
fn run(attached: &Attached, settings: &[String], script: &str) -> Vec<Value> {
    let lines = attached.run(&[settings, &words("json find"), &words(script)]);
    told(&lines).into_iter().map(|(_, account)| account).collect()
}

/// These members have these values.
fn expect(account: &Value, members: &Value) {
    for (name, value) in members.as_object().unwrap() {
        assert_eq!(&account[name], value, "{name} of {account:#}");
    }
}

/// What nobody knows of a handshake that was not judged.
fn expect_nothing(account: &Value) {
    expect(
        account,
        &json!({ "outcome": "not_judged", "code": "not_judged", "number": 0, "notes": [], "alarm": false }),
    );
    for name in MEMBERS {
        let says_something = ["outcome", "code", "number", "notes", "alarm", "sentence", "resumed"].contains(&name);
        assert!(says_something || account[name].is_null(), "{name} of {account:#}");
    }
}

fn of_all_outcomes(watched: Watched) {
    let attached = Attached::watched(watched);
    let vouched = Vouched { stay: Some(7), ..at_port(&attached.in_memory, 8443) };
    attached.in_memory.write_vouchers(&vouched);
    let before = now().0;
    for version in ["1.2", "1.3"] {
        let script = format!(
            "version {version} peer 127.0.0.1 8443 shake resume peer - 8443 shake name elsewhere.example shake mode 2 shake \
             resume mode 2 shake mode 1 shake"
        );
        let accounts = run(&attached, &attached.both(&[]), &script);
        let [accepted, resumed, refused, unvouched, again, off] = &accounts[..] else { panic!("{accounts:#?}") };
        let produced = vouched.produced_at.0;
        // The server that has no vouchers was asked for another name than the one that is verified.
        let name = if release::tells_what_is_verified() { HOST } else { "elsewhere.example" };
        expect(
            accepted,
            &json!({
                "outcome": "accepted", "code": "accepted", "number": 0x4D01, "name": HOST, "resumed": false, "operators": 3,
                "required": 3, "sent": 5, "newest": produced, "until": produced + 3600, "stay_days": 7,
                "chain": ["operator-0"], "peer": "127.0.0.1", "port": 8443, "notes": ["no_secret"], "alarm": false,
                "failover": null, "report": null,
            }),
        );
        assert!((before..=now().0).contains(&accepted["at"].as_u64().unwrap()), "{accepted:#}");
        let bundle = BASE64.decode(accepted["bundles"][0].as_str().unwrap().as_bytes()).unwrap();
        mecai::bundle::Bundle::from_der(&bundle).unwrap();
        expect(resumed, &json!({ "outcome": "accepted", "number": 0x4D01, "resumed": true, "until": produced + 3600 }));
        expect(resumed, &json!({ "name": HOST, "operators": null, "bundles": null, "chain": null, "at": null }));
        expect(
            refused,
            &json!({
                "outcome": "refused", "code": "no_voucher", "number": 40, "name": name, "operators": null, "until": null,
                "chain": ["operator-0"], "peer": null, "port": null, "bundles": null, "report": null, "alarm": false,
            }),
        );
        expect(unvouched, &json!({ "outcome": "unvouched", "code": "no_voucher", "resumed": false }));
        expect(again, &json!({ "outcome": "unvouched", "code": "no_voucher", "resumed": true, "until": null }));
        expect_nothing(off);
    }
}

#[test]
fn every_outcome_is_told_in_full() {
    of_all_outcomes(Watched::No);
}

/// Takes a minute, and needs valgrind.
#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_in_what_is_told() {
    of_all_outcomes(VALGRIND);
    of_an_alarm(VALGRIND);
    of_an_alternate(VALGRIND);
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_in_what_is_told() {
    of_all_outcomes(ASAN);
    of_an_alarm(ASAN);
    of_an_alternate(ASAN);
}

/// OpenSSL keeps no chain of a refused handshake, and no key lets reports be spooled.
fn of_an_alarm(watched: Watched) {
    let attached = Attached::watched(watched);
    attached.in_memory.write_vouchers(&Vouched { authorities: 1, ..Vouched::for_site(&attached.in_memory.site) });
    let settings = attached.both(&["reports", "off", "region", "EU"]);
    for version in ["1.2", "1.3"] {
        let accounts = run(&attached, &settings, &format!("version {version} peer 127.0.0.9 443 shake"));
        let account = &accounts[0];
        expect(account, &json!({ "outcome": "refused", "code": "suspicious_certificate", "alarm": true }));
        let report = Report::from_json(account["report"].to_string().as_bytes()).unwrap();
        assert_eq!(report.code(), "suspicious_certificate");
        assert_eq!(report.chain(), vec![attached.in_memory.site.der.clone()]);
        assert_eq!(
            json!(report.bundles().iter().map(|bundle| BASE64.encode(bundle)).collect::<Vec<_>>()),
            account["bundles"]
        );
        expect(&account["report"], &json!({ "peer": "127.0.0.0/24", "port": 443, "region": "EU", "host": HOST }));
    }
}

#[test]
fn the_report_of_an_alarm_is_told() {
    of_an_alarm(Watched::No);
}

#[test]
fn the_report_is_the_one_that_is_spooled() {
    let attached = Attached::new();
    attached.in_memory.write_vouchers(&Vouched { authorities: 1, ..Vouched::for_site(&attached.in_memory.site) });
    let state = attached.in_memory.world.path("state");
    let accounts = run(&attached, &attached.both(&["state", &state]), "shake");
    let spooled: Vec<_> = fs::read_dir(format!("{state}/reports")).unwrap().map(|it| it.unwrap().path()).collect();
    let [spooled] = &spooled[..] else { panic!("{spooled:?}") };
    assert_eq!(fs::read_to_string(spooled).unwrap(), accounts[0]["report"].to_string());
}

fn of_an_alternate(watched: Watched) {
    let attached = Attached::watched(watched);
    attached.in_memory.write_alternate();
    for version in ["1.2", "1.3"] {
        let accounts = run(&attached, &attached.both(&[]), &format!("version {version} shake"));
        let account = &accounts[0];
        expect(account, &json!({ "outcome": "accepted", "chain": ["operator-1"], "operators": 3 }));
        expect(
            &account["failover"],
            &json!({ "used": true, "code": "no_voucher", "sentence": "the server sent no vouchers" }),
        );
        assert_eq!(account["bundles"].as_array().unwrap().len(), 1);
        // Reported is the server's own certificate, in whose place the alternate is.
        let report = Report::from_json(account["report"].to_string().as_bytes()).unwrap();
        assert_eq!((report.code(), report.bundles().len()), ("no_voucher", 0));
        assert_eq!(report.chain(), vec![attached.in_memory.site.der.clone()]);
    }
}

#[test]
fn an_alternate_is_told_with_its_bundles() {
    of_an_alternate(Watched::No);
}

#[test]
fn an_alternate_that_fails_is_told_too() {
    let attached = Attached::new();
    let world = &attached.in_memory.world;
    let vouchers = answer(&[world.bundle(&Vouched { authorities: 1, ..Vouched::for_site(&attached.in_memory.site) })]);
    let answers = [(mecai::extension::VOUCHERS, &vouchers[..]), (mecai::extension::ALTERNATE, b"no alternate")];
    let info = world.serverinfo_of("info.pem", &answers);
    let server = world.server(&attached.in_memory.site, &["-www", "-serverinfo", &info]);
    let accounts = run(&attached, &attached.client(&[]), &format!("connect 127.0.0.1:{}", server.port));
    let account = &accounts[0];
    expect(account, &json!({ "outcome": "refused", "code": "suspicious_certificate", "peer": "127.0.0.1" }));
    expect(&account["failover"], &json!({ "used": false, "code": "alternate_malformed" }));
    assert_eq!(account["bundles"].as_array().unwrap().len(), 1, "those of the server's own certificate");
}

/// Refused at once, before there is a chain; let through with one in mode observe.
#[test]
fn an_answer_that_breaks_its_syntax_is_told() {
    let attached = Attached::new();
    let world = &attached.in_memory.world;
    let info = world.serverinfo("info.pem", b"\0\x05no");
    for version in ["-tls1_2", "-tls1_3"] {
        let server = world.server(&attached.in_memory.site, &["-www", version, "-serverinfo", &info]);
        let connect = format!("version {} connect 127.0.0.1:{}", version.replace("-tls1_", "1."), server.port);
        let accounts = run(&attached, &attached.client(&[]), &format!("peer - 443 {connect} mode 2 {connect}"));
        let [refused, unvouched] = &accounts[..] else { panic!("{accounts:#?}") };
        expect(refused, &json!({ "outcome": "refused", "code": "answer_malformed", "name": HOST, "chain": null }));
        expect(refused, &json!({ "port": 443, "peer": null, "bundles": null, "report": null }));
        expect(unvouched, &json!({ "outcome": "unvouched", "code": "answer_malformed", "chain": ["operator-0"] }));
        expect(unvouched, &json!({ "peer": "127.0.0.1", "bundles": null }));
    }
}

#[test]
fn exempt_names_are_told() {
    let attached = Attached::new();
    for version in ["1.2", "1.3"] {
        let accounts =
            run(&attached, &attached.both(&["exempt", HOST]), &format!("version {version} shake resume shake"));
        let [exempt, again] = &accounts[..] else { panic!("{accounts:#?}") };
        expect(exempt, &json!({ "outcome": "exempt", "code": "exempt_name", "resumed": false, "operators": null }));
        expect(again, &json!({ "outcome": "exempt", "code": "exempt_name", "resumed": true, "until": null }));
    }
}

#[test]
fn what_was_not_judged_is_told_as_such() {
    let attached = Attached::new();
    // Nobody is asked; the program verifies by itself.
    for (settings, script) in
        [(vec![], "shake"), (attached.both(&[]), "own shake"), (attached.both(&["mode", "off"]), "shake")]
    {
        run(&attached, &settings, script).iter().for_each(expect_nothing);
    }
}

/// What openssl.cnf says is wrong, so that everything is refused; or there is no list.
#[test]
fn a_client_that_cannot_judge_tells_why() {
    let mut attached = Attached::new();
    let world: &World = &attached.in_memory.world;
    let broken = world.write_config("broken", &[("quorum", "5")]);
    let missing = world.write_config("missing", &[("authorities", "/no/such/list")]);
    for (config, code, chain) in [(broken, "configuration", json!(null)), (missing, "no_list", json!(null))] {
        attached.in_memory.config = config;
        let accounts = run(&attached, &[], "peer - 443 shake");
        expect(&accounts[0], &json!({ "outcome": "refused", "code": code, "name": HOST, "chain": chain }));
    }
}

/// Nothing more is kept of connections that nobody wants to find.
#[test]
fn without_finding_the_verdict_is_told_and_no_evidence() {
    let attached = Attached::new();
    attached.in_memory.write_vouchers(&Vouched { authorities: 1, ..Vouched::for_site(&attached.in_memory.site) });
    let lines = attached.run(&[&attached.both(&[]), &words("json peer 127.0.0.1 443 shake mode 2 shake")]);
    for (_, account) in told(&lines) {
        expect(&account, &json!({ "code": "suspicious_certificate", "alarm": true }));
        expect(&account, &json!({ "chain": null, "peer": null, "port": null, "bundles": null, "report": null }));
    }
}
