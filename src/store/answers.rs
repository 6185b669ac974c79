//! What a server answers to 0xFF4D: built once, copied per handshake (spec section 5, "What a server answers").

use std::cmp::Ordering;
use std::sync::Arc;

use super::file::{Contents, StoredBundle};
use crate::extension::{self, ANSWER_MAX};
use crate::time::UnixTime;

/// The answers of one certificate at one time: one per host, and one for a client that names none.
#[derive(Clone, Debug)]
pub struct Answers {
    /// Ascending by host.
    by_host: Vec<(Box<str>, Answer)>,
    without_name: Answer,
    built_at: UnixTime,
    good_until: UnixTime,
    left_out: Vec<LeftOut>,
}

/// What is sent; none if no bundle is in force, or none fits.
type Answer = Option<Arc<[u8]>>;

/// A bundle that is in force but did not fit an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the vouchers of {host} port {port} of {produced_at} do not fit into the answer of {ANSWER_MAX} octets to a client \
     that names {}",
    if *.named { "this host" } else { "no host" }
)]
pub struct LeftOut {
    /// The host of its statement.
    pub host: String,
    /// The port of its statement.
    pub port: u16,
    /// When its statement was made.
    pub produced_at: UnixTime,
    /// Left out even from the answer to a client that names the host; else only from that to one that names none.
    pub named: bool,
}

impl Answers {
    /// The answers from everything that is in force at `now`.
    #[must_use]
    pub fn build(contents: &Contents, now: UnixTime) -> Self {
        let in_force: Vec<&StoredBundle> =
            contents.bundles().iter().filter(|bundle| now <= bundle.not_after()).collect();
        let mut answers = Self { good_until: good_until(&in_force), ..Self::none(now) };
        for bundles in in_force.chunk_by(|a, b| a.host() == b.host()) {
            let answer = answers.write(bundles, true);
            answers.by_host.extend(bundles.first().map(|bundle| (bundle.host().into(), answer)));
        }
        answers.without_name = match &answers.by_host[..] {
            [(_, answer)] => answer.clone(),
            _ => answers.write(&in_force, false),
        };
        answers
    }

    /// No vouchers.
    #[must_use]
    pub fn none(now: UnixTime) -> Self {
        Self { by_host: Vec::new(), without_name: None, built_at: now, good_until: UnixTime::MAX, left_out: Vec::new() }
    }

    /// The answer to a client that sent this SNI name, or none; without an allocation. None: nothing is sent.
    #[must_use]
    pub fn get(&self, name: Option<&str>) -> Option<&Arc<[u8]>> {
        let Some(name) = name else { return self.without_name.as_ref() };
        let index = self.by_host.binary_search_by(|(host, _)| compare(host, name)).ok()?;
        self.by_host.get(index)?.1.as_ref()
    }

    /// Whether something in them has expired by `now`, or the clock was set back: then they must be built again.
    #[must_use]
    pub fn is_stale(&self, now: UnixTime) -> bool {
        now > self.good_until || now < self.built_at
    }

    /// The last second for which they were built; the end of time if they hold nothing.
    #[must_use]
    pub fn good_until(&self) -> UnixTime {
        self.good_until
    }

    /// What did not fit.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    fn write(&mut self, bundles: &[&StoredBundle], named: bool) -> Answer {
        let fits = |_, octets| octets <= ANSWER_MAX;
        let (kept, left_out) = fit(bundles, LIST_LENGTH, BUNDLE_LENGTH, fits);
        self.left_out.extend(left_out.into_iter().map(|bundle| LeftOut::new(bundle, named)));
        let kept: Vec<&[u8]> = kept.into_iter().map(StoredBundle::der).collect();
        extension::write_bundles(&kept).map(Arc::from)
    }
}

impl LeftOut {
    fn new(bundle: &StoredBundle, named: bool) -> Self {
        let host = bundle.host().to_owned();
        Self { host, port: bundle.port(), produced_at: bundle.produced_at(), named }
    }
}

/// Octets of the length before all bundles, and of the length before each.
const LIST_LENGTH: usize = 2;
const BUNDLE_LENGTH: usize = 2;

/// Leaves out, until `fits(bundles, octets)`: the oldest bundles beyond the first of each host and port, then other
/// ports than the lowest of their host, then other hosts, from the last in order of names. `bundles` are in the store's
/// order; gives those kept and those left out.
pub(super) fn fit<'b>(
    bundles: &[&'b StoredBundle],
    around: usize,
    around_each: usize,
    fits: impl Fn(usize, usize) -> bool,
) -> (Vec<&'b StoredBundle>, Vec<&'b StoredBundle>) {
    let mut ranked: Vec<(Rank, usize)> = Vec::with_capacity(bundles.len());
    for (index, bundle) in bundles.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| bundles.get(index));
        let rank = match before {
            Some(before) if before.host() != bundle.host() => Rank::Host,
            Some(before) if before.port() != bundle.port() => Rank::Port,
            Some(_) => Rank::Older(bundle.produced_at()),
            None => Rank::Host,
        };
        ranked.push((rank, index));
    }
    // The first to go stands first; of the same rank the last in order.
    ranked.sort_by(|(a, i), (b, j)| a.cmp(b).then(j.cmp(i)));
    let mut octets = around + bundles.iter().map(|bundle| around_each + bundle.der().len()).sum::<usize>();
    let mut count = bundles.len();
    let mut gone = vec![false; count];
    for (_, index) in ranked {
        if fits(count, octets) {
            break;
        }
        gone[index] = true;
        count -= 1;
        octets -= around_each + bundles[index].der().len();
    }
    let (left_out, kept): (Vec<_>, Vec<_>) = bundles.iter().zip(gone).partition(|(_, gone)| *gone);
    (kept.into_iter().map(|(bundle, _)| *bundle).collect(), left_out.into_iter().map(|(bundle, _)| *bundle).collect())
}

/// What a bundle is in the order of leaving out, the first to go first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Older(UnixTime),
    Port,
    Host,
}

fn good_until(bundles: &[&StoredBundle]) -> UnixTime {
    bundles.iter().map(|bundle| bundle.not_after()).min().unwrap_or(UnixTime::MAX)
}

fn compare(host: &str, name: &str) -> Ordering {
    host.bytes().cmp(name.bytes().map(|octet| octet.to_ascii_lowercase()))
}
