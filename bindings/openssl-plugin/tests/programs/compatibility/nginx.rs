//! nginx, as a server and towards one.

use super::{Program, Role, speech};
use crate::daemons::{certificate, enable, nginx};
use crate::world::{HOST, Site, World};

const VERSION: &[&str] = &["nginx", "-v"];

pub(crate) const SERVER: Program = Program {
    name: "nginx",
    version: VERSION,
    counted: 2,
    role: Role::Server {
        start: |world, site, config| nginx(world, "nginx", &virtual_host(site, ""), Some(&enable::systemd(config))),
        speech: speech::HTTP,
    },
    switch_on: "[a drop-in](../packaging/enable/systemd.conf) for its unit, and [a line](../packaging/enable/nginx.conf) of `nginx.conf`",
};

pub(crate) const PROXY: Program = Program {
    name: "nginx",
    version: VERSION,
    counted: 2,
    role: Role::Proxy {
        start: |world, back, config| nginx(world, "nginx", &proxy(world, back), Some(&enable::systemd(config))),
        refused: "502",
        reason: "upstream SSL certificate verify error: (50:application verification failure)",
    },
    switch_on: "as for the server; `proxy_ssl_verify on` and `proxy_ssl_server_name on`",
};

/// The block of a virtual host that shows this certificate, with these further lines.
pub(crate) fn virtual_host(site: &Site, lines: &str) -> String {
    // Tickets that the server keeps itself have a fixed length.
    let tls = certificate(site) + "ssl_session_tickets off;";
    let page = "add_header X-Shop open; return 200 ok;";
    format!("server {{ listen 127.0.0.1:PORT ssl; server_name {HOST}; {tls} {lines} {page} }}")
}

/// The block of a proxy to this port.
pub(crate) fn proxy(world: &World, back: u16) -> String {
    let verify = format!("proxy_ssl_verify on; proxy_ssl_trusted_certificate {};", world.path("root.pem"));
    let tls = format!("proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_server_name on; proxy_ssl_name {HOST};");
    format!("server {{ listen 127.0.0.1:PORT; location / {{ proxy_pass https://127.0.0.1:{back}; {verify} {tls} }} }}")
}
