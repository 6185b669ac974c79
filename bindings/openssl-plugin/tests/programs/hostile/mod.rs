//! Peers that send the module's extensions where none belong, or with contents that they must not have: each time the
//! alert that fits, and nothing else.

mod clients;
mod servers;

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use mecai::extension::VOUCHERS;
use serde_json::json;

use crate::world::{Server, Site, World};

// RFC 8446, section 6.
const ILLEGAL_PARAMETER: &str = "alert 47";
const DECODE_ERROR: &str = "alert 50";
const UNSUPPORTED_EXTENSION: &str = "alert 110";
const FINISHED: &str = "finished";

/// A TLS peer in Python that does what it is told, one connection at a time.
struct Peer {
    process: Server,
    orders: ChildStdin,
    outcomes: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// A server that shows the site's certificate and that of its CA.
    fn server(world: &World, site: &Site) -> Self {
        let mut peer = Self::start(&["server", &chain(world, site), site.key.to_str().unwrap()]);
        peer.process.port = peer.outcome().parse().unwrap();
        peer
    }

    /// A client of the server at this port, with the certificate of this site, or none.
    fn client(world: &World, port: u16, name: &str, own: Option<&Site>) -> Self {
        let own = own.map(|site| [chain(world, site), site.key.to_str().unwrap().to_owned()]);
        let own: Vec<&str> = own.iter().flatten().map(String::as_str).collect();
        Self::start(&[&["client", &port.to_string(), name][..], &own].concat())
    }

    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/hostile/run.sh"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let outcomes = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { process: Server { child, port: 0 }, orders, outcomes }
    }

    /// Says what the next connection sends: these extensions in that message.
    fn sends(&mut self, version: &str, into: &str, extensions: &[(u16, Vec<u8>)]) {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let extensions: Vec<_> = extensions.iter().map(|(number, octets)| json!([number, hex(octets)])).collect();
        // No client offers a share of this group at once: it is asked to come again.
        let group = if into == "hello_retry_request" { Some("secp384r1") } else { None };
        let order = json!({ "version": version, "into": into, "extensions": extensions, "group": group });
        writeln!(self.orders, "{order}").unwrap();
    }

    /// What came of the connection: the alert that the other side sent, or that the handshake finished.
    fn outcome(&mut self) -> String {
        self.outcomes.next().unwrap().unwrap()
    }
}

/// One file with the site's certificate and that of its CA.
fn chain(world: &World, site: &Site) -> String {
    let path = world.path("chain.pem");
    let both = [site.certificate.to_str().unwrap(), &world.path("root.pem")].map(|path| fs::read(path).unwrap());
    fs::write(&path, both.concat()).unwrap();
    path
}

fn vouchers(octets: &[u8]) -> (u16, Vec<u8>) {
    (VOUCHERS, octets.to_vec())
}
