//! A SEQUENCE of two: a body, and an octet string made over the body's octets. Key proofs and store files have this
//! shape (spec section 11, section 12).

use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};

/// The octets of the body, tag and length included, and what was made over them.
pub(crate) fn split(der: &[u8]) -> der::Result<(&[u8], &[u8])> {
    let outer = AnyRef::from_der(der)?;
    outer.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(outer.value())?;
    let body = reader.tlv_bytes()?;
    let seal: &OctetStringRef = reader.decode()?;
    reader.finish()?;
    Ok((body, seal.as_bytes()))
}

/// Puts both together again.
pub(crate) fn join(body: &[u8], seal: &[u8]) -> der::Result<Vec<u8>> {
    let contents = [body, &OctetStringRef::new(seal)?.to_der()?].concat();
    AnyRef::new(Tag::Sequence, &contents)?.to_der()
}
