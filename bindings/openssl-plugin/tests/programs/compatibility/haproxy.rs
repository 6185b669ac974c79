//! HAProxy, as a server and towards one.

use super::{Program, Role, speech};
use crate::daemons::{Daemon, certificate_and_key, enable, haproxy};
use crate::world::{HOST, Site, World};

const VERSION: &[&str] = &["haproxy", "-v"];

pub(crate) const SERVER: Program = Program {
    name: "HAProxy",
    version: VERSION,
    counted: 2,
    role: Role::Server { start: server, speech: speech::HTTP },
    switch_on: "[a drop-in](../packaging/enable/systemd.conf) for its unit",
};

pub(crate) const PROXY: Program = Program {
    name: "HAProxy",
    version: VERSION,
    counted: 2,
    role: Role::Proxy { start: proxy, refused: "503", reason: "certificate verify failed" },
    switch_on: "as for the server; `verify required` and `sni` in the line `server`",
};

fn server(world: &World, site: &Site, config: &str) -> Daemon {
    let frontend = format!(
        "frontend f\n    bind 127.0.0.1:PORT ssl crt {} no-tls-tickets\n    http-request return status 200 content-type \
         text/plain string ok hdr X-Shop open",
        certificate_and_key(site).display()
    );
    haproxy(world, "haproxy", "", &frontend, Some(&enable::systemd(config)))
}

fn proxy(world: &World, back: u16, config: &str) -> Daemon {
    // Who is refused is not asked again: one request is one connection.
    let frontend = r#"frontend f
    bind 127.0.0.1:PORT
    log-format "%ST %[ssl_bc_err_str]"
    default_backend b"#;
    let server = format!("ssl verify required ca-file {} sni str({HOST})", world.path("root.pem"));
    let backend = format!("backend b\n    retries 0\n    server s 127.0.0.1:{back} {server}");
    haproxy(world, "haproxy", "", &format!("{frontend}\n{backend}"), Some(&enable::systemd(config)))
}
