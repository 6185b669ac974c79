//! `mecai authorities show`: a list in a table.

use std::path::PathBuf;

use clap::Args;
use data_encoding::HEXLOWER;
use mecai::authority_list::AuthorityList;
use serde_json::json;

use super::{Error, now};
use crate::exit::Exit;
use crate::output;
use crate::view::list;

/// Shows an authority list: operators, their CA keys, their authorities. Signatures are not looked at.
#[derive(Args)]
pub struct Options {
    /// The list
    list: PathBuf,
    /// Say who owns this CA key (SPKI SHA-256 in hex) instead
    #[arg(long, value_name = "HEX")]
    owner: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<Exit, Error> {
    let octets = std::fs::read(&options.list).map_err(Error::file(&options.list))?;
    let list = AuthorityList::from_json(&octets).map_err(Error::list(&options.list))?;
    if let Some(hex) = &options.owner {
        return show_owner(options, &list, hex);
    }
    let view = list::ListView::new(&list, now());
    if options.json {
        output::print_json(&view)?
    } else {
        output::print(&view.to_string())?
    }
    Ok(Exit::Done)
}

fn show_owner(options: &Options, list: &AuthorityList, hex: &str) -> Result<Exit, Error> {
    let digits = hex.replace(':', "").to_ascii_lowercase();
    let key = HEXLOWER.decode(digits.as_bytes()).ok().and_then(|octets| octets.try_into().ok());
    let key = key.ok_or_else(|| Error::Refused(format!("--owner {hex:?} is not 64 hex digits")))?;
    let owner = list.owner(&key).and_then(|index| list.operators().get(index));
    let Some(operator) = owner else {
        return Err(Error::Refused(format!("CA key {digits} belongs to no operator of {}", options.list.display())));
    };
    if options.json {
        output::print_json(&json!({ "ca_key": digits, "operator": operator.id, "name": operator.name }))?;
    } else {
        output::print(&format!("{}  {}\n", operator.id, output::plain(&operator.name)))?;
    }
    Ok(Exit::Done)
}
