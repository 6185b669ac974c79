//! POP3: greeting, STLS (RFC 1939, RFC 2595).

use mecai::request::Protocol;

use super::lines::said;
use super::{DialogueFailure, Stage};

pub(super) const STLS: &[u8] = b"STLS\r\n";

pub(super) fn hear(stage: Stage, line: &str) -> Result<Stage, DialogueFailure> {
    let is_ok = line.split(' ').next() == Some("+OK");
    match stage {
        Stage::Greeting if is_ok => Ok(Stage::Question),
        Stage::Greeting => Err(DialogueFailure::Greeting { protocol: Protocol::Pop3, said: said(line) }),
        _ if is_ok => Ok(Stage::Ready),
        _ => Err(DialogueFailure::Refused { command: "STLS", said: said(line) }),
    }
}
