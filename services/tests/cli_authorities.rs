//! `mecai authorities`, together with Debian's minisign.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use mecai::authority_list::{AuthorityList, ListKeys};
use serde_json::json;

mod cli_support;
use cli_support::{Said, World, list_json, mecai, names, now};

/// Makes a key pair; gives the public key in base64.
fn keygen(directory: &Path, name: &str, more: &[&str]) -> String {
    let (secret, public) = (directory.join(format!("{name}.key")), directory.join(format!("{name}.pub")));
    let mut command = mecai();
    command.args(["authorities", "keygen", "--secret-key"]).arg(secret).arg("--public-key").arg(&public).args(more);
    let said = Said::by(&mut command).ended(0);
    let key = std::fs::read_to_string(public).unwrap().lines().nth(1).unwrap().to_owned();
    said.says(&[&format!("authorities_keys = {key}")]);
    key
}

fn authorities(command: &str, list: &Path) -> Command {
    let mut program = mecai();
    program.args(["authorities", command]).arg(list);
    program
}

fn minisign(arguments: &[&str]) -> Command {
    let mut command = Command::new("minisign");
    command.args(arguments);
    command
}

#[test]
fn minisign_verifies_what_mecai_signs() {
    let world = World::new(3);
    let key = keygen(world.directory.path(), "k", &["--no-password"]);
    std::fs::remove_file(world.path("authorities.json.minisig")).unwrap();
    let said = Said::by(authorities("sign", &world.list()).arg("--key").arg(world.path("k.key"))).ended(0);
    said.says(&["sequence 17, signed by "]);
    let said = Said::by(minisign(&["-V", "-P", &key, "-m"]).arg(world.list())).ended(0);
    said.says(&["verified", "file:authorities.json\thashed"]);
    // And the keys: minisign signs with a key that mecai made.
    std::fs::write(world.path("other"), "other").unwrap();
    Said::by(minisign(&["-S", "-s"]).arg(world.path("k.key")).arg("-m").arg(world.path("other"))).ended(0);
    Said::by(minisign(&["-V", "-P", &key, "-m"]).arg(world.path("other"))).ended(0);
}

#[test]
fn mecai_reads_what_minisign_makes() {
    let world = World::new(3);
    let (secret, public) = (world.path("m.key"), world.path("m.pub"));
    Said::by(minisign(&["-G", "-W", "-s"]).arg(&secret).arg("-p").arg(&public)).ended(0);
    let key = std::fs::read_to_string(&public).unwrap().lines().nth(1).unwrap().to_owned();
    let verify = || Said::by(authorities("verify", &world.list()).args(["--authorities-keys", &key]));
    verify().ended(4).says(&["list_unsigned"]);
    // Both variants: prehashed and legacy.
    for variant in ["-H", "-l"] {
        Said::by(minisign(&["-S", variant, "-s"]).arg(&secret).arg("-m").arg(world.list())).ended(0);
        verify().ended(0).says(&["accepted: readers accept it for", "signed by"]);
    }
    // A key that minisign made signs here.
    std::fs::remove_file(world.path("authorities.json.minisig")).unwrap();
    Said::by(authorities("sign", &world.list()).arg("--key").arg(&secret)).ended(0);
    verify().ended(0);
    Said::by(minisign(&["-V", "-p"]).arg(&public).arg("-m").arg(world.list())).ended(0);
}

#[test]
fn keys_with_a_password() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new(3);
    let password = world.path("password");
    std::fs::write(&password, "correct horse\n").unwrap();
    let key = keygen(world.directory.path(), "k", &["--password-file", password.to_str().unwrap()]);
    let secret = world.path("k.key");
    assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let sign = || {
        let mut command = authorities("sign", &world.list());
        command.arg("--key").arg(&secret).arg("--password-file").arg(&password);
        Said::by(&mut command)
    };
    sign().ended(0);
    Said::by(authorities("verify", &world.list()).args(["--authorities-keys", &key])).ended(0);
    std::fs::write(&password, "wrong horse\n").unwrap();
    sign().ended(1).complains(&["k.key", "Wrong password"]);
    // A secret key is never overwritten.
    let before = std::fs::read(&secret).unwrap();
    let mut again = mecai();
    again.args(["authorities", "keygen", "--no-password", "--secret-key"]).arg(&secret).arg("--public-key");
    Said::by(again.arg(world.path("new.pub"))).ended(1).complains(&["k.key", "exists"]);
    assert_eq!(std::fs::read(&secret).unwrap(), before);
    assert!(!world.path("new.pub").exists());
}

#[test]
fn enough_of_the_keys_must_have_signed() {
    let world = World::new(3);
    let keys: Vec<String> =
        ["a", "b", "c"].iter().map(|name| keygen(world.directory.path(), name, &["--no-password"])).collect();
    let text = format!("2 of {}", keys.join(", "));
    let verify = || Said::by(authorities("verify", &world.list()).args(["--json", "--authorities-keys", &text]));
    let sign = |name: &str| {
        Said::by(authorities("sign", &world.list()).arg("--key").arg(world.path(&format!("{name}.key")))).ended(0);
    };
    let signed = |found: &serde_json::Value| -> Vec<bool> {
        found["keys"].as_array().unwrap().iter().map(|key| key["signed"].as_bool().unwrap()).collect()
    };
    sign("a");
    // The same key twice is one signature.
    sign("a");
    let found = verify().ended(4).json();
    assert_eq!((&found["code"], signed(&found)), (&json!("list_unsigned"), vec![true, false, false]));
    sign("c");
    let found = verify().ended(0).json();
    assert_eq!((&found["accepted"], signed(&found)), (&json!(true), vec![true, false, true]));
    let signatures = std::fs::read_to_string(world.path("authorities.json.minisig")).unwrap();
    // The world's own key, a and c.
    assert_eq!(signatures.lines().count(), 12, "{signatures}");
}

#[test]
fn what_verify_refuses() {
    let world = World::new(3);
    let verify = |more: &[&str]| {
        let mut command = authorities("verify", &world.list());
        Said::by(command.args(["--authorities-keys", &world.list_keys()]).args(more))
    };
    verify(&["--highest", "17"]).ended(0);
    verify(&["--highest", "18"]).ended(4).says(&["list_rolled_back (24)", "sequence 17, lower than 18"]);
    let day = 86_400;
    world.sign_list(&list_json(1, now().0 - 20 * day, now().0 - day, Vec::new()));
    verify(&[]).ended(4).says(&["list_expired", "the authority list expired at"]);
    world.sign_list(&list_json(1, now().0 + day, now().0 + 2 * day, Vec::new()));
    verify(&[]).ended(4).says(&["clock_behind"]);
    world.sign_list(b"{}");
    verify(&[]).ended(4).says(&["list_malformed", "missing field"]);
    std::fs::remove_file(world.path("authorities.json.minisig")).unwrap();
    verify(&[]).ended(4).says(&["list_unsigned"]);
    std::fs::remove_file(world.list()).unwrap();
    verify(&[]).ended(1).complains(&["authorities.json"]);
    Said::by(authorities("verify", &world.list()).args(["--authorities-keys", "2 of x"])).ended(2);
}

#[test]
fn no_reader_sees_a_list_without_its_signatures() {
    let world = World::new(3);
    let key = keygen(world.directory.path(), "k", &["--no-password"]);
    let readers = format!("2 of {key}, {}", world.list_keys());
    let keys: ListKeys = readers.parse().unwrap();
    let publish = |sequence: u64| {
        let new = world.path("new.json");
        let json = world.list_json(sequence);
        let signature = minisign::sign(None, &world.signer.sk, json.as_slice(), None, None).unwrap();
        std::fs::write(&new, json).unwrap();
        std::fs::write(world.path("new.json.minisig"), signature.to_string()).unwrap();
        let mut command = authorities("sign", &world.list());
        command.arg("--from").arg(new).arg("--key").arg(world.path("k.key")).args(["--authorities-keys", &readers]);
        Said::by(&mut command)
    };
    publish(18).ended(0);
    let is_done = AtomicBool::new(false);
    let (reads, highest) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut highest) = (0, 18);
            while !is_done.load(Ordering::Relaxed) {
                let json = std::fs::read(world.list()).unwrap();
                let signatures = std::fs::read_to_string(world.path("authorities.json.minisig")).unwrap();
                highest = AuthorityList::read(&json, &signatures, &keys, highest).unwrap().sequence();
                reads += 1;
            }
            (reads, highest)
        });
        let published: Vec<Said> = (19..40).map(publish).collect();
        // Before any of them is looked at: the reader goes on until then.
        is_done.store(true, Ordering::Relaxed);
        published.into_iter().for_each(|said| _ = said.ended(0));
        reader.join().unwrap()
    });
    assert!(reads > 20 && highest >= 38, "{reads} reads up to sequence {highest}");
    // Signatures do not pile up: two of each key, for this list and the one before.
    let signatures = std::fs::read_to_string(world.path("authorities.json.minisig")).unwrap();
    assert_eq!(signatures.lines().count(), 16, "{signatures}");

    let before = std::fs::read(world.list()).unwrap();
    publish(38).ended(1).complains(&["sequence 38", "has 39: a new list needs a higher one"]);
    let mut command = authorities("sign", &world.list());
    let new = world.path("unsigned.json");
    std::fs::write(&new, world.list_json(40)).unwrap();
    command.arg("--from").arg(&new).arg("--key").arg(world.path("k.key")).args(["--authorities-keys", &readers]);
    Said::by(&mut command).ended(1).complains(&["good signatures of 1 of the configured keys, 2 are required"]);
    assert_eq!(std::fs::read(world.list()).unwrap(), before);
    assert!(names(world.directory.path()).iter().all(|name| !name.starts_with(".tmp")));
}

#[test]
fn what_sign_refuses() {
    let world = World::new(3);
    keygen(world.directory.path(), "k", &["--no-password"]);
    let sign = || Said::by(authorities("sign", &world.list()).arg("--key").arg(world.path("k.key")));
    Said::by(&mut authorities("sign", &world.list())).ended(1).complains(&["give --key FILE"]);
    std::fs::write(world.list(), list_json(1, 1, 2, Vec::new())).unwrap();
    sign().ended(1).complains(&["expired at 1970-01-01T00:00:02Z"]);
    std::fs::write(world.list(), "{\"version\": 2}").unwrap();
    sign().ended(1).complains(&["malformed"]);
    std::fs::write(world.path("k.key"), "untrusted comment: x\nnonsense\n").unwrap();
    world.sign_list(&world.list_json(1));
    sign().ended(1).complains(&["k.key is not a minisign secret key"]);
}

#[test]
fn lists_are_shown() {
    let world = World::new(3);
    let key = data_encoding::HEXLOWER.encode(&world.operators[2].ca.spki_sha256());
    Said::by(&mut authorities("show", &world.list())).ended(0).says(&[
        "sequence   17",
        "(19 d 23 h left)",
        "3 operators, 3 CA keys, 3 authorities (countries: DE, JP, US)",
        "operator-c",
        "Operator c",
        &key[..16],
        "(P-256) in EU http://operator-c.example/",
    ]);
    let found = Said::by(authorities("show", &world.list()).arg("--json")).ended(0).json();
    assert_eq!(found["days_to_expiry"], 19);
    assert_eq!(found["operators"][2]["ca_keys"], json!([key]));
    assert_eq!(found["operators"][2]["authorities"][0]["valid_now"], true);
    Said::by(authorities("show", &world.list()).args(["--owner", &key])).ended(0).says(&["operator-c"]);
    Said::by(authorities("show", &world.list()).args(["--owner", &"0".repeat(64)])).ended(1);
    Said::by(authorities("show", &world.list()).args(["--owner", "xyz"])).ended(1).complains(&["64 hex digits"]);
}
