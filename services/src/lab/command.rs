//! `mecai lab` on the command line.

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::{Table, presets::NOTHING};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::world_file::WorldFile;
use super::{Error, World};

/// A world of operators, revocation servers and DNS on this machine.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Start a world and keep it up until Ctrl-C or SIGTERM.
    Up(Up),
}

/// What `mecai lab up` is told.
#[derive(Debug, clap::Args)]
pub struct Up {
    /// How many operators; their countries are DE, US and JP in turn.
    #[arg(long, value_name = "NUMBER", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
    operators: u16,
    /// An empty or new directory for keys, certificates and world.json; it stays. Without it, a temporary one.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print world.json instead of a table.
    #[arg(long)]
    json: bool,
}

/// Does what the command line says: exit status 0, or 1 with one sentence on standard error.
pub fn run(command: &Command) -> ExitCode {
    let Command::Up(options) = command;
    let done = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Signal)
        .and_then(|runtime| runtime.block_on(async { up(options, &mut io::stdout(), terminated()?).await }));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mecai lab: {error} ({})", error.code());
            ExitCode::FAILURE
        }
    }
}

async fn up(options: &Up, out: &mut impl Write, end: impl Future<Output = ()>) -> Result<(), Error> {
    let mut builder = World::builder().operators(usize::from(options.operators));
    if let Some(directory) = &options.dir {
        builder = builder.directory(directory);
    }
    let world = builder.start()?;
    let file = world.describe();
    let text = if options.json { file.to_json()? } else { table(&file) };
    // A reader that has gone away is no reason to end the world.
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    end.await;
    drop(world);
    Ok(())
}

/// Ends at SIGINT or SIGTERM, both caught from the call on.
fn terminated() -> Result<impl Future<Output = ()>, Error> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signal)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn table(file: &WorldFile) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["operator", "country", "OCSP", "CRL"]);
    for operator in &file.operators {
        let url = |url: &Option<String>| url.clone().unwrap_or_default();
        table.add_row([
            operator.id.clone(),
            operator.country.clone(),
            url(&operator.intermediate.ocsp),
            url(&operator.intermediate.crl),
        ]);
    }
    format!(
        "{table}\nDNS      {} (UDP and TCP)\nroots    {}\neverything: {}\nCtrl-C ends this world.",
        file.dns,
        file.roots.display(),
        WorldFile::path(&file.directory).display()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpStream;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn parse(line: &[&str]) -> Up {
        let Command::Up(up) = Line::try_parse_from(line).unwrap().command;
        up
    }

    #[tokio::test]
    async fn up_prints_every_operator_and_ends_when_told() {
        let mut out = Vec::new();
        up(&parse(&["lab", "up", "--operators", "3"]), &mut out, async {}).await.unwrap();
        let text = String::from_utf8(out).unwrap();
        for id in ["operator-a", "operator-b", "operator-c"] {
            assert!(text.contains(id), "{text}");
        }
        assert!(!text.contains("operator-d"), "{text}");
    }

    #[tokio::test]
    async fn json_is_world_json_and_the_servers_run_until_the_end() {
        let mut out = Vec::new();
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let path = directory.path().join("world");
        let options = parse(&["lab", "up", "--operators", "1", "--json", "--dir", path.to_str().unwrap()]);
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let end = async {
            let file = WorldFile::read(&path).unwrap();
            TcpStream::connect(file.operators[0].revocation).unwrap();
        };
        up(&options, &mut out, end).await.unwrap();
        let printed: WorldFile = serde_json::from_slice(&out).unwrap();
        assert_eq!(printed, WorldFile::read(&path).unwrap());
        assert!(TcpStream::connect(printed.operators[0].revocation).is_err());
    }

    #[test]
    fn no_operators_is_a_usage_error() {
        assert!(Line::try_parse_from(["lab", "up", "--operators", "0"]).is_err());
    }
}
