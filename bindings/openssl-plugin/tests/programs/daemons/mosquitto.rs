//! Mosquitto, which becomes the user mosquitto.

use std::process::Command;

use super::{Daemon, directory, free_port, write};
use crate::world::{Site, World};

/// Mosquitto with this certificate.
pub(crate) fn mosquitto(world: &World, name: &str, site: &Site, config: Option<&str>) -> Daemon {
    let (directory, port) = (directory(world, name), free_port());
    let text = format!(
        "listener PORT 127.0.0.1\ncertfile {}\nkeyfile {}\nallow_anonymous true\nuser mosquitto\n",
        site.certificate.display(),
        site.key.display(),
    );
    write(&directory.join("mosquitto.conf"), &text, port);
    let mut command = Command::new("mosquitto");
    command.args(["-c", "mosquitto.conf"]);
    Daemon::start(command, directory, port, config)
}
