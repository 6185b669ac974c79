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
