//! `mecai authority distrust` beside a running authority.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::process::ExitCode;

use authority_support::{Ask, HOST, Stand, hex, now};
use clap::Parser;
use mecai::chain::{certificate_digest, spki_hash};
use mecai::time::UnixTime;
use mecai_services::authority::checks::distrust::DistrustList;
use mecai_services::authority::{Command, run};
use mecai_services::lab::Leaf;

#[derive(Parser)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

/// Runs `mecai authority` with these arguments; whether its exit status is 0.
fn authority(arguments: &[&str]) -> bool {
    let program = Program::try_parse_from([&["mecai-authority"], arguments].concat()).unwrap();
    format!("{:?}", run(program.command)) == format!("{:?}", ExitCode::SUCCESS)
}

fn is_usage_error(arguments: &[&str]) -> bool {
    let error = Program::try_parse_from([&["mecai-authority"], arguments].concat()).err();
    error.is_some_and(|error| error.exit_code() == 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn distrust_takes_effect_at_once_and_can_be_taken_back() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let site = stand.site(&issued, "");
    let server = stand.authority(stand.config(1, &[site.address.port()], "")).await;
    let config = stand.database(1).with_file_name("authority.test.toml");
    let config = config.to_str().unwrap();
    let ask = Ask::new(site.address.port(), issued.certificate());
    let key = stand.key(1);
    let root = hex(&stand.operator(0).root().spki_sha256());
    let leaf_key = hex(&spki_hash(issued.certificate()).unwrap()).to_uppercase();
    let certificate = hex(&certificate_digest(issued.certificate()));
    let with_colons: Vec<String> =
        certificate.as_bytes().chunks(2).map(|pair| String::from_utf8(pair.to_vec()).unwrap()).collect();
    let with_colons = with_colons.join(":");
    for subject in [
        ["--operator", "operator-a"],
        ["--key", &root],
        ["--key", &leaf_key],
        ["--certificate", &certificate],
        ["--certificate", &with_colons],
    ] {
        let options = [&["--config", config][..], &subject].concat();
        assert!(authority(&[&["distrust", "add", "--reason", "it was hacked"], &options[..]].concat()));
        let (code, detail) = server.ask(&ask).await.problem();
        assert_eq!(code, "distrusted");
        assert!(detail.contains("it was hacked"), "{detail}");
        assert!(authority(&["distrust", "list", "--config", config]));
        assert!(authority(&["distrust", "list", "--json", "--config", config]));
        assert!(authority(&[&["distrust", "remove"], &options[..]].concat()));
        server.ask(&ask).await.endorsed(&ask, &key);
        assert!(!authority(&[&["distrust", "remove"], &options[..]].concat()), "it was there twice");
    }
}

#[test]
fn mistakes_are_told() {
    let stand = Stand::new(2);
    stand.config(1, &[443], "");
    let config = stand.database(1).with_file_name("authority.test.toml");
    let config = config.to_str().unwrap();
    let add = ["distrust", "add", "--config", config, "--reason", "x"];
    // An operator that is not in the list would distrust nobody.
    assert!(!authority(&[&add[..], &["--operator", "operator-x"]].concat()));
    assert!(DistrustList::open(&stand.database(1)).unwrap().list().unwrap().is_empty());
    // But a list that cannot be read does not stop anybody who is in a hurry.
    std::fs::write(stand.list(), "torn").unwrap();
    assert!(authority(&[&add[..], &["--operator", "operator-a"]].concat()));
    let list = DistrustList::open(&stand.database(1)).unwrap().list().unwrap();
    assert_eq!((list[0].kind.as_str(), list[0].value.as_str()), ("operator", "operator-a"));
    assert!(UnixTime(now()).since(list[0].added) < 10);

    assert!(is_usage_error(&add));
    assert!(is_usage_error(&[&add[..], &["--key", "1234"]].concat()));
    assert!(is_usage_error(&[&add[..], &["--key", &"0".repeat(64), "--operator", "operator-a"]].concat()));
    assert!(is_usage_error(&["distrust", "add", "--operator", "operator-a"]));
    assert!(!authority(&["distrust", "list", "--config", "/nowhere/authority.toml"]));
    assert!(!authority(&["serve", "--config", "/nowhere/authority.toml"]));
}
