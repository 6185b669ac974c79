//! Contexts and connections of a program that hides its pointers, as languages do.

use super::build;
use crate::in_memory::{ASAN, InMemory, VALGRIND, Watched};

/// So many threads with so many handshakes each, and so many connections at once.
fn found(watched: Watched, threads: u32, rounds: u32, many: u32) {
    let in_memory = InMemory::without_config(watched);
    let program = build(&in_memory, "found");
    let world = &in_memory.world;
    let numbers = [threads, rounds, many].map(|number| number.to_string());
    let [threads, rounds, many] = numbers.each_ref().map(String::as_str);
    let (list, store) = (world.path("list.json"), world.path("vouchers"));
    let arguments = [threads, rounds, many, &list, &world.list_key, &store];
    let said = in_memory.end(in_memory.start(&program, &arguments));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "/no/such/object.so is not loaded into this process: name it as it was loaded, once it is");
    let (head, reason) = lines[1].split_once(": ").unwrap();
    assert!(head.starts_with("no OpenSSL whose functions can be found is used by /") && head.contains("/libm.so"));
    assert_eq!(reason, "it has no SSL_CTX_get_ssl_method, or has it linked in and hidden");
    assert_eq!(lines[2..], ["what is made from now on can be found"]);
}

#[test]
fn connections_are_found_while_they_live() {
    found(Watched::No, 64, 16, 5_000);
}

/// Takes a minute, and needs valgrind.
#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_where_connections_are_found() {
    found(VALGRIND, 4, 4, 200);
}

#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_where_connections_are_found() {
    found(ASAN, 16, 16, 5_000);
}
