//! Measures what the module costs, as openssl.cnf loads it, and writes `summary.json`: flat names, numbers.
//!
//! - `handshake`: handshakes with vouchers against plain ones, in memory.
//! - `failover`: handshakes in which an alternate is accepted against plain ones, in memory.
//! - `off`: handshakes with `mode = off` against those without the module, in memory and in stock servers and clients.
//! - `store`: a large store against a small one, in nginx.
//! - `verify`: one endorsement through the C API against its signature alone; two threads against one.
//! - `python`: requests by Python's http.client with the package against those without.
//!
//! What is compared is interleaved, and only ratios are told of it: so a busy machine matters little.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};

use crate::figures::{Figures, median};
use crate::measure::Comparison;
use crate::world::World;

mod clients;
mod contender;
mod cpu;
mod daemon;
mod figures;
mod handshake;
mod measure;
mod off;
mod python;
mod store;
mod turns;
mod verify;
mod visitor;
mod visits;
mod vouchers;
mod world;

#[derive(Parser)]
struct Arguments {
    /// The module, as it would be installed.
    #[arg(long)]
    module: PathBuf,
    /// The Python package, as it would be installed; the part `python` needs it.
    #[arg(long)]
    wheel: Option<PathBuf>,
    /// Where the figures are written.
    #[arg(long)]
    output: PathBuf,
    /// Measures these parts only.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Handshakes of each contender, in all.
    #[arg(long, default_value_t = 2000)]
    handshakes: usize,
    /// Fails if a ratio is over this.
    #[arg(long)]
    at_most: Option<f64>,
    /// Compares this in memory, in the world in this directory, and prints it. Used by the program itself.
    #[arg(long, hide = true, requires = "world")]
    comparison: Option<Comparison>,
    #[arg(long, hide = true)]
    world: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Handshake,
    Failover,
    Off,
    Store,
    Verify,
    Python,
}

/// Handshakes in memory are divided among so many processes, of which the median counts: where things lie in the memory
/// of one matters.
const PROCESSES: usize = 5;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let (Some(comparison), Some(world)) = (arguments.comparison, &arguments.world) {
        let figures = comparison.measure(&World::open(world)?, arguments.handshakes)?;
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut summary = Figures::new();
    let parts = [
        (Part::Handshake, handshakes as Measure),
        (Part::Failover, failover),
        (Part::Off, off),
        (Part::Store, store),
        (Part::Verify, verification),
        (Part::Python, python),
    ];
    for (part, measure) in parts {
        if arguments.only.is_empty() || arguments.only.contains(&part) {
            summary.extend(measure(&arguments)?);
        }
    }
    if let Some(directory) = arguments.output.parent() {
        fs::create_dir_all(directory)?;
    }
    let text = serde_json::to_string_pretty(&summary)?;
    fs::write(&arguments.output, format!("{text}\n"))?;
    println!("{text}");
    Ok(if over(&summary, arguments.at_most) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

type Measure = fn(&Arguments) -> Result<Figures, Box<dyn Error>>;

fn handshakes(arguments: &Arguments) -> Result<Figures, Box<dyn Error>> {
    let world = make_world(arguments, 2, 4)?;
    let two_of_four = in_memory(arguments, &world, Comparison::Judged)?;
    let served = in_memory(arguments, &world, Comparison::Served)?;
    let one_of_two = in_memory(arguments, &make_world(arguments, 1, 2)?, Comparison::Judged)?;
    Ok(Figures::from([
        figure("handshake.client_cpu_ratio", &two_of_four, "vouchers_8.client_cpu_ratio"),
        figure("handshake.client_cpu_ratio_quorum1", &one_of_two, "vouchers_8.client_cpu_ratio"),
        figure("handshake.server_cpu_ratio", &two_of_four, "vouchers_8.server_cpu_ratio"),
        figure("handshake.server_alone_cpu_ratio", &served, "vouchers_8.server_cpu_ratio"),
        figure("handshake.extra_bytes_two_authorities", &two_of_four, "vouchers_2.extra_bytes"),
        figure("handshake.extra_bytes_eight_authorities", &two_of_four, "vouchers_8.extra_bytes"),
        figure("handshake.ocsp_client_cpu_ratio", &two_of_four, "ocsp.client_cpu_ratio"),
        figure("handshake.ocsp_extra_bytes", &two_of_four, "ocsp.extra_bytes"),
        figure("handshake.plain_client_cpu_us", &two_of_four, "plain.client_cpu_us"),
        figure("handshake.plain_server_cpu_us", &two_of_four, "plain.server_cpu_us"),
    ]))
}

fn failover(arguments: &Arguments) -> Result<Figures, Box<dyn Error>> {
    let directory = make_world(arguments, 2, 4)?;
    let failed_over = in_memory(arguments, &directory, Comparison::FailedOver)?;
    let mut figures = Figures::from([
        figure("failover.client_cpu_ratio", &failed_over, "failover.client_cpu_ratio"),
        figure("failover.server_cpu_ratio", &failed_over, "failover.server_cpu_ratio"),
        figure("failover.extra_bytes", &failed_over, "failover.extra_bytes"),
    ]);
    let alternate = World::open(directory.path())?.alternate_octets()? as f64;
    figures.insert("failover.alternate_bytes".into(), alternate);
    Ok(figures)
}

fn verification(arguments: &Arguments) -> Result<Figures, Box<dyn Error>> {
    let directory = make_world(arguments, 1, 2)?;
    verify::measure(&World::open(directory.path())?, arguments.handshakes)
}

fn off(arguments: &Arguments) -> Result<Figures, Box<dyn Error>> {
    let directory = make_world(arguments, 2, 4)?;
    let in_memory = in_memory(arguments, &directory, Comparison::Off)?;
    let mut figures = Figures::from([
        figure("module.off_client_cpu_ratio", &in_memory, "off.client_cpu_ratio"),
        figure("module.off_server_cpu_ratio", &in_memory, "off.server_cpu_ratio"),
    ]);
    figures.extend(off::programs(&World::open(directory.path())?, arguments.handshakes)?);
    Ok(figures)
}

fn store(arguments: &Arguments) -> Result<Figures, Box<dyn Error>> {
    let directory = make_world(arguments, 2, 4)?;
    store::figures(&World::open(directory.path())?, arguments.handshakes)
}

fn python(arguments: &Arguments) -> Result<Figures, Box<dyn Error>> {
    let wheel = arguments.wheel.as_ref().ok_or("the part python needs --wheel: bindings/python/wheel.sh makes it")?;
    let directory = make_world(arguments, 2, 4)?;
    python::figures(&World::open(directory.path())?, &fs::canonicalize(wheel)?, arguments.handshakes)
}

fn figure(name: &str, of: &Figures, key: &str) -> (String, f64) {
    (name.to_owned(), of.get(key).copied().unwrap_or(f64::NAN))
}

/// Says which ratios are over the limit.
fn over(summary: &Figures, limit: Option<f64>) -> bool {
    let Some(limit) = limit else { return false };
    // What is no number is over.
    let is_over = |ratio: f64| !ratio.le(&limit);
    let over = summary.iter().filter(|(name, value)| name.ends_with("_cpu_ratio") && is_over(**value));
    over.inspect(|(name, value)| eprintln!("{name} is {value:.4}, more than {limit}")).count() > 0
}

/// A fresh world whose clients demand `quorum` of `candidates`.
fn make_world(arguments: &Arguments, quorum: usize, candidates: usize) -> Result<tempfile::TempDir, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    daemon::open_to_all(directory.path())?;
    World::make(directory.path(), &fs::canonicalize(&arguments.module)?, quorum, candidates)?;
    Ok(directory)
}

/// A comparison in memory.
fn in_memory(
    arguments: &Arguments,
    world: &tempfile::TempDir,
    comparison: Comparison,
) -> Result<Figures, Box<dyn Error>> {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..PROCESSES {
        for (name, value) in in_a_process(arguments, world.path(), comparison)? {
            all.entry(name).or_default().push(value);
        }
    }
    Ok(all.into_iter().map(|(name, values)| (name, median(values))).collect())
}

/// The same in a process that starts without the module, so that its plain contexts are made before that is loaded.
fn in_a_process(arguments: &Arguments, world: &Path, comparison: Comparison) -> Result<Figures, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?)
        .arg("--world")
        .arg(world)
        .args(["--comparison", &comparison.word()])
        .args(["--handshakes", &arguments.handshakes.div_ceil(PROCESSES).to_string()])
        .args([Path::new("--module"), &arguments.module, Path::new("--output"), &arguments.output])
        .env("OPENSSL_CONF", World::open(world)?.without())
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the measuring process ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
