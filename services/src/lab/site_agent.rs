//! A site's agent: the real program, in a process of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{Ran, run};
use super::{Error, Process, SiteEntry, World};

/// An agent that fetches the vouchers of one site. Dropping it ends its process.
#[derive(Debug)]
pub struct SiteAgent {
    program: PathBuf,
    config: PathBuf,
    store: PathBuf,
    log: PathBuf,
    process: Option<Process>,
}

/// What an agent is to do.
#[derive(Clone, Debug, Default)]
pub struct SitePlan {
    /// How long vouchers are to live, in seconds; a day unless given. They are renewed at a quarter of it.
    pub lifetime: Option<u64>,
    /// An OpenSSL serverinfo file to write, and a command that makes a server read it again.
    pub serverinfo: Option<(PathBuf, String)>,
    /// The chain of a second certificate on the same key.
    pub alternate: Option<PathBuf>,
    /// The private key of the certificate.
    pub key: Option<PathBuf>,
}

impl SiteAgent {
    /// Writes `agent.toml` for this site, whose name is a DNS name at the world's site port, into `directory`; the
    /// agent is down.
    ///
    /// # Errors
    /// [`Error::NoProgram`] in a world without authorities, [`Error::File`].
    pub fn make(world: &World, site: &SiteEntry, plan: &SitePlan, directory: &Path) -> Result<Self, Error> {
        let program = world.program()?.to_path_buf();
        let store = directory.join("vouchers");
        let config = directory.join("agent.toml");
        let text = |text: &dyn std::fmt::Display| toml::Value::String(text.to_string()).to_string();
        let mut lines = vec![
            format!("authorities = {}", text(&world.list().path().display())),
            format!("authorities_keys = {}", text(&world.list().keys())),
            format!("store = {}", text(&store.display())),
            format!("state = {}", text(&directory.join("agent-state").display())),
            format!("resolvers = [{}]", text(&world.dns().address())),
        ];
        lines.extend(plan.lifetime.map(|seconds| format!("lifetime = {seconds}")));
        lines.extend([
            String::new(),
            "[[site]]".to_owned(),
            format!("hosts = [{}]", text(&site.name)),
            format!("ports = [{}]", world.site_port()),
            format!("certificate = {}", text(&site.chain.display())),
        ]);
        for (name, path) in [("alternate", &plan.alternate), ("key", &plan.key)] {
            lines.extend(path.as_ref().map(|path| format!("{name} = {}", text(&path.display()))));
        }
        if let Some((path, reload)) = &plan.serverinfo {
            lines.push(format!("serverinfo = {}", text(&path.display())));
            lines.push(format!("reload = {}", text(reload)));
        }
        fs::write(&config, lines.join("\n") + "\n").map_err(Error::file("write", &config))?;
        Ok(Self { program, config, store, log: directory.join("agent.log"), process: None })
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
}
