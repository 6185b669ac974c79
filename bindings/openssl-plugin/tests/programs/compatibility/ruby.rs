//! Ruby's net/http.

use std::process::Command;

use super::{Program, Role, peer};
use crate::world::{HOST, World, said};

pub(crate) const CLIENT: Program = Program {
    name: "Ruby, `net/http`",
    version: &["ruby", "--version"],
    counted: 2,
    role: Role::Client {
        peer: peer::server,
        fetch,
        refused: |output| {
            said(output).contains("certificate verify failed") && said(output).contains("OpenSSL::SSL::SSLError")
        },
    },
    switch_on: "`OPENSSL_CONF=FILE ruby …`, for all that uses the library `openssl`",
};

fn fetch(world: &World, port: u16) -> Command {
    const PROGRAM: &str = "
require 'net/http'
root, host, port = ARGV
http = Net::HTTP.new(host, port.to_i, nil)
http.ipaddr = '127.0.0.1'
http.use_ssl = true
http.ca_file = root
response = http.get('/index.html')
puts response.code + ' ', response.to_hash, response.body
";
    let mut command = Command::new("ruby");
    command.args(["-e", PROGRAM, &world.path("root.pem"), HOST, &port.to_string()]);
    command
}
