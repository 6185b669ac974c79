//! Rounds of handshakes of all contenders in turn, and the ratios of their medians.

use std::error::Error;

use crate::contender::{Contender, asks_for_vouchers, load_module};
use crate::figures::{Figures, median};
use crate::handshake::{self, Cost};
use crate::world::World;

/// Handshakes with vouchers against plain ones, and OCSP stapling beside them: `<contender>.<figure>` to number.
pub(crate) fn vouchers(world: &World, rounds: usize, handshakes: usize) -> Result<Figures, Box<dyn Error>> {
    let mut contenders = vec![Contender::plain("plain", world)?, Contender::ocsp(world)?];
    load_module(&world.configuration())?;
    contenders.push(Contender::vouchers("vouchers_2", world, 2)?);
    contenders.push(Contender::vouchers("vouchers_8", world, 8)?);
    compare(&contenders, rounds, handshakes)
}

/// Plain handshakes of contexts that were made while the module was loaded with `mode = off`, against those that were
/// made before.
pub(crate) fn off(world: &World, rounds: usize, handshakes: usize) -> Result<Figures, Box<dyn Error>> {
    let mut contenders = vec![Contender::plain("plain", world)?];
    load_module(&world.off())?;
    contenders.push(Contender::plain("off", world)?);
    compare(&contenders, rounds, handshakes)
}

/// Measures every contender against the first.
fn compare(contenders: &[Contender], rounds: usize, handshakes: usize) -> Result<Figures, Box<dyn Error>> {
    for contender in contenders {
        let expected = contender.name.starts_with("vouchers");
        if asks_for_vouchers(contender) != expected {
            return Err(format!("{} asks for vouchers: {}, not as it should", contender.name, !expected).into());
        }
    }
    for contender in contenders {
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
            let middle_of = |value: fn(&Cost) -> f64| median(costs.iter().map(value).collect());
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
            median(rounds.iter().zip(&medians[0]).map(|(own, plain)| value(own, plain)).collect())
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
