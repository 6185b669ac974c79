//! The agent: collects vouchers for the sites of a server, keeps them fresh, and writes the files that servers read.
//! Never in a handshake; what it has it keeps until it ends. `docs/agent.md` is its guide.

mod alternate;
mod certificate;
mod client;
mod clock;
mod config;
mod csr;
mod driver;
mod engine;
mod hook;
mod key;
mod list;
mod queue;
mod remember;
mod round;
mod run;
mod shelf;
mod shelves;
mod site;
mod snapshot;
mod stage;
mod status;
mod sweep;
mod table;
mod target;
mod trouble;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

pub use self::config::{Config, Site};
pub use self::csr::Csr;
pub use self::stage::Stage;
pub use self::status::{AuthorityStatus, ListStatus, Role, SiteStatus, Status};
pub use self::trouble::{Failing, Trouble};
use crate::exit::Exit;
use crate::output;

/// Collects vouchers for a server's sites.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Keep the vouchers of all sites fresh until SIGTERM; SIGHUP reads all files anew
    Run(Options),
    /// Ask every authority about every site once
    Once(Output),
    /// Show which authorities vouch for which site, and why others do not
    Status(Output),
    /// Print a certificate signing request for a site's hosts on its key, for an alternate
    Csr(Csr),
    /// Have a site's coming certificate vouched for, then put it into use
    Stage(Stage),
}

/// What every subcommand is told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH, env = "MECAI_AGENT_CONFIG")]
    pub config: PathBuf,
}

/// What a subcommand with output is told.
#[derive(Debug, clap::Args)]
pub struct Output {
    /// The configuration, and what else every subcommand is told.
    #[command(flatten)]
    pub options: Options,
    /// Print the status as JSON
    #[arg(long)]
    pub json: bool,
}

/// Does what the command line says. Exit status: 0 done, 1 failed, 2 the configuration cannot be used, 3 some of several
/// failed, 5 no voucher is in force.
pub fn run(command: &Command) -> ExitCode {
    log_to_stderr();
    let path = match command {
        Command::Run(options) | Command::Once(Output { options, .. }) | Command::Status(Output { options, .. }) => {
            &options.config
        }
        Command::Csr(csr) => &csr.options.config,
        Command::Stage(stage) => &stage.options.config,
    };
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(error) => return output::tell(Trouble::new("configuration", error.to_string()), Exit::Usage).into(),
    };
    let done = match command {
        Command::Run(_) => run::keep_running(config, path),
        Command::Once(output) => run::once(config, output.json),
        Command::Status(output) => run::show(&config, output.json),
        Command::Csr(csr) => csr::run(&config, csr),
        Command::Stage(command) => stage::run(config, command),
    };
    done.unwrap_or_else(output::fail).into()
}

/// Unless the program has done so; `RUST_LOG` says how much.
fn log_to_stderr() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let _ = log.with_ansi(std::io::stderr().is_terminal()).try_init();
}
