//! Two servers that are visited in turn, and what the visits cost each.

use std::error::Error;

use crate::daemon::Daemon;
use crate::figures::median;
use crate::visitor::Visitor;

/// So many rounds, of which the median counts.
const ROUNDS: usize = 5;

/// Two servers that differ in one thing.
pub(crate) struct Pair(pub(crate) [Daemon; 2]);

impl Pair {
    /// The processor time of a visit to the second over that of one to the first, of so many visits to each in all.
    pub(crate) fn cpu_ratio(&self, visitor: &Visitor, host: &str, visits: usize) -> Result<f64, Box<dyn Error>> {
        let in_a_round = visits.div_ceil(ROUNDS);
        self.round(visitor, host, 20)?;
        let rounds = (0..ROUNDS).map(|_| {
            let [first, second] = self.round(visitor, host, in_a_round)?.map(median);
            Ok(second / first)
        });
        Ok(median(rounds.collect::<Result<_, Box<dyn Error>>>()?))
    }

    /// What each visit to each of them cost.
    fn round(&self, visitor: &Visitor, host: &str, visits: usize) -> Result<[Vec<f64>; 2], Box<dyn Error>> {
        let mut costs = [const { Vec::new() }; 2];
        let mut before = [self.0[0].time()?, self.0[1].time()?];
        for turn in 0..visits {
            // Who follows whom changes with every turn.
            for index in [turn % 2, 1 - turn % 2] {
                visitor.visit(self.0[index].address, host)?;
            }
            // By now both have done what there is to do when a client has gone.
            for index in 0..2 {
                let after = self.0[index].time()?;
                costs[index].push((after - before[index]).as_secs_f64());
                before[index] = after;
            }
        }
        Ok(costs)
    }
}
