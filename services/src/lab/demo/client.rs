//! Clients: stock curl, Python, Node.js and `openssl s_client`, told by `OPENSSL_CONF` alone to ask for vouchers, and an
//! example in C that asks by itself.

use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use mecai::report::Report;

use super::super::{Error, OpensslConf, Ran, World, run_program};
use super::HOST;
use super::failure::{Failure, unmet};
use super::program::{Errand, Program};

/// A user with a state directory and an address of its own, who visits one host.
#[derive(Clone, Debug)]
pub(super) struct Client {
    directory: PathBuf,
    roots: PathBuf,
    source: IpAddr,
    host: String,
}

/// A file for `OPENSSL_CONF`, what it says, and the log that it names.
#[derive(Debug)]
pub(super) struct Configuration {
    file: PathBuf,
    settings: Vec<(&'static str, String)>,
    log: PathBuf,
}

/// What a program did, and what the module in it logged.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) ran: Ran,
    pub(super) log: Vec<Judgement>,
}

/// One log line of the module: the judgement on one handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// `accepted`, `refused`, `unvouched`, `exempt`.
    pub(super) outcome: String,
    /// The name that was meant.
    pub(super) host: String,
    /// What stands behind the host.
    pub(super) reason: String,
}

impl Client {
    /// A client in a new directory below the world's own, which connects from `source` and visits the shop.
    pub(super) fn new(world: &World, below: &[&str], source: IpAddr) -> Result<Self, Error> {
        let directory = world.make_directory(below)?;
        Ok(Self { directory, roots: world.roots(), source, host: HOST.to_owned() })
    }

    /// The same client on its way to this host.
    pub(super) fn visiting(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// Where it connects from.
    pub(super) fn source(&self) -> IpAddr {
        self.source
    }

    /// Where the module keeps the secret of the pick, and reports.
    pub(super) fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// Writes `<name>.cnf` with the default keys of a client, `change`d; its log is `<name>.log`.
    pub(super) fn configure(
        &self,
        world: &World,
        module: &Path,
        name: &str,
        change: impl FnOnce(OpensslConf) -> OpensslConf,
    ) -> Result<Configuration, Error> {
        let log = self.directory.join(format!("{name}.log"));
        let conf = OpensslConf::client(world, module, &self.state()).with("log", log.display());
        let conf = change(conf);
        let file = conf.write(&self.directory.join(format!("{name}.cnf")))?;
        Ok(Configuration { file, settings: conf.settings().map(|(key, value)| (key, value.to_owned())).collect(), log })
    }

    /// Fetches the page of its host by curl from whoever is at the address `to`.
    pub(super) fn curl(&self, configuration: &Configuration, to: SocketAddr) -> Result<Visit, Failure> {
        self.fetch(&Program::Curl, configuration, to, None)
    }

    /// The same by any program, in this version of TLS: `1.2` or `1.3`, or what the program chooses.
    pub(super) fn fetch(
        &self,
        program: &Program,
        configuration: &Configuration,
        to: SocketAddr,
        version: Option<&str>,
    ) -> Result<Visit, Failure> {
        self.visit(configuration, program.command(&self.errand(configuration, to, version)))
    }

    /// Fetches it twice, one after the other, curl in one process; gives the exit status for each.
    pub(super) fn fetch_twice(
        &self,
        program: &Program,
        configuration: &Configuration,
        to: SocketAddr,
    ) -> Result<[String; 2], Failure> {
        if *program != Program::Curl {
            let once = || {
                let visit = self.fetch(program, configuration, to, None)?;
                Ok::<_, Failure>(visit.ran.status.map_or_else(|| visit.ran.exit(), |status| status.to_string()))
            };
            return Ok([once()?, once()?]);
        }
        let mut command = program.command(&self.errand(configuration, to, None));
        command.args(["--output", "/dev/null", "--output", "/dev/null", "--write-out", "%{exitcode}\n"]);
        command.arg(format!("https://{}:{}/", self.host, to.port()));
        let visit = self.visit(configuration, command)?;
        let statuses: Vec<String> = visit.ran.output.lines().map(str::to_owned).collect();
        statuses.try_into().map_err(|_| {
            Failure::Unmet(format!("curl did not do two transfers ({}): {}", visit.ran.exit(), visit.ran.errors))
        })
    }

    /// Connects by `openssl s_client -verify_return_error`, which knows the address of its peer.
    pub(super) fn s_client(&self, configuration: &Configuration, to: SocketAddr) -> Result<Visit, Failure> {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-verify_return_error", "-brief"]);
        command.args(["-servername", &self.host, "-verify_hostname", &self.host]);
        command.arg("-connect").arg(to.to_string()).arg("-CAfile").arg(&self.roots);
        command.env("OPENSSL_CONF", &configuration.file);
        self.visit(configuration, command)
    }

    /// The mismatch reports in its spool.
    pub(super) fn reports(&self) -> Result<Vec<Report>, Failure> {
        let directory = self.state().join("reports");
        if !directory.exists() {
            return Ok(Vec::new());
        }
        let mut reports = Vec::new();
        for entry in fs::read_dir(&directory).map_err(Error::file("read", &directory))? {
            let path = entry.map_err(Error::file("read", &directory))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let json = fs::read(&path).map_err(Error::file("read", &path))?;
                reports.push(Report::from_json(&json).map_err(unmet(&path.display().to_string()))?);
            }
        }
        Ok(reports)
    }

    fn errand<'e>(&'e self, configuration: &'e Configuration, to: SocketAddr, version: Option<&'e str>) -> Errand<'e> {
        Errand {
            host: &self.host,
            to,
            source: self.source,
            roots: &self.roots,
            version,
            conf: &configuration.file,
            settings: &configuration.settings,
        }
    }

    fn visit(&self, configuration: &Configuration, command: Command) -> Result<Visit, Failure> {
        let ran = run_program(command)?;
        let log = if configuration.log.exists() {
            let text = fs::read_to_string(&configuration.log).map_err(Error::file("read", &configuration.log))?;
            text.lines().filter_map(|line| Judgement::parse(line, ran.pid, &self.host)).collect()
        } else {
            Vec::new()
        };
        Ok(Visit { ran, log })
    }
}

impl Visit {
    /// The judgement on the only handshake.
    pub(super) fn judgement(&self) -> Option<&Judgement> {
        match self.log.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The code of the only judgement; empty without one.
    pub(super) fn code(&self) -> &str {
        self.judgement().map_or("", Judgement::code)
    }

    /// Whether the only judgement is a refusal.
    pub(super) fn is_refused(&self) -> bool {
        self.judgement().is_some_and(|judgement| judgement.outcome == "refused")
    }

    /// The first line of what the program said on standard error: curl has a page of good advice behind it.
    pub(super) fn error(&self) -> &str {
        self.ran.errors.lines().next().unwrap_or_default()
    }

    /// The program's exit status, and what the module logged, for a person.
    pub(super) fn summary(&self) -> String {
        let log: Vec<String> = self.log.iter().map(Judgement::to_string).collect();
        let log = if log.is_empty() { "nothing logged".to_owned() } else { log.join(" | ") };
        format!("{}; {log}", self.ran.exit())
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.outcome, self.host, self.reason)
    }
}

impl Judgement {
    /// `2026-11-01T00:00:00Z curl[4711] mecai: refused www.shop.example: no_voucher: …`, if this process wrote it.
    fn parse(line: &str, pid: u32, host: &str) -> Option<Self> {
        let (head, event) = line.split_once(" mecai: ")?;
        if !head.ends_with(&format!("[{pid}]")) {
            return None;
        }
        let (outcome, rest) = event.split_once(' ')?;
        let reason = rest.strip_prefix(host)?.strip_prefix(": ")?;
        Some(Self { outcome: outcome.to_owned(), host: host.to_owned(), reason: reason.to_owned() })
    }

    /// The verdict's code.
    pub(super) fn code(&self) -> &str {
        match self.outcome.as_str() {
            "accepted" => "accepted",
            _ => self.reason.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether this note was made.
    pub(super) fn notes(&self, note: &str) -> bool {
        let notes = self.reason.split_once("; notes: ").map_or("", |(_, notes)| notes);
        notes.split(", ").any(|known| known == note)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_judgement_is_read_from_the_lines_of_its_own_process() {
        let line = "2026-11-01T00:00:00Z curl[4711] mecai: refused www.shop.example: wrong_certificate: vouched for \
                    certificate 01, the server showed 02; alarm: vouchers that do not belong here; notes: \
                    peer_unknown, port_not_compared";
        let judgement = Judgement::parse(line, 4711, HOST).unwrap();
        assert_eq!((judgement.outcome.as_str(), judgement.code()), ("refused", "wrong_certificate"));
        assert!(judgement.notes("peer_unknown") && judgement.notes("port_not_compared"));
        assert!(!judgement.notes("no_secret"));
        assert_eq!(Judgement::parse(line, 711, HOST), None);
        assert_eq!(Judgement::parse(line, 4711, "shop.example"), None);
        let line = "2026-11-01T00:00:00Z curl[4711] mecai: accepted www.shop.example: vouched for by 2 operators";
        assert_eq!(Judgement::parse(line, 4711, HOST).unwrap().code(), "accepted");
    }
}
