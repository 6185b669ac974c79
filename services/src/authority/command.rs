//! `mecai authority`: the commands.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use mecai::authority_list::AuthorityList;
use mecai::time::UnixTime;
use serde::Serialize;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::checks::distrust::{DistrustList, Entry, Subject};
use super::clock::{Clock, SystemClock};
use super::config::Config;
use super::database::DatabaseError;
use super::init::{Init, InitError, init};
use super::openssl_setup;
use super::server::{Server, StartError};
use crate::config_file::ConfigError;

/// What an authority's operator does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new authority: its key, its configuration, its entry for the authority list
    Init(Init),
    /// Answer requests
    Serve(ConfigFile),
    /// Stop or resume vouching for what an operator, a key or a certificate stands for
    #[command(subcommand)]
    Distrust(Distrust),
}

/// Which authority.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The authority's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/mecai/authority.toml")]
    pub config: PathBuf,
}

/// What to do with the distrust list.
#[derive(Debug, Subcommand)]
pub enum Distrust {
    /// Vouch no longer; a running authority heeds it at once
    Add {
        /// Which authority
        #[command(flatten)]
        config: ConfigFile,
        /// What is distrusted
        #[command(flatten)]
        subject: SubjectArguments,
        /// Why; requesters read it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Show what is distrusted
    List {
        /// Which authority
        #[command(flatten)]
        config: ConfigFile,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Vouch again
    Remove {
        /// Which authority
        #[command(flatten)]
        config: ConfigFile,
        /// What was distrusted
        #[command(flatten)]
        subject: SubjectArguments,
    },
}

/// One of three.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SubjectArguments {
    /// Everything that an operator owns, by its id in the authority list
    #[arg(long, value_name = "ID")]
    pub operator: Option<String>,
    /// Every chain with this key, by the SHA-256 of its SubjectPublicKeyInfo
    #[arg(long, value_name = "HEX", value_parser = hash)]
    pub key: Option<mecai::Sha256>,
    /// Every chain with this certificate, by its SHA-256
    #[arg(long, value_name = "HEX", value_parser = hash)]
    pub certificate: Option<mecai::Sha256>,
}

#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the distrust list: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0} is not in the distrust list")]
    NotDistrusted(Subject),
    #[error("{}: it has no operator {operator}; it has {known}", .list.display())]
    UnknownOperator { list: PathBuf, operator: String, known: String },
    #[error("name one of --operator, --key and --certificate")]
    NoSubject,
    #[error("the program cannot run: {0}")]
    System(#[from] std::io::Error),
}

/// Runs a command; what went wrong goes to standard error.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    openssl_setup::without_configuration();
    let result = match command {
        Command::Init(arguments) => make(&arguments),
        Command::Serve(file) => serve(&file.config),
        Command::Distrust(Distrust::Add { config, subject, reason }) => distrust(&config.config, &subject, &reason),
        Command::Distrust(Distrust::List { config, json }) => show(&config.config, json),
        Command::Distrust(Distrust::Remove { config, subject }) => trust_again(&config.config, &subject),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing can be done if even that fails.
            let _ = writeln!(std::io::stderr(), "mecai authority: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn make(arguments: &Init) -> Result<(), Failure> {
    let made = init(arguments, UnixTime(SystemClock.now()))?;
    say(&format!("key            {} (keep it secret)", made.key.display()))?;
    say(&format!("configuration  {}", made.config.display()))?;
    say(&format!("list entry     {} (for whoever signs the authority list)", made.entry.display()))?;
    if arguments.ca.is_empty() {
        say("The entry has no ca_keys yet: every CA key of the operator must be in it (--ca puts them there).")?;
    }
    if arguments.authorities_keys.is_none() {
        say("The configuration has no authorities_keys yet: say there who signs the authority list.")?;
    }
    Ok(())
}

fn serve(config: &Path) -> Result<(), Failure> {
    let config = Config::read(config)?;
    log();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let operator = config.operator.clone();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = Server::bind(config, Arc::new(SystemClock)).await?;
        say(&format!("authority {} of {operator} answers at http://{}/", server.id(), server.address()))?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        server.run(stop).await;
        Ok(())
    })
}

/// Events go to standard error: this program's from level info, others' warnings, unless RUST_LOG says otherwise.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,mecai_services=info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A process that logs already goes on as it does.
    let _ = subscriber.with_ansi(std::io::stderr().is_terminal()).try_init();
}

fn distrust(config: &Path, subject: &SubjectArguments, reason: &str) -> Result<(), Failure> {
    let config = Config::read(config)?;
    let subject = subject.read()?;
    if let Subject::Operator(operator) = &subject {
        check_operator(&config.authorities, operator)?;
    }
    let now = UnixTime(SystemClock.now());
    let new = DistrustList::open(&config.database)?.add(&subject, reason, now)?;
    say(&format!(
        "{subject} {}",
        if new { "is distrusted from now on" } else { "was distrusted before; reason changed" }
    ))
}

/// A misspelled id would distrust nobody. A list that cannot be read is no reason to wait, though.
fn check_operator(path: &Path, operator: &str) -> Result<(), Failure> {
    let list = std::fs::read(path).map_err(|cause| cause.to_string());
    let list = list.and_then(|json| AuthorityList::from_json(&json).map_err(|cause| cause.to_string()));
    let list = match list {
        Ok(list) => list,
        Err(cause) => {
            writeln!(std::io::stderr(), "warning: whether there is an operator {operator} is not known: {cause}")?;
            return Ok(());
        }
    };
    let known: Vec<&str> = list.operators().iter().map(|operator| operator.id.as_str()).collect();
    if known.contains(&operator) {
        return Ok(());
    }
    Err(Failure::UnknownOperator { list: path.to_owned(), operator: operator.to_owned(), known: known.join(", ") })
}

fn trust_again(config: &Path, subject: &SubjectArguments) -> Result<(), Failure> {
    let config = Config::read(config)?;
    let subject = subject.read()?;
    if DistrustList::open(&config.database)?.remove(&subject)? {
        return say(&format!("{subject} is no longer distrusted"));
    }
    Err(Failure::NotDistrusted(subject))
}

#[derive(Serialize)]
struct Line {
    kind: String,
    value: String,
    reason: String,
    added: String,
}

fn show(config: &Path, json: bool) -> Result<(), Failure> {
    let config = Config::read(config)?;
    let entries = DistrustList::open(&config.database)?.list()?;
    if json {
        let line = |Entry { kind, value, reason, added }| Line { kind, value, reason, added: added.to_string() };
        let lines: Vec<Line> = entries.into_iter().map(line).collect();
        return say(&serde_json::to_string_pretty(&lines).map_err(std::io::Error::from)?);
    }
    if entries.is_empty() {
        return say("nothing is distrusted");
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["since", "what", "which", "why"]);
    for Entry { kind, value, reason, added } in entries {
        table.add_row([added.to_string(), kind, value, reason]);
    }
    say(&table.to_string())
}

impl SubjectArguments {
    fn read(&self) -> Result<Subject, Failure> {
        let operator = self.operator.clone().map(Subject::Operator);
        let subject = operator.or(self.key.map(Subject::Key)).or(self.certificate.map(Subject::Certificate));
        // The group of arguments is required, so there is one.
        subject.ok_or(Failure::NoSubject)
    }
}

/// SHA-256 in hex, with or without colons, as `openssl` and browsers show it.
fn hash(text: &str) -> Result<mecai::Sha256, String> {
    let plain: String = text.chars().filter(|letter| *letter != ':').collect();
    let octets = data_encoding::HEXLOWER_PERMISSIVE.decode(plain.as_bytes()).ok();
    octets
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| format!("it has {} hex digits or others; a SHA-256 has 64 hex digits", plain.len()))
}
