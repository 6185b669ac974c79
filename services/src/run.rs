//! `mecai run -- CMD`: a program with the module switched on, by an openssl.cnf of its own.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use clap::{Args, ValueEnum};
use tokio::process::Child;

use crate::exit::{self, Exit};
use crate::output;

mod cnf;
mod signals;
mod witness;

use cnf::Cnf;
use witness::Witness;

/// Runs a program with the OpenSSL module switched on.
///
/// The program gets OPENSSL_CONF: a temporary file that includes the system's openssl.cnf and adds the mecai section, from
/// the options here over the mecai section that the system's file may have. Its exit status, or the signal that ends
/// it, is passed on; 127: there is no such program; 126: it cannot be run.
///
/// Not covered, and warned of as far as it can be seen: programs that do not use OpenSSL (Go, Java, rustls, GnuTLS, NSS),
/// that carry one with hidden names (Python of uv, pyca/cryptography) or without modules, setuid programs and those with
/// file capabilities, and programs that drop or overwrite OPENSSL_CONF (Postfix, Dovecot).
#[derive(Args)]
pub struct Options {
    /// The module, mecai_openssl.so
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// The authority list; its signatures are in FILE.minisig
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// Who must have signed the list: "KEY", or "M of KEY, KEY" (minisign public keys)
    #[arg(long, value_name = "TEXT")]
    authorities_keys: Option<String>,
    /// What happens to a server without enough vouchers [default: require, where the system's section says nothing]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// The state directory
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Where verdicts are told: off, stderr, syslog or a file [default: stderr, where the system's section says nothing]
    #[arg(long, value_name = "WHERE")]
    log: Option<String>,
    /// Any other key of the mecai section (may be given several times)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = cnf::setting)]
    settings: Vec<(String, String)>,
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "CMD")]
    command: Vec<std::ffi::OsString>,
}

/// The modes of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Require,
    Opportunistic,
    Observe,
    Off,
}

impl Mode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Opportunistic => "opportunistic",
            Self::Observe => "observe",
            Self::Off => "off",
        }
    }
}

/// Runs `mecai run`. The exit status is the program's.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    let cnf = match Cnf::write(options) {
        Ok(cnf) => cnf,
        Err(error) => return output::fail(error).into(),
    };
    // Watched from before the program starts.
    let witness = Witness::new(cnf.path(), cnf.module());
    let ended = run_program(options, &cnf);
    let program = options.command.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    match ended {
        Ok(status) => {
            if let Some(warning) = witness.ok().and_then(|witness| witness.warning()) {
                eprintln!("mecai: {}: {warning}", output::plain(&program));
            }
            // The file goes before this process may end by a signal.
            drop(cnf);
            pass_on(status)
        }
        Err(error) => {
            eprintln!("mecai: {}: {error}", output::plain(&program));
            ExitCode::from(match error.kind() {
                io::ErrorKind::NotFound => exit::PROGRAM_NOT_FOUND,
                _ => exit::PROGRAM_NOT_RUN,
            })
        }
    }
}

fn run_program(options: &Options, cnf: &Cnf) -> io::Result<ExitStatus> {
    let (program, arguments) = options.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Caught before the program starts: from then on they are its own.
        let mut signals = signals::Signals::catch()?;
        let mut command = tokio::process::Command::new(program);
        let mut child: Child = command.args(arguments).env("OPENSSL_CONF", cnf.path()).spawn()?;
        loop {
            tokio::select! {
                ended = child.wait() => return ended,
                signal = signals.next() => signals::forward(signal, child.id()),
            }
        }
    })
}

/// Ends as the program ended: with its exit status, or by the same signal.
fn pass_on(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        signals::die_by(signal);
    }
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => ExitCode::from(code),
        None => Exit::Failed.into(),
    }
}
