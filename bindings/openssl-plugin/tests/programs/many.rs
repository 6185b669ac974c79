//! Many handshakes in one process: nothing grows, nothing is lost.

use crate::in_memory::{ASAN, InMemory, VALGRIND, Watched};

/// Runs so many handshakes in a process that is both sides: accepted, resumed, refused, and kB that it grew.
fn handshakes(count: u32, version: &str, watched: Watched) -> [i64; 4] {
    let said = InMemory::new(watched).run("handshakes", &[&count.to_string(), version]);
    let numbers: Vec<i64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("{said}"))
}

#[test]
fn a_thousand_handshakes_leave_nothing_behind() {
    for version in ["1.2", "1.3"] {
        let [accepted, resumed, refused, grew] = handshakes(1000, version, Watched::No);
        assert_eq!((accepted, resumed, refused), (500, 250, 250), "{version}");
        assert!(grew <= 256, "{version}: {grew} kB");
    }
}

/// Takes a minute, and needs valgrind.
#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_and_no_leak() {
    for version in ["1.2", "1.3"] {
        assert_eq!(handshakes(40, version, VALGRIND)[..3], [20, 10, 10]);
    }
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_and_no_leak() {
    for version in ["1.2", "1.3"] {
        assert_eq!(handshakes(400, version, ASAN)[..3], [200, 100, 100]);
    }
}
