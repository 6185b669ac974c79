//! The `mecai` program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mecai_services::authority::{self, openssl_setup};
use mecai_services::{agent, authorities, check, exit, explain, lab, run, show};

/// Certificate Authorities that vouch for each other: look at servers, run authorities and agents.
#[derive(Parser)]
#[command(name = "mecai", version, arg_required_else_help = true, after_help = exit::HELP)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(subcommand)]
    Authority(authority::Command),
    #[command(subcommand)]
    Agent(agent::Command),
    Check(check::Options),
    Show(show::Options),
    Explain(explain::Options),
    Run(run::Options),
    #[command(subcommand)]
    Authorities(authorities::Command),
    #[command(subcommand)]
    Lab(lab::Command),
}

fn main() -> ExitCode {
    // The module, which openssl.cnf may load, would judge our handshakes a second time.
    openssl_setup::without_configuration();
    match Program::parse().command {
        Command::Authority(command) => authority::run(command),
        Command::Agent(command) => agent::run(&command),
        Command::Check(options) => check::run(&options).into(),
        Command::Show(options) => show::run(&options).into(),
        Command::Explain(options) => explain::run(&options).into(),
        Command::Run(options) => run::run(&options),
        Command::Authorities(command) => authorities::run(&command).into(),
        Command::Lab(command) => lab::run(&command),
    }
}
