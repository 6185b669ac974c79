//! What a program does, and what is seen of it on the wire: equal for two runs that nobody can tell apart.

use std::process::{Command, Output};

use super::speech::Speech;
use super::{peer, s_client};
use crate::relay::Relay;
use crate::wire::Wire;
use crate::world::{World, said};

#[derive(Debug, PartialEq)]
pub(crate) struct Behaviour {
    /// The exit status of a client.
    pub(crate) status: Option<i32>,
    /// Standard output and error of a client, or the answer of a proxy, without the dates in them.
    pub(crate) said: String,
    pub(crate) wire: Wire,
}

impl Behaviour {
    /// Of a client that is sent to the relay, and from there to this port.
    pub(crate) fn of_client(mut client: Command, config: &str, relay: &Relay, port: u16) -> Self {
        let carried = relay.carry(port);
        let output: Output = client.env("OPENSSL_CONF", config).output().unwrap();
        let wire = Wire::of(&carried.join().unwrap());
        Self { status: output.status.code(), said: without_dates(&said(&output)), wire }
    }

    /// Of the server at this port, towards `openssl s_client` with this configuration.
    pub(crate) fn of_server(world: &World, relay: &Relay, port: u16, speech: &Speech, tls: &str, config: &str) -> Self {
        Self::of_client(s_client::speak_by(world, relay.port, speech, tls), config, relay, port)
    }

    /// Of the proxy at this port, which the relay brings to the port `back`.
    pub(crate) fn of_proxy(port: u16, relay: &Relay, back: u16) -> Self {
        let carried = relay.carry(back);
        let said = without_dates(&peer::get(port));
        Self { status: None, said, wire: Wire::of(&carried.join().unwrap()) }
    }
}

/// Dates as HTTP writes them, which all have the same length: `Mon, 23 Nov 2026 21:05:00 GMT`.
fn without_dates(said: &str) -> String {
    const LENGTH: usize = "Mon, 23 Nov 2026 21:05:00".len();
    let mut left = said.to_owned();
    for (end, _) in said.match_indices(" GMT") {
        left.replace_range(end - LENGTH..end, &"x".repeat(LENGTH));
    }
    left
}
