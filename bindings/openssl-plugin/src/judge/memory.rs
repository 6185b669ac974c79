//! What a client keeps between handshakes and processes: its secret, the promises of sites, and reports.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use mecai::pick::{PickSecret, machine_id};
use mecai::report::Report;
use mecai::state::{Memory as Promised, Spooled, State, StateError};
use mecai::time::UnixTime;
use mecai::verdict::Stay;

use crate::log::{Level, Log};

const MACHINE_ID: &str = "/etc/machine-id";

/// The state directory, if one is configured.
pub(crate) struct Memory {
    state: Option<State>,
    /// Stands for the promise that was kept last, so that not every handshake opens its file.
    last_promise: AtomicU64,
}

impl Memory {
    /// What is kept in this directory; nothing without one.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { state: directory.map(State::new), last_promise: AtomicU64::new(0) }
    }

    /// The directory.
    pub(crate) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// What picks are drawn by; none without a secret that is this user's alone and this machine's (spec 7).
    pub(crate) fn secret(&self, log: &Log) -> Option<PickSecret> {
        let state = self.state.as_ref()?;
        let tell = |problem: String| {
            log.problem(format_args!("state = {}: picks have no secret: {problem}", state.path().display()));
        };
        let secret = state.secret().map_err(|error| tell(error.to_string())).ok()?;
        let secret =
            std::fs::read_to_string(MACHINE_ID).map_err(|error| format!("cannot be read: {error}")).and_then(|text| {
                match machine_id(&text) {
                    Ok(id) => Ok(PickSecret::new(&secret, id)),
                    Err(problem) => Err(problem.to_string()),
                }
            });
        secret.map_err(|problem| tell(format!("{MACHINE_ID} {problem}"))).ok()
    }

    /// Whether this host has promised to go on showing vouchers.
    pub(crate) fn is_remembered(&self, name: &str, now: UnixTime, log: &Log) -> bool {
        let Some(state) = &self.state else { return false };
        let promised = state.remembered(name, now);
        if let Promised::Unreadable(error) = &promised {
            tell(log, "what cannot be read counts as a promise to show vouchers", error);
        }
        promised.is_remembered()
    }

    /// Keeps the promise of the site with this name.
    pub(crate) fn remember(&self, name: &str, stay: Stay, now: UnixTime, log: &Log) {
        let Some(state) = &self.state else { return };
        let mut hasher = DefaultHasher::new();
        (name, stay.produced_at.0, stay.days).hash(&mut hasher);
        let promise = hasher.finish();
        if self.last_promise.load(Ordering::Relaxed) == promise {
            return;
        }
        match state.remember(name, stay, now) {
            Ok(_) => self.last_promise.store(promise, Ordering::Relaxed),
            Err(error) => tell(log, "a promise to show vouchers was not kept", &error),
        }
    }

    /// Keeps the evidence of an event until somebody submits it.
    pub(crate) fn spool(&self, report: &Report, log: &Log) {
        let Some(state) = &self.state else { return };
        match state.spool(report) {
            Ok(Spooled::Written | Spooled::Known) => {}
            Ok(Spooled::Full) => {
                let directory = state.path().display();
                log.event(Level::Warning, format_args!("a report was dropped: the spool in {directory} is full"));
            }
            Err(error) => tell(log, "a report was dropped", &error),
        }
    }
}

fn tell(log: &Log, event: &str, error: &StateError) {
    log.event(Level::Warning, format_args!("{event}: {error}"));
}
