//! Tells the DER structures of the protocol apart by their first tags, so that a damaged one is named for what it is.

use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, Tagged};

/// Which structure octets look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Statement,
    Bundle,
    Endorsement,
    Request,
    KeyProof,
    StoreFile,
}

/// The structure that these octets look like, none if they look like no structure of the protocol.
pub(super) fn of(der: &[u8]) -> Option<Shape> {
    let mut outer = children(der)?;
    let first = outer.next()?;
    if first.tag() == Tag::Integer {
        return Some(Shape::Statement);
    }
    let second = outer.next()?;
    let inner = children_of(first)?.next()?.tag();
    match (inner, second.tag()) {
        (Tag::Integer, Tag::Sequence) => Some(Shape::Bundle),
        (Tag::Integer, Tag::Enumerated) => Some(Shape::Request),
        (Tag::Integer, Tag::OctetString) => Some(Shape::StoreFile),
        (Tag::OctetString, Tag::OctetString) => Some(Shape::Endorsement),
        (Tag::Utf8String, Tag::OctetString) => Some(Shape::KeyProof),
        _ => None,
    }
}

/// How many octets the structure says that it has, if it begins like one and the file has fewer.
pub(super) fn cut_off_from(der: &[u8]) -> Option<usize> {
    let header = der::Header::decode(&mut SliceReader::new(der).ok()?).ok()?;
    let whole = usize::try_from((der::Encode::encoded_len(&header).ok()? + header.length()).ok()?).ok()?;
    (header.tag() == Tag::Sequence && whole > der.len()).then_some(whole)
}

/// The certificate that a store file is for, whatever its name says.
pub(super) fn certificate_of_store(der: &[u8]) -> Option<mecai::Sha256> {
    let body = children(der)?.next()?;
    children_of(body)?.nth(1)?.value().try_into().ok()
}

/// How many addresses an endorsement speaks of: the bits of `seen`.
pub(super) fn addresses_of_endorsement(der: &[u8]) -> Option<usize> {
    let body = children(der)?.next()?;
    let seen = children_of(body)?.find(|child| child.tag() == Tag::BitString)?;
    let (unused, octets) = seen.value().split_first()?;
    (octets.len() * 8).checked_sub(usize::from(*unused))
}

fn children(der: &[u8]) -> Option<impl Iterator<Item = AnyRef<'_>>> {
    // What follows the structure, and what is cut off its end, is for its decoder to tell.
    let header = der::Header::decode(&mut SliceReader::new(der).ok()?).ok()?;
    let start = usize::try_from(der::Encode::encoded_len(&header).ok()?).ok()?;
    (header.tag() == Tag::Sequence).then(|| elements(der.get(start..).unwrap_or_default()))
}

fn children_of(any: AnyRef<'_>) -> Option<impl Iterator<Item = AnyRef<'_>>> {
    (any.tag() == Tag::Sequence).then(|| elements(any.value()))
}

/// The elements that stand one after another, up to the first that cannot be read.
fn elements(octets: &[u8]) -> impl Iterator<Item = AnyRef<'_>> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let element = SliceReader::new(rest).ok()?.tlv_bytes().ok()?;
        rest = rest.get(element.len()..).unwrap_or_default();
        AnyRef::from_der(element).ok()
    })
}
