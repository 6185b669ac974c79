//! The log line of a handshake: how it was judged, or why it was not.

use std::ffi::c_int;

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
    let name = text(name);
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

/// Says that the program found a chain wrong and goes on: it may decide later, or not at all.
pub(crate) fn overruled(log: &Log, name: Option<Reference<'_>>, error: c_int) {
    if log.is_on() {
        let name = text(name);
        log.event(
            Level::Warning,
            format_args!("not judged {name}: the program goes on in spite of the X509 error {error}"),
        );
    }
}

fn text(name: Option<Reference<'_>>) -> String {
    name.map_or_else(|| "a server without a name".to_owned(), |name| name.to_string())
}
