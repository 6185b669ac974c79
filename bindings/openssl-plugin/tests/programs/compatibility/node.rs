//! Node.js.

use std::process::Command;

use super::{Program, Role};
use crate::world::{HOST, World, said};

pub(crate) const CLIENT: Program = Program {
    name: "Node.js",
    version: &["node", "--version"],
    counted: 1,
    role: Role::Client { fetch, refused: |output| said(output).contains("error UNSPECIFIED") },
    switch_on: "`OPENSSL_CONF=FILE node …`; the file says `nodejs_conf = …` besides",
};

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
