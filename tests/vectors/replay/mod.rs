//! One file a theme; every case of a file is replayed, and all that disagree are told together.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

mod allocations;
mod codec;
mod extension;
mod failover;
mod key_proof;
mod list;
mod pick;
mod report;
mod verify;

/// A file of vectors without tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<C> {
    #[serde(rename = "format")]
    _format: String,
    cases: Vec<C>,
}

fn load<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Octets in lower-case hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        data_encoding::HEXLOWER.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Debug for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// Runs every case, and fails with the names of those that did.
fn run<C>(cases: &[C], name: impl Fn(&C) -> &str, check: impl Fn(&C)) {
    assert!(!cases.is_empty());
    let mut failed = BTreeMap::new();
    for case in cases {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(case))) {
            let text = panic.downcast_ref::<String>().cloned();
            failed.insert(name(case), text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())));
        }
    }
    assert!(failed.is_empty(), "{} of {} cases disagree: {failed:#?}", failed.len(), cases.len());
}
