//! Two servers that are visited in turn, and what the visits cost each.

use std::error::Error;

use crate::daemon::Daemon;
use crate::figures::median;
use crate::visitor::Visitor;

/// So many rounds, of which the median counts.
const ROUNDS: usize = 10;

/// Two servers that differ in one thing.
pub(crate) struct Pair(pub(crate) [Daemon; 2]);

impl Pair {
    /// The processor time of the second over that of the first, for the same visits: so many of each in all.
    pub(crate) fn cpu_ratio(&self, visitor: &Visitor, host: &str, visits: usize) -> Result<f64, Box<dyn Error>> {
        for daemon in &self.0 {
            for _ in 0..20 {
                visitor.visit(daemon.address, host)?;
            }
        }
        let times = || -> Result<[f64; 2], Box<dyn Error>> {
            Ok([self.0[0].time()?.as_secs_f64(), self.0[1].time()?.as_secs_f64()])
        };
        let mut ratios = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let before = times()?;
            for turn in 0..visits.div_ceil(ROUNDS) {
                // Who follows whom changes with every turn.
                for place in 0..2 {
                    visitor.visit(self.0[(place + turn) % 2].address, host)?;
                }
            }
            let after = times()?;
            ratios.push((after[1] - before[1]) / (after[0] - before[0]));
        }
        Ok(median(ratios))
    }
}
