//! `openssl s_client`, which is the client of the servers' tests too.

use std::fs::{self, File};
use std::process::Command;

use super::peer::PAGE;
use super::{Program, Role};
use crate::world::{HOST, World};

pub(crate) const CLIENT: Program = Program {
    name: "`openssl s_client`",
    version: &["openssl", "version"],
    counted: 2,
    role: Role::Client { fetch, refused: |output| output.status.code() == Some(1) },
    switch_on: "`OPENSSL_CONF=FILE openssl s_client -verify_return_error …`",
};

fn fetch(world: &World, port: u16) -> Command {
    fs::write(world.path("request"), format!("GET {PAGE} HTTP/1.0\r\nHost: {HOST}\r\n\r\n")).unwrap();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-brief", "-ign_eof", "-verify_return_error", "-CAfile", &world.path("root.pem")]);
    command.args(["-servername", HOST, "-connect", &format!("127.0.0.1:{port}")]);
    command.stdin(File::open(world.path("request")).unwrap());
    command
}

/// The same in this version of TLS alone.
pub(crate) fn fetch_by(world: &World, port: u16, tls: &str) -> Command {
    let mut command = fetch(world, port);
    command.arg(format!("-tls{}", tls.replace('.', "_")));
    command
}
