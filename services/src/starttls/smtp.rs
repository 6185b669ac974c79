//! SMTP: greeting, EHLO, STARTTLS (RFC 5321, RFC 3207).

use std::net::IpAddr;

use mecai::request::Protocol;

use super::lines::said;
use super::{DialogueFailure, Stage};

pub(super) const STARTTLS: &[u8] = b"STARTTLS\r\n";

/// What the answer to EHLO has said so far.
#[derive(Debug, Default)]
pub(super) struct Abilities {
    offers_tls: bool,
    words: Vec<String>,
}

/// A client without a name of its own says where it is (RFC 5321, section 4.1.4).
pub(super) fn hello(own: IpAddr) -> Vec<u8> {
    match own.to_canonical() {
        IpAddr::V4(own) => format!("EHLO [{own}]\r\n"),
        IpAddr::V6(own) => format!("EHLO [IPv6:{own}]\r\n"),
    }
    .into_bytes()
}

/// A reply has a code of three digits, and all lines of it but the last have a hyphen behind that.
pub(super) fn hear(stage: Stage, line: &str, abilities: &mut Abilities) -> Result<Stage, DialogueFailure> {
    let (code, rest) = line.split_at_checked(3).unwrap_or((line, ""));
    let is_last = !rest.starts_with('-');
    match (stage, code) {
        (Stage::Greeting, "220") => Ok(if is_last { Stage::Hello } else { stage }),
        (Stage::Greeting, _) => Err(DialogueFailure::Greeting { protocol: Protocol::Smtp, said: said(line) }),
        (Stage::Abilities, "250") => {
            let word = rest.get(1..).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
            abilities.offers_tls |= word.eq_ignore_ascii_case("STARTTLS");
            abilities.words.push(word.to_owned());
            match (is_last, abilities.offers_tls) {
                (false, _) => Ok(stage),
                (true, true) => Ok(Stage::Question),
                // The first line has the server's name.
                (true, false) => Err(DialogueFailure::NotOffered(said(&abilities.words.split_off(1).join(" ")))),
            }
        }
        (Stage::Abilities, _) => Err(DialogueFailure::Refused { command: "EHLO", said: said(line) }),
        (_, "220") => Ok(if is_last { Stage::Ready } else { stage }),
        _ => Err(DialogueFailure::Refused { command: "STARTTLS", said: said(line) }),
    }
}
