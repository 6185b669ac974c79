//! Rounds of handshakes of all contenders in turn, and the ratios of their medians.

use std::error::Error;

use crate::Figures;
use crate::contender::{Contender, asks_for_vouchers, load_module};
use crate::handshake::{self, Cost};
use crate::world::World;

/// Measures every contender against the plain one: `<contender>.<figure>` to number.
pub(crate) fn all(world: &World, rounds: usize, handshakes: usize) -> Result<Figures, Box<dyn Error>> {
    let mut contenders = vec![Contender::plain(world)?, Contender::ocsp(world)?];
    load_module(&world.configuration())?;
    contenders.push(Contender::vouchers("vouchers_2", world, 2)?);
    contenders.push(Contender::vouchers("vouchers_8", world, 8)?);
    for contender in &contenders {
        let expected = contender.name.starts_with("vouchers");
        if asks_for_vouchers(contender) != expected {
            return Err(format!("{} asks for vouchers: {}, not as it should", contender.name, !expected).into());
        }
    }
    for contender in &contenders {
        handshake::make(contender).map_err(|error| format!("{}: {error}", contender.name))?;
    }

    // For each contender, for each round: the medians of the two sides, in seconds, and of the octets sent.
    let mut medians: Vec<Vec<[f64; 3]>> = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        let mut costs: Vec<Vec<Cost>> = vec![Vec::with_capacity(handshakes); contenders.len()];
        for turn in 0..handshakes {
            for place in 0..contenders.len() {
                // Who follows whom changes with every turn: the last one of a turn measures about 1 % too high.
                let index = (place + turn + round) % contenders.len();
                costs[index].push(handshake::make(&contenders[index])?);
            }
        }
        for (index, costs) in costs.iter().enumerate() {
            let middle_of = |value: fn(&Cost) -> f64| middle(costs.iter().map(value).collect());
            medians[index].push([
                middle_of(|cost| cost.client.as_secs_f64()),
                middle_of(|cost| cost.server.as_secs_f64()),
                middle_of(|cost| cost.bytes as f64),
            ]);
        }
    }

    let mut figures = Figures::new();
    for (contender, rounds) in contenders.iter().zip(&medians) {
        let over_rounds = |value: fn(&[f64; 3], &[f64; 3]) -> f64| {
            middle(rounds.iter().zip(&medians[0]).map(|(own, plain)| value(own, plain)).collect())
        };
        let mut tell = |name: &str, value: f64| figures.insert(format!("{}.{name}", contender.name), value);
        tell("client_cpu_ratio", over_rounds(|own, plain| own[0] / plain[0]));
        tell("server_cpu_ratio", over_rounds(|own, plain| own[1] / plain[1]));
        tell("client_cpu_us", over_rounds(|own, _| own[0] * 1e6));
        tell("server_cpu_us", over_rounds(|own, _| own[1] * 1e6));
        tell("extra_bytes", over_rounds(|own, plain| own[2] - plain[2]));
    }
    Ok(figures)
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
