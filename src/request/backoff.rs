//! When an authority that failed is asked again (spec section 9). Times and random numbers are arguments.

use super::failure::Failure;
use crate::time::UnixTime;

/// The longest `Retry-After` that is honoured, in seconds: an agent asks every authority at least twice a day.
pub const RETRY_AFTER_MAX: u64 = 43_200;

/// The pauses before further attempts: doubled with each failure, halved at random, never shorter than asked for.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: u64,
    longest: u64,
    failures: u32,
    next: UnixTime,
}

impl Backoff {
    /// Pauses from `first` to `longest` seconds; the first attempt may be made at once.
    #[must_use]
    pub fn new(first: u64, longest: u64) -> Self {
        Self { first, longest, failures: 0, next: UnixTime(0) }
    }

    /// The earliest second of the next attempt; 1970 after a success.
    #[must_use]
    pub fn next_attempt(&self) -> UnixTime {
        self.next
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the next attempt may be made. A clock that was set back does not stretch the pause beyond its longest.
    #[must_use]
    pub fn may_ask(&self, now: UnixTime) -> bool {
        now >= self.next || self.next.since(now) > RETRY_AFTER_MAX.saturating_add(self.longest)
    }

    /// Forgets earlier failures.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.next = UnixTime(0);
    }

    /// Sets the next attempt after a failure seen at `now`. `random` is any number: agents that failed together do not
    /// come back together.
    pub fn failed(&mut self, failure: &Failure, now: UnixTime, random: u32) {
        self.pause(failure.retry_at, now, random);
    }

    /// The same, where of the failure only that is known before when the authority asked not to be asked again.
    pub fn pause(&mut self, retry_at: Option<UnixTime>, now: UnixTime, random: u32) {
        let doubled = self.first.saturating_mul(1_u64.checked_shl(self.failures).unwrap_or(u64::MAX));
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.min(self.longest);
        let own = now.plus(pause.div_ceil(2) + share(pause / 2, random));
        let asked = retry_at.map(|at| at.min(now.plus(RETRY_AFTER_MAX)).plus(share(self.first, random)));
        self.next = asked.map_or(own, |asked| asked.max(own));
    }
}

/// A random part of so many seconds, 0 to all of them.
fn share(seconds: u64, random: u32) -> u64 {
    let product = u128::from(seconds) * u128::from(random) / u128::from(u32::MAX);
    u64::try_from(product).unwrap_or(seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::Cause;

    const NOW: UnixTime = UnixTime(1_795_478_400);

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(60, 21_600);
        assert!(backoff.may_ask(UnixTime(0)));
        let failure = Failure::unreachable("refused");
        let mut pauses = Vec::new();
        for _ in 0..70 {
            backoff.failed(&failure, NOW, u32::MAX);
            pauses.push(backoff.next_attempt().since(NOW));
        }
        assert_eq!(pauses[..10], [60, 120, 240, 480, 960, 1920, 3840, 7680, 15_360, 21_600]);
        assert_eq!(pauses[69], 21_600);
        assert!(!backoff.may_ask(NOW.plus(21_599)));
        assert!(backoff.may_ask(NOW.plus(21_600)));
        backoff.succeeded();
        assert!(backoff.may_ask(UnixTime(0)));
        assert_eq!(backoff.failures(), 0);
    }

    #[test]
    fn retry_after_is_honoured_up_to_half_a_day() {
        let failure = |seconds| Failure { retry_at: Some(NOW.plus(seconds)), ..Cause::AnswerTooLarge.into() };
        for (asked, expected) in [(10, 30), (3600, 3600), (1_000_000, RETRY_AFTER_MAX), (u64::MAX, RETRY_AFTER_MAX)] {
            let mut backoff = Backoff::new(60, 21_600);
            backoff.failed(&failure(asked), NOW, 0);
            assert_eq!(backoff.next_attempt(), NOW.plus(expected), "{asked}");
        }
    }

    #[test]
    fn a_clock_set_back_does_not_silence_an_authority() {
        let mut backoff = Backoff::new(60, 600);
        backoff.failed(&Failure::unreachable("refused"), NOW, 0);
        assert!(!backoff.may_ask(UnixTime(NOW.0 - 3600)));
        assert!(backoff.may_ask(UnixTime(NOW.0 - 365 * 86_400)));
    }

    proptest! {
        #[test]
        fn the_pause_is_between_half_and_all(first in 0..u64::MAX, longest in 0..1_000_000_u64, random: u32, failures in 0..80_u32) {
            let mut backoff = Backoff { failures, ..Backoff::new(first, longest) };
            backoff.failed(&Failure::unreachable("refused"), NOW, random);
            let pause = backoff.next_attempt().since(NOW);
            let whole = longest.min(first.saturating_mul(1_u64.checked_shl(failures).unwrap_or(u64::MAX)));
            prop_assert!(pause <= whole && pause >= whole / 2);
        }
    }
}
