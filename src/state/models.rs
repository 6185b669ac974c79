//! Models of many processes that share one directory. Each is a thread of the model; what they meet at are real files.
#![allow(clippy::unwrap_used)]

use mecai_schedule::{explore, spawn};
use tempfile::TempDir;

use super::*;
use crate::report::{Event, Report};
use crate::time::UnixTime;
use crate::verdict::{Code, Stay};

const NOW: UnixTime = UnixTime(1_795_478_400);
const DAY: u64 = 86_400;
const FEW: usize = 150;
const MANY: usize = 3_000;

/// A directory that nobody has made yet, below one that is in memory where the machine has that.
fn fresh() -> (TempDir, State) {
    let memory = Path::new("/dev/shm");
    let above = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let state = State::new(above.path().join("state"));
    (above, state)
}

/// Runs these at once, each as a process of its own, and gives what came of each.
fn processes<T: Send + 'static>(
    state: &State,
    runs: impl IntoIterator<Item = impl FnOnce(State) -> T + Send + 'static>,
) -> Vec<T> {
    let start = |run: Box<dyn FnOnce(State) -> T + Send>| {
        let state = state.clone();
        spawn(move || run(state))
    };
    let started: Vec<_> = runs.into_iter().map(|run| start(Box::new(run))).collect();
    started.into_iter().map(|process| process.join().unwrap()).collect()
}

fn files(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

fn one_secret() {
    let (_above, state) = fresh();
    let secrets = processes(&state, (0..3).map(|_| |state: State| state.secret().unwrap()));
    assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    assert_eq!(state.secret().unwrap(), secrets[0]);
    assert_eq!(files(state.path()), 1, "a temporary file was left");
}

fn sequence_is_never_lowered() {
    let (_above, state) = fresh();
    processes(
        &state,
        [[3, 8], [7, 2], [5, 6]].map(|sequences| {
            move |state: State| {
                let mut last = 0;
                for sequence in sequences {
                    let highest = state.raise_list_sequence(sequence).unwrap();
                    assert!(highest >= sequence && highest >= last, "{highest} after {last} and {sequence}");
                    last = state.list_sequence().unwrap().unwrap();
                    assert!(last >= highest, "{last} after {highest}");
                }
            }
        }),
    );
    assert_eq!(state.list_sequence().unwrap(), Some(8));
}

fn newest_promise_counts() {
    let (_above, state) = fresh();
    let promise = |later, days| Stay { produced_at: NOW.plus(later), days };
    processes(
        &state,
        [(1, 30), (2, 0), (3, 7)].map(|(later, days)| {
            move |state: State| {
                let _ = state.remember("www.shop.example", promise(later, days), NOW).unwrap();
                // Whatever the others do, nobody meets half a file, and the newest is never taken back.
                let remembered = state.remembered("www.shop.example", NOW);
                assert!(!matches!(remembered, Memory::Unreadable(_)), "{remembered:?}");
                assert!(later < 3 || remembered.is_remembered());
            }
        }),
    );
    let remembered = state.remembered("www.shop.example", NOW);
    assert!(matches!(remembered, Memory::Until(until) if until == NOW.plus(3 + 7 * DAY)), "{remembered:?}");
}

fn domain_is_never_overfull() {
    let (_above, state) = fresh();
    let domain = state.path().join("hosts/shop.example");
    state.make(&domain).unwrap();
    let record = format!("{} {}\n", NOW.0, NOW.0 + DAY);
    for host in 0..HOSTS_PER_DOMAIN - 1 {
        fs::write(domain.join(format!("h{host}.shop.example")), &record).unwrap();
    }
    let promises = processes(
        &state,
        ["one", "two"].map(|name| {
            let stay = Stay { produced_at: NOW, days: 1 };
            move |state: State| state.remember(&format!("{name}.shop.example"), stay, NOW).unwrap()
        }),
    );
    assert_eq!(promises.iter().filter(|promise| **promise == Promise::NoPlace).count(), 1, "{promises:?}");
    assert_eq!(files(&domain), HOSTS_PER_DOMAIN);
}

fn spool_is_never_overfull() {
    let report = |leaf: &[u8]| {
        Report::new(&Event {
            answer: None,
            chain: &[leaf],
            code: Code::SuspiciousCertificate,
            host: "www.shop.example",
            at: NOW,
            peer: None,
            port: None,
            region: None,
        })
    };
    let (_above, state) = fresh();
    let spool = state.path().join("reports");
    state.make(&spool).unwrap();
    // Room for one more and a half.
    let size = report(b"one").to_json().len() as u64;
    File::create(spool.join("large")).unwrap().set_len(REPORTS_OCTETS_MAX - size * 3 / 2).unwrap();
    let spooled = processes(
        &state,
        [b"one", b"one", b"two"].map(|leaf| {
            let report = report(leaf);
            move |state: State| state.spool(&report).unwrap()
        }),
    );
    assert_eq!(spooled.iter().filter(|spooled| **spooled == Spooled::Written).count(), 1, "{spooled:?}");
    assert_eq!(files(&spool), 2);
}

#[test]
fn processes_that_begin_together_have_one_secret() {
    explore(FEW, one_secret);
}

#[test]
fn processes_never_lower_the_sequence() {
    explore(FEW, sequence_is_never_lowered);
}

#[test]
fn of_the_promises_that_processes_keep_the_newest_counts() {
    explore(FEW, newest_promise_counts);
}

#[test]
fn processes_never_overfill_a_domain() {
    explore(FEW, domain_is_never_overfull);
}

#[test]
fn processes_never_overfill_the_spool() {
    explore(FEW, spool_is_never_overfull);
}

#[test]
#[ignore = "part of make test-long"]
fn in_many_more_orders() {
    explore(MANY, one_secret);
    explore(MANY, sequence_is_never_lowered);
    explore(MANY, newest_promise_counts);
    explore(MANY, domain_is_never_overfull);
    explore(MANY, spool_is_never_overfull);
}
