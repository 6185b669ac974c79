//! `verify` comes to the verdicts of the vectors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use tempfile::TempDir;

use super::build::{CLANG, PLAIN, built};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/verify.json");

/// What `verify` can be told of a case; a case that says more is another program's.
#[derive(Deserialize)]
struct Case {
    name: String,
    now: u64,
    chain: String,
    chain_trusted: bool,
    dane: bool,
    reference_identities: Vec<String>,
    sni: Option<String>,
    peer: Option<String>,
    port: Option<u16>,
    list: Option<String>,
    lowest_sequence: u64,
    secret: Option<String>,
    machine_id: Option<String>,
    remembered: serde_json::Map<String, serde_json::Value>,
    answer: Option<String>,
    policy: Option<Policy>,
    expect: Option<Expect>,
}

#[derive(Deserialize)]
struct Policy {
    mode: String,
    candidates: usize,
    quorum: usize,
    region: Option<String>,
    addresses: String,
    exempt: Vec<String>,
    local_roots: Vec<String>,
}

#[derive(Deserialize)]
struct Expect {
    outcome: String,
    code: String,
    alarm: bool,
    notes: BTreeSet<String>,
}

#[derive(Deserialize)]
struct List {
    file: Option<String>,
    file_hex: Option<String>,
    signatures: Option<String>,
    public_keys: Vec<String>,
    required: usize,
}

#[derive(Deserialize)]
struct File {
    lists: std::collections::BTreeMap<String, List>,
    chains: std::collections::BTreeMap<String, Vec<String>>,
    cases: Vec<Case>,
}

/// The files of one case, and the command that judges them.
pub(crate) struct Judged {
    directory: TempDir,
    arguments: Vec<String>,
}

impl Judged {
    fn new(file: &File, case: &Case) -> Option<Self> {
        let (policy, list) = (case.policy.as_ref()?, case.list.as_ref()?);
        let is_told = case.chain_trusted
            && !case.dane
            && case.sni == case.reference_identities.first().cloned()
            && case.sni.is_some()
            && case.lowest_sequence == 0
            && case.remembered.is_empty()
            && case.secret.is_some() == case.machine_id.is_some()
            && policy.mode != "off"
            && policy.region.is_none()
            && policy.exempt.is_empty()
            && policy.local_roots.is_empty();
        if !is_told {
            return None;
        }
        let mut judged = Self { directory: TempDir::new().unwrap(), arguments: Vec::new() };
        let list = &file.lists[list];
        let json = match (&list.file, &list.file_hex) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(hex)) => octets(hex),
            _ => panic!("{}: neither file nor file_hex, or both", case.name),
        };
        let path = judged.write("list", &json);
        judged.write("list.minisig", list.signatures.as_deref().unwrap_or_default().as_bytes());
        judged.say("-l", &path);
        judged.say("-k", format!("{} of {}", list.required, list.public_keys.join(", ")));
        for (number, certificate) in file.chains[&case.chain].iter().enumerate() {
            let path = judged.write(&format!("{number}.der"), &octets(certificate));
            judged.say("-c", path);
        }
        if let Some(answer) = &case.answer {
            let path = judged.write("answer", &octets(answer));
            judged.say("-a", path);
        }
        if let Some((secret, machine)) = case.secret.as_ref().zip(case.machine_id.as_ref()) {
            let path = judged.write("secret", &octets(secret));
            judged.say("-s", path);
            let path = judged.write("machine-id", machine.as_bytes());
            judged.say("-i", path);
        }
        case.reference_identities.iter().for_each(|host| judged.say("-H", host));
        case.peer.iter().for_each(|peer| judged.say("-P", peer));
        case.port.iter().for_each(|port| judged.say("-p", port));
        judged.say("-t", case.now);
        judged.say("-m", &policy.mode);
        judged.say("-q", format!("{}/{}", policy.quorum, policy.candidates));
        judged.say("-r", &policy.addresses);
        Some(judged)
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(&self.arguments);
        command
    }

    fn say(&mut self, option: &str, value: impl ToString) {
        self.arguments.extend([option.to_owned(), value.to_string()]);
    }

    fn write(&self, name: &str, octets: &[u8]) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn octets(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

fn vectors() -> File {
    serde_json::from_slice(&fs::read(VECTORS).unwrap()).unwrap()
}

/// The files of the case with this name.
pub(crate) fn case(name: &str) -> Judged {
    let file = vectors();
    let case = file.cases.iter().find(|case| case.name == name).expect(name);
    Judged::new(&file, case).expect(name)
}

/// The values of a word in what `verify` prints below its first line.
fn values<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    text.lines().skip(1).filter_map(|line| line.trim_start().strip_prefix(word)).map(str::trim).collect()
}

fn every_verdict(verify: PathBuf) {
    let file = vectors();
    let mut count = 0;
    let mut codes = BTreeSet::new();
    for case in &file.cases {
        let Some(judged) = Judged::new(&file, case) else { continue };
        let expect = case.expect.as_ref().expect(&case.name);
        let output = judged.command(&verify).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let told = format!("{}: {}: {text}{}", case.name, output.status, String::from_utf8_lossy(&output.stderr));
        if expect.code.starts_with("list_") && expect.code != "list_expired" {
            // There is no verifier without a list.
            assert!(output.status.code() == Some(1) && text.is_empty(), "{told}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(&expect.code), "{told}");
            continue;
        }
        let status = match expect.outcome.as_str() {
            "accepted" => 0,
            "refused" => 4,
            "unvouched" => 5,
            "exempt" => 6,
            other => panic!("{other}"),
        };
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert!(text.starts_with(&format!("{}: {}: ", expect.outcome, expect.code)), "{told}");
        assert_eq!(!values(&text, "alarm ").is_empty(), expect.alarm, "{told}");
        let notes: BTreeSet<String> = values(&text, "note ").into_iter().map(str::to_owned).collect();
        assert_eq!(notes, expect.notes, "{told}");
        codes.insert(expect.code.clone());
        count += 1;
    }
    assert!(count >= 200 && codes.len() >= 20, "{count} cases, {codes:?}");
}

#[test]
fn verify_comes_to_the_verdicts_of_the_vectors() {
    every_verdict(built(PLAIN).join("verify"));
}

#[test]
fn verify_built_by_clang_does_too() {
    every_verdict(built(CLANG).join("verify"));
}

#[test]
fn verify_tells_the_values_that_were_compared() {
    let output = case("alone_wrong_port").command(&built(PLAIN).join("verify")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(values(&text, "vouched for port").len() + values(&text, "meant port").len(), 2, "{text}");
}
