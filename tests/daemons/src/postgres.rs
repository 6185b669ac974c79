//! PostgreSQL, as the user postgres.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::{Certificate, Place, ids, run};

/// What it says once it answers.
pub const READY: &str = "database system is ready to accept connections";

/// A server with these further lines, which trusts everybody who comes by TLS from this machine.
#[must_use]
pub fn postgres(place: &Place<'_>, certificate: &Certificate<'_>, lines: &str) -> Command {
    let (user, group) = ids("postgres");
    chown(place.directory, Some(user), Some(group)).unwrap();
    let data = place.path("data");
    if !data.exists() {
        let mut init = program("initdb");
        init.args(["--no-sync", "--auth=trust", "--username=postgres", "--pgdata"]).arg(&data);
        init.current_dir(place.directory).uid(user).gid(group);
        run(init);
    }
    // The key has to be its own.
    for (from, name) in [(certificate.chain, "server.crt"), (certificate.key, "server.key")] {
        fs::copy(from, data.join(name)).unwrap();
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
        chown(data.join(name), Some(user), Some(group)).unwrap();
    }
    fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.0/8 trust\n").unwrap();
    let text = format!(
        "listen_addresses = '{}'\nport = {}\nunix_socket_directories = ''\nssl = on\nfsync = off\n\
         lc_messages = 'C'\n{lines}\n",
        place.address, place.port
    );
    fs::write(data.join("postgresql.conf"), text).unwrap();
    let mut command = program("postgres");
    command.arg("-D").arg(&data).uid(user).gid(group);
    command
}

/// Debian has the programs of a server beside the release's libraries, not in PATH.
fn program(name: &str) -> Command {
    let releases = fs::read_dir("/usr/lib/postgresql").unwrap();
    let mut found: Vec<_> = releases.map(|entry| entry.unwrap().path().join("bin").join(name)).collect();
    found.sort();
    Command::new(found.pop().filter(|path| Path::exists(path)).unwrap())
}
