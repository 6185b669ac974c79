//! What stands in the contents of an extension, whichever it is (spec section 5).

use super::{
    ALTERNATE, AnswerError, CANDIDATES, STAGED, StagedList, VOUCHERS, Vectors, read_alternate, read_bundles,
    read_candidates, read_staged,
};

/// The elements of one extension's contents; those that this extension does not have are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contents<'a> {
    /// Of [`VOUCHERS`] and [`ALTERNATE`]: bundles in DER.
    pub bundles: Vectors<'a>,
    /// Of [`ALTERNATE`]: certificates in DER, end entity first.
    pub chain: Vectors<'a>,
    /// Of [`STAGED`]: chains, and the proofs of their keys.
    pub staged: StagedList<'a>,
    ids: &'a [u8],
}

impl<'a> Contents<'a> {
    /// Reads the contents of the extension with this number; none if it is none of ours.
    pub fn read(number: u16, octets: &'a [u8]) -> Option<Result<Self, AnswerError>> {
        let none = Self::default();
        Some(match number {
            VOUCHERS => read_bundles(octets).map(|bundles| Self { bundles, ..none }),
            ALTERNATE => read_alternate(octets).map(|read| Self { bundles: read.bundles, chain: read.chain, ..none }),
            STAGED => read_staged(octets).map(|staged| Self { staged, ..none }),
            // Behind the length in one octet.
            CANDIDATES => read_candidates(octets).map(|_| Self { ids: octets.get(1..).unwrap_or_default(), ..none }),
            _ => return None,
        })
    }

    /// Of [`CANDIDATES`]: authority ids, 8 octets each.
    pub fn candidates(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.ids.chunks_exact(8)
    }
}

/// Writes the answer to [`STAGED`] that has one certificate more than `before`, which may have none; none if that would
/// not fit a TLS extension.
#[must_use]
pub fn write_one_more_staged(before: StagedList<'_>, chain: &[&[u8]], key_proof: &[u8]) -> Option<Vec<u8>> {
    let chains: Vec<(Vec<&[u8]>, &[u8])> = before.map(|one| (one.chain.collect(), one.key_proof)).collect();
    let mut staged: Vec<(&[&[u8]], &[u8])> = chains.iter().map(|(chain, proof)| (&chain[..], *proof)).collect();
    staged.push((chain, key_proof));
    super::write_staged(&staged)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::extension::{write_alternate, write_bundles, write_candidates, write_staged};

    fn read(number: u16, octets: &[u8]) -> Contents<'_> {
        Contents::read(number, octets).unwrap().unwrap()
    }

    #[test]
    fn every_extension_has_its_elements_and_no_others() {
        let counts = |read: Contents<'_>| {
            [read.bundles.count(), read.chain.count(), read.staged.count(), read.candidates().count()]
        };
        assert_eq!(counts(read(VOUCHERS, &write_bundles(&[b"a", b"b"]).unwrap())), [2, 0, 0, 0]);
        assert_eq!(counts(read(ALTERNATE, &write_alternate(&[b"a"], &[b"b", b"c"]).unwrap())), [2, 1, 0, 0]);
        assert_eq!(counts(read(STAGED, &write_staged(&[(&[b"a"], b"proof")]).unwrap())), [0, 0, 1, 0]);
        let ids = write_candidates(&[[2; 8], [1; 8]]).unwrap();
        assert_eq!(counts(read(CANDIDATES, &ids)), [0, 0, 0, 2]);
        assert_eq!(read(CANDIDATES, &ids).candidates().next().unwrap(), [1; 8]);
        assert!(Contents::read(0xFF51, b"").is_none());
        for number in [VOUCHERS, ALTERNATE, STAGED, CANDIDATES] {
            assert!(Contents::read(number, b"\0").unwrap().is_err());
        }
    }

    #[test]
    fn staged_certificates_are_added_one_by_one() {
        let one = write_one_more_staged(StagedList::default(), &[b"leaf", b"ca"], b"proof").unwrap();
        assert_eq!(one, write_staged(&[(&[b"leaf", b"ca"], b"proof")]).unwrap());
        let two = write_one_more_staged(read(STAGED, &one).staged, &[b"other"], b"its").unwrap();
        assert_eq!(two, write_staged(&[(&[b"leaf", b"ca"], b"proof"), (&[b"other"], b"its")]).unwrap());
        assert!(write_one_more_staged(StagedList::default(), &[], b"proof").is_none());
    }
}
