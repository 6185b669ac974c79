//! The authority list as it stands in its JSON file, and the rules for each of its values (spec section 6).

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{Authority, LIST_LIFETIME_MAX, Operator};
use crate::Sha256;
use crate::signature::PublicKey;
use crate::time::UnixTime;

const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// The list as it stands in its file, for those who write one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ListFile {
    /// 1.
    pub version: u64,
    /// Higher than that of the list before.
    pub sequence: u64,
    /// RFC 3339.
    pub issued: String,
    /// RFC 3339, at most 30 days later.
    pub expires: String,
    /// In any order.
    pub operators: Vec<OperatorEntry>,
}

/// An operator as it stands in the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// 1 to 64 of `a-z 0-9 -`.
    pub id: String,
    /// 1 to 128 characters.
    pub name: String,
    /// Two upper-case letters.
    pub country: String,
    /// SPKI hashes in lower-case hex.
    pub ca_keys: Vec<String>,
    /// Possibly none.
    pub authorities: Vec<AuthorityEntry>,
}

/// An authority as it stands in the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEntry {
    /// Base64 of the DER SubjectPublicKeyInfo.
    pub public_key: String,
    /// http or https.
    pub url: String,
    /// Words of `A-Z 0-9 -`.
    pub regions: Vec<String>,
    /// RFC 3339.
    pub valid_from: String,
    /// RFC 3339.
    pub valid_until: String,
}

impl ListFile {
    pub(super) fn header(&self) -> Result<(u64, UnixTime, UnixTime), String> {
        if self.version != 1 {
            return Err(format!("its version is {}, not 1", self.version));
        }
        if self.sequence > SEQUENCE_MAX {
            return Err(format!("its sequence is {}, more than {SEQUENCE_MAX}", self.sequence));
        }
        let (issued, expires) = (read_time(&self.issued)?, read_time(&self.expires)?);
        if expires <= issued || expires.since(issued) > LIST_LIFETIME_MAX {
            return Err(format!("it lives from {issued} to {expires}, not 1 to {LIST_LIFETIME_MAX} seconds"));
        }
        Ok((self.sequence, issued, expires))
    }
}

impl OperatorEntry {
    pub(super) fn read(&self) -> Result<Operator, String> {
        let rule = |holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(format!("operator {:?}: {what}", self.id)) }
        };
        let is_word = |text: &str, letter: fn(&u8) -> bool, most: usize| {
            (1..=most).contains(&text.len())
                && text.bytes().all(|octet| letter(&octet) || octet.is_ascii_digit() || octet == b'-')
        };
        rule(is_word(&self.id, u8::is_ascii_lowercase, 64), "id is not 1 to 64 of a-z 0-9 -")?;
        rule((1..=128).contains(&self.name.chars().count()), "name has not 1 to 128 characters")?;
        let is_country = self.country.len() == 2 && self.country.bytes().all(|octet| octet.is_ascii_uppercase());
        rule(is_country, "country is not two upper-case letters")?;
        rule(!self.ca_keys.is_empty(), "it has no ca_keys")?;
        let read_key = |text: &String| -> Result<Sha256, String> {
            let octets = HEXLOWER.decode(text.as_bytes()).ok().and_then(|octets| octets.try_into().ok());
            octets.ok_or_else(|| format!("operator {:?}: CA key {text:?} is not 64 lower-case hex digits", self.id))
        };
        let ca_keys = self.ca_keys.iter().map(read_key).collect::<Result<_, _>>()?;
        for region in self.authorities.iter().flat_map(|authority| &authority.regions) {
            rule(is_word(region, u8::is_ascii_uppercase, 32), "a region is not a word of A-Z 0-9 -")?;
        }
        let authorities = self.authorities.iter().map(AuthorityEntry::read).collect::<Result<_, _>>();
        let authorities = authorities.map_err(|problem| format!("operator {:?}: {problem}", self.id))?;
        Ok(Operator {
            id: self.id.clone(),
            name: self.name.clone(),
            country: self.country.clone(),
            ca_keys,
            authorities,
        })
    }
}

impl AuthorityEntry {
    fn read(&self) -> Result<Authority, String> {
        let public_key = PublicKey::from_base64(&self.public_key).map_err(|error| format!("public_key is {error}"))?;
        let rest = self.url.strip_prefix("https://").or_else(|| self.url.strip_prefix("http://"));
        let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
            && self.url.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'?' && octet != b'#');
        if !is_url {
            return Err(format!("url {:?} is not http or https without query and fragment", self.url));
        }
        if self.regions.len() > 16 {
            return Err(format!("it has {} regions, more than 16", self.regions.len()));
        }
        let (valid_from, valid_until) = (read_time(&self.valid_from)?, read_time(&self.valid_until)?);
        if valid_until < valid_from {
            return Err(format!("valid_until {valid_until} is before valid_from {valid_from}"));
        }
        Ok(Authority { public_key, url: self.url.clone(), regions: self.regions.clone(), valid_from, valid_until })
    }
}

fn read_time(text: &str) -> Result<UnixTime, String> {
    text.parse().map_err(|error: crate::time::NotATime| error.to_string())
}
