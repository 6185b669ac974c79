//! Postfix.

use std::path::PathBuf;

use mecai_daemons::postfix;

use super::{Daemon, copy_store, directory, free_port, place};
use crate::world::World;

/// Postfix with these lines in its main.cf. Its chroot has the world's store.
pub(crate) fn postfix(world: &World, name: &str, lines: &str) -> Daemon {
    let port = free_port();
    let directory = postfix_directory(world, name, lines, port);
    let place = place(&directory, port);
    copy_store(world, &postfix::root(&place));
    let command = postfix::prepared(&place);
    Daemon::start(command, directory, port, None)
}

/// A directory with all that such a Postfix has.
pub(crate) fn postfix_directory(world: &World, name: &str, lines: &str, port: u16) -> PathBuf {
    let directory = directory(world, name);
    postfix::prepare(&place(&directory, port), lines);
    directory
}
