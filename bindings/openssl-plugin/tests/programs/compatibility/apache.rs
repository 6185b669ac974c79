//! Apache, as a server and towards one.

use super::{Program, Role, speech};
use crate::daemons::{Daemon, apache, enable};
use crate::world::{HOST, Site, World};

const VERSION: &[&str] = &["apache2", "-v"];

pub(crate) const SERVER: Program = Program {
    name: "Apache",
    version: VERSION,
    counted: 2,
    role: Role::Server { start: server, speech: speech::HTTP },
    switch_on: "[a line](../packaging/enable/apache2.envvars) of `/etc/apache2/envvars`",
};

pub(crate) const PROXY: Program = Program {
    name: "Apache",
    version: VERSION,
    counted: 2,
    role: Role::Proxy { start: proxy, refused: "500", reason: "(the server sent no vouchers)" },
    switch_on: "as for the server; `SSLProxyEngine on` and `SSLProxyVerify require`",
};

fn server(world: &World, site: &Site, config: &str) -> Daemon {
    let host = format!(
        "<VirtualHost *:PORT>\nServerName {HOST}\nSSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}\n\
         SSLSessionTickets off\nFileETag None\n</VirtualHost>",
        site.certificate.display(),
        site.key.display()
    );
    apache(world, "apache", &host, Some(&enable::apache2(config)))
}

fn proxy(world: &World, back: u16, config: &str) -> Daemon {
    let load = ["proxy", "proxy_http"]
        .map(|module| format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"));
    // The name of the back end is taken from the request.
    let host = format!(
        "<VirtualHost *:PORT>\nSSLEngine off\nSSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile {}\n\
         ProxyPreserveHost on\nProxyPass / https://127.0.0.1:{back}/ disablereuse=on\n</VirtualHost>",
        world.path("root.pem")
    );
    apache(world, "apache", &(load.concat() + &host), Some(&enable::apache2(config)))
}
