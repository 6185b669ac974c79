//! The two ways in which fields are joined before they are hashed or sent (spec section 1).

use std::fmt;

use ring::{digest, hmac};

use crate::Sha256;

/// SHA-256 over the concatenation of `parts`.
pub(crate) fn sha256(parts: &[&[u8]]) -> Sha256 {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    to_array(context.finish().as_ref())
}

/// HMAC-SHA256 over the length-prefixed `fields`.
pub(crate) fn hmac(key: &hmac::Key, fields: &[&[u8]]) -> Sha256 {
    let mut context = hmac::Context::with_key(key);
    for field in fields {
        // Every field is a label, a number or a name of at most 253 octets.
        let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
        context.update(&length.to_be_bytes());
        context.update(field);
    }
    to_array(context.sign().as_ref())
}

fn to_array(octets: &[u8]) -> Sha256 {
    let mut array = [0; 32];
    array.copy_from_slice(octets);
    array
}

/// Lower-case hex, without an allocation.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
