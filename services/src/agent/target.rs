//! One host and port that shows one certificate: whom to ask about it, and when. No clock and no network here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use mecai::AuthorityId;
use mecai::Sha256;
use mecai::bundle::{BUNDLES_PER_HOST, Bundle};
use mecai::request::{Backoff, Failure, Protocol};
use mecai::store::{LOOK_EVERY, StoredBundle};
use mecai::time::UnixTime;

use super::round::Round;
use super::trouble::{Failing, Trouble};

/// What names a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) host: String,
    pub(super) port: u16,
    /// SHA-256.
    pub(super) certificate: Sha256,
}

/// What the configuration says about a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) protocol: Protocol,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) stay: Option<u8>,
    /// The last second of the certificate's validity.
    pub(super) ends: UnixTime,
    /// From when on servers can show it: they need some seconds to find what the agent wrote. 1970: they do.
    pub(super) shown_from: UnixTime,
    /// It is staged: somebody waits for its vouchers.
    pub(super) hurried: bool,
}

/// How often things are done, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// How long vouchers are to live.
    pub(super) lifetime: u64,
    /// Between two rounds.
    pub(super) interval: u64,
}

/// One host and port that shows one certificate.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) wish: Wish,
    /// When all authorities were asked the last time, and when they are asked the next time.
    full_round: UnixTime,
    next_round: UnixTime,
    asked: BTreeMap<AuthorityId, Asked>,
    /// Why nobody can be asked, and until when.
    pub(super) trouble: Option<Failing>,
    local: Backoff,
    pub(super) round: Option<Round>,
}

/// How one authority answered when it was last asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    backoff: Backoff,
    /// Whatever the back-off says.
    not_before: UnixTime,
    pub(super) failing: Option<Failing>,
    pub(super) retry_after: Option<UnixTime>,
}

/// Whom to ask now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nobody,
    /// Those that failed or are new.
    Missing(Vec<AuthorityId>),
    /// All that may be asked.
    Everybody(Vec<AuthorityId>),
}

/// After this refusal an authority need not be asked again while the certificate is the same.
pub(super) const OWN_OPERATOR: &str = "own_operator";
/// Servers show another certificate: after a swap or while one is staged that is over within seconds.
pub(super) const WRONG_CERTIFICATE: &str = "wrong_certificate";
/// The first pause after it.
const HURRY: u64 = 3;
/// Servers show what was written so many seconds ago: the module looks at a file once in [`LOOK_EVERY`] at most.
pub(super) const SHOWN_AFTER: u64 = LOOK_EVERY + 1;
/// One bundle is left for the next round of all.
const BUNDLES_BEFORE_ALL: usize = BUNDLES_PER_HOST - 2;

impl Timing {
    /// The first and the longest pause after failures.
    pub(super) fn backoff(self) -> Backoff {
        let first = self.first_pause();
        Backoff::new(first, (self.interval / 6).max(first))
    }

    fn backoff_after(self, code: &str, hurried: bool) -> Backoff {
        let longest = if hurried { self.first_pause() } else { self.interval / 6 };
        let first = HURRY.min(self.first_pause());
        if code == WRONG_CERTIFICATE { Backoff::new(first, longest.max(first)) } else { self.backoff() }
    }

    fn first_pause(self) -> u64 {
        (self.interval / 360).clamp(1, 60)
    }
}

impl Target {
    /// A target for which these bundles are in force: whoever endorsed is asked again when that is due.
    pub(super) fn new<'b>(
        wish: Wish,
        timing: Timing,
        bundles: impl Iterator<Item = &'b StoredBundle>,
        random: u32,
    ) -> Self {
        let mut asked = BTreeMap::new();
        let mut largest: Option<(usize, UnixTime)> = None;
        for stored in bundles {
            let Ok(bundle) = Bundle::from_der(stored.der()) else { continue };
            if !wish.is_said_by(&bundle, timing) {
                continue;
            }
            let size = (bundle.endorsement_count(), stored.produced_at());
            largest = largest.max(Some(size));
            for endorsement in bundle.endorsements() {
                asked.insert(*endorsement.authority(), Asked::new(timing));
            }
        }
        let full_round = largest.map_or(UnixTime(0), |(_, produced_at)| produced_at);
        let mut target = Self {
            wish,
            full_round,
            next_round: UnixTime(0),
            asked,
            trouble: None,
            local: timing.backoff(),
            round: None,
        };
        if largest.is_some() {
            target.set_next_round(full_round, timing, random);
        }
        target
    }

    /// Whom of `askable` to ask, if so many bundles are in force.
    pub(super) fn due(&self, now: UnixTime, timing: Timing, askable: &[AuthorityId], bundles: usize) -> Due {
        if self.round.is_some() || !self.local.may_ask(now) || !self.is_shown(now) {
            return Due::Nobody;
        }
        let may = |id: &&AuthorityId| self.asked.get(*id).is_none_or(|asked| asked.may_ask(now, timing));
        let all = || -> Vec<AuthorityId> { askable.iter().filter(may).copied().collect() };
        let everybody = || Some(all()).filter(|all| !all.is_empty()).map_or(Due::Nobody, Due::Everybody);
        // A next round further away than an interval: the clock was set back.
        if now >= self.next_round || self.next_round.since(now) > timing.interval {
            return everybody();
        }
        let missing = |id: &&AuthorityId| self.asked.get(*id).is_none_or(|asked| asked.failing.is_some());
        let missing: Vec<AuthorityId> = askable.iter().filter(may).filter(missing).copied().collect();
        // Those that failed together come back together, so that they share a bundle.
        let is_settled = |id: &AuthorityId| {
            let is_over = |asked: &Asked| asked.next_attempt().0 <= now.0.saturating_sub(asked.settles(timing));
            self.asked.get(id).is_none_or(is_over)
        };
        if !missing.iter().any(is_settled) {
            Due::Nobody
        } else if bundles <= BUNDLES_BEFORE_ALL {
            Due::Missing(missing)
        } else if now.since(self.full_round) >= if self.wish.hurried { HURRY } else { timing.interval / 4 } {
            // Yet another bundle would push one out whose authorities are in no other.
            everybody()
        } else {
            Due::Nobody
        }
    }

    /// Whether servers can show the certificate.
    pub(super) fn is_shown(&self, now: UnixTime) -> bool {
        let pause = self.wish.shown_from.since(now);
        // Further away than it can be: the clock was set back.
        pause == 0 || pause > SHOWN_AFTER
    }

    /// All authorities are being asked.
    pub(super) fn begin_full_round(&mut self, now: UnixTime, timing: Timing, random: u32) {
        self.full_round = now;
        self.set_next_round(now, timing, random);
    }

    /// Asks everybody as soon as may be, without regard to what is in force.
    pub(super) fn want_round(&mut self) {
        self.next_round = UnixTime(0);
        self.local.succeeded();
    }

    /// Forgets how long to leave whom alone, but for what the authorities asked for.
    pub(super) fn forget_pauses(&mut self, now: UnixTime) {
        self.local.succeeded();
        for asked in self.asked.values_mut().filter(|asked| asked.retry_after.is_none_or(|at| at <= now)) {
            asked.backoff.succeeded();
            asked.not_before = UnixTime(0);
        }
    }

    /// An authority endorsed.
    pub(super) fn endorsed(&mut self, authority: AuthorityId, timing: Timing) {
        self.asked.insert(authority, Asked::new(timing));
    }

    /// An authority did not.
    pub(super) fn failed(
        &mut self,
        authority: AuthorityId,
        failure: &Failure,
        now: UnixTime,
        timing: Timing,
        random: u32,
    ) {
        let asked = self.asked.entry(authority).or_insert_with(|| Asked::new(timing));
        let is_wrong = |code: &str| code == WRONG_CERTIFICATE;
        if is_wrong(failure.code()) != asked.failing.as_ref().is_some_and(|before| is_wrong(&before.code)) {
            asked.backoff = timing.backoff_after(failure.code(), self.wish.hurried);
        }
        asked.failing = Some(Failing::after(asked.failing.as_ref(), failure.code(), failure.to_string(), now));
        asked.retry_after = failure.retry_at;
        asked.backoff.failed(failure, now, random);
        asked.not_before = if failure.code() == OWN_OPERATOR { now.plus(timing.lifetime) } else { UnixTime(0) };
    }

    /// Goes on from what an earlier process knew: since when it fails, and when it wants to be asked again.
    pub(super) fn failed_before(
        &mut self,
        authority: AuthorityId,
        failing: Failing,
        retry_after: Option<UnixTime>,
        timing: Timing,
    ) {
        let asked = self.asked.entry(authority).or_insert_with(|| Asked::new(timing));
        if failing.code == OWN_OPERATOR
            && let Ok(last) = failing.last.parse::<UnixTime>()
        {
            asked.not_before = last.plus(timing.lifetime);
        }
        asked.backoff = timing.backoff_after(&failing.code, self.wish.hurried);
        asked.not_before = asked.not_before.max(retry_after.unwrap_or(UnixTime(0)));
        asked.failing = Some(failing);
        asked.retry_after = retry_after;
    }

    /// Nobody could be asked.
    pub(super) fn troubled(&mut self, trouble: &Trouble, now: UnixTime, random: u32) {
        let before = self.trouble.as_ref().filter(|before| before.code == trouble.code);
        self.trouble = Some(Failing::after(before, trouble.code, trouble.sentence.clone(), now));
        self.local.failed(&Failure::unreachable(&trouble.sentence), now, random);
        self.next_round = UnixTime(0);
    }

    /// The way is free again.
    pub(super) fn untroubled(&mut self) {
        self.trouble = None;
        self.local.succeeded();
    }

    /// Forgets authorities that left the list.
    pub(super) fn retain(&mut self, listed: &BTreeSet<AuthorityId>) {
        self.asked.retain(|authority, _| listed.contains(authority));
    }

    pub(super) fn asked(&self, authority: &AuthorityId) -> Option<&Asked> {
        self.asked.get(authority)
    }

    pub(super) fn next_round(&self) -> UnixTime {
        self.next_round.max(self.local.next_attempt()).max(self.wish.shown_from)
    }

    fn set_next_round(&mut self, now: UnixTime, timing: Timing, random: u32) {
        let early = u64::from(random) * (timing.interval / 10) / u64::from(u32::MAX);
        self.next_round = now.plus(timing.interval - early);
    }
}

impl Wish {
    /// Whether a bundle's statement is one that would be proposed today.
    fn is_said_by(&self, bundle: &Bundle<'_>, timing: Timing) -> bool {
        let statement = bundle.statement();
        let has_addresses = self.addresses.is_empty() || {
            let said: BTreeSet<IpAddr> = statement.addresses().collect();
            said == self.addresses.iter().map(|address| mecai::host::plain_address(*address)).collect()
        };
        statement.stay() == self.stay
            && has_addresses
            && statement.not_after().since(statement.produced_at()) <= timing.lifetime
    }
}

impl Asked {
    fn new(timing: Timing) -> Self {
        Self { backoff: timing.backoff(), not_before: UnixTime(0), failing: None, retry_after: None }
    }

    /// The earliest second of the next attempt, 1970 if there was no failure.
    pub(super) fn next_attempt(&self) -> UnixTime {
        self.backoff.next_attempt().max(self.not_before)
    }

    /// How long to wait for others that failed as well.
    fn settles(&self, timing: Timing) -> u64 {
        let is_wrong = self.failing.as_ref().is_some_and(|failing| failing.code == WRONG_CERTIFICATE);
        if is_wrong { HURRY.min(timing.first_pause()) } else { timing.first_pause() }
    }

    fn may_ask(&self, now: UnixTime, timing: Timing) -> bool {
        let is_over = now >= self.not_before || self.not_before.since(now) > timing.lifetime.max(43_200);
        self.backoff.may_ask(now) && is_over
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mecai::bundle::assemble;
    use mecai::endorsement::{Evidence, Seen, endorse};
    use mecai::request::{Cause, Problem};
    use mecai::signature::SigningKey;
    use mecai::statement::{Proposal, Statement};

    use super::*;

    const NOW: UnixTime = UnixTime(1_795_478_400);
    const TIMING: Timing = Timing { lifetime: 86_400, interval: 21_600 };
    const A: AuthorityId = [1; 8];
    const B: AuthorityId = [2; 8];
    const LATEST: u32 = u32::MAX;

    fn wish() -> Wish {
        Wish {
            protocol: Protocol::Tls,
            addresses: Vec::new(),
            stay: None,
            ends: NOW.plus(10_000_000),
            shown_from: UnixTime(0),
            hurried: false,
        }
    }

    fn new() -> Target {
        Target::new(wish(), TIMING, std::iter::empty(), 0)
    }

    /// A target whose first round, at `NOW`, A answered well and B did not.
    fn without_b(failure: &Failure) -> Target {
        let mut target = new();
        target.begin_full_round(NOW, TIMING, 0);
        target.endorsed(A, TIMING);
        target.failed(B, failure, NOW, TIMING, LATEST);
        target
    }

    fn refused(problem: Problem) -> Failure {
        Cause::Refused { problem, detail: "so it is".to_owned() }.into()
    }

    #[test]
    fn a_round_of_all_every_interval_and_a_tenth_earlier_at_most() {
        let mut target = new();
        assert_eq!(target.due(NOW, TIMING, &[A, B], 0), Due::Everybody(vec![A, B]));
        assert_eq!(target.due(NOW, TIMING, &[], 0), Due::Nobody);
        for (random, expected) in [(0, 21_600), (LATEST, 19_440)] {
            target.begin_full_round(NOW, TIMING, random);
            target.endorsed(A, TIMING);
            target.endorsed(B, TIMING);
            assert_eq!(target.due(NOW.plus(expected - 1), TIMING, &[A, B], 1), Due::Nobody);
            assert_eq!(target.due(NOW.plus(expected), TIMING, &[A, B], 1), Due::Everybody(vec![A, B]));
        }
        assert_eq!(target.due(UnixTime(NOW.0 - 86_400), TIMING, &[A], 1), Due::Everybody(vec![A]), "clock set back");
    }

    #[test]
    fn nobody_is_asked_before_servers_can_show_it() {
        let wish = Wish { shown_from: NOW.plus(SHOWN_AFTER), ..wish() };
        let target = Target::new(wish, TIMING, std::iter::empty(), 0);
        assert_eq!(target.due(NOW.plus(SHOWN_AFTER - 1), TIMING, &[A], 0), Due::Nobody);
        assert_eq!(target.due(NOW.plus(SHOWN_AFTER), TIMING, &[A], 0), Due::Everybody(vec![A]));
        assert_eq!(target.due(UnixTime(NOW.0 - 1), TIMING, &[A], 0), Due::Everybody(vec![A]), "clock set back");
    }

    #[test]
    fn who_failed_is_asked_again_alone_and_who_is_new_too() {
        let target = without_b(&Failure::unreachable("refused"));
        // The longest first pause is 60 s, and so long those that failed together are waited for.
        assert_eq!(target.due(NOW.plus(119), TIMING, &[A, B], 1), Due::Nobody);
        assert_eq!(target.due(NOW.plus(120), TIMING, &[A, B], 1), Due::Missing(vec![B]));
        assert_eq!(target.due(NOW.plus(120), TIMING, &[A], 1), Due::Nobody, "B is left alone for other reasons");
        assert_eq!(target.due(NOW.plus(1), TIMING, &[A, B, [3; 8]], 1), Due::Missing(vec![[3; 8]]));
    }

    #[test]
    fn who_saw_another_certificate_is_asked_again_soon_and_while_it_is_staged_never_long_after() {
        for (hurried, longest) in [(false, 3_600), (true, 60)] {
            let mut target = Target::new(Wish { hurried, ..wish() }, TIMING, std::iter::empty(), 0);
            target.begin_full_round(NOW, TIMING, 0);
            target.endorsed(A, TIMING);
            let mut now = NOW;
            for pause in [3, 6, 12, 24, 48, 96, 192, 384, 768, 1_536, 3_072, 6_144] {
                target.failed(B, &refused(Problem::WrongCertificate), now, TIMING, LATEST);
                let next = now.plus(pause.min(longest) + HURRY);
                assert_eq!(target.due(UnixTime(next.0 - 1), TIMING, &[A, B], 1), Due::Nobody, "{hurried} {pause}");
                assert_eq!(target.due(next, TIMING, &[A, B], 1), Due::Missing(vec![B]), "{hurried} {pause}");
                now = UnixTime(now.0 + 1);
            }
            // Another failure is another pause.
            target.failed(B, &refused(Problem::Distrusted), NOW, TIMING, LATEST);
            assert_eq!(target.due(NOW.plus(119), TIMING, &[A, B], 1), Due::Nobody);
            assert_eq!(target.due(NOW.plus(120), TIMING, &[A, B], 1), Due::Missing(vec![B]));
            // Somebody waits for it: all are asked before a bundle would be pushed out.
            let full = if hurried { Due::Everybody(vec![A, B]) } else { Due::Nobody };
            assert_eq!(target.due(NOW.plus(120), TIMING, &[A, B], 3), full);
        }
    }

    #[test]
    fn bundles_are_never_pushed_out() {
        let target = without_b(&Failure::unreachable("refused"));
        assert_eq!(target.due(NOW.plus(300), TIMING, &[A, B], 2), Due::Missing(vec![B]));
        assert_eq!(target.due(NOW.plus(300), TIMING, &[A, B], 3), Due::Nobody);
        assert_eq!(target.due(NOW.plus(5_400), TIMING, &[A, B], 3), Due::Everybody(vec![A, B]));
    }

    #[test]
    fn its_own_operator_is_not_asked_again_for_a_life() {
        let mut target = without_b(&refused(Problem::OwnOperator));
        for round in 1..4 {
            let now = NOW.plus(round * TIMING.interval);
            assert_eq!(target.due(now, TIMING, &[A, B], 1), Due::Everybody(vec![A]));
            target.begin_full_round(now, TIMING, 0);
        }
        assert_eq!(target.due(NOW.plus(86_400), TIMING, &[A, B], 1), Due::Everybody(vec![A, B]));
        let mut target = without_b(&refused(Problem::OwnOperator));
        target.forget_pauses(NOW.plus(1));
        assert_eq!(target.due(NOW.plus(61), TIMING, &[A, B], 1), Due::Missing(vec![B]));
        let other = without_b(&refused(Problem::Distrusted));
        assert_eq!(other.due(NOW.plus(120), TIMING, &[A, B], 1), Due::Missing(vec![B]));
    }

    #[test]
    fn retry_after_holds_against_rounds_and_hangups() {
        let mut target = without_b(&Failure { retry_at: Some(NOW.plus(30_000)), ..refused(Problem::RateLimited) });
        target.forget_pauses(NOW.plus(1));
        assert_eq!(target.due(NOW.plus(21_600), TIMING, &[A, B], 1), Due::Everybody(vec![A]));
        assert_eq!(target.due(NOW.plus(30_060), TIMING, &[A, B], 1), Due::Everybody(vec![A, B]));
    }

    #[test]
    fn trouble_on_the_own_side_is_no_round_and_tried_again() {
        let mut target = new();
        target.begin_full_round(NOW, TIMING, 0);
        target.troubled(&Trouble::new("dns_failed", "no answer"), NOW, LATEST);
        assert_eq!(target.due(NOW.plus(59), TIMING, &[A], 0), Due::Nobody);
        assert_eq!(target.next_round(), NOW.plus(60));
        assert_eq!(target.due(NOW.plus(60), TIMING, &[A], 0), Due::Everybody(vec![A]));
        target.troubled(&Trouble::new("dns_failed", "no answer"), NOW.plus(60), LATEST);
        let failing = target.trouble.clone().unwrap();
        assert_eq!((failing.since, failing.last), (NOW.to_string(), NOW.plus(60).to_string()));
        target.untroubled();
        assert!(target.trouble.is_none());
    }

    #[test]
    fn what_is_in_force_is_not_asked_for_again_unless_something_else_is_wished_for() {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        let proposal = Proposal {
            host: "www.shop.example",
            port: 443,
            addresses: &["192.0.2.1".parse().unwrap()],
            certificate: [7; 32],
            produced_at: NOW,
            not_after: NOW.plus(86_400),
            stay: None,
        };
        let der = proposal.to_der().unwrap();
        let statement = Statement::from_der(&der).unwrap();
        let endorsement = endorse(&key, &statement, Seen::from_indices([0]).unwrap(), Evidence::ShortLived).unwrap();
        let bundle = StoredBundle::from_der(&assemble(&der, &[&endorsement]).unwrap()).unwrap();
        let id = *key.public_key().id();
        let due = |wish: Wish, timing| {
            Target::new(wish, timing, std::iter::once(&bundle), 0).due(NOW.plus(100), timing, &[id], 1)
        };
        assert_eq!(due(wish(), TIMING), Due::Nobody);
        let same = vec!["::ffff:192.0.2.1".parse().unwrap()];
        assert_eq!(due(Wish { addresses: same, ..wish() }, TIMING), Due::Nobody);
        let all = Due::Everybody(vec![id]);
        assert_eq!(due(Wish { stay: Some(0), ..wish() }, TIMING), all);
        assert_eq!(due(Wish { addresses: vec!["192.0.2.2".parse().unwrap()], ..wish() }, TIMING), all);
        assert_eq!(due(wish(), Timing { lifetime: 3_600, interval: 900 }), all);
    }
}
