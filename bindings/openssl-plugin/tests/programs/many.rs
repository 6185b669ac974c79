//! Many handshakes in one process: nothing grows, nothing is lost.

use crate::in_memory::{ASAN, InMemory, VALGRIND, Watched};

/// Runs so many handshakes in a process that is both sides: accepted, resumed, refused, and kB that it grew.
fn handshakes(count: u32, version: &str, watched: Watched) -> [i64; 4] {
    numbers(&InMemory::new(watched).run("handshakes", &[&count.to_string(), version]))
}

/// The same where every handshake that is accepted is so by the server's alternate.
fn failovers(count: u32, version: &str, watched: Watched) -> [i64; 4] {
    let in_memory = InMemory::new(watched);
    in_memory.write_alternate();
    let numbers = numbers(&in_memory.run("handshakes", &[&count.to_string(), version]));
    let log = in_memory.world.log();
    let used = log.lines().filter(|line| line.contains("the alternate is used")).count();
    assert_eq!(used, usize::try_from(numbers[0]).unwrap(), "{log}");
    numbers
}

fn numbers(said: &str) -> [i64; 4] {
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

#[test]
fn a_thousand_failovers_leave_nothing_behind() {
    for version in ["1.2", "1.3"] {
        let [accepted, resumed, refused, grew] = failovers(1000, version, Watched::No);
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
        assert_eq!(failovers(40, version, VALGRIND)[..3], [20, 10, 10]);
    }
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_and_no_leak() {
    for version in ["1.2", "1.3"] {
        assert_eq!(handshakes(400, version, ASAN)[..3], [200, 100, 100]);
        assert_eq!(failovers(400, version, ASAN)[..3], [200, 100, 100]);
    }
}
