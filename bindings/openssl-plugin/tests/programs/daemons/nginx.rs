//! nginx, with workers of the user www-data.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::enable::NGINX;
use super::{Daemon, directory, free_port, write};
use crate::strace::traced_daemon;
use crate::world::{Site, World};

/// nginx with these `server` blocks, in which `PORT` stands for its port, and one worker.
pub(crate) fn nginx(world: &World, name: &str, servers: &str, config: Option<&str>) -> Daemon {
    nginx_with_workers(world, name, 1, servers, config)
}

/// The same with so many workers.
pub(crate) fn nginx_with_workers(
    world: &World,
    name: &str,
    workers: usize,
    servers: &str,
    config: Option<&str>,
) -> Daemon {
    let (command, directory, port) = command(world, name, workers, servers);
    Daemon::start(command, directory, port, config).with_workers(workers)
}

/// The same with one worker and under strace, which writes to the file `trace`.
pub(crate) fn traced_nginx(world: &World, name: &str, servers: &str, config: Option<&str>, trace: &Path) -> Daemon {
    let (command, directory, port) = command(world, name, 1, servers);
    Daemon::start(traced_daemon(&command, trace), directory, port, config)
}

/// The lines of a `server` block that name a certificate and its key.
pub(crate) fn certificate(site: &Site) -> String {
    format!("ssl_certificate {}; ssl_certificate_key {};", site.certificate.display(), site.key.display())
}

/// The command, its directory and its port.
fn command(world: &World, name: &str, workers: usize, servers: &str) -> (Command, PathBuf, u16) {
    let (directory, port) = (directory(world, name), free_port());
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};"));
    let text = format!(
        "daemon off; worker_processes {workers}; pid pid; error_log error.log info; user www-data;\n{NGINX}\n\
         events {{ }}\n\
         http {{ access_log off; {} ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m;\n{servers} }}\n",
        temporary.join(" "),
    );
    write(&directory.join("nginx.conf"), &text, port);
    let mut command = Command::new("nginx");
    command.arg("-p").arg(&directory).args(["-c", "nginx.conf", "-e", "error.log"]);
    (command, directory, port)
}
