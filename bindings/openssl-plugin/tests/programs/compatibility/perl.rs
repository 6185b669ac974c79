//! Perl's IO::Socket::SSL.

use std::process::Command;

use super::{Program, Role, peer};
use crate::world::{HOST, World, said};

pub(crate) const CLIENT: Program = Program {
    name: "Perl, `IO::Socket::SSL`",
    version: &["perl", "-MIO::Socket::SSL", "-e", "print $IO::Socket::SSL::VERSION"],
    counted: 1,
    role: Role::Client {
        peer: peer::server,
        fetch,
        refused: |output| {
            said(output).contains("SSL connect attempt failed") && said(output).contains("certificate verify failed")
        },
    },
    switch_on: "`OPENSSL_CONF=FILE perl …`",
};

fn fetch(world: &World, port: u16) -> Command {
    const PROGRAM: &str = "
use IO::Socket::SSL;
my ($root, $host, $port) = @ARGV;
my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $port, SSL_hostname => $host,
    SSL_verifycn_name => $host, SSL_verifycn_scheme => 'http', SSL_ca_file => $root, Timeout => 20)
    or die \"$SSL_ERROR\";
print $socket \"GET /index.html HTTP/1.0\\r\\nHost: $host\\r\\n\\r\\n\";
print while <$socket>;
";
    let mut command = Command::new("perl");
    command.args(["-e", PROGRAM, &world.path("root.pem"), HOST, &port.to_string()]);
    command
}
