//! A set of operators of one list.

use super::OPERATORS_MAX;

/// Operators of one list, by index; a bit each, so that judging allocates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorSet([u64; OPERATORS_MAX.div_ceil(64)]);

impl OperatorSet {
    /// Adds an operator; whether it was not there before.
    pub fn insert(&mut self, operator: usize) -> bool {
        let Some(word) = self.0.get_mut(operator / 64) else { return false };
        let bit = 1 << (operator % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether an operator is in it.
    #[must_use]
    pub fn contains(&self, operator: usize) -> bool {
        self.0.get(operator / 64).is_some_and(|word| word & (1 << (operator % 64)) != 0)
    }

    /// The first operator that is in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Option<usize> {
        let words = self.0.iter().zip(&other.0).map(|(a, b)| a & b).enumerate();
        let first = words.into_iter().find(|(_, word)| *word != 0);
        first.map(|(index, word)| index * 64 + word.trailing_zeros() as usize)
    }

    /// The operators of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut all = *self;
        all.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
        all
    }

    /// How many operators are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether none is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
