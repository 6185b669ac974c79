//! The agent of one or more sites: the real program, in a process of its own.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{Ran, run};
use super::{Error, Process, SiteEntry, World};

/// An agent that fetches the vouchers of its sites. Dropping it ends its process.
#[derive(Debug)]
pub struct SiteAgent {
    program: PathBuf,
    config: PathBuf,
    store: PathBuf,
    log: PathBuf,
    /// What the configuration says before the sites.
    head: Vec<String>,
    port: u16,
    sites: Vec<(SiteEntry, SitePlan)>,
    process: Option<Process>,
}

/// What an agent is to do for one site.
#[derive(Clone, Debug, Default)]
pub struct SitePlan {
    /// The chain of a second certificate on the same key, PEM.
    pub alternate: Option<PathBuf>,
    /// An OpenSSL serverinfo file to write, and a command that makes a server read it again.
    pub serverinfo: Option<(PathBuf, String)>,
}

impl SiteAgent {
    /// Writes `agent.toml` for these sites, whose names are DNS names at the world's site port, into `directory`; the
    /// agent is down. Vouchers are to live for `lifetime` seconds, a day unless given, and are renewed at a quarter of
    /// it.
    ///
    /// # Errors
    /// [`Error::NoProgram`] in a world without authorities, [`Error::File`].
    pub fn make(
        world: &World,
        sites: Vec<(SiteEntry, SitePlan)>,
        lifetime: Option<u64>,
        directory: &Path,
    ) -> Result<Self, Error> {
        let program = world.program()?.to_path_buf();
        let store = directory.join("vouchers");
        let mut head = vec![
            format!("authorities = {}", text(&world.list().path().display())),
            format!("authorities_keys = {}", text(&world.list().keys())),
            format!("store = {}", text(&store.display())),
            format!("state = {}", text(&directory.join("agent-state").display())),
            format!("resolvers = [{}]", text(&world.dns().address())),
        ];
        head.extend(lifetime.map(|seconds| format!("lifetime = {seconds}")));
        let agent = Self {
            program,
            config: directory.join("agent.toml"),
            store,
            log: directory.join("agent.log"),
            head,
            port: world.site_port(),
            sites,
            process: None,
        };
        agent.write_config()?;
        Ok(agent)
    }

    /// The site of this name has this chain, PEM, as its second certificate from now on. The line goes into
    /// `agent.toml`, which an agent that runs reads again by itself.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn set_alternate(&mut self, site: &str, chain: &Path) -> Result<(), Error> {
        for (_, plan) in self.sites.iter_mut().filter(|(entry, _)| entry.name == site) {
            plan.alternate = Some(chain.to_path_buf());
        }
        self.write_config()
    }

    /// Its configuration.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The directory that servers read.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// What it wrote to its standard output and standard error.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Starts `mecai agent run`, which goes on until [`SiteAgent::down`]; does nothing when it runs.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn up(&mut self) -> Result<(), Error> {
        if self.process.is_none() {
            self.process = Some(Process::start("the agent", self.command("run"), &self.log)?);
        }
        Ok(())
    }

    /// Ends it.
    pub fn down(&mut self) {
        self.process.take();
    }

    /// Runs `mecai agent once` with these further arguments.
    ///
    /// # Errors
    /// [`Error::Start`]. What it could not do is its exit status.
    pub fn once(&self, arguments: &[&str]) -> Result<Ran, Error> {
        let mut command = self.command("once");
        command.args(arguments);
        run(command)
    }

    /// Runs `mecai agent stage` with these arguments, the site first.
    ///
    /// # Errors
    /// [`Error::Start`]. What it could not do is its exit status.
    pub fn stage(&self, arguments: &[&str]) -> Result<Ran, Error> {
        let mut command = self.command("stage");
        command.args(arguments);
        run(command)
    }

    /// Runs `mecai agent csr` for this site: its output is a request for a certificate on the site's key.
    ///
    /// # Errors
    /// [`Error::Start`]. That it cannot is its exit status.
    pub fn csr(&self, site: &str) -> Result<Ran, Error> {
        let mut command = self.command("csr");
        command.arg(site);
        run(command)
    }

    /// Runs `mecai agent status` with these further arguments.
    ///
    /// # Errors
    /// [`Error::Start`]. That it knows nothing is its exit status.
    pub fn status(&self, arguments: &[&str]) -> Result<Ran, Error> {
        let mut command = self.command("status");
        command.args(arguments);
        run(command)
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["agent", what, "--config"]).arg(&self.config).env_remove("OPENSSL_CONF");
        command
    }

    /// Written beside and renamed: an agent that runs reads the old file or the new one.
    fn write_config(&self) -> Result<(), Error> {
        let mut lines = self.head.clone();
        for (site, plan) in &self.sites {
            lines.extend([
                String::new(),
                "[[site]]".to_owned(),
                format!("hosts = [{}]", text(&site.name)),
                format!("ports = [{}]", self.port),
                format!("certificate = {}", text(&site.chain.display())),
                format!("key = {}", text(&site.key.display())),
            ]);
            lines.extend(plan.alternate.iter().map(|chain| format!("alternate = {}", text(&chain.display()))));
            if let Some((path, reload)) = &plan.serverinfo {
                lines.push(format!("serverinfo = {}", text(&path.display())));
                lines.push(format!("reload = {}", text(reload)));
            }
        }
        let beside = self.config.with_extension("toml.new");
        let write = || fs::write(&beside, lines.join("\n") + "\n").and_then(|()| fs::rename(&beside, &self.config));
        write().map_err(Error::file("write", &self.config))
    }
}

/// As a string in TOML.
fn text(text: &dyn fmt::Display) -> String {
    toml::Value::String(text.to_string()).to_string()
}
