//! Measures what vouchers cost in a handshake, through the module as openssl.cnf loads it, and writes
//! `summary.json`: flat names, numbers.
//!
//! One process measures one configuration of the module, since a process has one; each of them measures the plain
//! handshake too, interleaved with the others, and only ratios of the same process are told.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;

mod contender;
mod cpu;
mod handshake;
mod measure;
mod world;

#[derive(Parser)]
struct Arguments {
    /// The module, as it would be installed.
    #[arg(long)]
    module: PathBuf,
    /// Where the figures are written.
    #[arg(long)]
    output: PathBuf,
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Handshakes of each contender in a round.
    #[arg(long, default_value_t = 400)]
    handshakes: usize,
    /// Measures one configuration, in the world in this directory, and prints it. Used by the program itself.
    #[arg(long, hide = true)]
    world: Option<PathBuf>,
}

type Figures = BTreeMap<String, f64>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(world) = &arguments.world {
        let figures = measure::all(&world::World::open(world)?, arguments.rounds, arguments.handshakes)?;
        println!("{}", serde_json::to_string(&figures)?);
        return Ok(());
    }
    let two_of_four = measure_in_a_process(&arguments, 2, 4)?;
    let one_of_two = measure_in_a_process(&arguments, 1, 2)?;
    let summary = Figures::from([
        figure("handshake.client_cpu_ratio", &two_of_four, "vouchers_8.client_cpu_ratio"),
        figure("handshake.client_cpu_ratio_quorum1", &one_of_two, "vouchers_8.client_cpu_ratio"),
        figure("handshake.server_cpu_ratio", &two_of_four, "vouchers_8.server_cpu_ratio"),
        figure("handshake.extra_bytes_two_authorities", &two_of_four, "vouchers_2.extra_bytes"),
        figure("handshake.extra_bytes_eight_authorities", &two_of_four, "vouchers_8.extra_bytes"),
        figure("handshake.ocsp_client_cpu_ratio", &two_of_four, "ocsp.client_cpu_ratio"),
        figure("handshake.ocsp_extra_bytes", &two_of_four, "ocsp.extra_bytes"),
        figure("handshake.plain_client_cpu_us", &two_of_four, "plain.client_cpu_us"),
        figure("handshake.plain_server_cpu_us", &two_of_four, "plain.server_cpu_us"),
    ]);
    if let Some(directory) = arguments.output.parent() {
        fs::create_dir_all(directory)?;
    }
    let text = serde_json::to_string_pretty(&summary)?;
    fs::write(&arguments.output, format!("{text}\n"))?;
    println!("{text}");
    Ok(())
}

fn figure(name: &str, of: &Figures, key: &str) -> (String, f64) {
    (name.to_owned(), of.get(key).copied().unwrap_or(f64::NAN))
}

/// A fresh world whose clients demand `quorum` of `candidates`, measured by a process of its own. The process starts
/// without any configuration, so that its plain contexts are made before the module is loaded.
fn measure_in_a_process(arguments: &Arguments, quorum: usize, candidates: usize) -> Result<Figures, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    world::World::make(directory.path(), &fs::canonicalize(&arguments.module)?, quorum, candidates)?;
    let empty = directory.path().join("empty.cnf");
    fs::write(&empty, "")?;
    let output = Command::new(std::env::current_exe()?)
        .arg("--world")
        .arg(directory.path())
        .args(["--rounds", &arguments.rounds.to_string(), "--handshakes", &arguments.handshakes.to_string()])
        .args([Path::new("--module"), &arguments.module, Path::new("--output"), &arguments.output])
        .env("OPENSSL_CONF", &empty)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the measuring process ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
