//! HAProxy.

use std::process::Command;

use super::{Daemon, directory, free_port, write};
use crate::world::World;

/// HAProxy with these lines in its section `global`, and these sections, in both of which `PORT` stands for its port.
pub(crate) fn haproxy(world: &World, name: &str, global: &str, sections: &str, config: Option<&str>) -> Daemon {
    let (directory, port) = (directory(world, name), free_port());
    let text = format!(
        "global\n    log stderr local0\n{global}\n\
         defaults\n    mode http\n    log global\n    timeout connect 5s\n    timeout client 10s\n    timeout server 10s\n\
         {sections}\n"
    );
    write(&directory.join("haproxy.cfg"), &text, port);
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f", "haproxy.cfg"]);
    Daemon::start(command, directory, port, config)
}
