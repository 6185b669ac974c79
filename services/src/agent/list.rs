//! The authority list: whom to ask (spec section 6).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mecai::authority_list::{AuthorityList, ListKeys};
use mecai::durable;

use super::trouble::Trouble;

/// The list's file and the one with its signatures.
pub(super) fn files(list: &Path) -> Vec<PathBuf> {
    let mut signatures = list.to_path_buf().into_os_string();
    signatures.push(".minisig");
    vec![list.to_path_buf(), signatures.into()]
}

/// Reads the list, if it is signed and not older than one read before; remembers how new it is in `state`.
pub(super) fn read(list: &Path, keys: &ListKeys, state: &Path) -> Result<AuthorityList, Trouble> {
    let [json, signatures] = &files(list)[..] else { return Err(Trouble::new("no_list", "the list has no path")) };
    let missing = |path: &Path, cause: std::io::Error| {
        Trouble::new("no_list", format!("there is no authority list: {}: {cause}", path.display()))
    };
    let octets = fs::read(json).map_err(|cause| missing(json, cause))?;
    let signatures = fs::read_to_string(signatures).map_err(|cause| missing(signatures, cause))?;
    let path = state.join("list-sequence");
    let highest = highest(&path)?;
    let read = AuthorityList::read(&octets, &signatures, keys, highest).map_err(|error| {
        let trouble = Trouble::from(&error);
        Trouble { sentence: format!("{}: {}", list.display(), trouble.sentence), ..trouble }
    })?;
    if read.sequence() > highest {
        durable::replace(&path, format!("{}\n", read.sequence()).as_bytes(), 0o644)
            .map_err(|cause| Trouble::new("state_failed", format!("cannot write {}: {cause}", path.display())))?;
    }
    Ok(read)
}

/// The highest sequence that was read, 0 if none was.
fn highest(path: &Path) -> Result<u64, Trouble> {
    let trouble = |problem: String| {
        Trouble::new("state_failed", format!("the highest sequence in {}: {problem}", path.display()))
    };
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(|_| trouble(format!("{:?} is no number", text.trim()))),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(0),
        Err(cause) => Err(trouble(cause.to_string())),
    }
}
