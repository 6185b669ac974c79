//! `mecai authorities`: shows, verifies, signs and publishes authority lists (spec section 6).

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use mecai::authority_list::ListError;
use mecai::time::UnixTime;

use crate::exit::Exit;
use crate::output;

mod durable;
mod key;
mod keygen;
mod show;
mod sign;
mod signatures;
mod verify;

/// Works on authority lists: who may vouch.
#[derive(Subcommand)]
#[allow(missing_docs)] // The options say what each command does.
pub enum Command {
    Show(show::Options),
    Verify(verify::Options),
    Sign(sign::Options),
    Keygen(keygen::Options),
}

/// Runs `mecai authorities …`.
#[must_use]
pub fn run(command: &Command) -> Exit {
    let done = match command {
        Command::Show(options) => show::run(options),
        Command::Verify(options) => verify::run(options),
        Command::Sign(options) => sign::run(options).map(|()| Exit::Done),
        Command::Keygen(options) => keygen::run(options).map(|()| Exit::Done),
    };
    done.unwrap_or_else(output::fail)
}

/// Why a command on a list failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    List { path: PathBuf, source: ListError },
    #[error("{}: {source}", path.display())]
    Key { path: PathBuf, source: minisign::PError },
    #[error("{0}")]
    Refused(String),
    #[error("cannot write the result: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        |source| Self::File { path: path.to_owned(), source }
    }

    fn list(path: &Path) -> impl Fn(ListError) -> Self {
        |source| Self::List { path: path.to_owned(), source }
    }

    fn key(path: &Path) -> impl Fn(minisign::PError) -> Self {
        |source| Self::Key { path: path.to_owned(), source }
    }
}

/// `NAME.minisig`, beside the list `NAME`.
fn signatures_path(list: &Path) -> PathBuf {
    let mut path = list.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// A file's text, empty if there is no file.
fn read_text_if_any(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(Error::file(path)),
    }
}

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
