//! Authority lists as they are shown (spec section 6).

use std::fmt;

use data_encoding::HEXLOWER;
use mecai::authority_list::{Authority, AuthorityList, Operator};
use mecai::signature::Algorithm;
use mecai::time::UnixTime;
use serde::Serialize;

use crate::output::{self, count, duration, plain};

/// A list.
#[derive(Serialize)]
pub(crate) struct ListView {
    sequence: u64,
    issued: String,
    expires: String,
    /// Whole days from now to `expires`, negative if that has passed.
    days_to_expiry: i64,
    operators: Vec<OperatorView>,
    #[serde(skip)]
    remaining: String,
}

#[derive(Serialize)]
struct OperatorView {
    id: String,
    name: String,
    country: String,
    active: bool,
    ca_keys: Vec<String>,
    authorities: Vec<AuthorityView>,
}

#[derive(Serialize)]
struct AuthorityView {
    id: String,
    algorithm: Option<&'static str>,
    url: String,
    regions: Vec<String>,
    valid_from: String,
    valid_until: String,
    valid_now: bool,
}

impl ListView {
    pub(crate) fn new(list: &AuthorityList, now: UnixTime) -> Self {
        let (expires, day) = (list.expires(), 86_400);
        let is_past = now > expires;
        let distance = if is_past { now.since(expires) } else { expires.since(now) };
        let days = i64::try_from(distance / day).unwrap_or(i64::MAX);
        Self {
            sequence: list.sequence(),
            issued: list.issued().to_string(),
            expires: expires.to_string(),
            days_to_expiry: if is_past { -1 - days } else { days },
            operators: list.operators().iter().map(|operator| OperatorView::new(operator, now)).collect(),
            remaining: match is_past {
                true => format!("expired {} ago", duration(distance)),
                false => format!("{} left", duration(distance)),
            },
        }
    }
}

impl OperatorView {
    fn new(operator: &Operator, now: UnixTime) -> Self {
        Self {
            id: operator.id.clone(),
            name: operator.name.clone(),
            country: operator.country.clone(),
            active: operator.is_active(now),
            ca_keys: operator.ca_keys.iter().map(|key| HEXLOWER.encode(key)).collect(),
            authorities: operator.authorities.iter().map(|authority| AuthorityView::new(authority, now)).collect(),
        }
    }
}

impl AuthorityView {
    fn new(authority: &Authority, now: UnixTime) -> Self {
        Self {
            id: HEXLOWER.encode(authority.public_key.id()),
            algorithm: authority.public_key.algorithm().and_then(|algorithm| match algorithm {
                Algorithm::P256 => Some("P-256"),
                Algorithm::P384 => Some("P-384"),
                Algorithm::Ed25519 => Some("Ed25519"),
                _ => None,
            }),
            url: authority.url.clone(),
            regions: authority.regions.clone(),
            valid_from: authority.valid_from.to_string(),
            valid_until: authority.valid_until.to_string(),
            valid_now: authority.is_valid(now),
        }
    }

    fn describe(&self) -> String {
        let algorithm = self.algorithm.unwrap_or("unknown algorithm");
        let regions = if self.regions.is_empty() { String::new() } else { format!(" in {}", self.regions.join(", ")) };
        let time = if self.valid_now { "until" } else { "NOT VALID NOW, until" };
        format!("{} ({algorithm}){regions} {}\n{time} {}", self.id, self.url, self.valid_until)
    }
}

impl fmt::Display for ListView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.operators.iter().map(|operator| operator.ca_keys.len()).sum();
        let authorities = self.operators.iter().map(|operator| operator.authorities.len()).sum();
        let mut countries: Vec<&str> = self.operators.iter().map(|operator| operator.country.as_str()).collect();
        countries.sort_unstable();
        countries.dedup();
        writeln!(f, "authority list")?;
        writeln!(f, "  sequence   {}", self.sequence)?;
        writeln!(f, "  issued     {}", self.issued)?;
        writeln!(f, "  expires    {} ({})", self.expires, self.remaining)?;
        let sizes = [count(self.operators.len(), "operator"), count(keys, "CA key")];
        writeln!(
            f,
            "  holds      {}, {} (countries: {})",
            sizes.join(", "),
            authorities_of(authorities),
            countries.join(", ")
        )?;
        let mut table = output::table(["OPERATOR", "NAME", "COUNTRY", "CA KEYS (SPKI SHA-256)", "AUTHORITIES"]);
        for operator in &self.operators {
            let authorities: Vec<String> = operator.authorities.iter().map(AuthorityView::describe).collect();
            table.add_row([
                operator.id.clone(),
                plain(&operator.name).into_owned(),
                operator.country.clone(),
                operator.ca_keys.iter().map(|key| short(key)).collect::<Vec<_>>().join("\n"),
                if authorities.is_empty() { "none".to_owned() } else { authorities.join("\n") },
            ]);
        }
        f.write_str(&output::indented(&table, "  "))
    }
}

fn authorities_of(number: usize) -> String {
    if number == 1 { "1 authority".to_owned() } else { format!("{number} authorities") }
}

/// Enough of a hash to tell keys apart by eye; `--json` has all of it.
fn short(hex: &str) -> String {
    format!("{}…", hex.get(..16).unwrap_or(hex))
}
