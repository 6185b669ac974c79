//! `mecai lab drill`: an operator is distrusted, and hour by hour different clients visit many sites: one sees whose
//! sites go down, when, and that those with an alternate do not.

mod promise;
mod report;
mod town;
mod visitor;

use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::command::{module, program};
use super::parallel::in_parallel;
use super::{Error, World, interrupt, unix_now};

use self::report::Report;
use self::town::Town;
use self::visitor::{Kind, Visitor};

/// How many scaled hours vouchers live.
const LIFE_HOURS: u64 = 24;
const OPERATORS: usize = 12;
const REASON: &str = "issued certificates for names of others";
/// Authorities limit what one requester asks in a minute, so that shorter hours allow for fewer sites.
const SITES_PER_SECOND: u64 = 30;
/// Before hour 0 every client reaches what it can reach at all, within this time.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// What `mecai lab drill` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct Drill {
    /// How many sites, all at one nginx: the first half have certificates of the operator, the others of the other
    /// operators in turn. At most 30 for each second of --seconds-per-hour
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=100))]
    sites: u16,
    /// How many sites of the operator have an alternate of another operator; unless told, half of them
    #[arg(long, value_name = "NUMBER")]
    alternates: Option<u16>,
    /// Whom the authorities are told to distrust
    #[arg(long, value_name = "ID", default_value = "operator-a")]
    operator: String,
    /// How many hours the drill goes on
    #[arg(long, value_name = "NUMBER", default_value_t = 30, value_parser = clap::value_parser!(u64).range(24..=168))]
    hours: u64,
    /// How long an hour takes. Vouchers live 24 of these hours
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds_per_hour: u64,
    /// Print a report in JSON at the end, and no table
    #[arg(long)]
    json: bool,
    /// The module; unless told, mecai_openssl.so beside this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// An empty or new directory for all keys, certificates, configurations and logs; it stays. Without it, a temporary
    /// one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What each kind of client reached in an hour: by kind, then by site.
type Reached = Vec<Vec<bool>>;

/// Holds the drill, and prints what comes of it.
///
/// # Errors
/// [`Error::Drill`] when it did not go as promised; others are about the world that it takes place in.
pub(super) fn run(told: &Drill) -> Result<(), Error> {
    let begun = Instant::now();
    check(told)?;
    let module = module(told.module.as_deref())?;
    let mut builder = World::builder().operators(OPERATORS).authorities(program()?);
    if let Some(directory) = &told.keep {
        builder = builder.directory(directory);
    }
    let world = builder.start()?;
    let _signals = interrupt::on_signal(told.keep.is_none().then(|| world.directory().to_path_buf()))?;
    let town = Town::build(&world, &module, told)?;
    let visitors = Kind::ALL
        .into_iter()
        .map(|kind| Visitor::new(&world, &module, kind, &told.operator))
        .collect::<Result<Vec<_>, _>>()?;
    let mut report = Report::new(told, town.sites());
    print(told, &report.head());
    settle(&town, &visitors)?;
    distrust(&world, &told.operator)?;
    // Whatever an authority endorsed before it was told ends 24 hours later at the latest, that second included.
    let zero = unix_now() + 1;
    for hour in 0..=told.hours {
        wait_until(zero + hour * told.seconds_per_hour);
        let reached = visit(&town, &visitors)?;
        report.add(hour, reached, |kind, site| visitors[kind].last_word(&town.sites()[site].name));
        print(told, &report.last_hour());
    }
    report.end(begun.elapsed().as_secs());
    if told.json {
        let _ = writeln!(io::stdout(), "{}", report.to_json());
    }
    print(told, &report.summary());
    report.outcome()
}

fn check(told: &Drill) -> Result<(), Error> {
    let most = told.seconds_per_hour.saturating_mul(SITES_PER_SECOND);
    if u64::from(told.sites) > most {
        return Err(Error::TooManySites {
            sites: told.sites.into(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
        });
    }
    if told.alternates() > told.fallen() {
        return Err(Error::TooManyAlternates { alternates: told.alternates(), sites: told.fallen() });
    }
    Ok(())
}

/// Waits until every client reaches what it can reach before anybody is told anything: the vouchers of all sites have
/// come, and the server shows them and the alternates.
fn settle(town: &Town, visitors: &[Visitor]) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let reached = visit(town, visitors)?;
        let missing = visitors.iter().zip(&reached).find_map(|(visitor, reached)| {
            let mut sites = town.sites().iter().zip(reached);
            sites.find(|(site, reached)| promise::before(visitor.kind(), site) != **reached).map(|(site, _)| {
                let word = visitor.last_word(&site.name);
                format!("before hour 0, {}: {site} is not as it should be: {word}", visitor.kind())
            })
        });
        match missing {
            None => return Ok(()),
            Some(reason) if begun.elapsed() >= SETTLED_WITHIN => return Err(Error::Drill { reason }),
            Some(_) => thread::sleep(POLL),
        }
    }
}

fn distrust(world: &World, operator: &str) -> Result<(), Error> {
    let authorities: Vec<_> = world.authorities().iter().collect();
    let told = in_parallel(&authorities, |_, authority| {
        let ran = authority.distrust(["add", "--operator", operator, "--reason", REASON])?;
        if ran.succeeded() {
            return Ok(());
        }
        let reason = format!("mecai authority distrust add: {}: {}", ran.exit(), ran.errors.trim());
        Err(Error::Drill { reason })
    });
    told.into_iter().collect()
}

fn visit(town: &Town, visitors: &[Visitor]) -> Result<Reached, Error> {
    in_parallel(visitors, |_, visitor| visitor.visit(town)).into_iter().collect()
}

fn wait_until(time: u64) {
    while unix_now() < time {
        thread::sleep(POLL);
    }
}

/// A reader that has gone away does not stop the drill: what counts is the exit status.
fn print(told: &Drill, text: &str) {
    if !told.json {
        let mut out = io::stdout();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}

impl Drill {
    /// How many sites have a certificate of the operator.
    fn fallen(&self) -> usize {
        usize::from(self.sites).div_ceil(2)
    }

    /// How many of these have an alternate.
    fn alternates(&self) -> usize {
        self.alternates.map_or(self.fallen() / 2, usize::from)
    }
}
