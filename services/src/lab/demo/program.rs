//! The stock programs that visit a site: each fetches one page over one connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

/// Debian's own. Another Python may bring an OpenSSL that hides its functions, and is not covered.
const PYTHON: &str = "/usr/bin/python3";
const PYTHON_SCRIPT: &str = include_str!("visit.py");
const NODE_SCRIPT: &str = include_str!("visit.js");

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Curl,
    Python,
    /// With `check_hostname = False`.
    UncheckedPython,
    Node,
}

/// What to visit, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand<'e> {
    pub(super) host: &'e str,
    pub(super) to: SocketAddr,
    /// The address that the connection comes from.
    pub(super) source: IpAddr,
    pub(super) roots: &'e Path,
    /// `1.2` or `1.3`.
    pub(super) version: &'e str,
}

impl Program {
    /// The command line. curl does not read `~/.curlrc`, and goes through no proxy; nothing else about it is unusual.
    pub(super) fn command(self, errand: &Errand<'_>) -> Command {
        let Errand { host, to, source, roots, version } = *errand;
        let [address, port] = [to.ip().to_string(), to.port().to_string()];
        let mut command;
        match self {
            Self::Curl => {
                command = Command::new("curl");
                command.args(["--disable", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]);
                command.args(["--resolve", &format!("{host}:{port}:{address}")]);
                command.args(["--interface", &format!("host!{source}"), "--cacert"]).arg(roots);
                command.args([&format!("--tlsv{version}"), "--tls-max", version]);
                command.arg(format!("https://{host}:{port}/"));
            }
            Self::Python | Self::UncheckedPython => {
                command = Command::new(PYTHON);
                command.args(["-c", PYTHON_SCRIPT]).arg(roots);
                command.args([&address, &port, &source.to_string(), host, version]);
                command.arg(if self == Self::Python { "check" } else { "unchecked" });
            }
            Self::Node => {
                command = Command::new("node");
                command.args(["-e", NODE_SCRIPT]).arg(roots);
                command.args([&address, &port, &source.to_string(), host, version]);
            }
        }
        command
    }

    /// The exit status with which it says that it does not believe a server.
    pub(super) fn refused(self) -> i32 {
        match self {
            Self::Curl => 60,
            Self::Python | Self::UncheckedPython | Self::Node => 1,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Curl => "curl",
            Self::Python => "Python",
            Self::UncheckedPython => "Python with check_hostname = False",
            Self::Node => "Node.js",
        })
    }
}
