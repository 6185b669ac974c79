//! Models of the threads of a server and the agent that writes its store.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mecai_schedule::{explore, spawn};

use super::cache::LOOK_EVERY;
use super::tests::{CERTIFICATE, NOW, bundle, contents, shown};
use super::*;
use crate::time::UnixTime;

const FEW: usize = 300;
const MANY: usize = 3_000;

fn write(store: &Store, made: u64) {
    store.write(&contents(vec![bundle("a.example", 443, NOW.plus(made), [1])])).unwrap();
}

/// When the statement was made that is answered.
fn ask(cache: &Cache, now: UnixTime) -> Option<u64> {
    let answer = cache.answer(&CERTIFICATE, Part::Vouchers, Some("a.example"), now, |error| panic!("{error}"));
    shown(answer.as_deref()).first().map(|(_, _, made)| made - NOW.0)
}

/// An agent writes while one thread looks and, five seconds later, another, which the first may outlast: no thread's
/// answers go back, and the next look gives the last file.
fn answers_never_go_back() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = Store::new(directory.path());
    let cache = Arc::new(Cache::new(directory.path(), 1));
    write(&store, 1);
    assert_eq!(ask(&cache, NOW), Some(1));
    write(&store, 2);
    let agent = spawn(move || write(&store, 3));
    let server = |at: u64| {
        let cache = Arc::clone(&cache);
        spawn(move || {
            let mut last = 0;
            for _ in 0..3 {
                let made = ask(&cache, NOW.plus(at)).unwrap();
                assert!(made >= last, "{made} after {last}");
                last = made;
            }
        })
    };
    let servers = [server(LOOK_EVERY), server(2 * LOOK_EVERY)];
    agent.join().unwrap();
    servers.into_iter().for_each(|server| server.join().unwrap());
    assert_eq!(ask(&cache, NOW.plus(3 * LOOK_EVERY)), Some(3));
}

/// Threads that meet certificates for the first time, and more of them than there is room for: each has its answer.
fn newcomers_are_answered() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let cache = Arc::new(Cache::new(directory.path(), 2));
    write(&Store::new(directory.path()), 1);
    let server = |others: [u8; 2]| {
        let cache = Arc::clone(&cache);
        spawn(move || {
            for other in others {
                cache.answer(&[other; 32], Part::Vouchers, None, NOW, |error| panic!("{error}"));
                assert_eq!(ask(&cache, NOW), Some(1));
            }
        })
    };
    let servers = [server([1, 2]), server([2, 3]), server([3, 1])];
    servers.into_iter().for_each(|server| server.join().unwrap());
    let known = cache.certificates();
    assert!(known.len() == 2 && known[0] < known[1], "{known:?}");
}

/// What was read stays in force only until it ends: threads build the answers anew while another finds a new file.
fn a_new_file_is_found_while_vouchers_end() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = Store::new(directory.path());
    let cache = Arc::new(Cache::new(directory.path(), 1));
    write(&store, 0);
    assert_eq!(ask(&cache, NOW), Some(0));
    write(&store, 50);
    let end = NOW.plus(86_401);
    let server = || {
        let cache = Arc::clone(&cache);
        spawn(move || ask(&cache, end))
    };
    let servers = [server(), server()];
    for server in servers {
        server.join().unwrap();
    }
    assert_eq!(ask(&cache, end), Some(50), "the look was lost");
}

#[test]
fn threads_never_answer_with_something_older() {
    explore(FEW, answers_never_go_back);
}

#[test]
fn threads_that_fill_the_cache_are_all_answered() {
    explore(FEW, newcomers_are_answered);
}

#[test]
fn a_look_is_not_lost_to_a_thread_that_finds_vouchers_ended() {
    explore(FEW, a_new_file_is_found_while_vouchers_end);
}

#[test]
#[ignore = "part of make test-long"]
fn in_many_more_orders() {
    explore(MANY, answers_never_go_back);
    explore(MANY, newcomers_are_answered);
    explore(MANY, a_new_file_is_found_while_vouchers_end);
}
