//! The `mecai` program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mecai_services::agent;

/// Certificate Authorities that vouch for each other.
#[derive(Parser)]
#[command(name = "mecai", version, arg_required_else_help = true)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(subcommand)]
    Agent(agent::Command),
}

fn main() -> ExitCode {
    match Program::parse().command {
        Command::Agent(command) => agent::run(&command),
    }
}
