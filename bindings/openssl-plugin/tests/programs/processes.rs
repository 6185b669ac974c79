//! Processes that fork, have many threads, or end in the middle: nothing crashes, hangs or is lost. A program that
//! hangs ends itself with a signal.

use std::fs;
use std::time::Duration;

use crate::in_memory::{ASAN, InMemory, VALGRIND, Watched};
use crate::world::{Vouched, now};

/// Each of them: forked before the first handshake; after it; while another thread is in its own part of a
/// verification, in the reading of the list, or in the search for libssl.
fn forks(watched: Watched) {
    for when in ["before", "after", "verifying", "reading", "looking"] {
        let mut memory = InMemory::new(watched);
        // What a thread had on its stack is lost in a child, which has no such thread.
        memory.counts_leaks = matches!(when, "before" | "after");
        memory.run("forks", &[when]);
    }
}

fn ends(watched: Watched) {
    for how in ["unload", "close", "exit", "exit-held", "cleanup-held", "quick-exit"] {
        let mut memory = InMemory::new(watched);
        // What a thread was about to note down when the process ended under it is lost.
        memory.counts_leaks = matches!(how, "unload" | "close");
        memory.run("ends", &[how, memory.module.to_str().unwrap()]);
    }
}

/// The list and the store change all the time.
fn threads(watched: Watched, count: u32) {
    let memory = InMemory::new(watched);
    let program = memory.build("threads", &[]);
    let write_vouchers = |round: u64| {
        let good = Vouched::for_site(&memory.site);
        // As long as may be: the program's time runs fast.
        memory.write_vouchers(&Vouched { produced_at: good.produced_at.plus(round % 60), lifetime: 86_400, ..good });
    };
    write_vouchers(0);
    let mut running = memory.start(&program, &[&count.to_string()]);
    let kept = || fs::read_to_string(memory.world.path("state/list-sequence")).ok();
    let mut round = 0;
    while running.try_wait().unwrap().is_none() {
        // Not before the first list was read: between the two files of a list there is none yet to stay with.
        if kept().is_some() {
            round += 1;
            memory.world.write_list(1 + round, now().plus(86_400));
            write_vouchers(round);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(memory.end(running), format!("{} handshakes\n", 8 * (count + 1) * 2), "{}", memory.world.log());
    // The module has looked, and found new ones.
    assert!(kept().unwrap().trim().parse::<u64>().unwrap() > 1, "{round} lists");
}

/// Gives by how many octets it grew after the first of them.
fn contexts(watched: Watched, first: u32, count: u32) -> i64 {
    let said = InMemory::new(watched).run("contexts", &[&first.to_string(), &count.to_string()]);
    assert!(said.starts_with(&format!("{} contexts, grew ", count * 2)), "{said}");
    said.split_whitespace().filter_map(|word| word.parse().ok()).next_back().unwrap()
}

/// Libraries with an OpenSSL of their own are loaded by threads at once, used, and closed.
fn openssls(watched: Watched) {
    let memory = InMemory::new(watched);
    let own = ["-Wl,--whole-archive", "-Wl,-Bstatic", "-lssl", "-lcrypto", "-Wl,-Bdynamic", "-Wl,--no-whole-archive"];
    let library = memory.build("copy", &[&["-shared", "-fPIC", "-Wl,-Bsymbolic"][..], &own].concat());
    let copies = ["first", "second", "third", "fourth"].map(|name| memory.world.path(name));
    for copy in &copies {
        fs::copy(&library, copy).unwrap();
    }
    memory.run("copies", &copies.each_ref().map(String::as_str));
    let judged = memory.world.log().lines().filter(|line| line.contains(": no_voucher: ")).count();
    assert_eq!(judged, 4 * 3 * 2, "{}", memory.world.log());
}

#[test]
fn several_openssls_load_the_module_at_once() {
    openssls(Watched::No);
}

#[test]
fn parent_and_children_go_on_after_a_fork() {
    forks(Watched::No);
}

#[test]
fn a_process_ends_or_unloads_while_threads_are_in_handshakes() {
    ends(Watched::No);
}

#[test]
fn eight_threads_handshake_while_the_list_and_the_store_change() {
    threads(Watched::No, 200);
}

#[test]
fn a_thousand_contexts_leave_nothing_behind() {
    // The module keeps the first 256 certificates; and by then OpenSSL's own tables have the size that they need.
    let grew = contexts(Watched::No, 1024, 1280);
    // The smallest thing that each of these contexts could leave takes 16 kB of them.
    assert!(grew < 8_000, "{grew}");
}

/// Takes minutes, and needs valgrind.
#[test]
#[ignore = "part of make test-long"]
fn valgrind_finds_no_error_in_processes_and_threads() {
    all(VALGRIND);
}

/// Takes minutes: the module is built once more.
#[test]
#[ignore = "part of make test-long"]
fn address_sanitizer_finds_no_error_in_processes_and_threads() {
    all(ASAN);
}

fn all(watched: Watched) {
    forks(watched);
    ends(watched);
    threads(watched, 20);
    contexts(watched, 2, 20);
    openssls(watched);
}
