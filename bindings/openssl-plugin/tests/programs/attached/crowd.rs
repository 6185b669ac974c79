//! Many contexts, many threads.

use super::build;
use crate::in_memory::{ASAN, InMemory, VALGRIND, Watched};

fn crowd(watched: Watched, contexts: u32, threads: u32, alone: u32) -> i64 {
    let in_memory = InMemory::without_config(watched);
    let program = build(&in_memory, "crowd");
    let world = &in_memory.world;
    let [contexts, threads, alone] = [contexts, threads, alone].map(|number| number.to_string());
    let arguments = [&contexts, &threads, &alone, &world.path("list.json"), &world.list_key, &world.path("vouchers")];
    let said = in_memory.end(in_memory.start(&program, &arguments.map(String::as_str)));
    said.split(' ').find_map(|word| word.parse().ok()).unwrap()
}

#[test]
fn a_thousand_attached_contexts_leave_nothing_behind() {
    // The module keeps the first 256 certificates. The smallest thing that each of the
    // last contexts could leave takes 8 kB of them.
    let grew = crowd(Watched::No, 1000, 8, 512);
    assert!(grew < 8_000, "{grew}");
}

/// Takes a minute, and needs valgrind.
#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_in_a_crowd() {
    crowd(VALGRIND, 64, 8, 8);
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_in_a_crowd() {
    crowd(ASAN, 256, 8, 64);
}
