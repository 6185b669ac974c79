//! Figures by name, and the middle of many.

use std::collections::BTreeMap;

/// Flat names, numbers.
pub(crate) type Figures = BTreeMap<String, f64>;

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
