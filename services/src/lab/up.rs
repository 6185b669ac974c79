//! `mecai lab up`: a world to try things in by hand.

use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use comfy_table::{Table, presets::NOTHING};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::command::{module, program};
use super::world_file::WorldFile;
use super::{Error, Site, SitePlan, World};

/// What `mecai lab up` is told.
#[derive(Debug, clap::Args)]
pub struct Up {
    /// How many operators; their countries are DE, US and JP in turn
    #[arg(long, value_name = "NUMBER", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
    operators: u16,
    /// An empty or new directory for keys, certificates and world.json; it stays. Without it, a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Also serve this name by nginx with the module, and fetch vouchers for it; may be given up to 200 times. The
    /// certificate is by operator-a
    #[arg(long = "site", value_name = "NAME")]
    sites: Vec<String>,
    /// How long the sites' vouchers live, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    lifetime: u64,
    /// The module for the sites; unless told, mecai_openssl.so beside this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Print world.json instead of a table
    #[arg(long)]
    json: bool,
}

/// So many sites have an address of their own.
const SITES_MAX: usize = 200;

/// Keeps a world up until a signal ends it.
pub(super) fn run(options: &Up) -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Signal)?;
    let program = program()?;
    runtime.block_on(async { up(options, Some(&program), &mut io::stdout(), terminated()?).await })
}

async fn up(
    options: &Up,
    program: Option<&Path>,
    out: &mut impl Write,
    end: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut builder = World::builder().operators(usize::from(options.operators));
    if let Some(directory) = &options.dir {
        builder = builder.directory(directory);
    }
    if let Some(program) = program {
        builder = builder.authorities(program);
    }
    let world = builder.start()?;
    let sites = start_sites(options, &world)?;
    let file = world.describe();
    let mut text = if options.json { file.to_json()? } else { table(&file) };
    if !options.json {
        for site in &sites {
            text += &format!("\n\n{}:\n{}", site.entry().name, site.curl_line(&world));
        }
        text += "\n\nCtrl-C ends this world.";
    }
    // A reader that has gone away is no reason to end the world.
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    end.await;
    drop(sites);
    drop(world);
    Ok(())
}

fn start_sites(options: &Up, world: &World) -> Result<Vec<Site>, Error> {
    if options.sites.is_empty() {
        return Ok(Vec::new());
    }
    if options.sites.len() > SITES_MAX {
        return Err(Error::TooManySites { sites: options.sites.len(), most: SITES_MAX });
    }
    let module = module(options.module.as_deref())?;
    let first = world.operators().first().map(|operator| operator.id().to_owned()).unwrap_or_default();
    let start = |(index, name): (u8, &String)| {
        let mut site = Site::start(world, name, &first, index, &module, Some(options.lifetime), SitePlan::default())?;
        site.agent().up()?;
        Ok(site)
    };
    (0..).zip(&options.sites).map(start).collect()
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
    table.load_style(NOTHING).set_header(["operator", "country", "authority", "OCSP", "CRL"]);
    for operator in &file.operators {
        let url = |url: &Option<String>| url.clone().unwrap_or_default();
        table.add_row([
            operator.id.clone(),
            operator.country.clone(),
            operator.authority.as_ref().map(|authority| authority.url.clone()).unwrap_or_default(),
            url(&operator.intermediate.ocsp),
            url(&operator.intermediate.crl),
        ]);
    }
    format!(
        "{table}\nDNS        {} (UDP and TCP)\nroots      {}\nlist       {}\neverything {}",
        file.dns,
        file.roots.display(),
        file.authorities.display(),
        WorldFile::path(&file.directory).display()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpStream;

    use clap::Parser;

    use super::*;

    use super::super::Command;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn parse(line: &[&str]) -> Up {
        match Line::try_parse_from(line).unwrap().command {
            Command::Up(up) => up,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn up_prints_every_operator_and_ends_when_told() {
        let mut out = Vec::new();
        up(&parse(&["lab", "up", "--operators", "3"]), None, &mut out, async {}).await.unwrap();
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
        up(&options, None, &mut out, end).await.unwrap();
        let printed: WorldFile = serde_json::from_slice(&out).unwrap();
        assert_eq!(printed, WorldFile::read(&path).unwrap());
        assert!(TcpStream::connect(printed.operators[0].revocation).is_err());
    }

    #[test]
    fn no_operators_is_a_usage_error() {
        assert!(Line::try_parse_from(["lab", "up", "--operators", "0"]).is_err());
    }
}
