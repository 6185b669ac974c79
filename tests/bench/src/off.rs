//! With `mode = off` the module must cost nothing: stock servers and clients with it and without, in pairs.

use std::error::Error;
use std::path::Path;

use crate::clients::{CLIENTS, Target};
use crate::daemon::{APACHE, Daemon, HAPROXY, NGINX, Site};
use crate::figures::{Figures, median};
use crate::visitor::Visitor;
use crate::visits::Pair;
use crate::world::{HOST, World};

/// So many races of each client, of which the median counts.
const RACES: usize = 3;

/// `module.off.<program>_cpu_ratio` for every program, over so many handshakes with the module and without.
pub(crate) fn programs(world: &World, handshakes: usize) -> Result<Figures, Box<dyn Error>> {
    let mut figures = Figures::new();
    let without = world.without();
    let off = world.off();
    let sites = [site(world)];
    let visitor = Visitor::new(&world.roots())?;
    for program in [NGINX, HAPROXY, APACHE] {
        let start = |name: &str, configuration: &Path| -> Result<Daemon, Box<dyn Error>> {
            let directory = world.path(&format!("{}-{name}", program.name));
            let mut daemon = Daemon::spawn(&program, &directory, &sites, configuration)?;
            daemon.wait()?;
            Ok(daemon)
        };
        let pair = Pair([start("without", &without)?, start("off", &off)?]);
        let ratio = pair.cpu_ratio(&visitor, HOST, handshakes)?;
        figures.insert(format!("module.off.{}_cpu_ratio", program.name), ratio);
    }

    let mut server = Daemon::spawn(&NGINX, &world.path("nginx-of-clients"), &sites, &without)?;
    server.wait()?;
    let target = Target { address: server.address, root: &world.roots(), handshakes };
    for client in CLIENTS {
        let race = |number: usize| {
            // Who begins changes with every race.
            let swapped = number % 2 == 1;
            let configurations = if swapped { [off.as_path(), &without] } else { [without.as_path(), &off] };
            let ratio = client.ratio(&target, configurations, world.directory())?;
            Ok(if swapped { 1.0 / ratio } else { ratio })
        };
        let ratios = (0..RACES).map(race).collect::<Result<Vec<f64>, Box<dyn Error>>>();
        let ratio = median(ratios.map_err(|error| format!("{}: {error}", client.name))?);
        figures.insert(format!("module.off.{}_cpu_ratio", client.name), ratio);
    }
    Ok(figures)
}

fn site(world: &World) -> Site {
    let files = world.site(0);
    Site { host: HOST.to_owned(), chain: files.chain, key: files.key }
}
