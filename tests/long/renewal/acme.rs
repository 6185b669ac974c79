//! What the two ACME clients have in common.

use std::path::{Path, PathBuf};
use std::process::Command;

use mecai_services::lab::{Ran, World, run_program};

use crate::doorway::Doorway;
use crate::pebble::Pebble;
use crate::site::Site;

/// What a renewal changes besides the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// As these programs do unless told otherwise.
    NewKey,
    SameKey,
    /// Another operator's, on a new key.
    NewCa,
}

/// How servers get to use what was renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deploy {
    /// By the hook that ships: vouched for first.
    Staged,
    /// By a hook that only reloads the server.
    AtOnce,
}

/// Where an ACME client finds what it needs.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub world: &'a World,
    pub doorway: &'a Doorway,
    /// The one that certificates come from at first, and the other one.
    pub servers: &'a [Pebble; 2],
    /// The program `mecai`, which hooks call.
    pub mecai: &'a Path,
}

impl Place<'_> {
    /// The ACME server to go to.
    pub fn server(&self, change: Option<Change>) -> String {
        self.servers[usize::from(change == Some(Change::NewCa))].url()
    }

    /// Runs an ACME client, which trusts the world's roots.
    pub fn run(&self, mut command: Command) -> Ran {
        command.env_remove("OPENSSL_CONF");
        command.env("REQUESTS_CA_BUNDLE", self.world.roots()).env("LEGO_CA_CERTIFICATES", self.world.roots());
        let ran = run_program(command).unwrap();
        assert!(ran.succeeded(), "{}: {}\n{}", ran.exit(), ran.output, ran.errors);
        ran
    }

    /// Tells the hook about the site's agent, and how to deploy.
    pub fn tell_hook(&self, command: &mut Command, site: &Site, deploy: &str) {
        let path = std::env::var_os("PATH").unwrap();
        let programs = std::iter::once(self.mecai.parent().unwrap().to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(programs).unwrap());
        command.env("MECAI_AGENT_CONFIG", site.agent_config()).env("MECAI_DEPLOY", deploy);
    }
}

/// A hook that ships.
pub fn shipped_hook(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/hooks").join(name).canonicalize().unwrap()
}
