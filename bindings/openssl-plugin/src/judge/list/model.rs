//! A model of threads that use the list while a newer one is put in its place.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Cursor;
use std::sync::Arc;

use mecai_schedule::{explore, spawn};
use serde_json::json;

use super::*;
use crate::schedule::point;

/// The text and the signature of a list with this sequence number.
type Signed = (Vec<u8>, String);

fn signed(key: &minisign::KeyPair, sequence: u64) -> Signed {
    let list = json!({
        "version": 1, "sequence": sequence, "issued": "2026-12-01T00:00:00Z", "expires": "2026-12-21T00:00:00Z",
        "operators": [],
    });
    let text = serde_json::to_vec(&list).unwrap();
    let signature = minisign::sign(None, &key.sk, Cursor::new(&text), None, None).unwrap();
    (text, signature.to_string())
}

fn put(path: &Path, (text, signature): &Signed) {
    let replace = |path: PathBuf, contents: &[u8]| {
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, contents).unwrap();
        point();
        fs::rename(fresh, path).unwrap();
    };
    replace(path.with_extension("json.minisig"), signature.as_bytes());
    replace(path.to_owned(), text);
}

/// Two threads look at the files, and go on with what is there: the first look may outlast the second, as on a disk that
/// stalls for seconds.
fn lists_never_go_back(keys: &ListKeys, lists: &[Signed; 3]) {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let path = directory.path().join("list.json");
    let log = Arc::new(Log::open(None, "model").unwrap());
    put(&path, &lists[0]);
    let list =
        WatchedList { interval: Interval::of(0), ..WatchedList::open(path.clone(), keys.clone(), None, false, &log) };
    let list = Arc::new(list);
    let sequence = |current: Guard<Arc<Current>>| current.list.as_ref().unwrap().sequence();
    put(&path, &lists[1]);
    let user = || {
        let (list, log) = (Arc::clone(&list), Arc::clone(&log));
        spawn(move || {
            let looked = sequence(list.current(&log));
            let later = sequence(list.current.load());
            assert!(later >= looked, "{later} after {looked}");
        })
    };
    let users = [user(), user()];
    put(&path, &lists[2]);
    users.into_iter().for_each(|user| user.join().unwrap());
    assert_eq!(sequence(list.current(&log)), 3);
}

fn explore_lists(orders: usize) {
    let key = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let keys: ListKeys = key.pk.to_base64().parse().unwrap();
    let lists = [1, 2, 3].map(|sequence| signed(&key, sequence));
    explore(orders, move || lists_never_go_back(&keys, &lists));
}

#[test]
fn a_slow_thread_puts_no_older_list_in_place() {
    explore_lists(300);
}

#[test]
#[ignore = "part of make test-long"]
fn a_slow_thread_puts_no_older_list_in_place_in_many_more_orders() {
    explore_lists(3_000);
}
