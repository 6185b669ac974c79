//! All shelves, and where the vouchers of a certificate belong: on its own shelf, and beside every certificate whose
//! alternate it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mecai::Sha256;
use mecai::store::StoredBundle;
use mecai::time::UnixTime;

use super::shelf::Shelf;
use super::target::Key;
use super::trouble::Trouble;

/// The shelves, by certificate.
#[derive(Default)]
pub(super) struct Shelves {
    shelves: BTreeMap<Sha256, Shelf>,
    /// On which shelves a certificate's vouchers stand.
    homes: BTreeMap<Sha256, BTreeSet<Sha256>>,
}

impl Shelves {
    /// The shelf of a certificate, read from the directories unless that was done.
    pub(super) fn open(
        &mut self,
        certificate: &Sha256,
        directories: &[PathBuf],
        now: UnixTime,
    ) -> Result<&mut Shelf, Trouble> {
        use std::collections::btree_map::Entry;
        match self.shelves.entry(*certificate) {
            Entry::Occupied(place) => Ok(place.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(Shelf::open(certificate, directories, now)?)),
        }
    }

    /// Keeps these shelves only. What one of all knows of a certificate the others learn.
    pub(super) fn settle(&mut self, wanted: &BTreeSet<Sha256>, now: UnixTime) -> Result<(), Trouble> {
        self.find_homes();
        for (certificate, homes) in self.homes.iter().filter(|(_, homes)| homes.len() > 1) {
            let known = homes.iter().filter_map(|home| self.shelves.get(home)).flat_map(|shelf| shelf.all(certificate));
            let known: Vec<StoredBundle> = known.cloned().collect();
            for home in homes.intersection(wanted) {
                if let Some(shelf) = self.shelves.get_mut(home) {
                    shelf.add(known.clone(), now)?;
                }
            }
        }
        self.shelves.retain(|certificate, _| wanted.contains(certificate));
        self.find_homes();
        Ok(())
    }

    fn find_homes(&mut self) {
        self.homes.clear();
        for (certificate, shelf) in &self.shelves {
            for shown in std::iter::once(*certificate).chain(shelf.alternate()) {
                self.homes.entry(shown).or_default().insert(*certificate);
            }
        }
    }

    pub(super) fn get(&self, certificate: &Sha256) -> Option<&Shelf> {
        self.shelves.get(certificate)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Shelf> {
        self.shelves.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Shelf> {
        self.shelves.values_mut()
    }

    /// The shelves with the vouchers of a certificate.
    pub(super) fn homes(&self, certificate: &Sha256) -> impl Iterator<Item = &Shelf> {
        self.homes.get(certificate).into_iter().flatten().filter_map(|home| self.shelves.get(home))
    }

    /// The bundles of a certificate, host and port that are in force, freshest first: every home has the same.
    pub(super) fn bundles(&self, key: &Key, now: UnixTime) -> impl Iterator<Item = &StoredBundle> {
        self.homes(&key.certificate).next().into_iter().flat_map(move |shelf| shelf.bundles(key, now))
    }

    /// Adds a bundle wherever it belongs; gives those that some file has no room for.
    pub(super) fn add(&mut self, bundle: &StoredBundle, now: UnixTime) -> Result<Vec<StoredBundle>, Trouble> {
        let mut left_out = Vec::new();
        for home in self.homes.get(bundle.certificate()).into_iter().flatten() {
            if let Some(shelf) = self.shelves.get_mut(home) {
                left_out.extend(shelf.add(vec![bundle.clone()], now)?);
            }
        }
        Ok(left_out)
    }
}
