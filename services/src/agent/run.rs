//! The three subcommands.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::clock::now;
use super::config::Config;
use super::engine::{self, Engine};
use super::status::Status;
use super::table;
use super::trouble::Trouble;
use super::watch::Watched;
use crate::exit::Exit;
use crate::output;

/// Files are looked at, and what is due is begun, in steps of so much.
const STEP: Duration = Duration::from_secs(1);
/// The status is written when it has changed, else once in so much.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// The places for questions, and some for the system's resolver.
const THREADS: usize = 600;

/// `mecai agent run`.
pub(super) fn keep_running(config: Config, path: &Path) -> Result<Exit, Trouble> {
    with_runtime(async {
        let mut signals = Signals::new()?;
        let mut watched = Watched::new(vec![path.to_path_buf()]);
        watched.refresh(|| Ok(()));
        let lock = engine::lock(&config.state())?;
        let mut agent = Agent::new(config, lock);
        loop {
            agent.step();
            let end = agent.wait(&mut signals).await;
            match end {
                Wake::Step => {}
                Wake::Hangup => {
                    tracing::info!("all files are read anew");
                    agent.engine.start_over(now());
                }
                Wake::Terminate => break,
            }
            let mut new = None;
            let read = || {
                new = Some(Config::read(path).map_err(|error| Trouble::new("configuration", error.to_string()))?);
                Ok(())
            };
            if watched.refresh(read)
                && let Some(config) = new
            {
                agent = agent.reconfigured(config);
            }
        }
        tracing::info!("the agent ends");
        agent.engine.finish(now());
        agent.write_status();
        Ok(Exit::Done)
    })
}

/// `mecai agent once`.
pub(super) fn once(config: Config, json: bool) -> Result<Exit, Trouble> {
    let status = with_runtime(async {
        let mut signals = Signals::new()?;
        let lock = engine::lock(&config.state())?;
        let mut agent = Agent::new(config, lock);
        agent.engine.want_one_round(now());
        loop {
            agent.step();
            if agent.engine.is_done() {
                break;
            }
            if let Wake::Terminate = agent.wait(&mut signals).await {
                agent.engine.finish(now());
                agent.write_status();
                return Err(Trouble::new("interrupted", "ended by a signal before all authorities had answered"));
            }
        }
        agent.engine.finish(now());
        agent.write_status();
        Ok(agent.engine.known)
    })?;
    let sites: String = status.sites.iter().map(|site| format!("{}\n", table::round(site, &status.sites))).collect();
    let troubles = status.troubles.iter().map(|trouble| format!("{} ({})\n", trouble.sentence, trouble.code));
    print(&if json { status.to_json() } else { sites + &troubles.collect::<String>() })?;
    Ok(exit(&status))
}

/// `mecai agent status`.
pub(super) fn show(config: &Config, json: bool) -> Result<Exit, Trouble> {
    let path = Status::path(&config.state());
    let missing = || {
        let sentence = format!("there is no {}: no agent with this configuration has run yet", path.display());
        Trouble::new("no_status", sentence)
    };
    let mut status = Status::read(&config.state())?.ok_or_else(missing)?;
    status.sites.iter_mut().for_each(|site| site.expire(now()));
    print(&if json { status.to_json() } else { table::status(&status) })?;
    Ok(exit(&status))
}

fn print(text: &str) -> Result<(), Trouble> {
    output::print(text).map_err(|cause| Trouble::new("not_printed", format!("the status cannot be printed: {cause}")))
}

/// Done when at most a quarter of the operators is missing at any site.
fn exit(status: &Status) -> Exit {
    let is_new = |site: &super::SiteStatus| site.trouble.is_none() && site.failing < site.operators;
    if !status.troubles.is_empty() {
        Exit::Failed
    } else if status.sites.iter().all(|site| site.vouching == 0) {
        Exit::NoVoucher
    } else if status.sites.iter().all(super::SiteStatus::is_well) {
        Exit::Done
    } else if status.sites.iter().any(is_new) {
        Exit::SomeFailed
    } else {
        Exit::Failed
    }
}

fn with_runtime<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let failed = |cause: std::io::Error| Trouble::new("runtime_failed", format!("cannot start: {cause}"));
    let runtime: Runtime =
        Builder::new_current_thread().enable_all().max_blocking_threads(THREADS).build().map_err(failed)?;
    let result = runtime.block_on(work);
    // Answers that nobody waits for any more do not hold up the end.
    runtime.shutdown_background();
    result
}

/// The engine, and the writing of its status.
struct Agent {
    engine: Engine,
    next_look: Instant,
    written: Option<Instant>,
    trouble: Option<Trouble>,
}

enum Wake {
    Step,
    Hangup,
    Terminate,
}

impl Agent {
    fn new(config: Config, lock: File) -> Self {
        Self { engine: Engine::new(config, lock), next_look: Instant::now(), written: None, trouble: None }
    }

    fn step(&mut self) {
        self.engine.advance(now());
        if Instant::now() >= self.next_look {
            self.write_status();
        }
    }

    async fn wait(&mut self, signals: &mut Signals) -> Wake {
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
    fn reconfigured(mut self, config: Config) -> Self {
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
    fn write_status(&mut self) {
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

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Trouble> {
        let caught = |kind| {
            signal(kind).map_err(|cause| Trouble::new("runtime_failed", format!("cannot wait for signals: {cause}")))
        };
        Ok(Self {
            hangup: caught(SignalKind::hangup())?,
            interrupt: caught(SignalKind::interrupt())?,
            terminate: caught(SignalKind::terminate())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use mecai::time::UnixTime;

    use super::*;
    use crate::agent::{Failing, SiteStatus};

    fn site(operators: usize, vouching: usize, failing: usize) -> SiteStatus {
        SiteStatus {
            host: "www.shop.example".to_owned(),
            port: 443,
            role: crate::agent::Role::Primary,
            certificate_file: "/shop.pem".into(),
            certificate: None,
            operators,
            vouching,
            failing,
            good_until: None,
            next_round: None,
            trouble: None,
            warnings: Vec::new(),
            authorities: Vec::new(),
        }
    }

    #[test]
    fn exit_statuses() {
        let of = |sites: &[SiteStatus]| exit(&Status { sites: sites.to_vec(), ..Status::new(UnixTime(0)) });
        assert_eq!(of(&[site(11, 11, 0)]), Exit::Done);
        assert_eq!(of(&[site(11, 9, 2)]), Exit::Done);
        assert_eq!(of(&[site(11, 8, 3)]), Exit::SomeFailed);
        assert_eq!(of(&[site(11, 11, 3)]), Exit::SomeFailed);
        assert_eq!(of(&[site(11, 11, 0), site(11, 0, 11)]), Exit::SomeFailed);
        assert_eq!(of(&[site(11, 11, 11)]), Exit::Failed);
        assert_eq!(of(&[site(11, 0, 11)]), Exit::NoVoucher);
        let trouble = Failing::after(None, "store_not_written", "no space".to_owned(), UnixTime(0));
        let full = Status { sites: vec![site(11, 11, 0)], troubles: vec![trouble], ..Status::new(UnixTime(0)) };
        assert_eq!(exit(&full), Exit::Failed);
    }
}
