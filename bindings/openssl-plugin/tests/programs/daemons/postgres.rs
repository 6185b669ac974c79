//! PostgreSQL.

use mecai_daemons::postgres;

use super::{Daemon, directory, free_port, open_log, place, shown};
use crate::world::{Site, World};

/// A server with this certificate and these further lines.
pub(crate) fn postgres(world: &World, name: &str, site: &Site, lines: &str, config: Option<&str>) -> Daemon {
    let (directory, port) = (directory(world, name), free_port());
    let command = postgres::postgres(&place(&directory, port), &shown(site), lines);
    open_log(world);
    let daemon = Daemon::start(command, directory, port, config);
    // It listens before it is ready, and tells everybody so until then.
    assert!(daemon.has_said(postgres::READY), "{}", daemon.said());
    daemon
}
