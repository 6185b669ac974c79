//! The engine's turns: what is due, then a wait for whatever ends first; and the writing of its status.

use std::fs::File;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::clock::now;
use super::config::Config;
use super::engine::{self, Engine};
use super::trouble::Trouble;

/// Files are looked at, and what is due is begun, in steps of so much.
const STEP: Duration = Duration::from_secs(1);
/// The status is written when it has changed, else once in so much.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// The places for questions, and some for the system's resolver.
const THREADS: usize = 600;

/// Does the work on a runtime of this thread.
pub(super) fn with_runtime<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let failed = |cause: std::io::Error| Trouble::new("runtime_failed", format!("cannot start: {cause}"));
    let runtime: Runtime =
        Builder::new_current_thread().enable_all().max_blocking_threads(THREADS).build().map_err(failed)?;
    let result = runtime.block_on(work);
    // Answers that nobody waits for any more do not hold up the end.
    runtime.shutdown_background();
    result
}

/// The engine, and the writing of its status.
pub(super) struct Agent {
    pub(super) engine: Engine,
    next_look: Instant,
    written: Option<Instant>,
    trouble: Option<Trouble>,
}

/// Why a wait is over.
pub(super) enum Wake {
    Step,
    Hangup,
    Terminate,
}

impl Agent {
    pub(super) fn new(config: Config, lock: File) -> Self {
        Self { engine: Engine::new(config, lock), next_look: Instant::now(), written: None, trouble: None }
    }

    /// Does what is due.
    pub(super) fn step(&mut self) {
        self.engine.advance(now());
        if Instant::now() >= self.next_look {
            self.write_status();
        }
    }

    /// Waits for an event, a signal, or the next step.
    pub(super) async fn wait(&mut self, signals: &mut Signals) -> Wake {
        tokio::select! {
            event = self.engine.next_event() => {
                if let Some(event) = event {
                    self.engine.handle(event, now());
                }
                // What else has ended meanwhile is noted before anything new is begun.
                while let Some(event) = self.engine.event_at_hand() {
                    self.engine.handle(event, now());
                }
                Wake::Step
            }
            () = tokio::time::sleep(STEP) => Wake::Step,
            _ = signals.hangup.recv() => Wake::Hangup,
            _ = signals.interrupt.recv() => Wake::Terminate,
            _ = signals.terminate.recv() => Wake::Terminate,
        }
    }

    /// Works with a new configuration. The old one stays in use if the new one's state directory cannot be had.
    pub(super) fn reconfigured(mut self, config: Config) -> Self {
        self.engine.finish(now());
        self.write_status();
        let lock = if config.state() == self.engine.config.state() {
            self.engine.lock.try_clone().map_err(|cause| Trouble::new("state_failed", cause.to_string()))
        } else {
            engine::lock(&config.state())
        };
        match lock {
            Ok(lock) => {
                tracing::info!("the configuration is read anew");
                Self::new(config, lock)
            }
            Err(trouble) => {
                tracing::error!(code = trouble.code, "{}; the old configuration stays in use", trouble.sentence);
                self
            }
        }
    }

    /// Writes the status if it has changed or the last one is old.
    pub(super) fn write_status(&mut self) {
        let began = Instant::now();
        let is_old = self.written.is_none_or(|at| at.elapsed() >= HEARTBEAT);
        if !std::mem::take(&mut self.engine.has_changed) && !is_old && self.trouble.is_none() {
            return;
        }
        let mut status = self.engine.snapshot(now());
        let written = std::mem::replace(&mut status.written, self.engine.known.written.clone());
        let is_new = status != self.engine.known;
        status.written = written;
        if is_new || is_old || self.trouble.is_some() {
            let trouble = status.write(&self.engine.config.state()).err();
            if let Some(trouble) = trouble.as_ref().filter(|trouble| self.trouble.as_ref() != Some(trouble)) {
                tracing::error!(code = trouble.code, "{}", trouble.sentence);
            }
            self.trouble = trouble;
            self.written = Some(Instant::now());
        }
        self.engine.known = status;
        // The status of many sites takes long to write: never more than a twentieth of the time.
        self.next_look = Instant::now() + (began.elapsed() * 20).max(STEP);
    }
}

/// The signals that it heeds.
pub(super) struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, Trouble> {
        let caught = |kind| {
            signal(kind).map_err(|cause| Trouble::new("runtime_failed", format!("cannot wait for signals: {cause}")))
        };
        Ok(Self {
            hangup: caught(SignalKind::hangup())?,
            interrupt: caught(SignalKind::interrupt())?,
            terminate: caught(SignalKind::terminate())?,
        })
    }

    /// Whether it is to end, by a signal within so long.
    pub(super) async fn ended_within(&mut self, pause: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(pause) => false,
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => true,
        }
    }
}
