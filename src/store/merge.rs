//! Merging what a round of questions gave into what is stored (spec section 4, section 11).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::answers::fit;
use super::file::{BUNDLES_MAX, Contents, FILE_MAX, StoredAlternate, StoredBundle};
use crate::AuthorityId;
use crate::bundle::{BUNDLES_PER_HOST, Bundle, assemble};
use crate::statement::DecodeError;
use crate::time::UnixTime;

impl Contents {
    /// Adds bundles of this certificate or of its alternate: of each host and port the four freshest in force at `now`,
    /// each authority in the freshest that it signed only. Gives what a file has no room for, too.
    ///
    /// # Errors
    /// When a new bundle is for another certificate.
    pub fn merge(&self, new: Vec<StoredBundle>, now: UnixTime) -> Result<(Self, Vec<StoredBundle>), DecodeError> {
        let mut left_out = Vec::new();
        let is_ours = |bundle: &&StoredBundle| self.alternate().is_none() || bundle.certificate() == self.certificate();
        let (own, others): (Vec<&StoredBundle>, Vec<&StoredBundle>) = new.iter().partition(is_ours);
        let without = |alternate| Self::new(*self.certificate(), Vec::new(), alternate, self.staged().to_vec());
        let mut alternate = None;
        if let Some(StoredAlternate { chain, bundles }) = self.alternate() {
            let merged = merge_all(others.into_iter().chain(bundles), now)?;
            let rest = without(Some(StoredAlternate { chain: chain.clone(), bundles: Vec::new() }))?;
            let (kept, more) = keep(merged, &rest, FILE_MAX / 2);
            left_out.extend(more);
            alternate = Some(StoredAlternate { chain: chain.clone(), bundles: kept });
        }
        let merged = merge_all(own.into_iter().chain(self.bundles()), now)?;
        let rest = without(alternate)?;
        let (kept, more) = keep(merged, &rest, FILE_MAX);
        left_out.extend(more);
        Ok((Self::new(*self.certificate(), kept, rest.alternate().cloned(), rest.staged().to_vec())?, left_out))
    }
}

/// The bundles of all hosts and ports, new ones before stored ones.
fn merge_all<'b>(
    bundles: impl Iterator<Item = &'b StoredBundle>,
    now: UnixTime,
) -> Result<Vec<StoredBundle>, DecodeError> {
    let mut places: BTreeMap<(&str, u16), Vec<&StoredBundle>> = BTreeMap::new();
    for bundle in bundles.filter(|bundle| now <= bundle.not_after()) {
        places.entry((bundle.host(), bundle.port())).or_default().push(bundle);
    }
    let mut merged = Vec::new();
    for bundles in places.into_values() {
        merged.extend(merge_place(&bundles)?);
    }
    Ok(merged)
}

/// Those that a file with `rest` has room for in so many octets, and the others.
fn keep(bundles: Vec<StoredBundle>, rest: &Contents, octets_max: usize) -> (Vec<StoredBundle>, Vec<StoredBundle>) {
    let around = rest.to_der().map_or(octets_max, |file| file.len()) + LENGTHS;
    let references: Vec<&StoredBundle> = bundles.iter().collect();
    let (kept, left_out) = fit(&references, around, 0, |count, octets| count <= BUNDLES_MAX && octets <= octets_max);
    (kept.into_iter().cloned().collect(), left_out.into_iter().cloned().collect())
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
