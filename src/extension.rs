//! The TLS extensions' numbers and the codecs of their contents (spec section 5).

use crate::AuthorityId;

mod contents;

pub use self::contents::{Contents, write_one_more_staged};

/// `mecai_vouchers`: empty in the ClientHello, answered by bundles.
pub const VOUCHERS: u16 = 0xFF4D;
/// `mecai_alternate`: empty in the ClientHello, answered by a second certificate and its bundles.
pub const ALTERNATE: u16 = 0xFF4E;
/// `mecai_staged`: sent by authorities only, answered by the server's next certificates.
pub const STAGED: u16 = 0xFF4F;
/// `mecai_candidates`: the authorities of the picked operators, where a client discloses them.
pub const CANDIDATES: u16 = 0xFF50;

/// The most octets of an answer to [`VOUCHERS`] or [`ALTERNATE`].
pub const ANSWER_MAX: usize = 16_384;
/// The most authorities in [`CANDIDATES`].
pub const CANDIDATES_MAX: usize = 31;

/// An answer that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// More than [`ANSWER_MAX`] octets.
    #[error("the answer has {0} octets, more than {ANSWER_MAX}")]
    TooLarge(usize),
    /// Does not follow its syntax to the last octet.
    #[error("the answer of {length} octets breaks off or is wrong at octet {at}")]
    Malformed {
        /// Octets in all.
        length: usize,
        /// Where the first wrong vector begins.
        at: usize,
    },
}

/// Elements of one kind, each a vector with a length of two octets; known to be well-formed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vectors<'a>(&'a [u8]);

impl<'a> Iterator for Vectors<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (vector, rest) = split_vector(self.0)?;
        self.0 = rest;
        Some(vector)
    }
}

/// Reads the answer to [`VOUCHERS`]: the octets of at least one bundle.
pub fn read_bundles(answer: &[u8]) -> Result<Vectors<'_>, AnswerError> {
    let mut reader = Answer::new(answer)?;
    let bundles = reader.vectors(1)?;
    reader.finish()?;
    Ok(bundles)
}

/// Writes the answer to [`VOUCHERS`]; none if there is no bundle, an empty one, or the answer would be too large.
#[must_use]
pub fn write_bundles(bundles: &[&[u8]]) -> Option<Vec<u8>> {
    let answer = vector(&vectors(bundles)?)?;
    (!bundles.is_empty() && answer.len() <= ANSWER_MAX).then_some(answer)
}

/// An answer to [`ALTERNATE`].
#[derive(Clone, Copy, Debug)]
pub struct Alternate<'a> {
    /// Certificates in DER, end entity first.
    pub chain: Vectors<'a>,
    /// Bundles in DER, possibly none.
    pub bundles: Vectors<'a>,
}

/// Reads the answer to [`ALTERNATE`].
pub fn read_alternate(answer: &[u8]) -> Result<Alternate<'_>, AnswerError> {
    let mut reader = Answer::new(answer)?;
    let chain = reader.vectors(1)?;
    let bundles = reader.vectors(0)?;
    reader.finish()?;
    Ok(Alternate { chain, bundles })
}

/// Writes the answer to [`ALTERNATE`]; none if it would be too large or the chain is empty.
#[must_use]
pub fn write_alternate(chain: &[&[u8]], bundles: &[&[u8]]) -> Option<Vec<u8>> {
    let answer = [vector(&vectors(chain)?)?, vector(&vectors(bundles)?)?].concat();
    (!chain.is_empty() && answer.len() <= ANSWER_MAX).then_some(answer)
}

/// A certificate that is not in use yet, with the proof of its key.
#[derive(Clone, Copy, Debug)]
pub struct Staged<'a> {
    /// Certificates in DER, end entity first.
    pub chain: Vectors<'a>,
    /// A DER KeyProof.
    pub key_proof: &'a [u8],
}

/// Staged certificates, one after another; known to be well-formed.
#[derive(Clone, Copy, Debug, Default)]
pub struct StagedList<'a>(&'a [u8]);

impl<'a> Iterator for StagedList<'a> {
    type Item = Staged<'a>;

    fn next(&mut self) -> Option<Staged<'a>> {
        let (chain, rest) = split_vector(self.0)?;
        let (key_proof, rest) = split_vector(rest)?;
        self.0 = rest;
        Some(Staged { chain: Vectors(chain), key_proof })
    }
}

/// Reads the answer to [`STAGED`]: at least one certificate. Its size is bounded by TLS alone.
pub fn read_staged(answer: &[u8]) -> Result<StagedList<'_>, AnswerError> {
    let mut outer = Answer { octets: answer, rest: answer };
    let list = outer.vector(1)?;
    outer.finish()?;
    let mut reader = Answer { octets: answer, rest: list };
    while !reader.rest.is_empty() {
        reader.vectors(1)?;
        reader.vector(1)?;
    }
    Ok(StagedList(list))
}

/// Writes the answer to [`STAGED`] from chains and key proofs; none if it would not fit a TLS extension.
#[must_use]
pub fn write_staged(staged: &[(&[&[u8]], &[u8])]) -> Option<Vec<u8>> {
    let mut list = Vec::new();
    for (chain, key_proof) in staged {
        if chain.is_empty() || key_proof.is_empty() {
            return None;
        }
        list.extend(vector(&vectors(chain)?)?);
        list.extend(vector(key_proof)?);
    }
    vector(&list).filter(|answer| !list.is_empty() && answer.len() <= usize::from(u16::MAX))
}

/// Reads [`CANDIDATES`]: 1 to 31 authority ids, ascending, none twice.
pub fn read_candidates(contents: &[u8]) -> Result<Vec<AuthorityId>, AnswerError> {
    let malformed = AnswerError::Malformed { length: contents.len(), at: 0 };
    let (length, ids) = contents.split_first().ok_or(malformed)?;
    let is_whole = usize::from(*length) == ids.len() && ids.len() % 8 == 0;
    let ids: Vec<AuthorityId> = ids.chunks_exact(8).filter_map(|id| id.try_into().ok()).collect();
    let ascend = ids.windows(2).all(|pair| pair[0] < pair[1]);
    if is_whole && ascend && (1..=CANDIDATES_MAX).contains(&ids.len()) { Ok(ids) } else { Err(malformed) }
}

/// Writes [`CANDIDATES`]: the ids ascending, each once; none if there are none, or more than 31.
#[must_use]
pub fn write_candidates(ids: &[AuthorityId]) -> Option<Vec<u8>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if !(1..=CANDIDATES_MAX).contains(&ids.len()) {
        return None;
    }
    let length = u8::try_from(8 * ids.len()).ok()?;
    Some(std::iter::once(length).chain(ids.into_iter().flatten()).collect())
}

/// An answer while it is read.
struct Answer<'a> {
    octets: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Answer<'a> {
    fn new(octets: &'a [u8]) -> Result<Self, AnswerError> {
        if octets.len() > ANSWER_MAX {
            Err(AnswerError::TooLarge(octets.len()))
        } else {
            Ok(Self { octets, rest: octets })
        }
    }

    fn vector(&mut self, least: usize) -> Result<&'a [u8], AnswerError> {
        match split_vector(self.rest) {
            Some((vector, rest)) if vector.len() >= least => {
                self.rest = rest;
                Ok(vector)
            }
            _ => Err(self.malformed()),
        }
    }

    /// A vector of at least `least` octets that consists of vectors, none of them empty.
    fn vectors(&mut self, least: usize) -> Result<Vectors<'a>, AnswerError> {
        let contents = self.vector(least)?;
        let mut inside = Answer { octets: self.octets, rest: contents };
        while !inside.rest.is_empty() {
            inside.vector(1)?;
        }
        Ok(Vectors(contents))
    }

    fn finish(self) -> Result<(), AnswerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }

    fn malformed(&self) -> AnswerError {
        // `rest` ends where `octets` ends, or where a vector inside it does.
        let at = (self.rest.as_ptr() as usize).saturating_sub(self.octets.as_ptr() as usize);
        AnswerError::Malformed { length: self.octets.len(), at }
    }
}

fn split_vector(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn vector(contents: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(contents.len()).ok()?;
    Some([length.to_be_bytes().as_slice(), contents].concat())
}

fn vectors(elements: &[&[u8]]) -> Option<Vec<u8>> {
    elements.iter().try_fold(Vec::new(), |mut all, element| {
        if element.is_empty() {
            return None;
        }
        all.extend(vector(element)?);
        Some(all)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bundles_there_and_back() {
        let answer = write_bundles(&[b"one", b"three"]).unwrap();
        assert_eq!(answer, b"\0\x0c\0\x03one\0\x05three");
        assert_eq!(read_bundles(&answer).unwrap().collect::<Vec<_>>(), [&b"one"[..], b"three"]);
        for end in 0..answer.len() {
            assert!(read_bundles(&answer[..end]).is_err(), "{end}");
        }
        assert_eq!(read_bundles(b"\0\0"), Err(AnswerError::Malformed { length: 2, at: 0 }).map(|()| Vectors(&[])));
    }

    impl PartialEq for Vectors<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
}
