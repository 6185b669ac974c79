//! Real processes that share one state directory: this program starts itself again.
#![allow(clippy::unwrap_used)]

use std::env;
use std::process::{Command, Stdio};

use mecai::report::{Event, Report};
use mecai::state::{Memory, State, StateCause, StateError};
use mecai::time::UnixTime;
use mecai::verdict::{Code, Stay};

const NOW: UnixTime = UnixTime(1_795_478_400);
const DAY: u64 = 86_400;
const PROCESSES: u64 = 8;
const ROUNDS: u64 = 40;
const DIRECTORY: &str = "STATE_OF_THE_TEST";
const NUMBER: &str = "NUMBER_OF_THE_PROCESS";

#[test]
fn processes_share_one_memory() {
    if let Ok(directory) = env::var(DIRECTORY) {
        return use_state(&State::new(directory), env::var(NUMBER).unwrap().parse().unwrap());
    }
    let above = tempfile::tempdir().unwrap();
    let directory = above.path().join("state");
    let start = |number: u64| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "processes_share_one_memory", "--nocapture"]);
        command.env(DIRECTORY, &directory).env(NUMBER, number.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = (0..PROCESSES).map(start).collect();
    let state = State::new(&directory);
    for process in started {
        let output = process.wait_with_output().unwrap();
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}{errors}");
        assert!(said.contains(&format!("secret {:?}", *state.secret().unwrap())), "{said}");
    }
    assert_eq!(state.list_sequence().unwrap(), Some((ROUNDS - 1) * PROCESSES + PROCESSES - 1));
    let newest = NOW.plus((ROUNDS - 1) * PROCESSES + PROCESSES - 1).plus(DAY);
    let remembered = state.remembered("www.shop.example", NOW);
    assert!(matches!(remembered, Memory::Until(until) if until == newest), "{remembered:?}");
    let reports = std::fs::read_dir(directory.join("reports")).unwrap().count();
    assert_eq!(u64::try_from(reports).unwrap(), ROUNDS, "every event once");
    // The secret, the number, hosts, reports: nobody left a temporary file.
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 4);
}

fn use_state(state: &State, number: u64) {
    println!("secret {:?}", *state.secret().unwrap());
    let mut last = 0;
    for round in 0..ROUNDS {
        let own = round * PROCESSES + number;
        let highest = in_turn(|| state.raise_list_sequence(own));
        assert!(highest >= own && highest >= last, "{highest} after {last} and {own}");
        last = highest;
        let stay = Stay { produced_at: NOW.plus(own), days: 1 };
        let _ = in_turn(|| state.remember("www.shop.example", stay, NOW));
        let remembered = state.remembered("www.shop.example", NOW);
        assert!(matches!(remembered, Memory::Until(until) if until >= NOW.plus(own + DAY)), "{remembered:?}");
        let event = Event {
            answer: None,
            chain: &[&round.to_be_bytes()],
            code: Code::SuspiciousCertificate,
            host: "www.shop.example",
            at: NOW,
            peer: None,
            port: None,
            region: None,
        };
        in_turn(|| state.spool(&Report::new(&event)));
    }
}

/// What a call gives once the others have let it come to its turn: on a busy machine that may take longer than one waits.
fn in_turn<T>(mut call: impl FnMut() -> Result<T, StateError>) -> T {
    loop {
        match call() {
            Err(StateError { cause: StateCause::Busy, .. }) => {}
            outcome => return outcome.unwrap(),
        }
    }
}
