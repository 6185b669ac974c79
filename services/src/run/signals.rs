//! Signals that the program, not `mecai run`, is meant to get.

use std::io;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use tokio::signal::unix::{self, SignalKind};

/// The caught signals.
pub(super) struct Signals {
    streams: Vec<(Signal, unix::Signal)>,
}

const CAUGHT: [(Signal, SignalKind); 6] = [
    (Signal::HUP, SignalKind::hangup()),
    (Signal::INT, SignalKind::interrupt()),
    (Signal::QUIT, SignalKind::quit()),
    (Signal::TERM, SignalKind::terminate()),
    (Signal::USR1, SignalKind::user_defined1()),
    (Signal::USR2, SignalKind::user_defined2()),
];

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        let catch = |(signal, kind)| unix::signal(kind).map(|stream| (signal, stream));
        Ok(Self { streams: CAUGHT.into_iter().map(catch).collect::<io::Result<_>>()? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        let waits = self.streams.iter_mut().map(|(signal, stream)| {
            Box::pin(async move {
                stream.recv().await;
                *signal
            })
        });
        futures_util::future::select_all(waits).await.0
    }
}

/// Passes a signal on to the program. What was typed at the terminal has reached it already.
pub(super) fn forward(signal: Signal, program: Option<u32>) {
    let is_typed = matches!(signal, Signal::INT | Signal::QUIT) && is_in_foreground();
    let program = program.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(program) = program.filter(|_| !is_typed) {
        // It may have just ended; then there is nobody to tell.
        let _ = kill_process(program, signal);
    }
}

/// Ends this process by a signal, as the program ended by it. Returns if the signal does not end processes.
pub(super) fn die_by(signal: i32) {
    let no_core = rustix::process::Rlimit { current: Some(0), maximum: None };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, no_core);
    // SAFETY: the default action takes the place of ours; nothing else of this process depends on it.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Whether the terminal's keys reach this process group.
fn is_in_foreground() -> bool {
    std::fs::File::open("/dev/tty")
        .is_ok_and(|terminal| rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
}
