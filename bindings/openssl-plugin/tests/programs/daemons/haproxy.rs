//! HAProxy.

use std::process::Command;

use super::{Daemon, certificate_and_key, directory, free_port, write};
use crate::world::{Site, World};

/// HAProxy with these lines in its section `global`, and these sections, in both of which `PORT` stands for its port.
pub(crate) fn haproxy(world: &World, name: &str, global: &str, sections: &str, config: Option<&str>) -> Daemon {
    haproxy_by(Command::new("haproxy"), world, name, global, sections, config)
}

/// The same, started by this command.
pub(crate) fn haproxy_by(
    mut command: Command,
    world: &World,
    name: &str,
    global: &str,
    sections: &str,
    config: Option<&str>,
) -> Daemon {
    let (directory, port) = (directory(world, name), free_port());
    let text = format!(
        "global\n    log stderr local0\n{global}\n\
         defaults\n    mode http\n    log global\n    timeout connect 5s\n    timeout client 10s\n    timeout server 10s\n\
         {sections}\n"
    );
    write(&directory.join("haproxy.cfg"), &text, port);
    command.args(["-db", "-f", "haproxy.cfg"]);
    Daemon::start(command, directory, port, config)
}

/// A frontend with this certificate, which answers by itself.
pub(crate) fn frontend(site: &Site) -> String {
    let certificate = certificate_and_key(site);
    format!("frontend f\n    bind 127.0.0.1:PORT ssl crt {}\n    http-request return status 204", certificate.display())
}
