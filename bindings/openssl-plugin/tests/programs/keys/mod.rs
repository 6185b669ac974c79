//! Every key of the section: what a stock program does changes with its value, and nothing else is changed.
//!
//! The tests are named after the keys; `tests/tree.sh` looks for a key that has none.

mod files;
mod presence;
mod rules;

use crate::world::{HOST, Server, Site, World};

/// A world, the certificate of its site, and a server that shows it without vouchers.
fn world() -> (World, Site, Server) {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let bare = world.server(&site, &["-www"]);
    (world, site, bare)
}

/// The exit status of curl with these keys besides those that a client needs, and what it put into the log.
fn curl(world: &World, server: &Server, keys: &[(&str, &str)]) -> (i32, String) {
    let status = world.curl(&world.write_config("client", keys), server, &[]).status.code().unwrap();
    (status, world.take_log())
}

const ACCEPTED: i32 = 0;
const REFUSED: i32 = 60;
