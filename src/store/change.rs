//! One file of the store changed: read, put together anew, written. One program at a time changes a store.

use std::path::Path;

use super::answers::Answers;
use super::error::StoreError;
use super::file::{Contents, StoredAlternate, StoredBundle};
use super::{Store, serverinfo_text, write_serverinfo};
use crate::Sha256;
use crate::chain::certificate_digest;
use crate::extension::write_alternate;
use crate::statement::DecodeError;
use crate::time::UnixTime;

impl Store {
    /// [Merges](Contents::merge) bundles into the file of this certificate, or into a new one. Gives those that the
    /// file has no room for.
    ///
    /// # Errors
    /// When the file cannot be used or written, or a bundle is neither for this certificate nor for its alternate.
    pub fn add(
        &self,
        certificate: &Sha256,
        bundles: Vec<StoredBundle>,
        now: UnixTime,
    ) -> Result<Vec<StoredBundle>, StoreError> {
        let merged = self.read_or_new(certificate)?.merge(bundles, now);
        let (contents, left_out) = merged.map_err(|error| self.malformed(certificate, error))?;
        self.write(&contents)?;
        Ok(left_out)
    }

    /// Sets the alternate of this certificate, or takes it away.
    ///
    /// # Errors
    /// When the file cannot be used or written, or no server could show this chain.
    pub fn set_alternate(&self, certificate: &Sha256, chain: Option<&[Vec<u8>]>) -> Result<(), StoreError> {
        let can_be_shown = |chain: &[Vec<u8>]| {
            let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            write_alternate(&chain, &[]).is_some()
        };
        if !chain.is_none_or(can_be_shown) {
            let error = DecodeError::rule("StoredAlternate", "the chain is empty, or has no room in an answer");
            return Err(self.malformed(certificate, error));
        }
        let contents = self.read_or_new(certificate)?.with_alternate(chain);
        self.write(&contents.map_err(|error| self.malformed(certificate, error))?)
    }

    /// Writes what a server without the module shows of this certificate at `now`: an OpenSSL serverinfo file.
    ///
    /// # Errors
    /// When the file of the certificate cannot be used, or the other one not written.
    pub fn write_serverinfo(&self, certificate: &Sha256, path: &Path, now: UnixTime) -> Result<(), StoreError> {
        let contents = self.read_or_new(certificate)?;
        write_serverinfo(path, &serverinfo_text(&Answers::build(&contents, now)))
    }

    fn read_or_new(&self, certificate: &Sha256) -> Result<Contents, StoreError> {
        let contents = self.read(certificate)?.map_or_else(|| Contents::new(*certificate, vec![], None, vec![]), Ok);
        contents.map_err(|error| self.malformed(certificate, error))
    }

    fn malformed(&self, certificate: &Sha256, error: DecodeError) -> StoreError {
        StoreError { path: self.path(certificate), cause: error.into() }
    }
}

impl Contents {
    /// The same with this second certificate, its chain, or without one; its bundles stay while its end entity does.
    pub fn with_alternate(&self, chain: Option<&[Vec<u8>]>) -> Result<Self, DecodeError> {
        let end_entity = |chain: &[Vec<u8>]| chain.first().map(|der| certificate_digest(der));
        let alternate = chain.map(|chain| {
            let same = self.alternate().filter(|before| end_entity(&before.chain) == end_entity(chain));
            let bundles = same.map(|before| before.bundles.clone()).unwrap_or_default();
            StoredAlternate { chain: chain.to_vec(), bundles }
        });
        Self::new(*self.certificate(), self.bundles().to_vec(), alternate, self.staged().to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{CERTIFICATE, NOW, bundle, bundle_for};
    use super::*;
    use crate::store::NO_VOUCHERS;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        (directory, store)
    }

    #[test]
    fn bundles_are_added_to_what_there_is() {
        let (_directory, store) = store();
        let add = |bundle| store.add(&CERTIFICATE, vec![bundle], NOW).unwrap();
        assert_eq!(add(bundle("a.example", 443, NOW, [1])), []);
        assert_eq!(add(bundle("b.example", 443, NOW, [1])), []);
        assert_eq!(store.read(&CERTIFICATE).unwrap().unwrap().bundles().len(), 2);
        let other = store.add(&[8; 32], vec![bundle("a.example", 443, NOW, [1])], NOW).unwrap_err();
        assert_eq!(other.code(), "store_malformed");
        assert_eq!(store.certificates().unwrap(), [CERTIFICATE]);
    }

    #[test]
    fn the_bundles_of_an_alternate_stay_while_its_end_entity_does() {
        let (_directory, store) = store();
        let (leaf, ca) = (b"leaf".to_vec(), b"ca".to_vec());
        let of_leaf = bundle_for(certificate_digest(&leaf), "a.example", 443, NOW, [1]);
        let bundles = || {
            let contents = store.read(&CERTIFICATE).unwrap().unwrap();
            contents.alternate().map(|alternate| (alternate.chain.len(), alternate.bundles.len()))
        };
        store.set_alternate(&CERTIFICATE, Some(std::slice::from_ref(&leaf))).unwrap();
        store.add(&CERTIFICATE, vec![of_leaf], NOW).unwrap();
        assert_eq!(bundles(), Some((1, 1)));
        store.set_alternate(&CERTIFICATE, Some(&[leaf, ca.clone()])).unwrap();
        assert_eq!(bundles(), Some((2, 1)));
        store.set_alternate(&CERTIFICATE, Some(&[ca])).unwrap();
        assert_eq!(bundles(), Some((1, 0)));
        for chain in [vec![], vec![vec![0; 16_384]]] {
            assert_eq!(store.set_alternate(&CERTIFICATE, Some(&chain)).unwrap_err().code(), "store_malformed");
        }
        store.set_alternate(&CERTIFICATE, None).unwrap();
        assert_eq!(bundles(), None);
    }

    #[test]
    fn a_serverinfo_file_is_there_with_and_without_vouchers() {
        let (directory, store) = store();
        let path = directory.path().join("a.serverinfo");
        let text = |now| {
            store.write_serverinfo(&CERTIFICATE, &path, now).unwrap();
            std::fs::read_to_string(&path).unwrap()
        };
        assert_eq!(text(NOW), NO_VOUCHERS);
        store.add(&CERTIFICATE, vec![bundle("a.example", 443, NOW, [1])], NOW).unwrap();
        assert!(text(NOW).starts_with("-----BEGIN SERVERINFOV2 FOR MECAI-----\nAAARgP9N"));
        assert_eq!(text(NOW.plus(86_401)), NO_VOUCHERS);
    }
}
