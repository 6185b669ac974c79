//! The answer as an OpenSSL serverinfo file, for servers without the module (spec section 11).

use std::path::Path;

use data_encoding::BASE64;

use super::error::{StoreCause, StoreError};
use crate::{durable, extension};

/// The text of the file that serves this answer; none if the answer is longer than an extension can be.
#[must_use]
pub fn serverinfo(answer: &[u8]) -> Option<String> {
    let length = u16::try_from(answer.len()).ok()?;
    let record =
        [&CONTEXT.to_be_bytes()[..], &extension::VOUCHERS.to_be_bytes(), &length.to_be_bytes(), answer].concat();
    let mut text = format!("-----BEGIN {LABEL}-----\n");
    for line in BASE64.encode(&record).as_bytes().chunks(64) {
        text.extend(line.iter().map(|octet| char::from(*octet)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {LABEL}-----\n"));
    Some(text)
}

/// Writes the file durably; readable by everybody, since vouchers are public.
pub fn write_serverinfo(path: &Path, text: &str) -> Result<(), StoreError> {
    durable::replace(path, text.as_bytes(), 0o644)
        .map_err(|error| StoreError { path: path.to_owned(), cause: StoreCause::Write(error) })
}

const LABEL: &str = "SERVERINFOV2 FOR MECAI";
/// SSL_EXT_CLIENT_HELLO, SSL_EXT_TLS1_2_SERVER_HELLO, SSL_EXT_TLS1_3_CERTIFICATE.
const CONTEXT: u32 = 0x1180;
