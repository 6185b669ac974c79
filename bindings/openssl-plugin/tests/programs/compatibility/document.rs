//! docs/compatibility.md, written from the table.

use std::fs;
use std::process::Command;

use super::{Program, Role, TABLE, TLS, not_covered};
use crate::world::said;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compatibility.md");

const HEAD: &str = "\
# Compatibility

Stock programs that work with [the module](module.md), none of them changed or rebuilt. The tests write this table:

    MECAI_WRITE_DOCS=1 cargo test --package mecai-openssl --test programs the_table_is_the_one_in_docs

and `make test` fails when it is not theirs. It earns every row anew, with the programs of the machine, in each of the
versions of TLS named. A client accepts a server that shows vouchers, and refuses one that shows none with an error of
its own kind; a server is accepted by a client with the module, and one without sees no difference. With `mode = off`
each program behaves as without the module: the same exit status, headers, bytes and TLS records. A program that is
missing fails the tests. Servers run as the users and in the chroots that Debian gives them. What the column at the end
links to is what the tests put into the program's own configuration, and it switches the module on for that program alone.

A version is one that the program printed when the table was written. Its first two numbers count: Debian's security
updates change the others, and of Node.js the second one too.

| program | version | side | TLS | how to switch it on |
|---|---|---|---|---|
";

const TAIL: &str = "
`FILE` is the file with [the module's section](module.md#the-section).

## What is not covered

These of Debian's programs the tests have looked into:

| program | version | why |
|---|---|---|
NOT_COVERED
Besides: programs on NSS, Go, Java or rustls, and others on GnuTLS; static builds that hide OpenSSL's names; setuid
programs; programs with a verify callback of their own in place of the module's.
[The module's guide](module.md#what-is-not-covered) says why, and what else.
";

#[test]
fn the_table_is_the_one_in_docs() {
    let is_written = std::env::var_os("MECAI_WRITE_DOCS").is_some();
    let committed = fs::read_to_string(PATH).unwrap_or_default();
    let document = render(&committed, is_written);
    if is_written {
        fs::write(PATH, document).unwrap();
        return;
    }
    for (ours, theirs) in document.lines().zip(committed.lines()) {
        assert_eq!(ours, theirs, "docs/compatibility.md is not what the tests say; MECAI_WRITE_DOCS=1 writes it");
    }
    assert_eq!(document.len(), committed.len());
}

/// The document, in which a version is the committed one if it counts as the one that the program prints, and is not to
/// be `refreshed`.
fn render(committed: &str, refreshed: bool) -> String {
    let mut document = HEAD.to_owned();
    for program in TABLE {
        let side = match program.role {
            Role::Server { .. } => "server",
            Role::Client { .. } => "client",
            Role::Proxy { .. } => "client, as a proxy",
        };
        let start = format!("| {} | ", program.name);
        let is_same = |line: &&str| line.starts_with(&start) && line.contains(&format!(" | {side} | "));
        let known = committed.lines().find(is_same).and_then(|line| line.split(" | ").nth(1)).unwrap_or_default();
        let versions = versions(program, known, refreshed);
        let tls = TLS.join(", ");
        document += &format!("{start}{versions} | {side} | {tls} | {} |\n", program.switch_on);
    }
    let of_line = |name: &str, printed: &str| {
        let start = format!("| {name} | ");
        let known = committed.lines().find(|line| line.starts_with(&start)).and_then(|line| line.split(" | ").nth(1));
        merged(known.unwrap_or_default(), printed, 2, refreshed)
    };
    document + &TAIL.replace("NOT_COVERED\n", &(not_covered::lines(of_line) + "\n"))
}

/// The versions of a cell, among them the one that the program prints.
fn versions(program: &Program, known: &str, refreshed: bool) -> String {
    merged(known, &printed_version(program), program.counted, refreshed)
}

/// The `known` versions, among them the one that was `printed`, of whose numbers so many count.
fn merged(known: &str, printed: &str, counted: usize, refreshed: bool) -> String {
    let mut versions: Vec<&str> = known.split(", ").filter(|version| !version.is_empty()).collect();
    let that_counts = |version: &str| version.split('.').take(counted).map(str::to_owned).collect::<Vec<_>>();
    match versions.iter_mut().find(|version| that_counts(version) == that_counts(printed)) {
        Some(same) if refreshed => *same = printed,
        Some(_) => {}
        None => versions.push(printed),
    }
    versions.join(", ")
}

/// The version that a program prints.
fn printed_version(program: &Program) -> String {
    let output = Command::new(program.version[0]).args(&program.version[1..]).output();
    version_in(&said(&output.unwrap_or_else(|error| panic!("{} does not start: {error}", program.name))))
}

/// The first word of numbers and dots.
pub(super) fn version_in(said: &str) -> String {
    let mut words = said.split(|character: char| !character.is_ascii_digit() && character != '.');
    let version = words.find(|word| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit()));
    version.unwrap_or_else(|| panic!("there is no version in {said}")).to_owned()
}
