//! PostgreSQL's server, and psql for all clients on libpq.

use std::process::Command;

use super::{Program, Role, peer, speech};
use crate::daemons::{Daemon, enable, postgres};
use crate::world::{HOST, Site, World, said};

pub(crate) const SERVER: Program = Program {
    name: "PostgreSQL",
    version: &["psql", "--version"],
    counted: 1,
    role: Role::Server {
        start: |world, site, config| postgres(world, "postgres", site, "", Some(&enable::postgresql(config))),
        speech: speech::POSTGRES,
    },
    switch_on: "[a line](../packaging/enable/postgresql.environment) of `/etc/postgresql/15/main/environment`",
};

pub(crate) const CLIENT: Program = Program {
    name: "psql (libpq)",
    version: &["psql", "--version"],
    counted: 1,
    role: Role::Client {
        peer: server,
        fetch,
        refused: |output| {
            output.status.code() == Some(2) && said(output).contains("SSL error: certificate verify failed")
        },
    },
    switch_on: "`OPENSSL_CONF=FILE psql …`, with `sslmode=verify-full`",
};

fn server(world: &World, site: &Site, tls: &str, is_vouched: bool) -> Daemon {
    let lines = format!("ssl_min_protocol_version = 'TLSv{tls}'\nssl_max_protocol_version = 'TLSv{tls}'");
    let name = format!("peer-{tls}-{is_vouched}");
    postgres(world, &name, site, &lines, Some(&peer::config(world, site, is_vouched)))
}

fn fetch(world: &World, port: u16) -> Command {
    let to = format!("host={HOST} hostaddr=127.0.0.1 port={port} user=postgres connect_timeout=20");
    let tls = format!("sslmode=verify-full sslrootcert={}", world.path("root.pem"));
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--tuples-only", "--command", "select '200 ok'", &format!("{to} {tls}")]);
    command
}
