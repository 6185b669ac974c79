//! A store of 100,000 certificates against a store of one: what its size costs an nginx with three virtual hosts.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mecai::chain::certificate_digest;
use mecai::signature::SigningKey;
use mecai::store::{Contents, Store};
use mecai_services::lab::{Ca, Leaf, Pointers, Subject, Validity};

use crate::daemon::{Daemon, NGINX, Site, open_to_all};
use crate::figures::{Figures, median};
use crate::visitor::Visitor;
use crate::visits::Pair;
use crate::vouchers;
use crate::world::World;

const FILES: usize = 100_000;
const HOSTS: [&str; 3] = ["www.shop.example", "www.club.example", "www.bank.example"];
/// So many starts of each server, of which the median counts.
const STARTS: usize = 5;
const DAY: u64 = 86_400;

/// The figures of the store. The large one holds the three hosts' files among the others, the small one the first
/// host's alone, and it is the first host that handshakes are compared at.
pub(crate) fn figures(world: &World, visits: usize) -> Result<Figures, Box<dyn Error>> {
    let (small, large) = (world.path("store-small"), world.path("store-large"));
    let sites = make(world, &small, &large)?;
    let configurations = [("small", &small), ("large", &large)].map(|(name, vouchers)| {
        let path = world.path(&format!("store-{name}.cnf"));
        world.write_section(&path, &format!("role = server\nvouchers = {}\n", vouchers.display())).map(|()| path)
    });
    let [small, large] = configurations;
    let configurations = [("small", small?), ("large", large?)];

    let visitor = Visitor::new(&world.path("store-root.pem"))?;
    let start = |(name, configuration): &(&str, PathBuf)| -> Result<(Daemon, Duration), Box<dyn Error>> {
        let began = Instant::now();
        let mut daemon = Daemon::spawn(&NGINX, &world.path(&format!("store-nginx-{name}")), &sites, configuration)?;
        daemon.wait()?;
        if !visitor.visit(daemon.address, HOSTS[0])? {
            return Err(format!("the {name} store was not served").into());
        }
        Ok((daemon, began.elapsed()))
    };
    let mut extra = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let [small, large] = [start(&configurations[0])?.1, start(&configurations[1])?.1];
        extra.push(large.as_secs_f64() - small.as_secs_f64());
    }

    let pair = Pair([start(&configurations[0])?.0, start(&configurations[1])?.0]);
    for (daemon, answered) in pair.0.iter().zip([[true, false, false], [true; 3]]) {
        for (host, answered) in HOSTS.iter().zip(answered) {
            if visitor.visit(daemon.address, host)? != answered {
                return Err(format!("{host} was served with vouchers: {}, not as it should", !answered).into());
            }
        }
    }
    let cpu_ratio = pair.cpu_ratio(&visitor, HOSTS[0], visits)?;
    let memory = [pair.0[0].worker_memory()?, pair.0[1].worker_memory()?].map(|octets| octets as f64);
    Ok(Figures::from([
        ("store.start_extra_seconds".to_owned(), median(extra)),
        ("store.extra_mb_per_worker".to_owned(), (memory[1] - memory[0]) / 1e6),
        ("store.handshake_cpu_ratio".to_owned(), cpu_ratio),
    ]))
}

/// Fills both stores; gives the virtual hosts.
fn make(world: &World, small: &Path, large: &Path) -> Result<Vec<Site>, Box<dyn Error>> {
    for directory in [small, large] {
        fs::create_dir(directory)?;
        open_to_all(directory)?;
    }
    let subject =
        Subject { name: "Root of the store".into(), organization: "Operator 01".into(), country: "DE".into() };
    let root = Ca::root(&subject, Validity::seconds(3650 * DAY), Pointers::default())?;
    fs::write(world.path("store-root.pem"), root.certificate_pem())?;
    let keys = (0..2).map(|_| Ok(SigningKey::from_pkcs8(&SigningKey::generate()?)?));
    let keys = keys.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let endorsing: Vec<&SigningKey> = keys.iter().collect();

    let mut sites = Vec::new();
    for (number, host) in HOSTS.iter().enumerate() {
        let issued = root.issue(&Leaf::new([*host]).lifetime(90 * DAY))?;
        let path = |suffix| world.path(&format!("store-{number}.{suffix}"));
        let site = Site { host: (*host).to_owned(), chain: path("pem"), key: path("key") };
        fs::write(&site.chain, issued.chain_pem())?;
        fs::write(&site.key, issued.key_pem())?;
        sites.push(site);
        let contents = vouchers::contents(certificate_digest(issued.certificate()), host, &endorsing)
            .map_err(|error| -> Box<dyn Error> { error })?;
        for directory in [small, large].into_iter().skip(usize::from(number > 0)) {
            write(&Store::new(directory), &contents).map_err(|error| -> Box<dyn Error> { error })?;
        }
    }
    fill(&Store::new(large), HOSTS.len()..FILES, &endorsing).map_err(|error| -> Box<dyn Error> { error })?;
    Ok(sites)
}

/// Writes a signed file for each of these numbers, on all processors.
fn fill(
    store: &Store,
    numbers: std::ops::Range<usize>,
    endorsing: &[&SigningKey],
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let threads = std::thread::available_parallelism()?.get();
    let fill_part = |first: usize| {
        for number in numbers.clone().skip(first).step_by(threads) {
            let certificate = certificate_digest(format!("certificate {number}").as_bytes());
            write(store, &vouchers::contents(certificate, &format!("www.site-{number}.example"), endorsing)?)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn({
                    let fill_part = &fill_part;
                    move || fill_part(first)
                })
            })
            .collect();
        parts.into_iter().try_for_each(|part| part.join().map_err(|_| "a thread panicked")?)
    })
}

/// As the agent writes a file, but not synced: a hundred thousand times that takes an hour.
fn write(store: &Store, contents: &Contents) -> Result<(), Box<dyn Error + Send + Sync>> {
    Ok(fs::write(store.path(contents.certificate()), contents.to_der()?)?)
}
