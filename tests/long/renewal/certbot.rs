//! certbot, with a lineage whose files nginx reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::acme::{Change, Deploy, Place, shipped_hook};
use crate::site::Site;

pub struct Certbot<'a> {
    place: Place<'a>,
    name: &'static str,
    directory: PathBuf,
}

impl<'a> Certbot<'a> {
    /// Gets the first certificate for this name, before there is a server for it.
    pub fn new(place: Place<'a>, name: &'static str) -> Self {
        let directory = place.world.make_directory(&["certbot"]).unwrap();
        let config = directory.join("cli.ini");
        std::fs::write(&config, "").unwrap();
        let certbot = Self { place, name, directory };
        certbot.place.run(certbot.order(None));
        certbot
    }

    /// Renews.
    pub fn renew(&self, site: &Site, change: Change, deploy: Deploy) {
        let mut command = match change {
            // The lineage is bound to its CA: going to another is a new order for the same lineage.
            Change::NewCa => self.order(Some(change)),
            Change::NewKey | Change::SameKey => {
                let mut command = self.command("renew");
                command.arg("--no-random-sleep-on-renew");
                // It remembers what it was told about the key.
                command.arg(if change == Change::SameKey { "--reuse-key" } else { "--no-reuse-key" });
                command
            }
        };
        command.arg("--force-renewal");
        let reload = site.reload_command();
        let hook = match deploy {
            Deploy::Staged => shipped_hook("certbot-deploy").display().to_string(),
            Deploy::AtOnce => reload.clone(),
        };
        command.args(["--deploy-hook", &hook]);
        self.place.tell_hook(&mut command, site, &reload);
        let ran = self.place.run(command);
        // certbot's exit status is 0 even if the hook fails.
        let said = ran.output + &ran.errors;
        assert!(deploy == Deploy::AtOnce || said.contains("ready: "), "{said}");
    }

    pub fn chain(&self) -> PathBuf {
        self.lineage().join("fullchain.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.lineage().join("privkey.pem")
    }

    fn lineage(&self) -> PathBuf {
        self.directory.join("config/live").join(self.name)
    }

    fn order(&self, change: Option<Change>) -> Command {
        let mut command = self.command("certonly");
        command.args(["--webroot", "--webroot-path"]).arg(self.place.doorway.webroot());
        command.args(["--server", &self.place.server(change), "--domain", self.name, "--cert-name", self.name]);
        command
    }

    fn command(&self, what: &str) -> Command {
        let below = |name: &str| -> PathBuf { Path::new(&self.directory).join(name) };
        let mut command = Command::new("certbot");
        command.args([what, "--non-interactive", "--agree-tos", "--register-unsafely-without-email"]);
        command.arg("--config").arg(below("cli.ini")).arg("--config-dir").arg(below("config"));
        command.arg("--work-dir").arg(below("work")).arg("--logs-dir").arg(below("logs"));
        command
    }
}
