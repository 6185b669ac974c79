//! Programs of Debian that one would look for in the table, and why they are not there: the TLS library that the linker
//! gives them.

use std::process::Command;

use super::document::version_in;
use crate::world::said;

struct NotCovered {
    name: &'static str,
    /// The command that prints its version.
    version: &'static [&'static str],
    /// The command that prints the path of what makes its TLS connections.
    file: &'static str,
}

const PROGRAMS: [NotCovered; 3] = [
    NotCovered {
        name: "git, by https",
        version: &["git", "--version"],
        file: "echo $(git --exec-path)/git-remote-https",
    },
    NotCovered { name: "wget", version: &["wget", "--version"], file: "command -v wget" },
    NotCovered { name: "slapd", version: &["slapd", "-VV"], file: "command -v slapd" },
];

/// The lines of the document, each program with the library that it was seen to load, and the version that it printed.
pub(super) fn lines(counts_as: impl Fn(&str, &str) -> String) -> String {
    let line = |program: &NotCovered| {
        let output = Command::new(program.version[0]).args(&program.version[1..]).output();
        let said = said(&output.unwrap_or_else(|error| panic!("{} does not start: {error}", program.name)));
        let version = counts_as(program.name, &version_in(&said));
        format!("| {} | {version} | loads `{}`, not `libssl` |\n", program.name, library(program))
    };
    PROGRAMS.iter().map(line).collect()
}

/// The TLS library among those that the linker would load.
fn library(program: &NotCovered) -> String {
    let ldd = Command::new("sh").args(["-c", &format!("ldd \"$({})\"", program.file)]).output().unwrap();
    let libraries = said(&ldd);
    let mut names = libraries.lines().filter_map(|line| line.split_whitespace().next());
    let tls: Vec<&str> = names.by_ref().filter(|name| name.contains("libgnutls") || name.contains("libssl")).collect();
    let [name] = tls[..] else { panic!("{}: {libraries}", program.name) };
    assert!(name.starts_with("libgnutls.so"), "{} is built on {name}: it belongs into the table", program.name);
    name.to_owned()
}
