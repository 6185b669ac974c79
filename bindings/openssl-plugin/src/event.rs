//! The log line of a judged handshake.

use mecai::host::Reference;
use mecai::time::UnixTime;
use mecai::verdict::{Outcome, Verdict};

use crate::log::{Level, Log};

/// Says what came of a handshake with `name`, and why.
pub(crate) fn verdict(log: &Log, name: Option<Reference<'_>>, verdict: &Verdict, now: UnixTime) {
    if !log.is_on() {
        return;
    }
    let outcome = verdict.outcome();
    let name = name.map_or_else(|| "a server without a name".to_owned(), |name| name.to_string());
    let reason = match verdict.admission() {
        Some(admission) => format!("{verdict} ({} s old)", now.since(admission.newest)),
        None => format!("{}: {verdict}", verdict.code()),
    };
    let alarm = if verdict.alarm() { "; alarm: vouchers that do not belong here" } else { "" };
    let notes: Vec<&str> = verdict.notes().iter().map(|note| note.as_str()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!("; notes: {}", notes.join(", ")) };
    let level = if outcome == Outcome::Refused || verdict.alarm() { Level::Warning } else { Level::Info };
    log.event(level, format_args!("{} {name}: {reason}{alarm}{notes}", outcome.as_str()));
}
