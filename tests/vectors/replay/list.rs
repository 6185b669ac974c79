use mecai::authority_list::{AuthorityList, ListKeys};
use mecai::signature::Algorithm;
use mecai::time::UnixTime;
use mecai::verdict::{Cause, Code};
use mecai::verify::CLOCK_TOLERANCE;
use serde::Deserialize;

use super::{File, Hex, load, run};

/// A list with its signatures, and the keys that a reader trusts.
#[derive(Deserialize)]
pub(super) struct ListTable {
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    file_hex: Option<Hex>,
    pub(super) signatures: Option<String>,
    public_keys: Vec<String>,
    required: usize,
}

impl ListTable {
    pub(super) fn octets(&self) -> &[u8] {
        match (&self.file, &self.file_hex) {
            (Some(text), None) => text.as_bytes(),
            (None, Some(octets)) => &octets.0,
            _ => panic!("neither file nor file_hex, or both"),
        }
    }

    pub(super) fn keys(&self) -> ListKeys {
        format!("{} of {}", self.required, self.public_keys.join(", ")).parse().unwrap()
    }
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    list: ListTable,
    lowest_sequence: u64,
    now: u64,
    expect: Expect,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
enum Expect {
    Refused { code: String },
    Read { sequence: u64, issued: u64, expires: u64, operators: Vec<Operator> },
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Operator {
    id: String,
    country: String,
    authorities: Vec<Authority>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Authority {
    id: Hex,
    algorithm: Option<String>,
}

#[test]
fn every_list_is_read_or_refused() {
    let file: File<Case> = load("list.json");
    run(&file.cases, |case| &case.name, |case| assert_eq!(read(case), case.expect));
}

fn read(case: &Case) -> Expect {
    let refused = |code: Code| Expect::Refused { code: code.to_string() };
    let Some(signatures) = &case.list.signatures else {
        return read_with(case, "").unwrap_or_else(refused);
    };
    read_with(case, signatures).unwrap_or_else(refused)
}

fn read_with(case: &Case, signatures: &str) -> Result<Expect, Code> {
    let list = AuthorityList::read(case.list.octets(), signatures, &case.list.keys(), case.lowest_sequence);
    let list = list.map_err(|error| Cause::List(error).code())?;
    let now = UnixTime(case.now);
    if now > list.expires() {
        return Err(Code::ListExpired);
    }
    if list.issued() > now.plus(CLOCK_TOLERANCE) {
        return Err(Code::ClockBehind);
    }
    let algorithm = |algorithm| match algorithm {
        Algorithm::P256 => "P-256".to_owned(),
        Algorithm::P384 => "P-384".to_owned(),
        Algorithm::Ed25519 => "Ed25519".to_owned(),
        other => panic!("{other:?}"),
    };
    let operators = list.operators().iter().map(|operator| Operator {
        id: operator.id.clone(),
        country: operator.country.clone(),
        authorities: operator
            .authorities
            .iter()
            .map(|authority| Authority {
                id: Hex(authority.public_key.id().to_vec()),
                algorithm: authority.public_key.algorithm().map(algorithm),
            })
            .collect(),
    });
    let (sequence, issued, expires) = (list.sequence(), list.issued().0, list.expires().0);
    Ok(Expect::Read { sequence, issued, expires, operators: operators.collect() })
}
