//! The calls by which a program reaches out to the network, as strace sees them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::world::said;

const CALLS: &str = "trace=socket,connect,bind,sendto,sendmsg,sendmmsg";

/// The same program under strace, which writes to the file `trace` and ends with it.
pub(crate) fn traced(program: &Command, trace: &Path) -> Command {
    under_strace(program, trace, &[])
}

/// The same for a daemon: strace stands aside, so that a signal reaches the daemon.
pub(crate) fn traced_daemon(daemon: &Command, trace: &Path) -> Command {
    under_strace(daemon, trace, &["--daemonize"])
}

fn under_strace(program: &Command, trace: &Path, options: &[&str]) -> Command {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output().unwrap();
    assert!(tried.status.success(), "strace cannot trace here; this test needs ptrace: {}", said(&tried));
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-e", CALLS, "-e", "signal=none", "-o"]).arg(trace).args(options);
    command.arg(program.get_program()).args(program.get_args());
    command
}

/// Every socket that was made, and every address that was bound, connected or sent to, without order. What is sent on
/// a connected socket is left out: the connection is there.
pub(crate) fn calls(trace: &Path) -> Vec<String> {
    let text = whole(trace);
    let mut calls: Vec<String> = text.lines().flat_map(calls_of_line).collect();
    calls.sort();
    calls
}

/// The trace, once the first process has ended.
fn whole(trace: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let text = fs::read_to_string(trace).unwrap_or_default();
        let first = text.split(' ').next().unwrap_or_default();
        if text.lines().any(|line| line.starts_with(&format!("{first} ")) && line.contains("+++ exited with ")) {
            return text;
        }
        assert!(Instant::now() < deadline, "strace saw no end of the program: {text}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// `4711  connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=…}, 16) = 0` is `connect {sa_family=…}`.
fn calls_of_line(line: &str) -> Vec<String> {
    const ADDRESS: &str = "{sa_family=";
    // A call that another thread interrupts is shown twice; the second time without what it was called with.
    let Some((name, arguments)) = line.split_once('(').filter(|_| !line.contains("<... ")) else { return vec![] };
    let name = name.rsplit(' ').next().unwrap();
    if name == "socket" {
        return vec![format!("socket {}", arguments.split(')').next().unwrap())];
    }
    let addresses = arguments.match_indices(ADDRESS).map(|(start, _)| &arguments[start..]);
    addresses.map(|address| format!("{name} {}", address.split_inclusive('}').next().unwrap())).collect()
}
