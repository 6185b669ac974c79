//! Apache, with workers of the user www-data.

use std::fs;
use std::process::Command;

use super::{Daemon, directory, free_port, write};
use crate::world::{Site, World};

/// Apache with these `<VirtualHost>` blocks, in which `PORT` stands for its port.
pub(crate) fn apache(world: &World, name: &str, hosts: &str, config: Option<&str>) -> Daemon {
    const MODULES: [&str; 5] = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "alias"];
    let (directory, port) = (directory(world, name), free_port());
    let load = MODULES.map(|module| format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"));
    let root = directory.join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("index.html"), "ok\n").unwrap();
    let text = format!(
        "{}ServerRoot {}\nDocumentRoot {}\nPidFile pid\nErrorLog error.log\nLogLevel info\nUser www-data\nGroup www-data\n\
         ServerName localhost\nMutex file:{}\nListen 127.0.0.1:PORT https\nSSLProtocol -all +TLSv1.2 +TLSv1.3\n{hosts}\n",
        load.concat(),
        directory.display(),
        root.display(),
        directory.display(),
    );
    write(&directory.join("apache.conf"), &text, port);
    let mut command = Command::new("apache2");
    command.args(["-D", "FOREGROUND", "-f"]).arg(directory.join("apache.conf"));
    Daemon::start(command, directory, port, config)
}

/// A `<VirtualHost>` block with this certificate.
pub(crate) fn virtual_host(name: &str, site: &Site) -> String {
    format!(
        "<VirtualHost *:PORT>\nServerName {name}\nSSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}\n\
         </VirtualHost>\n",
        site.certificate.display(),
        site.key.display()
    )
}
