//! `openssl s_client`, which is the client of the servers' tests too.

use std::fs::{self, File};
use std::process::Command;

use super::speech::{self, Speech};
use super::{Program, Role, peer};
use crate::world::{HOST, World};

pub(crate) const CLIENT: Program = Program {
    name: "`openssl s_client`",
    version: &["openssl", "version"],
    counted: 2,
    role: Role::Client { peer: peer::server, fetch, refused: |output| output.status.code() == Some(1) },
    switch_on: "`OPENSSL_CONF=FILE openssl s_client -verify_return_error …`",
};

fn fetch(world: &World, port: u16) -> Command {
    speak(world, port, &speech::HTTP)
}

fn speak(world: &World, port: u16, speech: &Speech) -> Command {
    fs::write(world.path("request"), speech.says).unwrap();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-brief", "-ign_eof", "-verify_return_error", "-CAfile", &world.path("root.pem")]);
    command.args(["-servername", HOST, "-connect", &format!("127.0.0.1:{port}")]);
    command.args(speech.starttls.map(|word| ["-starttls", word]).iter().flatten());
    command.stdin(File::open(world.path("request")).unwrap());
    command
}

/// The same in this version of TLS alone.
pub(crate) fn speak_by(world: &World, port: u16, speech: &Speech, tls: &str) -> Command {
    let mut command = speak(world, port, speech);
    command.arg(format!("-tls{}", tls.replace('.', "_")));
    command
}
