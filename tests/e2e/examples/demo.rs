//! The demo with the examples in the places of curl and of nginx: the same outcomes, each refusal with its code.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::build::{PLAIN, SANITIZED, built};
use super::support::{MECAI, module};

/// Clients and repeats that are enough for step 4 (the demo's own test says why), and a life of vouchers that is short.
fn goes_as_told(examples: &Path, lifetime: u16) {
    let mut command = Command::new(MECAI);
    command.args(["lab", "demo", "--clients", "8", "--repeats", "2", "--lifetime", &lifetime.to_string()]);
    command.arg("--module").arg(module()).arg("--examples").arg(examples);
    let output = command.output().unwrap();
    let story = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(0), "{story}");
    assert!(story.contains("All 7 steps went as told") && !story.contains('✗'), "{story}");
    assert!(story.contains("✓ the server in C, TLS 1.3: the client in C exit 0"), "{story}");
    assert!(story.contains("✓ SIGTERM: the server in C ends, exit 0."), "{story}");
}

#[test]
fn the_story_goes_as_told_with_programs_in_c() {
    goes_as_told(&built(PLAIN), 12);
}

/// Takes more than a minute.
#[test]
#[ignore = "part of make test-long"]
fn the_story_goes_as_told_with_sanitized_programs() {
    goes_as_told(&built(SANITIZED), 14);
}

/// Takes several minutes. Step 4 has 8 clients and 2 repeats here, not 200 and 10.
#[test]
#[ignore = "part of make test-long"]
fn the_story_goes_as_told_under_valgrind() {
    let watched = TempDir::new().unwrap();
    for program in ["client", "server"] {
        under_valgrind(&built(PLAIN).join(program), watched.path());
    }
    goes_as_told(watched.path(), 40);
}

/// A script of the same name that runs the program under valgrind, which ends with 99 if it finds an error or a leak.
fn under_valgrind(program: &Path, directory: &Path) -> PathBuf {
    let script = directory.join(program.file_name().unwrap());
    // What a static reaches through a pointer into an allocation (an Arc's) is "possibly lost" to valgrind.
    let options = "--quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
                   --errors-for-leak-kinds=definite";
    fs::write(&script, format!("#!/bin/sh\nexec valgrind {options} '{}' \"$@\"\n", program.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}
