//! PHP's streams.

use std::process::Command;

use super::{Program, Role, peer};
use crate::world::{HOST, World, said};

pub(crate) const CLIENT: Program = Program {
    name: "PHP",
    version: &["php", "--version"],
    counted: 2,
    role: Role::Client {
        peer: peer::server,
        fetch,
        refused: |output| output.status.code() == Some(1) && said(output).contains("certificate verify failed"),
    },
    switch_on: "`OPENSSL_CONF=FILE php …`, for its streams",
};

fn fetch(world: &World, port: u16) -> Command {
    const PROGRAM: &str = "
[, $root, $host, $port] = $argv;
$tls = ['cafile' => $root, 'peer_name' => $host];
$http = ['header' => \"Host: $host\", 'timeout' => 20];
$page = file_get_contents(\"https://127.0.0.1:$port/index.html\", false, stream_context_create(['ssl' => $tls, 'http' => $http]));
if ($page === false) exit(1);
print_r($http_response_header);
print($page);
";
    let mut command = Command::new("php");
    command.args(["-r", PROGRAM, "--", &world.path("root.pem"), HOST, &port.to_string()]);
    command
}
