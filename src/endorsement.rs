//! One authority's signature over a statement (spec section 3).

use der::asn1::{BitStringRef, OctetStringRef};
use der::{Encode, Enumerated, Sequence};

use crate::element::{self, BIT_STRING, ENUMERATED, Element, Elements, INTEGER, OCTET_STRING, SEQUENCE};
use crate::octets;
use crate::signature::{PublicKey, SigningKey};
use crate::statement::{ADDRESSES_MAX, DecodeError, Statement};
use crate::{AuthorityId, Sha256};

const STRUCTURE: &str = "Endorsement";
const BODY: &str = "EndorsementBody";

/// The greatest age of revocation evidence, in seconds.
pub const AGE_MAX: u32 = 864_000;

/// What an authority's revocation check of the end-entity certificate rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An OCSP response whose `thisUpdate` lay so many seconds before `producedAt`.
    Ocsp {
        /// Seconds, at most [`AGE_MAX`].
        age: u32,
    },
    /// A CRL whose `thisUpdate` lay so many seconds before `producedAt`.
    Crl {
        /// Seconds, at most [`AGE_MAX`].
        age: u32,
    },
    /// The certificate lives so short that it needs none.
    ShortLived,
}

/// Which addresses of a statement an authority saw: one bit each, in the statement's order, at least one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(u16);

impl Seen {
    /// The addresses with these indices; none if there are none, or one is over 15.
    pub fn from_indices(indices: impl IntoIterator<Item = usize>) -> Option<Self> {
        let bits = indices
            .into_iter()
            .try_fold(0_u16, |bits, index| (index < ADDRESSES_MAX).then(|| bits | (0x8000 >> index)))?;
        (bits != 0).then_some(Self(bits))
    }

    /// Whether the address with this index was seen.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        index < ADDRESSES_MAX && self.0 & (0x8000 >> index) != 0
    }
}

/// An endorsement, read in place.
#[derive(Clone, Copy, Debug)]
pub struct Endorsement<'a> {
    authority: AuthorityId,
    seen: Seen,
    evidence: Evidence,
    der: &'a [u8],
    body: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Endorsement<'a> {
    /// Reads one endorsement of a statement that has so many addresses.
    pub fn from_der(der: &'a [u8], addresses: usize) -> Result<Self, DecodeError> {
        let whole = Elements::new(der).last(SEQUENCE);
        whole.map_or_else(|| Err(DecodeError::not_der(STRUCTURE)), |whole| Self::from_element(whole, addresses))
    }

    /// The same, where its outermost element has been read.
    pub(crate) fn from_element(whole: Element<'a>, addresses: usize) -> Result<Self, DecodeError> {
        let read = || {
            let mut parts = Elements::new(whole.contents);
            let body = parts.next(SEQUENCE)?;
            Some((body, parts.last(OCTET_STRING)?.contents))
        };
        let (body, signature) = read().ok_or_else(|| DecodeError::not_der(STRUCTURE))?;
        let wire = BodyWire::read(body.contents).ok_or_else(|| DecodeError::not_der(BODY))?;
        let authority = wire.authority.as_bytes().try_into();
        let authority = authority.map_err(|_| DecodeError::rule(BODY, "authority has not 8 octets"))?;
        let evidence = read_evidence(wire.source, wire.age)?;
        let seen = read_seen(wire.seen, addresses)?;
        Ok(Self { authority, seen, evidence, der: whole.der, body: body.der, signature })
    }

    /// The octets that were read.
    #[must_use]
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// Who signed.
    #[must_use]
    pub fn authority(&self) -> &AuthorityId {
        &self.authority
    }

    /// Where it saw the certificate.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// What its revocation check rests on.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// The signature's octets.
    #[must_use]
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// Whether `key` made this signature over the statement with this digest. The key must be the authority's.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey, statement: &Sha256) -> bool {
        let mut message = [0; SIGNED_MAX];
        signed_octets(&mut message, key.spki_hash(), statement, self.body)
            .is_some_and(|message| key.verify(message, self.signature))
    }

    /// Stands for the key, the statement with this digest, the endorsement and its signature, for the same algorithm: the
    /// key says which. None for what is too long to be signed.
    pub(crate) fn digest(&self, key: &PublicKey, statement: &Sha256) -> Option<Sha256> {
        let mut message = [0; SIGNED_MAX];
        let message = signed_octets(&mut message, key.spki_hash(), statement, self.body)?;
        Some(octets::sha256(&[message, self.signature]))
    }
}

/// Signs a statement as an authority that saw it: the DER of the endorsement.
///
/// # Errors
/// When `seen` names an address that the statement does not have, an age is out of bounds, or the key cannot sign.
pub fn endorse(
    key: &SigningKey,
    statement: &Statement<'_>,
    seen: Seen,
    evidence: Evidence,
) -> Result<Vec<u8>, EndorseError> {
    let addresses = statement.addresses().len();
    let bits = seen.0.to_be_bytes();
    let used = bits.get(..addresses.div_ceil(8)).unwrap_or(&bits);
    let unused = u8::try_from(used.len() * 8 - addresses).unwrap_or(0);
    let (source, age) = match evidence {
        Evidence::Ocsp { age } => (Source::Ocsp, Some(age)),
        Evidence::Crl { age } => (Source::Crl, Some(age)),
        Evidence::ShortLived => (Source::ShortLived, None),
    };
    let encode = || -> der::Result<(Vec<u8>, BodyWire<'_>)> {
        let body = BodyWire {
            authority: OctetStringRef::new(key.public_key().id())?,
            seen: BitStringRef::new(unused, used)?,
            source,
            age,
        };
        Ok((body.to_der()?, body))
    };
    let (body_der, body) = encode().map_err(DecodeError::der(BODY))?;
    let mut message = [0; SIGNED_MAX];
    let message = signed_octets(&mut message, key.public_key().spki_hash(), &statement.digest(), &body_der)
        .ok_or(EndorseError::Signing)?;
    let signature = key.sign(message).ok_or(EndorseError::Signing)?;
    let encode = || Wire { body, signature: OctetStringRef::new(&signature)? }.to_der();
    let der = encode().map_err(DecodeError::der("Endorsement"))?;
    Endorsement::from_der(&der, addresses)?;
    Ok(der)
}

/// Why no endorsement was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndorseError {
    /// It would not follow the spec.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The key failed to sign.
    #[error("the authority's key failed to sign")]
    Signing,
}

const LABEL: &[u8] = b"mecai-endorsement-v1\0";
/// The longest body is 2 + 10 + 5 + 3 + 5 octets.
const BODY_MAX: usize = 25;
const SIGNED_MAX: usize = LABEL.len() + 32 + 32 + BODY_MAX;

fn signed_octets<'m>(
    message: &'m mut [u8; SIGNED_MAX],
    spki_hash: &Sha256,
    statement: &Sha256,
    body: &[u8],
) -> Option<&'m [u8]> {
    let mut end = 0;
    for part in [LABEL, spki_hash, statement, body] {
        message.get_mut(end..end + part.len())?.copy_from_slice(part);
        end += part.len();
    }
    message.get(..end)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[asn1(type = "ENUMERATED")]
#[repr(u8)]
enum Source {
    Ocsp = 0,
    Crl = 1,
    ShortLived = 2,
}

#[derive(Clone, Debug, Sequence)]
struct BodyWire<'a> {
    authority: &'a OctetStringRef,
    seen: BitStringRef<'a>,
    source: Source,
    #[asn1(optional = "true")]
    age: Option<u32>,
}

#[derive(Clone, Debug, Sequence)]
struct Wire<'a> {
    body: BodyWire<'a>,
    signature: &'a OctetStringRef,
}

impl<'a> BodyWire<'a> {
    /// Reads the contents of a body; none if they are not strict DER.
    fn read(contents: &'a [u8]) -> Option<Self> {
        let mut fields = Elements::new(contents);
        let authority = OctetStringRef::new(fields.next(OCTET_STRING)?.contents).ok()?;
        let (unused, bits) = fields.next(BIT_STRING)?.contents.split_first()?;
        let seen = BitStringRef::new(*unused, bits).ok()?;
        let [source] = *fields.next(ENUMERATED)?.contents else { return None };
        let source = Source::try_from(source).ok()?;
        let age = if fields.is_empty() { None } else { Some(element::unsigned(fields.last(INTEGER)?.contents)?) };
        Some(Self { authority, seen, source, age })
    }
}

fn read_evidence(source: Source, age: Option<u32>) -> Result<Evidence, DecodeError> {
    let rule = |text| Err(DecodeError::rule(BODY, text));
    match (source, age) {
        (Source::ShortLived, None) => Ok(Evidence::ShortLived),
        (Source::ShortLived, Some(_)) => rule("age beside shortLived"),
        (_, None) => rule("age is missing"),
        (_, Some(age)) if age > AGE_MAX => rule("age is over 864000 seconds"),
        (Source::Ocsp, Some(age)) => Ok(Evidence::Ocsp { age }),
        (Source::Crl, Some(age)) => Ok(Evidence::Crl { age }),
    }
}

fn read_seen(bits: BitStringRef<'_>, addresses: usize) -> Result<Seen, DecodeError> {
    let rule = |text| Err(DecodeError::rule(BODY, text));
    if bits.bit_len() != addresses {
        return rule("seen has not one bit for each address");
    }
    let mut padded = [0; 2];
    for (to, from) in padded.iter_mut().zip(bits.raw_bytes()) {
        *to = *from;
    }
    let value = u16::from_be_bytes(padded);
    if addresses < 16 && value & (0xFFFF >> addresses) != 0 {
        return rule("seen has an unused bit set");
    }
    if value == 0 {
        return rule("seen has no bit set");
    }
    Ok(Seen(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use der::Decode;

    use super::*;
    use crate::statement::Proposal;
    use crate::time::UnixTime;

    /// Every endorsement that differs from a right one in one octet, or lacks one, or has one more: what the general
    /// decoder takes, and nothing else, is taken.
    #[test]
    fn it_is_read_as_the_general_decoder_reads_it() {
        let addresses = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let now = UnixTime(1_800_000_000);
        let proposal = Proposal {
            host: "shop.example",
            port: 443,
            addresses: &addresses,
            certificate: [7; 32],
            produced_at: now,
            not_after: now,
            stay: None,
        };
        let statement = proposal.to_der().unwrap();
        let statement = Statement::from_der(&statement).unwrap();
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        let mut taken = 0;
        for evidence in [Evidence::Ocsp { age: 0x80 }, Evidence::Crl { age: AGE_MAX }, Evidence::ShortLived] {
            let right = endorse(&key, &statement, Seen::from_indices([1]).unwrap(), evidence).unwrap();
            for place in 0..right.len() {
                let without = [&right[..place], &right[place + 1..]].concat();
                taken += usize::from(compare(&without));
                for octet in 0..=255 {
                    let (mut other, mut longer) = (right.clone(), right.clone());
                    other[place] = octet;
                    longer.insert(place, octet);
                    // What is longer is not right by its lengths alone.
                    let mut adjusted = longer.clone();
                    adjusted[1] = adjusted[1].wrapping_add(1);
                    let mut within_body = adjusted.clone();
                    within_body[3] = within_body[3].wrapping_add(1);
                    for der in [other, longer, adjusted, within_body] {
                        taken += usize::from(compare(&der));
                    }
                }
            }
        }
        assert!(taken > 3 * 64 * 256, "{taken}");
    }

    /// Reads in both ways; whether it is taken.
    fn compare(der: &[u8]) -> bool {
        let general = Wire::from_der(der).ok().map(|wire| {
            let authority = wire.body.authority.as_bytes();
            (authority.to_vec(), wire.body.seen, wire.body.source, wire.body.age, wire.signature.as_bytes())
        });
        let elements = Elements::new(der).last(SEQUENCE).and_then(|whole| {
            let mut parts = Elements::new(whole.contents);
            let body = BodyWire::read(parts.next(SEQUENCE)?.contents)?;
            let signature = parts.last(OCTET_STRING)?.contents;
            Some((body.authority.as_bytes().to_vec(), body.seen, body.source, body.age, signature))
        });
        assert_eq!(general, elements, "{der:02x?}");
        general.is_some()
    }
}
