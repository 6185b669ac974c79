//! `mecai check`: one handshake with a server, judged as the module would, and explained.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use mecai::authority_list::ListKeys;
use mecai::request::Protocol;
use mecai::time::UnixTime;
use mecai::verdict::{Code, Outcome, Verdict};
use serde_json::json;

use self::connection::{Tls, Way};
use self::judge::Judge;
use self::settings::{Addresses, Settings};
use self::target::{Named, Via};
use crate::exit::Exit;
use crate::output;

mod alternate;
mod connection;
mod findings;
mod judge;
mod settings;
mod target;

/// Connects to a server and explains what its vouchers are worth.
///
/// The verdict is that of a client with mode = require. Which authorities, and whose signatures on their list, say
/// --authorities and --authorities-keys; else the mecai section of the system's openssl.cnf.
///
/// Exit status 0: accepted or exempt; 1: no handshake; 4: refused; 5: refused for want of vouchers.
#[derive(Args)]
pub struct Options {
    /// A host name or an address, and a port (443, or that of --protocol)
    #[arg(value_name = "HOST[:PORT]")]
    target: Named,
    /// How to get to TLS there: tls (at once), smtp, imap, pop3, postgres
    #[arg(long, value_name = "WORD", default_value = "tls")]
    protocol: Protocol,
    /// Connect to this address instead of resolving HOST
    #[arg(long, value_name = "ADDR[:PORT]")]
    connect: Option<Via>,
    /// Trust these roots (PEM) instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The authority list; its signatures are in FILE.minisig
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// Who must have signed the list: "KEY", or "M of KEY, KEY" (minisign public keys)
    #[arg(long, value_name = "TEXT")]
    authorities_keys: Option<ListKeys>,
    /// Take what is not said here from the mecai section of this openssl.cnf
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How many operators are picked (4)
    #[arg(long, value_name = "NUMBER")]
    candidates: Option<usize>,
    /// How many of them must have endorsed (2)
    #[arg(long, value_name = "NUMBER")]
    quorum: Option<usize>,
    /// Pick authorities of this region
    #[arg(long, value_name = "WORD", value_parser = settings::region)]
    region: Option<String>,
    /// What to make of an address that no authority saw
    #[arg(long, value_enum)]
    addresses: Option<Addresses>,
    /// The state directory: secret of the pick, highest list sequence
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Tell which operators were picked (a secret: who knows them knows whom to break into)
    #[arg(long)]
    show_pick: bool,
    /// The lowest version of TLS
    #[arg(long, value_enum, default_value = "1.2")]
    min_tls: Tls,
    /// The highest version of TLS
    #[arg(long, value_enum, default_value = "1.3")]
    max_tls: Tls,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Runs `mecai check`.
#[must_use]
pub fn run(options: &Options) -> Exit {
    let settings = match Settings::new(options) {
        Ok(settings) => settings,
        Err(error) => return output::tell(error, Exit::Usage),
    };
    if options.min_tls > options.max_tls {
        return output::tell("--min-tls is higher than --max-tls", Exit::Usage);
    }
    let way = Way {
        via: options.connect.as_ref(),
        ca_file: options.ca_file.as_ref(),
        min_tls: options.min_tls,
        max_tls: options.max_tls,
        timeout: options.timeout,
    };
    // The list is read first: the pick is made before any certificate is seen (spec section 7).
    let judge = Judge::new(settings, options.ca_file.clone());
    let target = &options.target.speaking(options.protocol);
    let shown = match connection::look(target, &way) {
        Ok(shown) => shown,
        Err(error) => {
            if options.json {
                let failed = json!({ "host": target.host, "port": target.port, "error": error.to_string() });
                let _ = output::print_json(&failed);
            }
            return output::fail(error);
        }
    };
    let (verdict, findings) = judge.judge(target, &shown, options.show_pick, now());
    let printed = if options.json { output::print_json(&findings) } else { output::print(&findings.to_string()) };
    match printed {
        Ok(()) => exit(&verdict),
        Err(error) => output::fail(format_args!("cannot write the result: {error}")),
    }
}

fn exit(verdict: &Verdict) -> Exit {
    match verdict.outcome() {
        Outcome::Accepted | Outcome::Exempt => Exit::Done,
        Outcome::Refused | Outcome::Unvouched if verdict.code() == Code::NoVoucher => Exit::NoVoucher,
        Outcome::Refused | Outcome::Unvouched => Exit::Refused,
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && seconds <= 3600.0 => Ok(duration),
        _ => Err("not more than 0 and at most 3600 seconds".to_owned()),
    }
}

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
