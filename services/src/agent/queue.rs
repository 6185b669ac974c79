//! Which question is put next, so that no authority holds up another: every authority has a lane of its own, lanes take
//! turns, and authorities that did not answer lately get few places.

use std::collections::{BTreeMap, VecDeque};

use mecai::AuthorityId;

/// So many questions at a time to one authority that answers.
const PLACES_PER_AUTHORITY: usize = 4;

/// Questions that wait, by authority.
#[derive(Debug)]
pub(super) struct Queue<T> {
    places: usize,
    lanes: BTreeMap<AuthorityId, Lane<T>>,
    /// The lanes that have something waiting, the next one first.
    turns: VecDeque<AuthorityId>,
    asked: usize,
    asked_unproven: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    asked: usize,
    /// Whether it answered the last time, if only with a refusal.
    proven: bool,
}

impl<T> Queue<T> {
    /// At most so many questions at a time.
    pub(super) fn new(places: usize) -> Self {
        Self { places, lanes: BTreeMap::new(), turns: VecDeque::new(), asked: 0, asked_unproven: 0 }
    }

    /// Adds a question to an authority.
    pub(super) fn push(&mut self, authority: AuthorityId, question: T) {
        let lane = self.lanes.entry(authority).or_insert_with(Lane::new);
        if lane.waiting.is_empty() {
            self.turns.push_back(authority);
        }
        lane.waiting.push_back(question);
    }

    /// The next question that may be put now; it holds a place until [`Self::done`].
    pub(super) fn pop(&mut self) -> Option<(AuthorityId, T)> {
        for _ in 0..self.turns.len() {
            let authority = self.turns.pop_front()?;
            let may = self.may_ask(&authority);
            let Some(lane) = self.lanes.get_mut(&authority) else { continue };
            let question = if may { lane.waiting.pop_front() } else { None };
            if !lane.waiting.is_empty() {
                self.turns.push_back(authority);
            }
            if let Some(question) = question {
                lane.asked += 1;
                self.asked += 1;
                self.asked_unproven += usize::from(!lane.proven);
                return Some((authority, question));
            }
        }
        None
    }

    /// Gives the place of a question back; `answered`: whether there was an answer, if only a refusal.
    pub(super) fn done(&mut self, authority: &AuthorityId, answered: bool) {
        let Some(lane) = self.lanes.get_mut(authority) else { return };
        self.asked = self.asked.saturating_sub(1);
        if !lane.proven {
            self.asked_unproven = self.asked_unproven.saturating_sub(lane.asked);
        }
        lane.asked = lane.asked.saturating_sub(1);
        lane.proven = answered;
        if !lane.proven {
            self.asked_unproven += lane.asked;
        }
    }

    /// Takes away what waits for an authority.
    pub(super) fn drain(&mut self, authority: &AuthorityId) -> Vec<T> {
        self.turns.retain(|turn| turn != authority);
        self.lanes.get_mut(authority).map(|lane| lane.waiting.drain(..).collect()).unwrap_or_default()
    }

    /// How many wait.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    fn may_ask(&self, authority: &AuthorityId) -> bool {
        let Some(lane) = self.lanes.get(authority) else { return false };
        let in_lane = if lane.proven { PLACES_PER_AUTHORITY } else { 1 };
        // Authorities that may be dead share half of the places; the other half is for those that are not.
        let unproven = self.places.div_ceil(2);
        self.asked < self.places && lane.asked < in_lane && (lane.proven || self.asked_unproven < unproven)
    }
}

impl<T> Lane<T> {
    fn new() -> Self {
        Self { waiting: VecDeque::new(), asked: 0, proven: false }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn authority(number: u8) -> AuthorityId {
        [number; 8]
    }

    fn pop_all(queue: &mut Queue<u8>) -> Vec<(u8, u8)> {
        std::iter::from_fn(|| queue.pop()).map(|(authority, question)| (authority[0], question)).collect()
    }

    #[test]
    fn authorities_take_turns() {
        let mut queue = Queue::new(64);
        for question in 0..3 {
            for number in 0..3 {
                queue.push(authority(number), question);
            }
        }
        assert_eq!(pop_all(&mut queue), [(0, 0), (1, 0), (2, 0)]);
        for number in 0..3 {
            queue.done(&authority(number), true);
        }
        assert_eq!(pop_all(&mut queue), [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2)]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_silent_authority_holds_one_place_and_a_live_one_four() {
        let mut queue = Queue::new(64);
        queue.push(authority(0), 0);
        queue.push(authority(1), 0);
        assert_eq!(pop_all(&mut queue), [(0, 0), (1, 0)]);
        queue.done(&authority(1), true);
        for question in 1..=10 {
            queue.push(authority(0), question);
            queue.push(authority(1), question);
        }
        assert_eq!(pop_all(&mut queue), [(1, 1), (1, 2), (1, 3), (1, 4)]);
        queue.done(&authority(0), false);
        assert_eq!(pop_all(&mut queue), [(0, 1)]);
        queue.done(&authority(1), true);
        assert_eq!(pop_all(&mut queue), [(1, 5)]);
        assert_eq!(queue.drain(&authority(0)), (2..=10).collect::<Vec<u8>>());
        assert_eq!(queue.len(), 5);
    }

    #[test]
    fn silent_authorities_never_take_all_places() {
        let mut queue = Queue::new(8);
        for number in 0..20 {
            queue.push(authority(number), 0);
        }
        assert_eq!(pop_all(&mut queue).len(), 4);
        queue.done(&authority(0), true);
        for question in 1..=9 {
            queue.push(authority(0), question);
        }
        // One that is silent takes the free place among its like, the live one four of the others.
        let next = pop_all(&mut queue);
        assert_eq!(next.iter().filter(|(number, _)| *number == 0).count(), 4);
        assert_eq!(next.len(), 5, "{next:?}");
        // Turning silent counts at once.
        queue.done(&authority(0), false);
        assert_eq!(pop_all(&mut queue), []);
        for number in 1..=4 {
            queue.done(&authority(number), false);
        }
        assert!(queue.asked <= 8 && queue.asked_unproven <= 8);
        while let Some(number) = queue.lanes.iter().find(|(_, lane)| lane.asked > 0).map(|(id, _)| *id) {
            queue.done(&number, false);
        }
        assert_eq!((queue.asked, queue.asked_unproven), (0, 0));
    }
}
