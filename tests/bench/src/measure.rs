//! Handshakes of all contenders in turn, in memory, and the ratios of their medians.

use std::error::Error;

use clap::ValueEnum;

use crate::contender::{AskingClient, Contender, asks_for_vouchers, load_module};
use crate::figures::{Figures, median};
use crate::handshake::{self, Cost};
use crate::world::World;

/// What is compared in memory; in a process of its own, since a process has one configuration of the module.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Comparison {
    Judged,
    Served,
    FailedOver,
    Off,
}

impl Comparison {
    /// Makes so many handshakes of each contender: `<contender>.<figure>` to number.
    pub(crate) fn measure(self, world: &World, handshakes: usize) -> Result<Figures, Box<dyn Error>> {
        let contenders = match self {
            Self::Judged => judged(world)?,
            Self::Served => served(world)?,
            Self::FailedOver => failed_over(world)?,
            Self::Off => off(world)?,
        };
        compare(&contenders, handshakes)
    }

    /// As it stands on the command line.
    pub(crate) fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Handshakes with vouchers against plain ones, and OCSP stapling beside them.
fn judged(world: &World) -> Result<Vec<Contender>, Box<dyn Error>> {
    let mut contenders = vec![Contender::plain("plain", world)?, Contender::ocsp(world)?];
    load_module(&world.configuration())?;
    contenders.push(Contender::vouchers("vouchers_2", world, 2)?);
    contenders.push(Contender::vouchers("vouchers_8", world, 8)?);
    Ok(contenders)
}

/// A server with vouchers against a plain one, their clients judging nothing.
fn served(world: &World) -> Result<Vec<Contender>, Box<dyn Error>> {
    let mut contenders = vec![Contender::plain("plain", world)?];
    let asking = AskingClient::new(world)?;
    load_module(&world.configuration())?;
    contenders.push(Contender::unjudged("vouchers_8", world, 8, asking)?);
    Ok(contenders)
}

/// A client that accepts the alternate of a server whose own certificate nobody vouches for, against a plain one.
fn failed_over(world: &World) -> Result<Vec<Contender>, Box<dyn Error>> {
    let mut contenders = vec![Contender::plain("plain", world)?];
    load_module(&world.configuration())?;
    contenders.push(Contender::failover("failover", world)?);
    Ok(contenders)
}

/// Plain handshakes of contexts that were made while the module was loaded with `mode = off`, against those that were
/// made before.
fn off(world: &World) -> Result<Vec<Contender>, Box<dyn Error>> {
    let mut contenders = vec![Contender::plain("plain", world)?];
    load_module(&world.off())?;
    contenders.push(Contender::plain("off", world)?);
    Ok(contenders)
}

/// Measures every contender against the first.
fn compare(contenders: &[Contender], handshakes: usize) -> Result<Figures, Box<dyn Error>> {
    for contender in contenders {
        let expected = contender.asks_for_vouchers;
        if asks_for_vouchers(contender) != expected {
            return Err(format!("{} asks for vouchers: {}, not as it should", contender.name, !expected).into());
        }
        handshake::make(contender).map_err(|error| format!("{}: {error}", contender.name))?;
    }

    let mut lot = Lot::default();
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    let mut costs: Vec<Vec<Cost>> = vec![Vec::with_capacity(handshakes); contenders.len()];
    for _ in 0..handshakes {
        // What a handshake finds in the caches depends on the one before it: each follows each equally often.
        lot.shuffle(&mut order);
        for index in &order {
            costs[*index].push(handshake::make(&contenders[*index])?);
        }
    }

    let middle = |index: usize, value: fn(&Cost) -> f64| median(costs[index].iter().map(value).collect());
    let mut figures = Figures::new();
    for (index, contender) in contenders.iter().enumerate() {
        let mut tell = |name: &str, value: f64| figures.insert(format!("{}.{name}", contender.name), value);
        let client = |index| middle(index, |cost| cost.client.as_secs_f64());
        let server = |index| middle(index, |cost| cost.server.as_secs_f64());
        let bytes = |index| middle(index, |cost| cost.bytes as f64);
        tell("client_cpu_ratio", client(index) / client(0));
        tell("server_cpu_ratio", server(index) / server(0));
        tell("client_cpu_us", client(index) * 1e6);
        tell("server_cpu_us", server(index) * 1e6);
        tell("extra_bytes", bytes(index) - bytes(0));
    }
    Ok(figures)
}

/// Orders drawn by lot, the same in every run.
struct Lot(u64);

impl Default for Lot {
    fn default() -> Self {
        Self(1)
    }
}

impl Lot {
    fn shuffle(&mut self, order: &mut [usize]) {
        for place in (1..order.len()).rev() {
            // Knuth's linear congruential generator; its upper bits are good enough.
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(place, (self.0 >> 33) as usize % (place + 1));
        }
    }
}
