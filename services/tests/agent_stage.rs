//! `mecai agent stage`: a coming certificate is vouched for before it is used, whatever servers still show; and what
//! happens to one that nobody staged.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent_support;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_support::probe::Server;
use agent_support::{HOST, Manner, Stand, now, until};
use mecai::Sha256;
use mecai::bundle::Bundle;
use mecai::key_proof::{Claim, StagedKey};
use mecai::store::Contents;
use mecai::time::UnixTime;
use mecai::verify::CLOCK_TOLERANCE;
use mecai_services::agent::Role;

/// Three authorities that look at a server, whose certificate is vouched for.
fn stand() -> (Stand, Arc<Server>) {
    let stand = Stand::new([Manner::Good, Manner::Good, Manner::Good]);
    let server = stand.server();
    stand.probe(&server);
    assert_eq!(stand.run(&["once"]).0, 0);
    (stand, server)
}

fn new_key() -> rcgen::KeyPair {
    rcgen::KeyPair::generate().unwrap()
}

/// What a file holds: endorsements by bundle, and how many proofs of staged certificates.
fn holds(contents: Option<Contents>) -> (Vec<usize>, usize) {
    let Some(contents) = contents else { return (Vec::new(), 0) };
    let count = |der| Bundle::from_der(der).unwrap().endorsement_count();
    (contents.bundles().iter().map(|bundle| count(bundle.der())).collect(), contents.staged().len())
}

/// Stages `NAME.pem` with `NAME.key`; the command may say `DIR` for the stand's directory.
fn stage(stand: &Stand, name: &str, deploy: &str, within: &str) -> (i32, String, String) {
    let [certificate, key] = ["pem", "key"].map(|end| stand.path(&format!("{name}.{end}")).display().to_string());
    let deploy = deploy.replace("DIR", stand.directory.path().to_str().unwrap());
    stand.run(&["stage", HOST, "--certificate", &certificate, "--key", &key, "--deploy", &deploy, "--within", within])
}

/// Keeps what the store has at that moment, and puts `next.pem` into use.
const DEPLOY: &str = "cp -r DIR/store DIR/at-deploy && cp DIR/next.pem DIR/shop.new && mv DIR/shop.new DIR/shop.pem && \
                      printf '%s|%s|%s' \"$MECAI_EVENT\" \"$MECAI_HOSTS\" \"$MECAI_CERTIFICATE\" > DIR/deployed";

fn until_unstaged(stand: &Stand, certificate: &Sha256) {
    until("nothing is staged any more", || {
        let is_empty = fs::read_dir(stand.path("state/staged")).is_ok_and(|mut files| files.next().is_none());
        (is_empty && holds(stand.stored("store", certificate)).1 == 0).then_some(())
    });
}

#[test]
fn without_an_agent_the_command_does_its_work() {
    let (stand, _) = stand();
    fs::create_dir(stand.path("copy")).unwrap();
    stand.configure("copies = [\"copy\"]", "");
    let old = stand.certificate();
    let next = stand.issue("next", &rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(), &[HOST]);
    let (code, out, err) = stage(&stand, "next", DEPLOY, "40");
    assert_eq!(code, 0, "{out}{err}");
    let hex = data_encoding::HEXLOWER.encode(&next);
    assert_eq!(out, format!("ready: 3 of 3 operators vouch for {hex} at {HOST} port 443\n"));
    assert_eq!(
        fs::read_to_string(stand.path("deployed")).unwrap(),
        format!("deploy|{HOST}|{}", stand.path("next.pem").display())
    );
    // A server that switched had them from its first handshake.
    assert_eq!(holds(stand.stored("at-deploy", &next)), (vec![3], 0));
    assert_eq!(holds(stand.stored("at-deploy", &old)), (vec![3], 1));
    assert_eq!(holds(stand.stored("copy", &next)), (vec![3], 0));
    // It was shown beside the old one, whose vouchers stay.
    assert_eq!(holds(stand.stored("store", &old)), (vec![3], 0));
    until_unstaged(&stand, &old);
    assert_eq!(stand.run(&["status"]).0, 0);
}

#[test]
fn while_an_agent_runs_it_stages_what_is_in_the_file_already() {
    let (stand, server) = stand();
    let agent = stand.start();
    let old = stand.certificate();
    until("the agent knows the old one", || stand.site().filter(|site| site.vouching == 3));
    // As a renewal does it: the file is replaced, the server is not told.
    let next = stand.issue("shop", &new_key(), &[HOST]);
    until("authorities see the old one still", || {
        stand.codes().iter().all(|code| code == "wrong_certificate").then_some(())
    });
    let began = Instant::now();
    let (code, out, err) = stage(&stand, "shop", "cp -r DIR/store DIR/at-deploy", "60");
    assert_eq!(code, 0, "{out}{err}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(out.starts_with("ready: 3 of 3 operators vouch for "), "{out}");
    assert_eq!(holds(stand.stored("at-deploy", &next)).0.iter().sum::<usize>(), 3);
    server.show(&fs::read(stand.path("shop.pem")).unwrap());
    until_unstaged(&stand, &old);
    assert_eq!(holds(stand.stored("store", &old)).0, [3], "workers may still show it");
    assert_eq!(stand.codes(), ["ok", "ok", "ok"]);
    assert!(agent.log().contains("is no longer staged: it is the site's certificate and vouched for"));
}

#[test]
fn it_is_shown_beside_every_certificate_that_servers_may_still_have() {
    let (stand, server) = stand();
    let first = stand.certificate();
    let _agent = stand.start();
    until("the agent knows the first", || stand.site().filter(|site| site.vouching == 3));
    let second = stand.issue("shop", &new_key(), &[HOST]);
    until("it knows the second", || {
        stand.site().filter(|site| site.certificate == Some(data_encoding::HEXLOWER.encode(&second)))
    });
    let next = stand.issue("next", &new_key(), &[HOST]);
    // The server shows the first still.
    let (code, out, err) = stage(&stand, "next", "cp -r DIR/store DIR/at-deploy", "40");
    assert_eq!(code, 0, "{out}{err}");
    for shown in [first, second] {
        assert_eq!(holds(stand.stored("at-deploy", &shown)).1, 1);
    }
    let rows = stand.status().unwrap().sites;
    assert_eq!(rows.iter().map(|row| row.role).collect::<Vec<_>>(), [Role::Primary, Role::Staged, Role::Earlier]);
    let (_, table, _) = stand.run(&["status"]);
    assert!(table.contains(&format!("{HOST} port 443, staged: 3 of 3 operators vouch until ")), "{table}");

    // Another one takes its place; it is forgotten.
    let last = stand.issue("last", &new_key(), &[HOST]);
    server.show(&fs::read(stand.path("shop.pem")).unwrap());
    let (code, out, err) = stage(&stand, "last", "true", "40");
    assert_eq!(code, 0, "{out}{err}");
    let staged: Vec<Sha256> = stand
        .stored("store", &first)
        .unwrap()
        .staged()
        .iter()
        .map(|staged| mecai::chain::certificate_digest(&staged.chain[0]))
        .collect();
    assert_eq!(staged, [last]);
    assert_eq!(holds(stand.stored("store", &next)).0, [3], "its vouchers stay until they end");
}

#[test]
fn serverinfo_shows_it_and_the_server_is_told_to_read_that() {
    let (stand, _) = stand();
    stand.issue("next", &new_key(), &[HOST]);
    let out = stand.path("reloaded").display().to_string();
    stand.configure("", &format!("serverinfo = \"shop.serverinfo\"\nreload = 'date >> {out}'"));
    let (code, text, err) =
        stage(&stand, "next", "cp DIR/shop.serverinfo DIR/at-deploy; cp DIR/reloaded DIR/before", "40");
    assert_eq!(code, 0, "{text}{err}");
    let numbers = |name: &str| -> Vec<u16> {
        let text = fs::read(stand.path(name)).unwrap();
        let records = x509_parser::pem::Pem::iter_from_buffer(&text).map(|pem| pem.unwrap().contents);
        records.map(|octets| u16::from_be_bytes([octets[4], octets[5]])).collect()
    };
    assert_eq!(numbers("at-deploy"), [0xFF4D, 0xFF4F]);
    assert_eq!(fs::read_to_string(stand.path("before")).unwrap().lines().count(), 1, "reloaded before it was ready");

    // In the file that such a server reads it cannot be shown before it is used.
    fs::copy(stand.path("next.pem"), stand.path("shop.pem")).unwrap();
    let (code, text, err) = stage(&stand, "next", "touch DIR/deployed", "2");
    assert_eq!((code, text.as_str()), (1, ""), "{err}");
    assert!(err.contains("holds the staged certificate already") && err.contains("(staged_in_place)"), "{err}");
    assert!(!stand.path("deployed").exists());
}

#[test]
fn without_an_agent_the_server_is_told_to_read_the_serverinfo_of_what_was_deployed() {
    let (stand, _) = stand();
    let directory = stand.directory.path().to_str().unwrap();
    let reload = format!("sleep 2; cp {directory}/shop.serverinfo {directory}/read; ! test -e {directory}/broken");
    stand.configure("", &format!("serverinfo = \"shop.serverinfo\"\nreload = '{reload}'"));
    let deploy = "cp DIR/next.pem DIR/shop.new && mv DIR/shop.new DIR/shop.pem";
    for (broken, expected) in [("true", 0), ("touch DIR/broken", 1)] {
        stand.issue("next", &new_key(), &[HOST]);
        let (code, out, err) = stage(&stand, "next", &format!("{deploy} && {broken}"), "40");
        assert_eq!(code, expected, "{out}{err}");
        assert!(out.starts_with("ready: 3 of 3"), "{out}");
        assert_eq!(err.ends_with("(reload_failed)\n"), expected == 1, "{err}");
        let [read, new] = ["read", "shop.serverinfo"].map(|name| fs::read(stand.path(name)).unwrap());
        assert_eq!(read, new);
    }
}

#[test]
fn on_the_same_key_the_new_file_has_the_alternate_from_the_start() {
    let stand = Stand::new([Manner::Good, Manner::Good]);
    let key = new_key();
    stand.issue("shop", &key, &[HOST]);
    stand.issue("second", &key, &[HOST]);
    stand.configure("", "alternate = \"second.pem\"\nkey = \"shop.key\"");
    stand.probe(&stand.server());
    assert_eq!(stand.run(&["once"]).0, 0);
    let next = stand.issue("next", &key, &[HOST]);
    let (certificate, deploy) =
        (stand.path("next.pem"), DEPLOY.replace("DIR", stand.directory.path().to_str().unwrap()));
    // The key is the one of the configuration.
    let (code, out, err) =
        stand.run(&["stage", HOST, "--certificate", certificate.to_str().unwrap(), "--deploy", &deploy]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(!err.contains("warning"), "{err}");
    let contents = stand.stored("at-deploy", &next).unwrap();
    assert_eq!(contents.alternate().unwrap().bundles.len(), 1);
    assert_eq!(contents.bundles().len(), 1);

    // On another key it is lost, which is said beforehand.
    stand.issue("other", &new_key(), &[HOST]);
    let (code, _, err) = stage(&stand, "other", "true", "1");
    assert_eq!(code, 5);
    assert!(err.contains("mecai: warning: the alternate ") && err.contains("is on another key than"), "{err}");
}

#[test]
fn what_is_not_vouched_for_in_time_is_not_deployed() {
    let (stand, server) = stand();
    let next = stand.issue("next", &new_key(), &[HOST, "more.example"]);
    server.distrust(next);
    for agent in [None, Some(stand.start())] {
        if agent.is_some() {
            until("the agent runs", || stand.site().filter(|site| site.vouching == 3));
        }
        let (code, out, err) = stage(&stand, "next", "touch DIR/deployed", "10");
        assert_eq!((code, out.as_str()), (5, ""), "{err}");
        let told = err.lines().last().unwrap();
        for words in ["mecai: not vouched for within 10 s: 0 of 3 operators vouch for ", "operator-2: ", "(distrusted)"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(told.ends_with("(not_vouched)"), "{told}");
    }
    assert!(!stand.path("deployed").exists());
    assert_eq!(stand.run(&["status"]).0, 0, "the certificate in use is well");
}

#[test]
fn a_host_that_it_does_not_name_is_warned_of_and_a_deployment_that_fails_is_told() {
    let (stand, _) = stand();
    let path = stand.path("agent.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!("[\"{HOST}\"]"), &format!("[\"{HOST}\", \"other.example\"]"))).unwrap();
    stand.issue("next", &new_key(), &[HOST]);
    let (code, out, err) = stage(&stand, "next", "exit 7", "40");
    assert_eq!(code, 1, "{err}");
    assert!(out.starts_with("ready: 3 of 3"), "{out}");
    assert!(err.contains("does not name other.example, which stay without vouchers"), "{err}");
    assert!(err.ends_with("mecai: `exit 7` ended with exit status: 7 (deploy_failed)\n"), "{err}");
}

#[test]
fn what_is_wrong_is_told_in_one_sentence_and_nothing_is_staged() {
    let stand = Stand::new([]);
    stand.issue("next", &new_key(), &[HOST]);
    stand.issue("foreign", &new_key(), &["other.example"]);
    stand.issue_until("ended", &new_key(), &[HOST], 2_001);
    let long: String = fs::read_to_string(stand.path("next.pem")).unwrap().repeat(11);
    fs::write(stand.path("long.pem"), long).unwrap();
    fs::copy(stand.path("next.key"), stand.path("long.key")).unwrap();
    fs::copy(stand.path("ended.key"), stand.path("mixed.key")).unwrap();
    fs::copy(stand.path("next.pem"), stand.path("mixed.pem")).unwrap();
    for (name, code) in [
        ("absent", "certificate_unreadable"),
        ("ended", "certificate_ended"),
        ("mixed", "staged_other_key"),
        ("foreign", "staged_other_names"),
        ("long", "staged_too_large"),
    ] {
        let (exit, out, err) = stage(&stand, name, "touch DIR/deployed", "1");
        assert_eq!((exit, out.as_str()), (1, ""), "{err}");
        assert!(
            err.starts_with("mecai: ") && err.lines().count() == 1 && err.ends_with(&format!("({code})\n")),
            "{err}"
        );
    }
    let certificate = stand.path("next.pem").display().to_string();
    let (exit, _, err) = stand.run(&["stage", "other.example", "--certificate", &certificate]);
    assert!(exit == 2 && err.ends_with("(site_unknown)\n"), "{err}");
    let (exit, _, err) = stand.run(&["stage", HOST, "--certificate", &certificate]);
    assert!(exit == 1 && err.ends_with("(key_missing)\n"), "{err}");
    assert!(!stand.path("state/staged").exists() && !stand.path("deployed").exists());
}

#[test]
fn an_agent_leaves_out_a_staged_file_that_it_cannot_read() {
    let (stand, _) = stand();
    fs::write(stand.path(&format!("state/staged/{}.json", "00".repeat(32))), "{}").unwrap();
    let agent = stand.start();
    until("it is told", || agent.log().contains("staged_unreadable").then_some(()));
    let codes =
        || -> Vec<String> { stand.status().unwrap().troubles.into_iter().map(|trouble| trouble.code).collect() };
    until("status has it", || (codes() == ["staged_unreadable"]).then_some(()));
    assert_eq!(stand.run(&["status"]).0, 1);
    let next = stand.issue("next", &new_key(), &[HOST]);
    let (code, out, err) = stage(&stand, "next", "true", "40");
    assert_eq!(code, 0, "{out}{err}");

    // While the directory cannot be read, what is staged stays so.
    let (staged, aside) = (stand.path("state/staged"), stand.path("state/aside"));
    fs::remove_file(staged.join(format!("{}.json", "00".repeat(32)))).unwrap();
    until("nothing is wrong", || codes().is_empty().then_some(()));
    fs::rename(&staged, &aside).unwrap();
    fs::write(&staged, "").unwrap();
    until("it is told", || (codes() == ["staged_unreadable"]).then_some(()));
    assert_eq!(holds(stand.stored("store", &stand.certificate())).1, 1);
    fs::remove_file(&staged).unwrap();
    fs::rename(&aside, &staged).unwrap();
    until("it is read again", || codes().is_empty().then_some(()));
    let rows = stand.status().unwrap().sites;
    let hex = Some(data_encoding::HEXLOWER.encode(&next));
    assert!(rows.iter().any(|row| row.role == Role::Staged && row.certificate == hex && row.vouching == 3), "{rows:?}");
}

#[test]
fn a_certificate_swapped_without_staging_is_vouched_for_as_soon_as_it_is_shown() {
    let (stand, server) = stand();
    let _agent = stand.start();
    let old = stand.certificate();
    until("the agent knows the old one", || stand.site().filter(|site| site.vouching == 3));
    let before = stand.stored("store", &old).unwrap();
    let new = stand.write_certificate();
    until("it is noticed, and not seen yet", || {
        stand.codes().iter().all(|code| code == "wrong_certificate").then_some(())
    });
    server.show(&fs::read(stand.path("shop.pem")).unwrap());
    let shown = Instant::now();
    until("it is vouched for", || (holds(stand.stored("store", &new)).0.iter().sum::<usize>() == 3).then_some(()));
    assert!(shown.elapsed() < Duration::from_secs(15), "{:?}", shown.elapsed());
    assert_eq!(stand.stored("store", &old).unwrap(), before, "workers may still show it");
}

#[test]
fn what_servers_still_use_after_its_file_was_replaced_is_renewed() {
    let (stand, _) = stand();
    stand.configure("lifetime = 8", "");
    let _agent = stand.start();
    let old = stand.certificate();
    until("the agent knows the old one", || stand.site().filter(|site| site.vouching == 3));
    // The server is not told.
    stand.write_certificate();
    let replaced = Instant::now();
    while replaced.elapsed() < Duration::from_secs(12) {
        let bundles = stand.stored("store", &old).map(|contents| contents.bundles().to_vec()).unwrap_or_default();
        let ends = bundles.iter().map(|bundle| bundle.not_after()).max();
        assert!(ends.is_some_and(|ends| now() <= ends), "good until {ends:?}, and it is {}", now());
        std::thread::sleep(Duration::from_millis(50));
    }
    let hex = Some(data_encoding::HEXLOWER.encode(&old));
    let rows = stand.status().unwrap().sites;
    let row = rows.iter().find(|row| row.role == Role::Earlier).unwrap();
    assert_eq!((&row.certificate, row.vouching), (&hex, 3));
    let (code, out, _) = stand.run(&["status"]);
    assert_eq!(code, 5, "the site's certificate has no vouchers: {out}");
    assert!(out.contains(&format!("{HOST} port 443, earlier: 3 of 3 operators vouch until ")), "{out}");
}

#[test]
fn what_was_staged_long_ago_and_is_not_in_use_is_told_of() {
    let (stand, _) = stand();
    let key = new_key();
    let next = stand.issue("next", &key, &[HOST]);
    let chain = x509_parser::pem::Pem::iter_from_buffer(&fs::read(stand.path("next.pem")).unwrap())
        .map(|pem| pem.unwrap().contents)
        .collect::<Vec<_>>();
    let shown = x509_parser::pem::Pem::iter_from_buffer(&fs::read(stand.path("shop.pem")).unwrap())
        .map(|pem| mecai::chain::spki_hash(&pem.unwrap().contents).unwrap())
        .next();
    let staged = StagedKey::from_pkcs8(&key.serialize_der()).unwrap();
    for (ago, expected) in [(3_590 + CLOCK_TOLERANCE, 0), (3_601 + CLOCK_TOLERANCE, 3)] {
        let not_before = UnixTime(now().0 - ago);
        let claim = Claim {
            host: HOST,
            port: 443,
            handshake_key: shown.unwrap(),
            certificate: next,
            not_before,
            not_after: not_before.plus(86_400),
        };
        let proof = staged.prove(&claim).unwrap();
        let base64 = |octets: &[u8]| data_encoding::BASE64.encode(octets);
        let text = serde_json::json!({
            "version": 1, "site": stand.path("shop.pem"), "chain": [base64(&chain[0])], "key_proofs": [base64(&proof)],
        });
        fs::write(
            stand.path(&format!("state/staged/{}.json", data_encoding::HEXLOWER.encode(&next))),
            text.to_string(),
        )
        .unwrap();
        assert_eq!(stand.run(&["once"]).0, expected);
        let (code, out, _) = stand.run(&["status"]);
        assert_eq!((code, out.contains("(staged_not_deployed")), (expected, expected == 3), "{out}");
        let row = stand.status().unwrap().sites.into_iter().find(|row| row.role == Role::Staged).unwrap();
        assert_eq!(row.vouching, 3);
    }
}
