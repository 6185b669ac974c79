//! A statement with its endorsements, as a server hands it over (spec section 4).

use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag};

use crate::endorsement::Endorsement;
use crate::statement::{DecodeError, Statement, check_version};

/// The most endorsements in one bundle.
pub const ENDORSEMENTS_MAX: usize = 255;
/// The most bundles that a server sends for one certificate, host and port.
pub const BUNDLES_PER_HOST: usize = 4;

/// A statement with 1 to 255 endorsements, ascending by authority; read in place.
#[derive(Clone, Debug)]
pub struct Bundle<'a> {
    der: &'a [u8],
    statement: Statement<'a>,
    endorsements: Vec<Endorsement<'a>>,
}

impl<'a> Bundle<'a> {
    /// Reads the DER of one bundle, all of `der`, every endorsement included.
    pub fn from_der(der: &'a [u8]) -> Result<Self, DecodeError> {
        let (statement, list) = split(der)?;
        let statement = Statement::from_der(statement)?;
        let addresses = statement.addresses().len();
        let mut endorsements: Vec<Endorsement<'a>> = Vec::with_capacity(list.len() / ENDORSEMENT_LENGTH);
        for element in Elements(list) {
            let endorsement = Endorsement::from_der(element.map_err(DecodeError::der(STRUCTURE))?, addresses)?;
            if endorsements.last().map(Endorsement::authority) >= Some(endorsement.authority()) {
                return Err(DecodeError::rule(STRUCTURE, "endorsements do not ascend by authority"));
            }
            endorsements.push(endorsement);
        }
        if !(1..=ENDORSEMENTS_MAX).contains(&endorsements.len()) {
            return Err(DecodeError::rule(STRUCTURE, "there are not 1 to 255 endorsements"));
        }
        Ok(Self { der, statement, endorsements })
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
        self.endorsements.len()
    }

    /// The endorsements, ascending by authority.
    pub fn endorsements(&self) -> impl Iterator<Item = Endorsement<'a>> + '_ {
        self.endorsements.iter().copied()
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

const STRUCTURE: &str = "VoucherBundle";
/// The octets of a common endorsement.
const ENDORSEMENT_LENGTH: usize = 90;

/// The octets of the statement, and the contents of the list of endorsements. A statement of an unknown version is told
/// before the rest is looked at, since nothing is known of a bundle of that version.
fn split(der: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let sequence = |any: AnyRef<'_>| {
        if der::Tagged::tag(&any) == Tag::Sequence {
            Ok(())
        } else {
            Err(DecodeError::rule(STRUCTURE, "not a SEQUENCE"))
        }
    };
    let error = DecodeError::der(STRUCTURE);
    let bundle = AnyRef::from_der(der).map_err(&error)?;
    sequence(bundle)?;
    let mut reader = SliceReader::new(bundle.value()).map_err(&error)?;
    let statement = reader.tlv_bytes().map_err(&error)?;
    check_version(AnyRef::from_der(statement).map_err(&error)?)?;
    let endorsements: AnyRef<'_> = reader.decode().map_err(&error)?;
    sequence(endorsements)?;
    reader.finish().map_err(&error)?;
    Ok((statement, endorsements.value()))
}

/// The DER elements that stand one after another in the octets.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = der::Result<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let element = SliceReader::new(self.0).and_then(|mut reader| reader.tlv_bytes());
        self.0 = match element {
            Ok(octets) => self.0.get(octets.len()..).unwrap_or_default(),
            Err(_) => &[],
        };
        Some(element)
    }
}
