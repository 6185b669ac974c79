//! `mecai explain`: what a code means and what to do about it.

use std::fmt::Write as _;

use clap::Args;
use mecai::request::Problem;
use mecai::verdict::{Code, Note};
use serde::Serialize;

use crate::exit::Exit;
use crate::output;

/// Explains a code: of a verdict, of an authority's problem, of an agent's failure.
///
/// Without CODE, lists all of them.
#[derive(Args)]
pub struct Options {
    /// The code's word or, for verdicts, its number
    code: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Runs `mecai explain`.
#[must_use]
pub fn run(options: &Options) -> Exit {
    let all = entries();
    let Some(code) = &options.code else {
        return finish(if options.json { output::print_json(&all) } else { output::print(&overview(&all)) });
    };
    let matching: Vec<&Entry> = all.iter().filter(|entry| entry.is(code)).collect();
    if matching.is_empty() {
        let near = match nearest(code, &all).as_slice() {
            [] => "mecai explain lists all".to_owned(),
            near => format!("is it {}? mecai explain lists all", near.join(", ")),
        };
        return output::tell(format_args!("there is no code {code:?}: {near}"), Exit::Usage);
    }
    if options.json {
        return finish(output::print_json(&matching));
    }
    let texts: Vec<String> = matching.iter().map(|entry| entry.describe()).collect();
    finish(output::print(&texts.join("\n")))
}

/// One meaning of a code. The same word may stand in several tables of the spec, where it means the same thing at
/// different places.
#[derive(Serialize)]
struct Entry {
    code: &'static str,
    kind: Kind,
    /// Of a verdict's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    /// The HTTP status of an authority's problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    meaning: &'static str,
    advice: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Verdict,
    Note,
    Problem,
    Failure,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Verdict, Self::Note, Self::Problem, Self::Failure];

    fn title(self) -> &'static str {
        match self {
            Self::Verdict => "verdicts of clients",
            Self::Note => "notes of verdicts: they decide nothing",
            Self::Problem => "problems that an authority answers with",
            Self::Failure => "failures of an authority that an agent sees",
        }
    }
}

impl Entry {
    fn is(&self, code: &str) -> bool {
        let number = match code.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => code.parse().ok(),
        };
        self.code == code || (number.is_some() && self.number == number)
    }

    fn describe(&self) -> String {
        let mut text = self.code.to_owned();
        let _ = match (self.kind, self.number, self.status) {
            (Kind::Verdict, Some(number), _) => writeln!(text, " (verdict {})", spell(number)),
            (Kind::Note, ..) => writeln!(text, " (note of a verdict)"),
            (Kind::Problem, _, Some(status)) => writeln!(text, " (problem of an authority, HTTP status {status})"),
            _ => writeln!(text, " (failure of an authority)"),
        };
        let _ = writeln!(text, "  meaning  {}\n  to do    {}", self.meaning, self.advice);
        text
    }
}

/// As in the table of spec section 13.
pub(crate) fn spell(number: u32) -> String {
    if number == Code::Accepted.number() { format!("{number:#X}").replace("0X", "0x") } else { number.to_string() }
}

fn entries() -> Vec<Entry> {
    let verdicts = Code::ALL.iter().map(|code| Entry {
        code: code.as_str(),
        kind: Kind::Verdict,
        number: Some(code.number()),
        status: None,
        meaning: code.meaning(),
        advice: code.advice(),
    });
    let notes = Note::ALL.into_iter().map(|note| {
        let (meaning, advice) = of_note(note);
        Entry { code: note.as_str(), kind: Kind::Note, number: None, status: None, meaning, advice }
    });
    let problems = Problem::ALL.iter().map(|problem| Entry {
        code: problem.code(),
        kind: Kind::Problem,
        number: None,
        status: Some(problem.status()),
        meaning: problem.title(),
        advice: of_problem(*problem),
    });
    let failures = FAILURES.into_iter().map(|(code, meaning, advice)| Entry {
        code,
        kind: Kind::Failure,
        number: None,
        status: None,
        meaning,
        advice,
    });
    verdicts.chain(notes).chain(problems).chain(failures).collect()
}

/// What a note means, and what to do about it.
pub(crate) fn of_note(note: Note) -> (&'static str, &'static str) {
    match note {
        Note::PeerUnknown => (
            "the peer's address is not known, so it was not compared",
            "Nothing to do; many programs hide their socket.",
        ),
        Note::PortNotCompared => (
            "the port was not stated, so it was not compared",
            "Nothing to do; behind proxies the socket's port is not the one that was meant.",
        ),
        Note::AddressNotSeen => (
            "no counted authority saw the server at this address",
            "A new address of the site, a CDN, or a detour; compare the address with the site's DNS.",
        ),
        Note::RegionWidened => (
            "the region has too few operators, so authorities of all regions were asked",
            "Nothing to do; take region out of the configuration, or use a list with more operators there.",
        ),
        Note::NoSecret => (
            "no usable secret: more than half of all operators had to have endorsed, instead of a pick",
            "Give a state directory that only you can write; the machine needs /etc/machine-id.",
        ),
    }
}

/// What the administrator of a server can do about an authority's problem.
fn of_problem(problem: Problem) -> &'static str {
    match problem {
        Problem::MalformedRequest | Problem::MethodNotAllowed | Problem::RequestTooLarge => {
            "The agent does not follow the protocol: update mecai."
        }
        Problem::UnknownVersion | Problem::UnsupportedMediaType => {
            "Agent and authority speak different versions: update mecai."
        }
        Problem::NotFound => {
            "The authority's URL in the list is wrong, or a proxy in front of it is: tell its operator."
        }
        Problem::UnsupportedProtocol => "This authority does not probe that protocol; ask the others.",
        Problem::PortRefused => "The authority probes certain ports only: use one of them, or ask its operator.",
        Problem::HostRefused => "The authority does not probe this host: ask its operator why.",
        Problem::AddressRefused => "Authorities look at public addresses: let the name resolve to one.",
        Problem::ClockDiffers => "Set the server's clock; the detail has the authority's time.",
        Problem::TooLongLived => "Let the agent ask for a shorter life; the detail has the limit.",
        Problem::OutlivesCertificate => "Renew the certificate: it ends before the voucher would.",
        Problem::NoAddress => {
            "Publish A or AAAA records for the host, or correct the host in the agent's configuration."
        }
        Problem::DnsFailed => {
            "Nothing to do here: the authority asks again; if it stays so, look at the name's DNS servers."
        }
        Problem::AddressMismatch => {
            "The authority's DNS answer has none of the addresses: correct them in the agent's configuration."
        }
        Problem::ConnectionFailed => "Let the authority reach the server: look at firewalls and at what listens there.",
        Problem::HandshakeFailed => {
            "The server does not finish TLS handshakes for that name: try mecai check or openssl s_client."
        }
        Problem::WrongCertificate => {
            "The server shows another certificate than the agent asked for, or this one in a way that does not count (the \
             detail says why): reload it, or correct the agent's configuration."
        }
        Problem::ChainNotTrusted => {
            "Let the server send its intermediates, and look at the certificate's names, purpose and times."
        }
        Problem::RootNotListed => "Get a certificate of a CA whose keys are in the authority list.",
        Problem::OwnOperator => "Nothing to do: the operator of the certificate's CA does not count for it.",
        Problem::Distrusted => {
            "The authority's operator no longer trusts a part of the chain: get a certificate of another CA."
        }
        Problem::Revoked => "Replace the certificate: it, or a CA certificate above it, is revoked.",
        Problem::RevocationUnknown => {
            "Look whether the CA's OCSP and CRL servers answer; the agent asks again. Stapling OCSP helps."
        }
        Problem::EvidenceTooOld => "The CA's OCSP response or CRL is too old: tell the CA; renew the stapled response.",
        Problem::RateLimited | Problem::Overloaded => "Nothing to do: the agent asks again when the authority says.",
        Problem::Internal => "Tell the authority's operator; the agent asks again.",
        _ => "See the detail.",
    }
}

/// What an agent calls failures of an authority besides its problems (spec section 9).
const FAILURES: [(&str, &str, &str); 8] = [
    (
        "unreachable",
        "no connection to the authority, or it broke",
        "Look at this server's network; else the authority is down, and the agent asks again.",
    ),
    ("timeout", "no answer in time", "Nothing to do: the agent asks again; if it stays so, tell the operator."),
    (
        "wrong_content_type",
        "the answer is of another content type",
        "Something other than an authority answers at its URL: tell its operator.",
    ),
    ("answer_too_large", "the answer has more octets than an endorsement may have", "Tell the authority's operator."),
    ("answer_malformed", "the answer is no endorsement of the statement", "Tell the authority's operator."),
    (
        "wrong_authority",
        "the answer is in the name of another authority",
        "The list's URL or key of this authority is wrong: tell who publishes the list.",
    ),
    (
        "bad_signature",
        "the answer's signature does not verify",
        "Update the list: the authority may have a new key; else somebody answers in its place.",
    ),
    (
        "unexpected_status",
        "the answer is neither an endorsement nor a problem of the protocol",
        "Something other than an authority answers at its URL: tell its operator.",
    ),
];

fn overview(all: &[Entry]) -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let _ = writeln!(text, "{}:", kind.title());
        for entry in all.iter().filter(|entry| entry.kind == kind) {
            let number = match (entry.number, entry.status) {
                (Some(number), _) => spell(number),
                (None, Some(status)) => status.to_string(),
                _ => String::new(),
            };
            let _ = writeln!(text, "  {number:>6}  {:<24}{}", entry.code, entry.meaning);
        }
    }
    text
}

/// At most three codes that read like `word`, nearest first.
fn nearest<'a>(word: &str, all: &'a [Entry]) -> Vec<&'a str> {
    let word = word.to_ascii_lowercase().replace('-', "_");
    let mut near: Vec<(f64, &str)> = all
        .iter()
        .map(|entry| {
            let likeness = strsim::normalized_damerau_levenshtein(&word, entry.code);
            let is_part = word.len() > 2 && entry.code.contains(&word);
            (if is_part { likeness.max(0.7) } else { likeness }, entry.code)
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup_by_key(|(_, code)| *code);
    near.into_iter().map(|(_, code)| code).take(3).collect()
}

fn finish(printed: std::io::Result<()>) -> Exit {
    match printed {
        Ok(()) => Exit::Done,
        Err(error) => output::fail(format_args!("cannot write the result: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_its_own_advice() {
        for problem in Problem::ALL {
            assert_ne!(of_problem(*problem), "See the detail.", "{}", problem.code());
        }
    }

    #[test]
    fn near_words() {
        let all = entries();
        assert_eq!(nearest("no_vouchers", &all).first(), Some(&"no_voucher"));
        assert!(nearest("wrong-cert", &all).contains(&"wrong_certificate"));
        assert!(nearest("xyzzy", &all).is_empty());
    }
}
