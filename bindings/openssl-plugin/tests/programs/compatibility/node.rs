//! Node.js.

use std::process::{Command, Output};

use super::{Program, Role, peer};
use crate::world::{HOST, World, said};

/// The file that OpenSSL itself takes, without a line for Node.js.
pub(crate) const SHARED: Program = Program {
    name: "Node.js, `--openssl-shared-config`",
    role: Role::Client {
        peer: peer::server,
        fetch: |world, port| {
            let mut command = Command::new("sh");
            // Of the row's file all but the line that Node.js would look for by itself.
            let shared = "grep -v ^nodejs_conf \"$OPENSSL_CONF\" >shared.cnf; OPENSSL_CONF=$PWD/shared.cnf exec \"$@\"";
            command.args(["-c", shared, "sh", "node", "--openssl-shared-config"]);
            command.args(fetch(world, port).get_args()).current_dir(world.directory.path());
            command
        },
        refused,
    },
    switch_on: "`OPENSSL_CONF=FILE node --openssl-shared-config …`",
    ..CLIENT
};

pub(crate) const CLIENT: Program = Program {
    name: "Node.js",
    version: &["node", "--version"],
    counted: 1,
    role: Role::Client { peer: peer::server, fetch, refused },
    switch_on: "`OPENSSL_CONF=FILE node …`; the file says `nodejs_conf = …` besides",
};

fn refused(output: &Output) -> bool {
    said(output).contains("error UNSPECIFIED")
}

fn fetch(world: &World, port: u16) -> Command {
    const PROGRAM: &str = "
const [root, host, port] = process.argv.slice(1);
const ca = require('fs').readFileSync(root);
const to = { host: '127.0.0.1', port, servername: host, headers: { Host: host }, path: '/index.html', ca };
require('https').get(to, (response) => {
    console.log(response.statusCode, response.rawHeaders);
    response.pipe(process.stdout);
}).on('error', (error) => {
    console.log('error', error.code, error.message);
    process.exitCode = 1;
});
";
    let mut command = Command::new("node");
    command.args(["-e", PROGRAM, &world.path("root.pem"), HOST, &port.to_string()]);
    command
}
