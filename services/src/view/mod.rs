//! What people and programs are shown of the formats: the same values as text (`Display`) and as JSON (`Serialize`).

use std::fmt;

use data_encoding::HEXLOWER;
use mecai::authority_list::AuthorityList;
use mecai::bundle::Bundle;
use mecai::endorsement::{Endorsement, Evidence};
use mecai::statement::Statement;
use mecai::time::UnixTime;
use serde::Serialize;

use crate::output::{self, duration};

pub(crate) mod list;

/// What the values are seen against.
#[derive(Clone, Copy)]
pub(crate) struct Light<'a> {
    /// Gives operators their names; none if it is not known.
    pub(crate) list: Option<&'a AuthorityList>,
    /// For ages and remaining times.
    pub(crate) now: UnixTime,
}

/// A statement (spec section 2).
#[derive(Serialize)]
pub(crate) struct StatementView {
    host: String,
    port: u16,
    addresses: Vec<String>,
    certificate: String,
    produced_at: String,
    not_after: String,
    stay: Option<u8>,
    #[serde(skip)]
    produced: UnixTime,
    #[serde(skip)]
    ends: UnixTime,
    #[serde(skip)]
    now: UnixTime,
}

impl StatementView {
    pub(crate) fn new(statement: &Statement<'_>, now: UnixTime) -> Self {
        let (produced, ends) = (statement.produced_at(), statement.not_after());
        Self {
            host: statement.host().to_owned(),
            port: statement.port(),
            addresses: statement.addresses().map(|address| address.to_string()).collect(),
            certificate: HEXLOWER.encode(statement.certificate()),
            produced_at: produced.to_string(),
            not_after: ends.to_string(),
            stay: statement.stay(),
            produced,
            ends,
            now,
        }
    }

    fn age(&self) -> String {
        if self.produced > self.now {
            format!("{} in the future", duration(self.produced.since(self.now)))
        } else {
            format!("{} ago", duration(self.now.since(self.produced)))
        }
    }

    fn remaining(&self) -> String {
        if self.now > self.ends {
            format!("expired {} ago", duration(self.now.since(self.ends)))
        } else {
            format!("{} left", duration(self.ends.since(self.now)))
        }
    }
}

impl fmt::Display for StatementView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  host         {} port {}", self.host, self.port)?;
        writeln!(f, "  addresses    {}", self.addresses.join(", "))?;
        writeln!(f, "  certificate  {}", self.certificate)?;
        writeln!(f, "  produced     {} ({})", self.produced_at, self.age())?;
        writeln!(f, "  good until   {} ({})", self.not_after, self.remaining())?;
        match self.stay {
            None => Ok(()),
            Some(0) => writeln!(f, "  stay         0: the site takes back its promise to go on showing vouchers"),
            Some(days) => writeln!(f, "  stay         the site promises to go on showing vouchers for {days} days"),
        }
    }
}

/// An endorsement (spec section 3).
#[derive(Serialize)]
pub(crate) struct EndorsementView {
    authority: String,
    operator: Option<String>,
    operator_name: Option<String>,
    source: &'static str,
    age: Option<u32>,
    seen: Vec<String>,
    /// `good`, or the code of the check that failed; none if it was not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    #[serde(skip)]
    of: usize,
}

impl EndorsementView {
    /// `addresses` are those of its statement, as far as they are known.
    pub(crate) fn new(endorsement: &Endorsement<'_>, addresses: &[String], list: Option<&AuthorityList>) -> Self {
        let operator = list.and_then(|list| {
            let (index, _) = list.authority(endorsement.authority())?;
            list.operators().get(index)
        });
        let (source, age) = match endorsement.evidence() {
            Evidence::Ocsp { age } => ("ocsp", Some(age)),
            Evidence::Crl { age } => ("crl", Some(age)),
            Evidence::ShortLived => ("shortLived", None),
        };
        let seen = addresses.iter().enumerate().filter(|(index, _)| endorsement.seen().contains(*index));
        Self {
            authority: HEXLOWER.encode(endorsement.authority()),
            operator: operator.map(|operator| operator.id.clone()),
            operator_name: operator.map(|operator| operator.name.clone()),
            source,
            age,
            seen: seen.map(|(_, address)| address.clone()).collect(),
            check: None,
            problem: None,
            of: addresses.len(),
        }
    }

    fn evidence(&self) -> String {
        match (self.source, self.age) {
            ("ocsp", Some(age)) => format!("OCSP, {} old", duration(age.into())),
            ("crl", Some(age)) => format!("CRL, {} old", duration(age.into())),
            _ => "short-lived certificate".to_owned(),
        }
    }

    fn saw(&self) -> String {
        if self.seen.len() == self.of && self.of > 1 { "all addresses".to_owned() } else { self.seen.join(", ") }
    }

    fn row(&self) -> Vec<String> {
        let name = self.operator_name.as_deref().map_or("not in the list".into(), output::plain);
        let mut row = vec![name.into_owned(), self.authority.clone(), self.evidence(), self.saw()];
        row.extend(self.check.map(|check| check.to_owned()));
        row
    }
}

/// Endorsements in a table.
pub(crate) fn endorsement_table(endorsements: &[EndorsementView]) -> String {
    let header = ["OPERATOR", "AUTHORITY", "REVOCATION EVIDENCE", "SAW IT AT", "CHECK"];
    let is_checked = endorsements.iter().any(|endorsement| endorsement.check.is_some());
    let mut table = output::table(header.into_iter().take(if is_checked { 5 } else { 4 }));
    for endorsement in endorsements {
        table.add_row(endorsement.row());
    }
    output::indented(&table, "  ")
}

/// A bundle (spec section 4), or why it is none.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum BundleView {
    Read { statement: StatementView, endorsements: Vec<EndorsementView> },
    Unreadable { error: String, octets: usize },
}

impl BundleView {
    /// Reads the DER of a bundle.
    pub(crate) fn of_der(der: &[u8], light: Light<'_>) -> Self {
        match Bundle::from_der(der) {
            Ok(bundle) => Self::new(&bundle, light),
            Err(error) => Self::Unreadable { error: error.to_string(), octets: der.len() },
        }
    }

    pub(crate) fn new(bundle: &Bundle<'_>, light: Light<'_>) -> Self {
        let statement = StatementView::new(bundle.statement(), light.now);
        let endorsements = bundle
            .endorsements()
            .map(|endorsement| EndorsementView::new(&endorsement, &statement.addresses, light.list))
            .collect();
        Self::Read { statement, endorsements }
    }
}

impl fmt::Display for BundleView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { error, octets } => {
                writeln!(f, "  not readable ({octets} octets): {}", output::plain(error))
            }
            Self::Read { statement, endorsements } => {
                write!(f, "{statement}{}", endorsement_table(endorsements))?;
                // One line for each sentence, however many endorsements fail in the same way.
                let mut told: Vec<&str> = Vec::new();
                for problem in endorsements.iter().filter_map(|endorsement| endorsement.problem.as_deref()) {
                    if !told.contains(&problem) {
                        told.push(problem);
                        writeln!(f, "  {}", output::plain(problem))?;
                    }
                }
                Ok(())
            }
        }
    }
}
