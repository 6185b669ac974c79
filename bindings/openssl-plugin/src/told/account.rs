//! All that is known of a connection's last handshake, as JSON.

use data_encoding::BASE64;
use mecai::report::Report;
use mecai::verdict::{Failover, Note, Outcome, Verdict};
use serde_json::{Value, json};

use crate::copies;
use crate::handshake::connection::Judged;
use crate::handshake::session::{Mark, Reason};
use crate::openssl::SSL;
use crate::told::{self, Became};

/// The account of a connection's last handshake, whose members `mecai_openssl_verdict_json` tells.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process, and is not freed meanwhile.
pub(crate) unsafe fn of_connection(ssl: *mut SSL) -> String {
    // SAFETY: as the caller says.
    unsafe {
        let became = told::of_connection(ssl);
        if let Became::NotOurs(_) = became
            && let Some(account) = copies::ask_of(ssl, |copy| of_copy(copy.account(ssl))).flatten()
        {
            return account;
        }
        let (judged, offered) = match &became {
            Became::NotOurs(_) | Became::NotJudged(_) => (None, None),
            Became::Judged(judged) => (Some(judged), None),
            Became::Resumed(offered) => (None, Some(offered)),
        };
        let name = judged.map(|judged| &judged.name).or_else(|| offered?.name.as_ref());
        let told = became.told();
        let (verdict, evidence) =
            (judged.map(|judged| &judged.verdict), judged.and_then(|judged| judged.evidence.as_ref()));
        let admission = verdict.and_then(Verdict::admission);
        json!({
            "outcome": told.outcome.map_or("not_judged", Outcome::as_str),
            "code": if told.code == 0 { "not_judged" } else { told::word(told.code).unwrap_or("unknown") },
            "number": told.code,
            "sentence": told.sentence,
            "name": name.filter(|name| !name.is_empty()),
            "at": judged.map(|judged| judged.at.0),
            "resumed": offered.is_some(),
            "operators": admission.map(|admission| admission.operators),
            "required": admission.map(|admission| admission.required),
            "sent": admission.map(|admission| admission.sent),
            "newest": admission.map(|admission| admission.newest.0),
            "until": admission.map(|admission| admission.until.0).or(offered.and_then(|offered| end(&offered.mark))),
            "stay_days": admission.and_then(|admission| admission.stay).map(|stay| stay.days),
            "chain": evidence.and_then(|evidence| evidence.chain.as_ref()),
            "peer": evidence.and_then(|evidence| evidence.peer).map(|peer| peer.to_string()),
            "port": evidence.and_then(|evidence| evidence.port),
            "notes": verdict.map_or_else(Vec::new, |verdict| verdict.notes().iter().map(Note::as_str).collect()),
            "alarm": verdict.is_some_and(Verdict::alarm),
            "failover": verdict.and_then(Verdict::failover).map(failover),
            "bundles": judged.and_then(|judged| bundles(judged)),
            "report": evidence.and_then(|evidence| evidence.report.as_ref()).and_then(report),
        })
        .to_string()
    }
}

/// The account of another copy, whose sentence says so.
fn of_copy(account: Vec<u8>) -> Option<String> {
    let mut account: Value = serde_json::from_slice(&account).ok()?;
    let sentence = account.get_mut("sentence")?;
    *sentence = format!("{}{}", copies::SAYS, sentence.as_str()?).into();
    Some(account.to_string())
}

/// The last second at which a session may be resumed for its vouchers.
fn end(mark: &Mark) -> Option<u64> {
    (mark.reason == Reason::Accepted).then_some(mark.until.0)
}

fn failover(failover: &Failover) -> Value {
    let (used, code, sentence) = match failover {
        Failover::Used(cause) => (true, cause.code(), cause.to_string()),
        Failover::Failed(cause) => (false, cause.code(), cause.to_string()),
    };
    json!({ "used": used, "code": code.as_str(), "sentence": sentence })
}

fn bundles(judged: &Judged) -> Option<Vec<String>> {
    judged.bundles().map(|bundles| bundles.map(|bundle| BASE64.encode(bundle)).collect())
}

fn report(report: &Report) -> Option<Value> {
    serde_json::from_slice(&report.to_json()).ok()
}
