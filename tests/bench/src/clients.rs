//! Stock clients that make many full handshakes in one process, one after the other.

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::turns::take_turns;
use crate::world::HOST;

/// A client program.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    command: fn(&Target<'_>) -> Command,
    /// How many handshakes it says that it made; none where a good end says that it made all.
    made: fn(&str) -> Option<usize>,
}

/// Whom to visit, and how often.
pub(crate) struct Target<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) root: &'a Path,
    pub(crate) handshakes: usize,
}

pub(crate) const CLIENTS: [Client; 4] = [
    Client { name: "curl", command: curl, made: |_| None },
    Client { name: "python3", command: python, made: |_| None },
    Client { name: "node", command: node, made: |_| None },
    Client { name: "openssl_s_time", command: s_time, made: connections },
];

impl Client {
    /// Two processes of this client with a configuration each, in turns: the processor time of a handshake with the
    /// second, over that of one with the first. What they say goes into files in `directory`.
    pub(crate) fn ratio(
        &self,
        target: &Target<'_>,
        configurations: [&Path; 2],
        directory: &Path,
    ) -> Result<f64, Box<dyn Error>> {
        let said = ["first.said", "second.said"].map(|name| directory.join(name));
        let mut commands = [(self.command)(target), (self.command)(target)];
        for ((command, configuration), said) in commands.iter_mut().zip(configurations).zip(&said) {
            let said = fs::File::create(said)?;
            command.env("OPENSSL_CONF", configuration).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        }
        let used = take_turns(commands)?;
        let mut each = [0.0; 2];
        for ((each, used), said) in each.iter_mut().zip(used).zip(&said) {
            let made = (self.made)(&fs::read_to_string(said)?).unwrap_or(target.handshakes);
            *each = used.as_secs_f64() / made as f64;
        }
        Ok(each[1] / each[0])
    }
}

fn curl(target: &Target<'_>) -> Command {
    let port = target.address.port();
    let mut command = Command::new("curl");
    command.args(["-sS", "--no-sessionid", "-H", "Connection: close", "-o", "/dev/null", "--cacert"]).arg(target.root);
    command.arg("--resolve").arg(format!("{HOST}:{port}:127.0.0.1"));
    command.arg(format!("https://{HOST}:{port}/[1-{}]", target.handshakes));
    command
}

fn python(target: &Target<'_>) -> Command {
    const SCRIPT: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
for _ in range(int(sys.argv[4])):
    with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
        context.wrap_socket(plain, server_hostname=sys.argv[3]).close()
";
    with_script(Command::new("python3"), "-c", SCRIPT, target)
}

fn node(target: &Target<'_>) -> Command {
    const SCRIPT: &str = "
const [root, port, host, handshakes] = process.argv.slice(1);
const ca = require('fs').readFileSync(root), tls = require('tls');
const connect = left => {
    if (left == 0) return;
    const socket = tls.connect({ port: Number(port), host: '127.0.0.1', servername: host, ca }, () => socket.end());
    socket.on('close', () => connect(left - 1)).resume();
};
connect(Number(handshakes));
";
    with_script(Command::new("node"), "-e", SCRIPT, target)
}

fn with_script(mut command: Command, option: &str, script: &str, target: &Target<'_>) -> Command {
    command.args([option, script]).arg(target.root);
    command.args([&target.address.port().to_string(), HOST, &target.handshakes.to_string()]);
    command
}

/// `s_client` makes one connection; this is what the same package has for many. It stops by the clock, and is given
/// about two milliseconds for each handshake and for each of the other process.
fn s_time(target: &Target<'_>) -> Command {
    let seconds = target.handshakes.div_ceil(250).to_string();
    let mut command = Command::new("openssl");
    command.args(["s_time", "-new", "-verify", "3", "-time", &seconds, "-CAfile"]).arg(target.root);
    command.args(["-connect", &target.address.to_string()]);
    command
}

fn connections(said: &str) -> Option<usize> {
    let line = said.lines().find(|line| line.contains(" connections in ") && line.contains("user sec"))?;
    line.split_whitespace().next()?.parse().ok()
}
