//! `mecai agent stage`: shows a site's coming certificate to the authorities, has it vouched for, and only then lets a
//! command put it into use (spec section 12).

mod file;
mod goal;
mod prepare;
mod wait;

use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) use self::file::{AllStaged, Staged};
use self::goal::Goal;
use self::prepare::prepare;
use super::Options;
use super::clock::now;
use super::config::Config;
use super::site::Whole;
use super::trouble::Trouble;
use crate::exit::Exit;
use crate::output;

/// What the command is told.
#[derive(Debug, clap::Args)]
pub struct Stage {
    /// A host of the site, or its certificate file; of several the first that the configuration knows
    #[arg(required = true, value_name = "SITE")]
    pub sites: Vec<String>,
    /// The chain of the coming certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub certificate: PathBuf,
    /// Its private key, PEM; the site's `key` unless given
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A command for `/bin/sh -c` that puts it into use, run when it is vouched for
    #[arg(long, value_name = "COMMAND")]
    pub deploy: Option<String>,
    /// How long to wait for vouchers
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub within: u64,
    /// The configuration, and what else every subcommand is told.
    #[command(flatten)]
    pub options: Options,
}

/// Stages, waits, deploys.
pub(super) fn run(config: Config, command: &Stage) -> Result<Exit, Trouble> {
    let site = match Whole::find_first(&config, &command.sites) {
        Ok(site) => site,
        Err(trouble) => return Ok(output::tell(trouble, Exit::Usage)),
    };
    let key = command.key.as_ref().or(site.key()).ok_or_else(|| {
        let file = site.certificate.display();
        Trouble::new("key_missing", format!("there is no --key, and the [[site]] of {file} has no `key`"))
    })?;
    let state = config.state();
    let prepared = prepare(&site, &command.certificate, key, &state, now())?;
    prepared.warnings.iter().for_each(|warning| output::warn(warning));
    let staged = prepared.staged;
    // Only one certificate can take the place.
    let others = Staged::read_all(&state)?.staged;
    let is_other = |other: &&Staged| other.site == staged.site && other.certificate.digest != staged.certificate.digest;
    others.iter().filter(is_other).for_each(|other| other.remove(&state));
    if !staged.places().is_empty() {
        staged.write(&state)?;
    }
    let goal = Goal::new(staged.certificate.digest, prepared.places, &config);
    wait::until_ready(config, &goal, command.within, |ready| {
        output::print(&format!("ready: {ready}\n"))
            .map_err(|cause| Trouble::new("not_printed", format!("the outcome cannot be printed: {cause}")))?;
        match &command.deploy {
            Some(deploy) => run_deploy(deploy, &site, &command.certificate),
            None => Ok(()),
        }
    })
}

fn run_deploy(command: &str, site: &Whole, certificate: &Path) -> Result<(), Trouble> {
    let failed = |what: String| Trouble::new("deploy_failed", format!("`{command}` {what}"));
    let hosts = site.hosts().into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .env("MECAI_EVENT", "deploy")
        .env("MECAI_HOSTS", hosts)
        .env("MECAI_CERTIFICATE", certificate)
        .status()
        .map_err(|cause| failed(format!("cannot be started: {cause}")))?;
    if status.success() { Ok(()) } else { Err(failed(format!("ended with {status}"))) }
}
