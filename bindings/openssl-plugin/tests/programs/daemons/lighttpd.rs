//! lighttpd, which becomes the user www-data.

use std::fs;
use std::process::Command;

use super::{Daemon, directory, free_port, write};
use crate::world::{Site, World};

/// lighttpd with this certificate, and these further lines.
pub(crate) fn lighttpd(world: &World, name: &str, site: &Site, lines: &str, config: Option<&str>) -> Daemon {
    let (directory, port) = (directory(world, name), free_port());
    // Its ETag tells when the page was written.
    let page = directory.join("index.html");
    if !page.exists() {
        fs::write(page, "ok\n").unwrap();
    }
    let text = format!(
        "server.modules = (\"mod_openssl\", \"mod_setenv\")\nserver.document-root = \"{}\"\nserver.port = PORT\n\
         server.bind = \"127.0.0.1\"\nserver.username = \"www-data\"\nserver.groupname = \"www-data\"\n\
         mimetype.assign = (\".html\" => \"text/html\")\n\
         ssl.engine = \"enable\"\nssl.pemfile = \"{}\"\nssl.privkey = \"{}\"\n{lines}\n",
        directory.display(),
        site.certificate.display(),
        site.key.display(),
    );
    write(&directory.join("lighttpd.conf"), &text, port);
    let mut command = Command::new("lighttpd");
    command.arg("-D").arg("-f").arg(directory.join("lighttpd.conf"));
    Daemon::start(command, directory, port, config)
}
