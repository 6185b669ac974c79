//! The answers as an OpenSSL serverinfo file, for servers without the module (spec section 11).

use std::path::Path;

use data_encoding::BASE64;

use super::answers::{Answers, Part};
use super::error::{StoreCause, StoreError};
use crate::durable;

/// The text of the file that serves these answers, each to the extension of its part; none if there is no answer, or one
/// is longer than an extension can be.
#[must_use]
pub fn serverinfo(answers: &[(Part, &[u8])]) -> Option<String> {
    let mut text = String::new();
    for (part, answer) in answers {
        let length = u16::try_from(answer.len()).ok()?;
        let number = part.extension().to_be_bytes();
        let record = [&CONTEXT.to_be_bytes()[..], &number, &length.to_be_bytes(), answer].concat();
        text.push_str(&format!("-----BEGIN {LABEL}-----\n"));
        for line in BASE64.encode(&record).as_bytes().chunks(64) {
            text.extend(line.iter().map(|octet| char::from(*octet)));
            text.push('\n');
        }
        text.push_str(&format!("-----END {LABEL}-----\n"));
    }
    (!text.is_empty()).then_some(text)
}

/// A serverinfo file without vouchers: a server that is told to read one does not start without it. It says of 0xFF4D
/// that it may stand in a ClientHello (0x0080), and nothing of an answer.
pub const NO_VOUCHERS: &str =
    "-----BEGIN SERVERINFOV2 FOR MECAI-----\nAAAAgP9NAAA=\n-----END SERVERINFOV2 FOR MECAI-----\n";

/// The text of the file that serves what these answers say to clients that name no host, if anything.
#[must_use]
pub fn serverinfo_text(answers: &Answers) -> String {
    let answers = |part| answers.get(part, None).map(|answer| (part, &answer[..]));
    let answers: Vec<(Part, &[u8])> = Part::ALL.into_iter().filter_map(answers).collect();
    serverinfo(&answers).unwrap_or_else(|| NO_VOUCHERS.to_owned())
}

/// Writes the file durably; readable by everybody, since vouchers are public.
pub fn write_serverinfo(path: &Path, text: &str) -> Result<(), StoreError> {
    durable::replace(path, text.as_bytes(), 0o644)
        .map_err(|error| StoreError { path: path.to_owned(), cause: StoreCause::Write(error) })
}

const LABEL: &str = "SERVERINFOV2 FOR MECAI";
/// SSL_EXT_CLIENT_HELLO, SSL_EXT_TLS1_2_SERVER_HELLO, SSL_EXT_TLS1_3_CERTIFICATE.
const CONTEXT: u32 = 0x1180;
