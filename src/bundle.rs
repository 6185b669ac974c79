//! A statement with its endorsements, as a server hands it over (spec section 4).

use std::collections::BTreeSet;

use der::asn1::AnyRef;
use der::{Encode, Tag};

use crate::element::{Elements, SEQUENCE};
use crate::endorsement::Endorsement;
use crate::extension::ANSWER_MAX;
use crate::statement::{DecodeError, Statement};

/// The most endorsements in one bundle.
pub const ENDORSEMENTS_MAX: usize = 255;
/// The most bundles that a server sends for one certificate, host and port.
pub const BUNDLES_PER_HOST: usize = 4;

/// A statement with 1 to 255 endorsements, ascending by authority; read in place.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    der: &'a [u8],
    statement: Statement<'a>,
    /// Read anew whenever they are looked at, which takes less than to keep them.
    endorsements: Endorsements<'a>,
    endorsement_count: usize,
}

impl<'a> Bundle<'a> {
    /// Reads the DER of one bundle, all of `der`, every endorsement included.
    pub fn from_der(der: &'a [u8]) -> Result<Self, DecodeError> {
        let (statement, list) = split(der)?;
        let endorsements = Endorsements { elements: Elements::new(list), addresses: statement.addresses().len() };
        let mut endorsement_count = 0;
        let mut before = None;
        for endorsement in endorsements {
            let authority = *endorsement?.authority();
            if before >= Some(authority) {
                return Err(DecodeError::rule(STRUCTURE, "endorsements do not ascend by authority"));
            }
            before = Some(authority);
            endorsement_count += 1;
        }
        if !(1..=ENDORSEMENTS_MAX).contains(&endorsement_count) {
            return Err(DecodeError::rule(STRUCTURE, "there are not 1 to 255 endorsements"));
        }
        Ok(Self { der, statement, endorsements, endorsement_count })
    }

    /// The octets that were read.
    #[must_use]
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// What is vouched for.
    #[must_use]
    pub fn statement(&self) -> &Statement<'a> {
        &self.statement
    }

    /// How many endorsements there are, 1 to 255.
    #[must_use]
    pub fn endorsement_count(&self) -> usize {
        self.endorsement_count
    }

    /// The endorsements, ascending by authority.
    pub fn endorsements(&self) -> impl Iterator<Item = Endorsement<'a>> + '_ {
        // Each was read once in `from_der`, so none is left out.
        self.endorsements.flatten()
    }
}

/// Puts endorsements (DER each, of any order) beside the statement that they are for: the DER of the bundle.
pub fn assemble(statement: &[u8], endorsements: &[&[u8]]) -> Result<Vec<u8>, DecodeError> {
    let addresses = Statement::from_der(statement)?.addresses().len();
    let mut sorted = Vec::with_capacity(endorsements.len());
    for der in endorsements {
        sorted.push((*Endorsement::from_der(der, addresses)?.authority(), *der));
    }
    sorted.sort_unstable();
    let list: Vec<u8> = sorted.iter().flat_map(|(_, der)| der.iter().copied()).collect();
    let encode = || -> der::Result<Vec<u8>> {
        let list = AnyRef::new(Tag::Sequence, &list)?.to_der()?;
        AnyRef::new(Tag::Sequence, &[statement, &list].concat())?.to_der()
    };
    let der = encode().map_err(DecodeError::der(STRUCTURE))?;
    Bundle::from_der(&der)?;
    Ok(der)
}

/// The same, of as many endorsements as fit a server's answer, each with its operator: of the same operator the later
/// ones are left out first. Gives how many were left out, too.
pub fn assemble_fitting<'e>(
    statement: &[u8],
    endorsements: impl IntoIterator<Item = (Option<usize>, &'e [u8])>,
) -> Result<(Vec<u8>, usize), DecodeError> {
    let mut operators = BTreeSet::new();
    let (firsts, others): (Vec<_>, Vec<_>) =
        endorsements.into_iter().partition(|(operator, _)| operators.insert(*operator));
    let mut octets = statement.len() + AROUND;
    let fits = |endorsement: &&[u8]| {
        octets += endorsement.len();
        octets <= ANSWER_MAX
    };
    let count = firsts.len() + others.len();
    let endorsements = firsts.into_iter().chain(others).map(|(_, endorsement)| endorsement);
    let endorsements: Vec<&[u8]> = endorsements.take_while(fits).take(ENDORSEMENTS_MAX).collect();
    Ok((assemble(statement, &endorsements)?, count - endorsements.len()))
}

/// Two lengths of two octets in the answer, two DER headers of four in the bundle.
const AROUND: usize = 12;

const STRUCTURE: &str = "VoucherBundle";

/// The statement, and the contents of the list of endorsements. A statement of an unknown version is told before the rest
/// is looked at, since nothing is known of a bundle of that version.
fn split(der: &[u8]) -> Result<(Statement<'_>, &[u8]), DecodeError> {
    let not_der = || DecodeError::rule(STRUCTURE, "not strict DER, or not a SEQUENCE of two elements");
    let bundle = Elements::new(der).last(SEQUENCE).ok_or_else(not_der)?;
    let mut parts = Elements::new(bundle.contents);
    let statement = Statement::from_der(parts.any().ok_or_else(not_der)?.der);
    if let Err(error @ DecodeError::UnknownVersion) = statement {
        return Err(error);
    }
    let endorsements = parts.last(SEQUENCE).ok_or_else(not_der)?;
    Ok((statement?, endorsements.contents))
}

/// The endorsements of a statement, one after another in the octets.
#[derive(Clone, Copy, Debug)]
struct Endorsements<'a> {
    elements: Elements<'a>,
    addresses: usize,
}

impl<'a> Iterator for Endorsements<'a> {
    type Item = Result<Endorsement<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.elements.is_empty() {
            return None;
        }
        let Some(element) = self.elements.next(SEQUENCE) else {
            self.elements = Elements::new(&[]);
            return Some(Err(DecodeError::rule(STRUCTURE, "an endorsement is not strict DER")));
        };
        Some(Endorsement::from_element(element, self.addresses))
    }
}
