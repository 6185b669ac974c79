//! Pointers, numbers and lengths that a caller may get wrong.

use super::build;
use crate::in_memory::{ASAN, InMemory, VALGRIND, Watched};

fn arguments(watched: Watched) {
    let in_memory = InMemory::without_config(watched);
    let program = build(&in_memory, "arguments");
    let list = in_memory.world.path("list.json");
    assert_eq!(in_memory.end(in_memory.start(&program, &[&list, &in_memory.world.list_key])), "");
}

#[test]
fn every_wrong_argument_has_its_result() {
    arguments(Watched::No);
}

#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_in_wrong_arguments() {
    arguments(VALGRIND);
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_in_wrong_arguments() {
    arguments(ASAN);
}
