//! Many handshakes in one process: nothing grows, nothing is lost.

use std::process::Command;

use crate::world::{HOST, Vouched, World, said};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/handshakes.c");

/// Runs so many handshakes in a process that is both sides, under these programs, and gives what it said.
fn handshakes(count: u32, version: &str, under: &[&str]) -> String {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    world.store(&world.path("vouchers"), &site, &[world.bundle(&Vouched::for_site(&site))]);
    let keys = [("vouchers", world.path("vouchers")), ("state", world.path("state"))];
    let config = world.write_config("both", &keys.each_ref().map(|(key, value)| (*key, value.as_str())));

    let program = world.path("handshakes");
    let built =
        Command::new("cc").args(["-Wall", "-Werror", "-g", "-o", &program, SOURCE, "-lssl", "-lcrypto"]).output();
    assert!(built.as_ref().unwrap().status.success(), "{}", said(&built.unwrap()));
    let (count, root) = (count.to_string(), world.path("root.pem"));
    let words = [under, &[&program, &count, version, &root]].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(&site.certificate).arg(&site.key).env("OPENSSL_CONF", &config);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}\n{}", said(&output), world.log());
    said(&output)
}

/// The numbers of the program's line: accepted, resumed, refused, kB.
fn numbers(said: &str) -> Vec<i64> {
    let line = said.lines().find(|line| line.contains(" accepted, ")).unwrap();
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn a_thousand_handshakes_leave_nothing_behind() {
    for version in ["1.2", "1.3"] {
        let said = handshakes(1000, version, &[]);
        let [accepted, resumed, refused, grew] = numbers(&said)[..] else { panic!("{said}") };
        assert_eq!((accepted, resumed, refused), (500, 250, 250), "{version}: {said}");
        assert!(grew <= 256, "{version}: {said}");
    }
}

/// Takes a minute, and needs valgrind.
#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_and_no_leak() {
    // What a static reaches through a pointer into an allocation (an Arc's) is "possibly lost" to valgrind.
    let under = ["valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite", "--error-exitcode=9"];
    for version in ["1.2", "1.3"] {
        let said = handshakes(40, version, &under);
        assert!(said.contains("ERROR SUMMARY: 0 errors"), "{said}");
        assert_eq!(numbers(&said)[..3], [20, 10, 10], "{said}");
    }
}
