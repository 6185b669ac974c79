//! CPython's module `ssl`.

use std::process::Command;

use super::{Program, Role, peer};
use crate::world::{HOST, World, said};

pub(crate) const CLIENT: Program = Program {
    name: "CPython",
    version: &["python3", "--version"],
    counted: 2,
    role: Role::Client {
        peer: peer::server,
        fetch,
        refused: |output| said(output).contains("ssl.SSLCertVerificationError: "),
    },
    switch_on: "`OPENSSL_CONF=FILE python3 …`, for all that uses the module `ssl`",
};

fn fetch(world: &World, port: u16) -> Command {
    const PROGRAM: &str = "
import http.client, socket, ssl, sys
root, host, port = sys.argv[1:]
context = ssl.create_default_context(cafile=root)
connection = http.client.HTTPSConnection(host, int(port))
plain = socket.create_connection(('127.0.0.1', int(port)))
connection.sock = context.wrap_socket(plain, server_hostname=host)
connection.request('GET', '/index.html')
response = connection.getresponse()
print(response.status, response.getheaders(), response.read().decode())
";
    let mut command = Command::new("python3");
    command.args(["-c", PROGRAM, &world.path("root.pem"), HOST, &port.to_string()]);
    command
}
