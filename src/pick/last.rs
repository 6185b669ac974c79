//! The picks that were drawn last: to hash every operator of a list anew for every handshake would show.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::Pick;
use crate::Sha256;
use crate::time::UnixTime;

/// How many picks are remembered.
const PLACES: usize = 16;

/// Picks drawn by one secret. Whoever looks waits for nobody.
#[derive(Default)]
pub(super) struct LastPicks([ArcSwapOption<Drawn>; PLACES]);

/// What a pick follows from, beside the secret and the time.
pub(super) struct Asked<'a> {
    /// The digest of the list.
    pub(super) list: Sha256,
    pub(super) name: &'a str,
    pub(super) candidates: usize,
    pub(super) region: Option<&'a str>,
}

/// A pick, and everything that it follows from.
struct Drawn {
    list: Sha256,
    name: Box<str>,
    candidates: usize,
    region: Option<Box<str>>,
    times: RangeInclusive<UnixTime>,
    pick: Pick,
}

impl LastPicks {
    /// The pick that would be drawn at this time, if it is remembered.
    pub(super) fn find(&self, asked: &Asked<'_>, now: UnixTime) -> Option<Pick> {
        let place = self.place(asked)?.load();
        let drawn = place.as_ref()?;
        let is_it = drawn.list == asked.list
            && *drawn.name == *asked.name
            && drawn.candidates == asked.candidates
            && drawn.region.as_deref() == asked.region
            && drawn.times.contains(&now);
        is_it.then_some(drawn.pick)
    }

    /// Remembers a pick, which is the same at all these times.
    pub(super) fn keep(&self, asked: &Asked<'_>, times: RangeInclusive<UnixTime>, pick: Pick) {
        let Some(place) = self.place(asked) else { return };
        let Asked { list, name, candidates, region } = *asked;
        let (name, region) = (name.into(), region.map(Box::from));
        place.store(Some(Arc::new(Drawn { list, name, candidates, region, times, pick })));
    }

    /// Where the pick for a name is: another one that comes to the same place takes it.
    fn place(&self, asked: &Asked<'_>) -> Option<&ArcSwapOption<Drawn>> {
        let sum = asked.name.bytes().fold(0_usize, |sum, octet| sum.wrapping_add(usize::from(octet)));
        self.0.get(sum % PLACES)
    }
}
