//! Dovecot.

use mecai_daemons::dovecot;

use super::{Daemon, copy_store, directory, free_port, place, shown};
use crate::world::{Site, World};

/// Dovecot with this certificate and these further lines, which speaks `imap` or `pop3`. Its chroot has the world's store.
pub(crate) fn dovecot(world: &World, name: &str, protocol: &str, site: &Site, lines: &str) -> Daemon {
    let (directory, port) = (directory(world, name), free_port());
    let place = place(&directory, port);
    let command = dovecot::dovecot(&place, protocol, &shown(site), lines);
    let root = dovecot::root(&place);
    let daemon = Daemon::start(command, directory, port, None);
    copy_store(world, &root);
    daemon
}
