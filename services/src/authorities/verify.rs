//! `mecai authorities verify`: whether a reader accepts a list, and why not.

use std::path::PathBuf;

use clap::Args;
use mecai::authority_list::{AuthorityList, ListError, ListKeys, ListKeysError};
use mecai::time::UnixTime;
use mecai::verdict::Code;
use mecai::verify::CLOCK_TOLERANCE;
use serde::Serialize;

use super::{Error, now, read_text_if_any, signatures_path};
use crate::exit::Exit;
use crate::output::{self, duration};

/// Verifies an authority list as a reader does: signatures, format, sequence, times.
///
/// Exit status 0: readers accept it; 4: they do not.
#[derive(Args)]
pub struct Options {
    /// The list; its signatures are in LIST.minisig
    list: PathBuf,
    /// The readers' keys: "KEY", or "M of KEY, KEY" (minisign public keys)
    #[arg(long, value_name = "TEXT", value_parser = Keys::parse)]
    authorities_keys: Keys,
    /// The highest sequence that was accepted before
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    highest: u64,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Keys as they were given, and as they are understood.
#[derive(Clone)]
struct Keys {
    text: String,
    read: ListKeys,
}

impl Keys {
    fn parse(text: &str) -> Result<Self, ListKeysError> {
        Ok(Self { text: text.to_owned(), read: text.parse()? })
    }
}

/// What came of it.
#[derive(Serialize)]
struct Findings {
    accepted: bool,
    code: Option<&'static str>,
    sentence: String,
    sequence: Option<u64>,
    issued: Option<String>,
    expires: Option<String>,
    keys: Vec<KeyFinding>,
}

#[derive(Serialize)]
struct KeyFinding {
    key: String,
    signed: bool,
}

pub(super) fn run(options: &Options) -> Result<Exit, Error> {
    let json = std::fs::read(&options.list).map_err(Error::file(&options.list))?;
    let signatures = read_text_if_any(&signatures_path(&options.list))?;
    let read = AuthorityList::read(&json, &signatures, &options.authorities_keys.read, options.highest);
    let (accepted, code, sentence) = judge(&read, now());
    let header = read.ok().or_else(|| AuthorityList::from_json(&json).ok());
    let findings = Findings {
        accepted,
        code: code.map(Code::as_str),
        sentence,
        sequence: header.as_ref().map(AuthorityList::sequence),
        issued: header.as_ref().map(|list| list.issued().to_string()),
        expires: header.as_ref().map(|list| list.expires().to_string()),
        keys: signers(&options.authorities_keys.text, &json, &signatures),
    };
    if options.json {
        output::print_json(&findings)?;
    } else {
        output::print(&describe(&findings, code))?;
    }
    Ok(if accepted { Exit::Done } else { Exit::Refused })
}

fn judge(read: &Result<AuthorityList, ListError>, now: UnixTime) -> (bool, Option<Code>, String) {
    match read {
        Err(error) => (false, code(error), error.to_string()),
        Ok(list) if now > list.expires() => {
            let sentence = format!("the authority list expired at {}, now is {now}", list.expires());
            (false, Some(Code::ListExpired), sentence)
        }
        Ok(list) if list.issued() > now.plus(CLOCK_TOLERANCE) => {
            let sentence = format!("the authority list was issued at {}, this clock says {now}", list.issued());
            (false, Some(Code::ClockBehind), sentence)
        }
        Ok(list) => {
            let sentence = format!("readers accept it for {} more", duration(list.expires().since(now)));
            (true, None, sentence)
        }
    }
}

fn code(error: &ListError) -> Option<Code> {
    match error {
        ListError::Missing(_) => Some(Code::NoList),
        ListError::Malformed(_) => Some(Code::ListMalformed),
        ListError::Unsigned { .. } => Some(Code::ListUnsigned),
        ListError::RolledBack { .. } => Some(Code::ListRolledBack),
        _ => None,
    }
}

/// Which of the keys have signed: a list is unsigned by a key alone exactly if that key has not signed it.
fn signers(text: &str, json: &[u8], signatures: &str) -> Vec<KeyFinding> {
    let words = text.split_once(" of ").map_or(text, |(_, words)| words).split(',').map(str::trim);
    let signed = |word: &str| {
        let alone: Option<ListKeys> = word.parse().ok();
        alone.is_some_and(|key| {
            !matches!(AuthorityList::read(json, signatures, &key, 0), Err(ListError::Unsigned { .. }))
        })
    };
    words.map(|word| KeyFinding { key: word.to_owned(), signed: signed(word) }).collect()
}

fn describe(findings: &Findings, code: Option<Code>) -> String {
    let mut text = format!("{}: {}\n", if findings.accepted { "accepted" } else { "refused" }, findings.sentence);
    if let Some(code) = code {
        text += &format!("  code      {code} ({})\n  to do     {}\n", code.number(), code.advice());
    }
    if let (Some(sequence), Some(issued), Some(expires)) = (findings.sequence, &findings.issued, &findings.expires) {
        text += &format!("  sequence  {sequence}\n  issued    {issued}\n  expires   {expires}\n");
    }
    for key in &findings.keys {
        text += &format!("  {}  {}\n", if key.signed { "signed by    " } else { "not signed by" }, key.key);
    }
    text
}
