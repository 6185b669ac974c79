//! PostgreSQL: SSLRequest, to which the server answers with one octet (its manual, "Message Formats").

use super::{DialogueFailure, Stage};

/// The length of the message, and the number that stands for the question.
pub(super) const SSL_REQUEST: &[u8] = &[0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F];

pub(super) fn hear(octet: u8) -> Result<Stage, DialogueFailure> {
    match octet {
        b'S' => Ok(Stage::Ready),
        _ => Err(DialogueFailure::Refused { command: "SSLRequest", said: char::from(octet).to_string() }),
    }
}
