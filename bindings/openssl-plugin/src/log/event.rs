//! The log line of a handshake: how it was judged, or why it was not.

use std::ffi::c_int;

use mecai::host::Reference;
use mecai::time::UnixTime;
use mecai::verdict::{Outcome, Verdict};

use crate::log::{Level, Log};

const NO_NAME: &str = "a server without a name";

/// Says what came of a handshake with `name`, and why.
pub(crate) fn verdict(log: &Log, name: &str, verdict: &Verdict, now: UnixTime) {
    if log.is_on() {
        let is_bad = verdict.outcome() == Outcome::Refused || verdict.alarm();
        let level = if is_bad { Level::Warning } else { Level::Info };
        log.event(level, format_args!("{}", sentence(name, verdict, now)));
    }
}

/// The outcome, the name that was meant (empty for none), the code, and the values compared.
pub(crate) fn sentence(name: &str, verdict: &Verdict, now: UnixTime) -> String {
    let outcome = verdict.outcome().as_str();
    let name = if name.is_empty() { NO_NAME } else { name };
    let reason = match verdict.admission() {
        Some(admission) => {
            let failover = verdict.failover().map_or_else(String::new, |failover| format!("; {failover}"));
            format!("{admission} ({} s old){failover}", now.since(admission.newest))
        }
        None => format!("{}: {verdict}", verdict.code()),
    };
    let alarm = if verdict.alarm() { "; alarm: vouchers that do not belong here" } else { "" };
    let notes: Vec<&str> = verdict.notes().iter().map(|note| note.as_str()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!("; notes: {}", notes.join(", ")) };
    format!("{outcome} {name}: {reason}{alarm}{notes}")
}

/// Says that the program found a chain wrong and goes on: it may decide later, or not at all.
pub(crate) fn overruled(log: &Log, name: Option<Reference<'_>>, error: c_int) {
    if log.is_on() {
        let name = name.map_or_else(|| NO_NAME.to_owned(), |name| name.to_string());
        log.event(
            Level::Warning,
            format_args!("not judged {name}: the program goes on in spite of the X509 error {error}"),
        );
    }
}
