//! What a handshake costs a server in calls to the system, as strace sees it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::daemons::{Daemon, certificate, nginx};
use crate::world::{HOST, Vouched, World, said};

#[test]
fn a_handshake_takes_no_lock_and_a_file_is_looked_at_once_in_five_seconds() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let store = world.path("vouchers");
    world.store(&store, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let client = world.write_config("client", &[("log", "stderr")]);
    let block = format!("server {{ listen 127.0.0.1:PORT ssl; {} return 204; }}", certificate(&site));
    // The calls of a worker in 50 handshakes, and the seconds that these took at least.
    let calls = |config: Option<&str>, outcome: &str, seconds: u64| {
        let nginx = nginx(&world, "nginx", &block, config);
        trace(&nginx, || {
            let start = Instant::now();
            let mut handshakes = 0;
            while handshakes < 50 || start.elapsed().as_secs() < seconds {
                let said = said(&world.s_client_to(&client, nginx.port, &["-servername", HOST]));
                assert!(said.contains(outcome), "{said}");
                handshakes += 1;
            }
            start.elapsed().as_secs()
        })
    };
    let config = |mode| world.write_config("server", &[("mode", mode), ("vouchers", &store)]);
    let (served, seconds) = calls(Some(&config("require")), "Verification: OK", 6);
    let (reads, looks): (Vec<_>, Vec<_>) = served.iter().partition(|call| call.contains("openat("));
    assert!(served.iter().all(|call| call.contains(&store)), "neither a lock nor another file: {served:#?}");
    assert_eq!(reads.len(), 1, "read once, since nothing changed: {served:#?}");
    assert!((2..=1 + (seconds + 1) / 5).contains(&(looks.len() as u64)), "{seconds} seconds: {served:#?}");
    // What strace would show of nginx itself: nothing of the kind.
    assert_eq!(calls(Some(&config("off")), "no_voucher", 0).0, [""; 0]);
    assert_eq!(calls(None, "no_voucher", 0).0, [""; 0]);
}

/// The calls of all workers that take a lock or look at a file while `handshakes` runs, and what that gives.
fn trace<T>(nginx: &Daemon, handshakes: impl FnOnce() -> T) -> (Vec<String>, T) {
    let workers = nginx.workers();
    let calls = nginx.directory.join("calls");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-e", "trace=futex,openat,statx,?open,?stat,?lstat,?newfstatat,?access,?readlink", "-o"])
        .arg(&calls);
    for worker in &workers {
        command.args(["-p", &worker.to_string()]);
    }
    let mut strace = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(strace.stderr.take().unwrap()).lines();
    for _ in &workers {
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(" attached"), "{line}");
    }
    let outcome = handshakes();
    // SAFETY: the process is our child, and has not been waited for.
    unsafe { libc::kill(i32::try_from(strace.id()).unwrap(), libc::SIGINT) };
    strace.wait().unwrap();
    (fs::read_to_string(calls).unwrap().lines().map(str::to_owned).collect(), outcome)
}
