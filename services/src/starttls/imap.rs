//! IMAP: greeting, STARTTLS (RFC 9051).

use mecai::request::Protocol;

use super::lines::said;
use super::{DialogueFailure, Stage};

pub(super) const STARTTLS: &[u8] = b"a STARTTLS\r\n";

/// What has a star before it is no answer to the command, whose tag an answer has.
pub(super) fn hear(stage: Stage, line: &str) -> Result<Stage, DialogueFailure> {
    let mut words = line.split(' ');
    let (tag, word) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_ok = word.eq_ignore_ascii_case("OK");
    match (stage, tag) {
        (Stage::Greeting, "*") if is_ok => Ok(Stage::Question),
        (Stage::Greeting, _) => Err(DialogueFailure::Greeting { protocol: Protocol::Imap, said: said(line) }),
        (_, "a") if is_ok => Ok(Stage::Ready),
        (_, "*") if !word.eq_ignore_ascii_case("BYE") => Ok(stage),
        _ => Err(DialogueFailure::Refused { command: "STARTTLS", said: said(line) }),
    }
}
