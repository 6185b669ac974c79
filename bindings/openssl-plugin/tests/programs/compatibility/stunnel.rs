//! stunnel, before a server and before a client.

use super::{Program, Role, speech};
use crate::daemons::{Daemon, enable, nginx, stunnel};
use crate::world::{HOST, Site, World};

const VERSION: &[&str] = &["stunnel4", "-version"];

pub(crate) const SERVER: Program = Program {
    name: "stunnel",
    version: VERSION,
    counted: 2,
    role: Role::Server { start: server, speech: speech::HTTP },
    switch_on: "[a drop-in](../packaging/enable/systemd.conf) for its unit, `stunnel@`",
};

pub(crate) const PROXY: Program = Program {
    name: "stunnel",
    version: VERSION,
    counted: 2,
    role: Role::Proxy { start: proxy, refused: "", reason: "certificate verify failed" },
    switch_on: "as for the server; `verifyChain = yes`, `checkHost` and `sni`",
};

fn server(world: &World, site: &Site, config: &str) -> Daemon {
    // What it leads to ends with the test's directory, and has no part in TLS.
    let back = nginx(world, "plain", "server { listen 127.0.0.1:PORT; add_header X-Shop open; return 200 ok; }", None);
    // The relay hands on the server's last octets with its end, for which it must not wait for the client's.
    let service = format!(
        "cert = {}\nkey = {}\nconnect = 127.0.0.1:{}\noptions = NO_TICKET\nsslVersionMin = TLSv1.2\nTIMEOUTclose = 0",
        site.certificate.display(),
        site.key.display(),
        back.port,
    );
    stunnel(world, "stunnel", &service, Some(&enable::systemd(config))).with_companion(back)
}

fn proxy(world: &World, back: u16, config: &str) -> Daemon {
    let service = format!(
        "client = yes\nconnect = 127.0.0.1:{back}\nverifyChain = yes\nCAfile = {}\ncheckHost = {HOST}\nsni = {HOST}\n\
         sslVersionMin = TLSv1.2",
        world.path("root.pem")
    );
    stunnel(world, "stunnel", &service, Some(&enable::systemd(config)))
}
