//! Merging what a round of questions gave into what is stored (spec section 4, section 11).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::answers::fit;
use super::file::{BUNDLES_MAX, Contents, FILE_MAX, StoredBundle};
use crate::AuthorityId;
use crate::bundle::{BUNDLES_PER_HOST, Bundle, assemble};
use crate::statement::DecodeError;
use crate::time::UnixTime;

impl Contents {
    /// Adds bundles of this certificate: of each host and port the four freshest in force at `now`, each authority in
    /// the freshest that it signed only. Gives what a file has no room for, too.
    ///
    /// # Errors
    /// When a new bundle is for another certificate.
    pub fn merge(&self, new: Vec<StoredBundle>, now: UnixTime) -> Result<(Self, Vec<StoredBundle>), DecodeError> {
        let mut places: BTreeMap<(&str, u16), Vec<&StoredBundle>> = BTreeMap::new();
        for bundle in new.iter().chain(self.bundles()).filter(|bundle| now <= bundle.not_after()) {
            places.entry((bundle.host(), bundle.port())).or_default().push(bundle);
        }
        let mut merged = Vec::new();
        for bundles in places.into_values() {
            merged.extend(merge_place(&bundles)?);
        }
        let without_bundles =
            Self::new(*self.certificate(), Vec::new(), self.alternate().cloned(), self.staged().to_vec())?;
        let other = without_bundles.to_der().map_or(FILE_MAX, |file| file.len());
        let references: Vec<&StoredBundle> = merged.iter().collect();
        let (kept, left_out) =
            fit(&references, other + LENGTHS, 0, |count, octets| count <= BUNDLES_MAX && octets <= FILE_MAX);
        let left_out = left_out.into_iter().cloned().collect();
        let kept = kept.into_iter().cloned().collect();
        Ok((Self::new(*self.certificate(), kept, self.alternate().cloned(), self.staged().to_vec())?, left_out))
    }
}

/// By how much the lengths of a file, its body and its bundles may grow, in octets, when it is filled to the limit.
const LENGTHS: usize = 12;

type Endorsements<'b> = BTreeMap<AuthorityId, &'b [u8]>;

/// The bundles of one host and port, new ones before stored ones.
fn merge_place(bundles: &[&StoredBundle]) -> Result<Vec<StoredBundle>, DecodeError> {
    let mut statements: BTreeMap<(Reverse<UnixTime>, &[u8]), Endorsements<'_>> = BTreeMap::new();
    let bundles = bundles.iter().map(|stored| Bundle::from_der(stored.der())).collect::<Result<Vec<_>, _>>()?;
    for bundle in &bundles {
        let statement = bundle.statement();
        let endorsements = statements.entry((Reverse(statement.produced_at()), statement.der())).or_default();
        for endorsement in bundle.endorsements() {
            endorsements.entry(*endorsement.authority()).or_insert(endorsement.der());
        }
    }
    let mut seen = BTreeSet::new();
    let mut merged = Vec::new();
    for ((_, statement), endorsements) in statements {
        let fresh: Vec<&[u8]> = endorsements
            .iter()
            .filter(|(authority, _)| seen.insert(**authority))
            .map(|(_, endorsement)| *endorsement)
            .collect();
        if !fresh.is_empty() && merged.len() < BUNDLES_PER_HOST {
            merged.push(StoredBundle::from_der(&assemble(statement, &fresh)?)?);
        }
    }
    Ok(merged)
}
