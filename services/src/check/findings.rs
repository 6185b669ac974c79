//! What a check found, in words and as JSON.

use std::fmt;

use data_encoding::HEXLOWER;
use mecai::Sha256;
use mecai::authority_list::{AuthorityList, OperatorSet};
use mecai::chain;
use mecai::time::UnixTime;
use mecai::verdict::{Outcome, Verdict};
use openssl::x509::{X509, X509NameRef};
use serde::Serialize;

use crate::explain;
use crate::output::{count, duration, indented, plain, table};
use crate::view::BundleView;

/// Everything that was seen, and what follows from it.
#[derive(Serialize)]
pub(super) struct Findings {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) peer: String,
    pub(super) tls: TlsView,
    pub(super) chain: Vec<CertificateView>,
    pub(super) chain_trusted: bool,
    pub(super) chain_problem: Option<String>,
    pub(super) owners: Vec<String>,
    pub(super) authority_list: Option<ListHeader>,
    pub(super) authority_list_problem: Option<String>,
    /// What is wrong with the state directory: there is no usable secret, or the list's sequence was not compared.
    pub(super) state_problem: Option<String>,
    /// Octets of the answer, none if there was none.
    pub(super) answer: Option<usize>,
    pub(super) bundles: Vec<BundleView>,
    pub(super) alternate: Option<AlternateView>,
    pub(super) verdict: VerdictView,
    /// What became of the mismatch report, where one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) report: Option<String>,
    /// Only where it was asked for: who learns the pick knows whom to break into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pick: Option<Vec<String>>,
}

/// The second certificate that a server shows.
#[derive(Serialize)]
pub(super) struct AlternateView {
    /// Octets of the answer.
    pub(super) answer: usize,
    /// Why it cannot be used, whoever vouches for it.
    pub(super) problem: Option<String>,
    pub(super) chain: Vec<CertificateView>,
    pub(super) owners: Vec<String>,
    pub(super) bundles: Vec<BundleView>,
}

#[derive(Serialize)]
pub(super) struct TlsView {
    pub(super) version: String,
    pub(super) cipher: String,
}

/// A certificate of the chain.
#[derive(Serialize)]
pub(super) struct CertificateView {
    subject: String,
    issuer: String,
    not_before: String,
    not_after: String,
    sha256: String,
    spki_sha256: Option<String>,
    /// Of a CA certificate: the operator that owns it.
    operator: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ListHeader {
    sequence: u64,
    issued: String,
    expires: String,
    operators: usize,
    #[serde(skip)]
    remaining: String,
}

#[derive(Serialize)]
pub(super) struct VerdictView {
    outcome: &'static str,
    code: &'static str,
    number: u32,
    alarm: bool,
    sentence: String,
    advice: &'static str,
    notes: Vec<NoteView>,
}

#[derive(Serialize)]
struct NoteView {
    note: &'static str,
    meaning: &'static str,
    advice: &'static str,
}

impl AlternateView {
    /// One whose chain is no good.
    pub(super) fn unusable(answer: usize, problem: String) -> Self {
        Self { answer, problem: Some(problem), chain: Vec::new(), owners: Vec::new(), bundles: Vec::new() }
    }
}

impl CertificateView {
    /// The certificates of a chain, end entity first, with their owners where the list has its anchor.
    pub(super) fn of_chain(certificates: &[X509], ders: &[Vec<u8>], list: Option<&AuthorityList>) -> Vec<Self> {
        // From the anchor down: a CA certificate that is not listed belongs to the owner of its issuer.
        let mut owner = None;
        let mut views: Vec<Self> = Vec::with_capacity(certificates.len());
        for (place, (certificate, der)) in certificates.iter().zip(ders).enumerate().rev() {
            let spki: Option<Sha256> = chain::spki_hash(der);
            let is_ca = place > 0 || certificates.len() == 1;
            if is_ca {
                owner = spki.as_ref().and_then(|spki| list?.owner(spki)).or(owner);
            }
            let operator = owner.filter(|_| is_ca).and_then(|owner| list?.operators().get(owner));
            views.push(Self {
                subject: name(certificate.subject_name()),
                issuer: name(certificate.issuer_name()),
                not_before: certificate.not_before().to_string(),
                not_after: certificate.not_after().to_string(),
                sha256: HEXLOWER.encode(&chain::certificate_digest(der)),
                spki_sha256: spki.map(|spki| HEXLOWER.encode(&spki)),
                operator: operator.map(|operator| operator.id.clone()),
            });
        }
        views.reverse();
        views
    }
}

/// `CN=www.shop.example, O=Shop`.
fn name(name: &X509NameRef) -> String {
    let entry = |entry: &openssl::x509::X509NameEntryRef| {
        let value = entry.data().to_string().unwrap_or_else(|_| "?".to_owned());
        format!("{}={}", entry.object().nid().short_name().unwrap_or("?"), plain(&value))
    };
    name.entries().map(entry).collect::<Vec<_>>().join(", ")
}

impl ListHeader {
    pub(super) fn new(list: &AuthorityList, now: UnixTime) -> Self {
        let expires = list.expires();
        Self {
            sequence: list.sequence(),
            issued: list.issued().to_string(),
            expires: expires.to_string(),
            operators: list.operators().len(),
            remaining: match now > expires {
                true => format!("expired {} ago", duration(now.since(expires))),
                false => format!("{} left", duration(expires.since(now))),
            },
        }
    }
}

/// The ids of operators, in the list's order.
pub(super) fn ids(list: &AuthorityList, set: &OperatorSet) -> Vec<String> {
    let operators = list.operators().iter().enumerate();
    operators.filter(|(index, _)| set.contains(*index)).map(|(_, operator)| operator.id.clone()).collect()
}

impl VerdictView {
    pub(super) fn new(verdict: &Verdict) -> Self {
        let code = verdict.code();
        let note = |note| {
            let (meaning, advice) = explain::of_note(note);
            NoteView { note: note.as_str(), meaning, advice }
        };
        Self {
            outcome: verdict.outcome().as_str(),
            code: code.as_str(),
            number: code.number(),
            alarm: verdict.alarm(),
            sentence: verdict.to_string(),
            advice: code.advice(),
            notes: verdict.notes().iter().map(note).collect(),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} port {} at {}, {} {}", self.host, self.port, self.peer, self.tls.version, self.tls.cipher)?;
        writeln!(f)?;
        self.write_chain(f)?;
        if let Some(list) = &self.authority_list {
            let operators = count(list.operators, "operator");
            let (sequence, expires, remaining) = (list.sequence, &list.expires, &list.remaining);
            writeln!(f, "authority list: sequence {sequence}, {operators}, expires {expires} ({remaining})")?;
        }
        if let Some(problem) = &self.authority_list_problem {
            writeln!(f, "authority list: {}", plain(problem))?;
        }
        if let Some(problem) = &self.state_problem {
            writeln!(f, "state: {}", plain(problem))?;
        }
        writeln!(f)?;
        match self.answer {
            None => writeln!(f, "vouchers: none sent")?,
            Some(octets) => writeln!(f, "vouchers: {octets} octets, {}", count(self.bundles.len(), "bundle"))?,
        }
        write_bundles(f, &self.bundles)?;
        if let Some(alternate) = &self.alternate {
            writeln!(f, "\n{alternate}")?;
        }
        writeln!(f)?;
        if let Some(pick) = &self.pick {
            writeln!(f, "pick: {}", pick.join(", "))?;
        }
        write!(f, "{}", self.verdict)?;
        match &self.report {
            None => Ok(()),
            Some(report) => writeln!(f, "  report  {}", plain(report)),
        }
    }
}

impl Findings {
    fn write_chain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.chain_problem {
            None => writeln!(f, "chain: trusted")?,
            Some(problem) => writeln!(f, "chain: NOT trusted: {problem}")?,
        }
        write_certificates(f, &self.chain)
    }
}

impl fmt::Display for AlternateView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(problem) = &self.problem {
            return write!(f, "alternate: {} octets, NOT usable: {}", self.answer, plain(problem));
        }
        writeln!(f, "alternate: {} octets, {}, trusted", self.answer, count(self.bundles.len(), "bundle"))?;
        write_certificates(f, &self.chain)?;
        write_bundles(f, &self.bundles)
    }
}

fn write_certificates(f: &mut fmt::Formatter<'_>, certificates: &[CertificateView]) -> fmt::Result {
    let mut lines = table(["CERTIFICATE", "VALID UNTIL", "OPERATOR", "SHA-256"]);
    for certificate in certificates {
        lines.add_row([
            certificate.subject.as_str(),
            &certificate.not_after,
            certificate.operator.as_deref().unwrap_or(""),
            &certificate.sha256,
        ]);
    }
    f.write_str(&indented(&lines, "  "))
}

fn write_bundles(f: &mut fmt::Formatter<'_>, bundles: &[BundleView]) -> fmt::Result {
    bundles.iter().enumerate().try_for_each(|(index, bundle)| write!(f, "bundle {}\n{bundle}", index + 1))
}

impl fmt::Display for VerdictView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.outcome, plain(&self.sentence))?;
        if self.alarm {
            writeln!(f, "  ALARM   somebody holds vouchers that do not belong here")?;
        }
        writeln!(f, "  code    {} ({})", self.code, explain::spell(self.number))?;
        for note in &self.notes {
            writeln!(f, "  note    {}: {}", note.note, note.meaning)?;
            writeln!(f, "          {}", note.advice)?;
        }
        let is_well = [Outcome::Accepted, Outcome::Exempt].iter().any(|well| well.as_str() == self.outcome);
        if is_well && self.advice == "Nothing to do." { Ok(()) } else { writeln!(f, "  to do   {}", self.advice) }
    }
}
