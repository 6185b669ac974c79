//! What a server answers to the extensions: built once, copied per handshake (spec section 5, "What a server answers").

use std::cmp::Ordering;
use std::sync::Arc;

use super::file::{Contents, StoredAlternate, StoredBundle, StoredStaged};
use crate::extension::{self, ANSWER_MAX};
use crate::key_proof::KeyProof;
use crate::time::UnixTime;

/// The answers of one certificate at one time.
#[derive(Clone, Debug)]
pub struct Answers {
    vouchers: ByName,
    alternate: ByName,
    staged: ByName,
    built_at: UnixTime,
    good_until: UnixTime,
    left_out: Vec<LeftOut>,
}

/// What a client asks for, by an extension of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The vouchers of the server's certificate ([`extension::VOUCHERS`]).
    Vouchers,
    /// Its second certificate, with vouchers ([`extension::ALTERNATE`]).
    Alternate,
    /// Its next certificates, which only authorities ask for ([`extension::STAGED`]).
    Staged,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vouchers, Self::Alternate, Self::Staged];

    /// The number of the extension.
    #[must_use]
    pub fn extension(self) -> u16 {
        match self {
            Self::Vouchers => extension::VOUCHERS,
            Self::Alternate => extension::ALTERNATE,
            Self::Staged => extension::STAGED,
        }
    }

    /// What the extension of this number asks for.
    #[must_use]
    pub fn of(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.extension() == number)
    }
}

/// What is sent; none if there is nothing in force, or nothing fits.
type Answer = Option<Arc<[u8]>>;

/// The answers to the clients that name a host, and to those that name none.
#[derive(Clone, Debug, Default)]
struct ByName {
    /// Ascending by host.
    hosts: Vec<(Box<str>, Answer)>,
    other_name: Answer,
    no_name: Answer,
}

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
        let mut answers = Self::none(now);
        answers.vouchers = answers.for_bundles(contents.bundles(), now, LIST_LENGTH, extension::write_bundles);
        if let Some(StoredAlternate { chain, bundles }) = contents.alternate() {
            let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
            let around = LIST_LENGTH + chain.iter().map(|der| ELEMENT_LENGTH + der.len()).sum::<usize>() + LIST_LENGTH;
            let write = |bundles: &[&[u8]]| extension::write_alternate(&chain, bundles);
            // It is shown without vouchers too: authorities have to see it first.
            let other_name = write(&[]).map(Arc::from);
            answers.alternate = ByName { other_name, ..answers.for_bundles(bundles, now, around, write) };
        }
        answers.staged = answers.for_staged(contents.staged(), now);
        answers
    }

    /// Nothing at all.
    #[must_use]
    pub fn none(now: UnixTime) -> Self {
        let empty = ByName::default;
        let left_out = Vec::new();
        let (vouchers, alternate, staged) = (empty(), empty(), empty());
        Self { vouchers, alternate, staged, built_at: now, good_until: UnixTime::MAX, left_out }
    }

    /// The answer to a client that asks for this and sent this SNI name, or none; without an allocation. None: nothing
    /// is sent.
    #[must_use]
    pub fn get(&self, part: Part, name: Option<&str>) -> Option<&Arc<[u8]>> {
        let answers = match part {
            Part::Vouchers => &self.vouchers,
            Part::Alternate => &self.alternate,
            Part::Staged => &self.staged,
        };
        let Some(name) = name else { return answers.no_name.as_ref() };
        match answers.hosts.binary_search_by(|(host, _)| compare(host, name)) {
            Ok(index) => answers.hosts.get(index)?.1.as_ref(),
            Err(_) => answers.other_name.as_ref(),
        }
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

    /// The answers that consist of bundles, with so many octets around them.
    fn for_bundles(
        &mut self,
        bundles: &[StoredBundle],
        now: UnixTime,
        around: usize,
        write: impl Fn(&[&[u8]]) -> Option<Vec<u8>>,
    ) -> ByName {
        let in_force: Vec<&StoredBundle> = bundles.iter().filter(|bundle| now <= bundle.not_after()).collect();
        for bundle in &in_force {
            self.good_until = self.good_until.min(bundle.not_after());
        }
        let mut answer = |bundles: &[&StoredBundle], named| {
            let (kept, left_out) = fit(bundles, around, ELEMENT_LENGTH, |_, octets| octets <= ANSWER_MAX);
            self.left_out.extend(left_out.into_iter().map(|bundle| LeftOut::new(bundle, named)));
            let kept: Vec<&[u8]> = kept.into_iter().map(StoredBundle::der).collect();
            write(&kept).map(Arc::from)
        };
        let mut hosts: Vec<(Box<str>, Answer)> = Vec::new();
        for bundles in in_force.chunk_by(|a, b| a.host() == b.host()) {
            hosts.extend(bundles.first().map(|bundle| (bundle.host().into(), answer(bundles, true))));
        }
        let no_name = match &hosts[..] {
            [(_, answer)] => answer.clone(),
            _ => answer(&in_force, false),
        };
        ByName { hosts, other_name: None, no_name }
    }

    /// The answers that consist of the next certificates, by the hosts for which their keys are proved.
    fn for_staged(&mut self, staged: &[StoredStaged], now: UnixTime) -> ByName {
        let mut in_force: Vec<InForce<'_>> = Vec::new();
        for staged in staged {
            let Ok(proof) = KeyProof::from_der(&staged.key_proof) else { continue };
            let claim = *proof.claim();
            if now <= claim.not_after {
                self.good_until = self.good_until.min(claim.not_after);
                let chain = staged.chain.iter().map(Vec::as_slice).collect();
                in_force.push(InForce { host: claim.host, chain, key_proof: &staged.key_proof });
            }
        }
        in_force.sort_by_key(|staged| staged.host);
        let answer = |staged: &[InForce<'_>]| -> Answer {
            let mut octets = LIST_LENGTH;
            let fits = |staged: &&InForce<'_>| {
                octets += staged.octets();
                octets <= STAGED_ANSWER_MAX
            };
            let staged: Vec<_> = staged.iter().take_while(fits).map(|one| (&one.chain[..], one.key_proof)).collect();
            extension::write_staged(&staged).map(Arc::from)
        };
        let by_host = in_force.chunk_by(|a, b| a.host == b.host);
        let hosts = by_host.filter_map(|staged| staged.first().map(|first| (first.host.into(), answer(staged))));
        ByName { hosts: hosts.collect(), other_name: None, no_name: answer(&in_force) }
    }
}

/// A staged certificate whose proof is in force.
struct InForce<'a> {
    host: &'a str,
    chain: Vec<&'a [u8]>,
    key_proof: &'a [u8],
}

impl InForce<'_> {
    fn octets(&self) -> usize {
        let chain = self.chain.iter().map(|der| ELEMENT_LENGTH + der.len()).sum::<usize>();
        LIST_LENGTH + chain + ELEMENT_LENGTH + self.key_proof.len()
    }
}

impl LeftOut {
    fn new(bundle: &StoredBundle, named: bool) -> Self {
        let host = bundle.host().to_owned();
        Self { host, port: bundle.port(), produced_at: bundle.produced_at(), named }
    }
}

/// The most octets of an answer with staged certificates: all extensions of a message together have at most 65,535, and
/// this leaves room for the two others.
pub const STAGED_ANSWER_MAX: usize = 2 * ANSWER_MAX;
/// Octets of the length before a list, and of the length before each of its elements.
const LIST_LENGTH: usize = 2;
const ELEMENT_LENGTH: usize = 2;

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

fn compare(host: &str, name: &str) -> Ordering {
    host.bytes().cmp(name.bytes().map(|octet| octet.to_ascii_lowercase()))
}
