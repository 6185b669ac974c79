//! curl.

use std::process::Command;

use super::peer::PAGE;
use super::{Program, Role, peer};
use crate::world::{HOST, World};

pub(crate) const CLIENT: Program = Program {
    name: "curl",
    version: &["curl", "--version"],
    counted: 2,
    role: Role::Client { peer: peer::server, fetch, refused: |output| output.status.code() == Some(60) },
    switch_on: "`OPENSSL_CONF=FILE curl …`",
};

fn fetch(world: &World, port: u16) -> Command {
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "--max-time", "20", "--cacert", &world.path("root.pem")]);
    command.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1"), &format!("https://{HOST}:{port}{PAGE}")]);
    command
}
