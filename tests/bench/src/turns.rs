//! Processes that take turns: while one runs the others are stopped, so that what disturbs the machine meets all alike.

use std::error::Error;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::cpu;

const TURN: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the commands to their ends, which must be good ones: the processor time of each.
pub(crate) fn take_turns<const N: usize>(commands: [Command; N]) -> Result<[Duration; N], Box<dyn Error>> {
    let mut racers = Vec::with_capacity(N);
    for mut command in commands {
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        cpu::signal(&child, libc::SIGSTOP)?;
        racers.push(Racer { child, used: None });
    }
    let deadline = Instant::now() + PATIENCE;
    while racers.iter().any(|racer| racer.used.is_none()) {
        if Instant::now() > deadline {
            return Err("a client does not end".into());
        }
        for racer in racers.iter_mut().filter(|racer| racer.used.is_none()) {
            racer.take_turn()?;
        }
    }
    let mut used = [Duration::ZERO; N];
    for (to, racer) in used.iter_mut().zip(&racers) {
        *to = racer.used.unwrap_or_default();
    }
    Ok(used)
}

/// A process, and what it used once it has ended.
struct Racer {
    child: Child,
    used: Option<Duration>,
}

impl Racer {
    fn take_turn(&mut self) -> Result<(), Box<dyn Error>> {
        cpu::signal(&self.child, libc::SIGCONT)?;
        std::thread::sleep(TURN);
        cpu::signal(&self.child, libc::SIGSTOP)?;
        match cpu::ended(&self.child)? {
            None => Ok(()),
            Some((0, used)) => {
                self.used = Some(used);
                Ok(())
            }
            Some((status, used)) => {
                self.used = Some(used);
                Err(format!("a client ended: {}", ExitStatus::from_raw(status)).into())
            }
        }
    }
}

impl Drop for Racer {
    fn drop(&mut self) {
        if self.used.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
