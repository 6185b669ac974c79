//! lego, with files of its own: the deploy command puts them where nginx reads them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::acme::{Change, Place, shipped_hook};
use crate::site::Site;

pub struct Lego<'a> {
    place: Place<'a>,
    name: &'static str,
    directory: PathBuf,
    deployed: PathBuf,
}

impl<'a> Lego<'a> {
    /// Gets the first certificate for this name, before there is a server for it.
    pub fn new(place: Place<'a>, name: &'static str) -> Self {
        let directory = place.world.make_directory(&["lego"]).unwrap();
        let deployed = place.world.make_directory(&["lego-deployed"]).unwrap();
        let lego = Self { place, name, directory, deployed };
        let mut command = lego.command(None);
        command.arg("run");
        lego.place.run(command);
        let own = lego.directory.join("certificates");
        fs::copy(own.join(format!("{name}.crt")), lego.chain()).unwrap();
        fs::copy(own.join(format!("{name}.key")), lego.key()).unwrap();
        lego
    }

    /// Renews.
    pub fn renew(&self, site: &Site, change: Change) {
        let mut command = self.command(Some(change));
        let hook = shipped_hook("lego-renew");
        match change {
            // It has no account there yet, which `renew` does not make.
            Change::NewCa => command.arg("run").arg("--run-hook").arg(hook),
            Change::NewKey | Change::SameKey => {
                command.args(["renew", "--days", "90", "--no-random-sleep"]);
                command.args((change == Change::SameKey).then_some("--reuse-key"));
                command.arg("--renew-hook").arg(hook)
            }
        };
        let (chain, key) = (self.chain(), self.key());
        let deploy = format!(
            "install -m 600 \"$LEGO_CERT_KEY_PATH\" '{key}.new' && install -m 644 \"$LEGO_CERT_PATH\" '{chain}.new' && \
             mv '{key}.new' '{key}' && mv '{chain}.new' '{chain}' && {}",
            site.reload_command(),
            chain = chain.display(),
            key = key.display(),
        );
        self.place.tell_hook(&mut command, site, &deploy);
        let ran = self.place.run(command);
        let said = ran.output + &ran.errors;
        assert!(said.contains("ready: "), "{said}");
    }

    pub fn chain(&self) -> PathBuf {
        self.deployed.join("chain.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.deployed.join("key.pem")
    }

    fn command(&self, change: Option<Change>) -> Command {
        let mut command = Command::new("lego");
        command.args(["--server", &self.place.server(change), "--accept-tos", "--email", "webmaster@shop.example"]);
        command.arg("--path").arg(&self.directory).args(["--domains", self.name]);
        command.arg("--http").arg("--http.webroot").arg(self.place.doorway.webroot());
        command
    }
}
