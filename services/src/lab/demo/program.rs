//! The programs that visit a site: each fetches one page over one connection. They are stock ones, but for an example in
//! C that asks for MECAI itself.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's own. Another Python may bring an OpenSSL that hides its functions, and is not covered.
const PYTHON: &str = "/usr/bin/python3";
const PYTHON_SCRIPT: &str = include_str!("visit.py");
const NODE_SCRIPT: &str = include_str!("visit.js");

/// Which program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Curl,
    Python,
    /// With `check_hostname = False`.
    UncheckedPython,
    Node,
    /// `client` of examples/c, at this path.
    Example(PathBuf),
}

/// What to visit, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand<'e> {
    pub(super) host: &'e str,
    pub(super) to: SocketAddr,
    /// The address that the connection comes from.
    pub(super) source: IpAddr,
    pub(super) roots: &'e Path,
    /// `1.2` or `1.3`; the program's own choice without.
    pub(super) version: Option<&'e str>,
    /// A file for `OPENSSL_CONF`.
    pub(super) conf: &'e Path,
    /// The same for a program that does not read that.
    pub(super) settings: &'e [(&'static str, String)],
}

impl Program {
    /// The command line. curl does not read `~/.curlrc`, and goes through no proxy; nothing else about it is unusual.
    pub(super) fn command(&self, errand: &Errand<'_>) -> Command {
        let Errand { host, to, source, roots, version, conf, settings } = *errand;
        let [address, port] = [to.ip().to_string(), to.port().to_string()];
        let mut command;
        match self {
            Self::Curl => {
                command = Command::new("curl");
                command.args(["--disable", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]);
                command.args(["--resolve", &format!("{host}:{port}:{address}")]);
                command.args(["--interface", &format!("host!{source}"), "--cacert"]).arg(roots);
                if let Some(version) = version {
                    command.args([&format!("--tlsv{version}"), "--tls-max", version]);
                }
                command.arg(format!("https://{host}:{port}/"));
            }
            Self::Python | Self::UncheckedPython => {
                command = Command::new(PYTHON);
                command.args(["-c", PYTHON_SCRIPT]).arg(roots);
                command.args([&address, &port, &source.to_string(), host, version.unwrap_or("1.3")]);
                command.arg(if *self == Self::Python { "check" } else { "unchecked" });
            }
            Self::Node => {
                command = Command::new("node");
                command.args(["-e", NODE_SCRIPT]).arg(roots);
                command.args([&address, &port, &source.to_string(), host, version.unwrap_or("1.3")]);
            }
            Self::Example(program) => {
                command = Command::new(program);
                command.args(["-a", &address, "-b", &source.to_string(), "-C"]).arg(roots);
                command.args(version.map(|version| if version == "1.2" { "-2" } else { "-3" }));
                for (key, value) in settings {
                    command.args(["-m", &format!("{key}={value}")]);
                }
                command.arg(format!("https://{host}:{port}/"));
            }
        }
        match self {
            Self::Example(_) => command.env_remove("OPENSSL_CONF"),
            _ => command.env("OPENSSL_CONF", conf),
        };
        command
    }

    /// The exit status with which it says that it does not believe a server.
    pub(super) fn refused(&self) -> i32 {
        match self {
            Self::Curl | Self::Example(_) => 60,
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
            Self::Example(_) => "the client in C",
        })
    }
}
