//! stunnel, which becomes the user stunnel4.

use std::process::Command;

use super::{Daemon, directory, free_port, write};
use crate::world::World;

/// stunnel with these lines in its one service, in which `PORT` stands for its port.
pub(crate) fn stunnel(world: &World, name: &str, service: &str, config: Option<&str>) -> Daemon {
    let (directory, port) = (directory(world, name), free_port());
    let text = format!(
        "foreground = yes\nsyslog = no\npid =\nsetuid = stunnel4\nsetgid = stunnel4\n\
         [shop]\naccept = 127.0.0.1:PORT\n{service}\n"
    );
    write(&directory.join("stunnel.conf"), &text, port);
    let mut command = Command::new("stunnel4");
    command.arg("stunnel.conf");
    Daemon::start(command, directory, port, config)
}
