//! The kinds of client: stock curl with and without the module, with and without the root of the operator.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::directory::write_public;
use super::super::{Error, OpensslConf, World, run_program};
use super::town::Town;

/// What a client does about the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// curl alone.
    Plain,
    /// curl alone; the operator's root is no longer among those that it trusts.
    PlainWithoutRoot,
    /// With the module, and `failover = off`.
    NoFailover,
    /// With the module.
    Mecai,
    /// With the module; the operator's root is no longer among those that curl trusts.
    MecaiWithoutRoot,
}

/// A client of one kind, with a state directory of its own.
#[derive(Debug)]
pub(super) struct Visitor {
    kind: Kind,
    roots: PathBuf,
    /// The file for `OPENSSL_CONF`, and the log that it names.
    module: Option<(PathBuf, PathBuf)>,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Plain, Self::PlainWithoutRoot, Self::NoFailover, Self::Mecai, Self::MecaiWithoutRoot];

    /// Whether the operator's root was taken out.
    pub(super) fn is_without_root(self) -> bool {
        matches!(self, Self::PlainWithoutRoot | Self::MecaiWithoutRoot)
    }

    /// Whether it has the module.
    pub(super) fn has_module(self) -> bool {
        !matches!(self, Self::Plain | Self::PlainWithoutRoot)
    }

    /// Whether it goes over to an alternate.
    pub(super) fn fails_over(self) -> bool {
        matches!(self, Self::Mecai | Self::MecaiWithoutRoot)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "curl",
            Self::PlainWithoutRoot => "curl, no root",
            Self::NoFailover => "no failover",
            Self::Mecai => "mecai",
            Self::MecaiWithoutRoot => "mecai, no root",
        })
    }
}

impl Visitor {
    /// Makes its directory and files.
    pub(super) fn new(world: &World, module: &Path, kind: Kind, operator: &str) -> Result<Self, Error> {
        let name = format!("{kind:?}").to_lowercase();
        let directory = world.make_directory(&["visitors", &name])?;
        let roots = if kind.is_without_root() {
            let file = directory.join("roots.pem");
            let others = world.operators().iter().filter(|other| other.id() != operator);
            write_public(&file, &others.map(|other| other.root().certificate_pem()).collect::<String>())?;
            file
        } else {
            world.roots()
        };
        let write = || {
            let log = directory.join("openssl.log");
            let failover = if kind.fails_over() { "on" } else { "off" };
            let conf = OpensslConf::client(world, module, &directory.join("state"))
                .with("failover", failover)
                .with("log", log.display())
                .write(&directory.join("openssl.cnf"))?;
            Ok::<_, Error>((conf, log))
        };
        let module = kind.has_module().then(write).transpose()?;
        Ok(Self { kind, roots, module })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Visits every site by one curl, over a connection each; says of each whether it got the page.
    pub(super) fn visit(&self, town: &Town) -> Result<Vec<bool>, Error> {
        let (to, sites) = (town.address(), town.sites());
        let mut command = Command::new("curl");
        command.args(["--disable", "--silent", "--max-time", "20", "--noproxy", "*"]);
        command.args(["--write-out", "%{exitcode}\n", "--cacert"]).arg(&self.roots);
        for site in sites {
            command.args(["--resolve", &format!("{}:{}:{}", site.name, to.port(), to.ip()), "--output", "/dev/null"]);
            command.arg(format!("https://{}:{}/", site.name, to.port()));
        }
        match &self.module {
            Some((conf, _)) => command.env("OPENSSL_CONF", conf),
            None => command.env_remove("OPENSSL_CONF"),
        };
        let ran = run_program(command)?;
        let reached: Vec<bool> = ran.output.lines().map(|status| status == "0").collect();
        if reached.len() == sites.len() {
            return Ok(reached);
        }
        let reason = format!("curl did {} of {} transfers: {}", reached.len(), sites.len(), ran.exit());
        Err(Error::Drill { reason })
    }

    /// What the module logged last about a site; without the module nothing is known but that curl failed.
    pub(super) fn last_word(&self, host: &str) -> String {
        let log = self.module.as_ref().and_then(|(_, log)| fs::read_to_string(log).ok()).unwrap_or_default();
        let last = log.lines().rev().find_map(|line| {
            let (_, event) = line.split_once(" mecai: ")?;
            event.split_once(' ')?.1.starts_with(&format!("{host}: ")).then(|| event.to_owned())
        });
        last.unwrap_or_else(|| "nothing was logged".to_owned())
    }
}
