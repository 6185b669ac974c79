//! `mecai lab` on the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Error;
use super::demo::{self, Demo};
use super::drill::{self, Drill};
use super::up::{self, Up};

/// A world of operators, their CAs, authorities and DNS on this machine.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Start a world and keep it up until Ctrl-C or SIGTERM
    Up(Up),
    /// Tell the whole story on real nginx and curl: exit status 0 only if all went as told
    Demo(Demo),
    /// Distrust an operator on many sites, hour by hour: exit status 0 only if nobody with an alternate went down
    Drill(Drill),
}

/// Does what the command line says: exit status 0, or 1 with one sentence on standard error.
pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Up(options) => up::run(options),
        Command::Demo(options) => demo::run(options),
        Command::Drill(options) => drill::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mecai lab: {error} ({})", error.code());
            ExitCode::FAILURE
        }
    }
}

/// This program, which authorities and agents of a world are too.
pub(super) fn program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(Error::file("find", Path::new("/proc/self/exe")))
}

/// The module that was named, or the one beside this program: in a build, or where both are installed.
///
/// # Errors
/// [`Error::NoModule`]: OpenSSL goes on silently without a module that is not there.
pub(super) fn module(named: Option<&Path>) -> Result<PathBuf, Error> {
    let beside = || {
        let built = program()?.with_file_name("mecai_openssl.so");
        let installed = built.with_file_name("../lib/mecai/mecai_openssl.so");
        Ok(if !built.exists() && installed.exists() { installed } else { built })
    };
    let path = named.map_or_else(beside, |path| Ok(path.to_path_buf()))?;
    let path = std::path::absolute(&path).map_err(Error::file("find", &path))?;
    if path.is_file() { Ok(path) } else { Err(Error::NoModule { path }) }
}
