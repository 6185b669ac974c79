//! The store of servers that run: files come, change, are damaged and go; nobody reloads anything.
//!
//! nginx and Apache have workers of the user www-data, and HAProxy is in a chroot as www-data.

mod appearing;
mod damaged;
mod handshake_path;

use std::collections::BTreeMap;
use std::fs;

use crate::daemons::{Daemon, apache, certificate, certificate_and_key, haproxy, nginx_with_workers, virtual_host};
use crate::world::{Site, World, said};

/// A server that runs, and where its vouchers and its log are.
struct Running {
    daemon: Daemon,
    /// The directory as the test sees it; the chroot is below another one.
    store: String,
    log: String,
}

/// The three servers, each with these hosts and their certificates, and nginx with so many workers. None of their
/// stores exists.
fn servers(world: &World, sites: &[(&str, &Site)], workers: usize) -> [Running; 3] {
    let config = |name: &str| {
        let (store, log) = (world.path(&format!("{name}-vouchers")), world.path(&format!("{name}-log")));
        let keys = [("role", "server"), ("vouchers", store.as_str()), ("log", log.as_str())];
        (world.write_config(name, &keys), store, log)
    };
    let each = |line: &dyn Fn(&str, &Site) -> String| -> String {
        sites.iter().map(|(host, site)| line(host, site)).collect()
    };

    let (own, store, log) = config("nginx");
    let blocks = each(&|host, site| {
        let certificate = certificate(site);
        format!("server {{ listen 127.0.0.1:PORT ssl reuseport; server_name {host}; {certificate} return 204; }}\n")
    });
    // The option may stand in one block only.
    let blocks =
        blocks.replacen(" reuseport", " REUSEPORT", 1).replace(" reuseport", "").replace("REUSEPORT", "reuseport");
    let nginx = Running { daemon: nginx_with_workers(world, "nginx", workers, &blocks, Some(&own)), store, log };

    let (own, store, log) = config("haproxy");
    let root = world.path("root");
    fs::create_dir_all(format!("{root}{}", world.directory.path().display())).unwrap();
    let certificates = each(&|_, site| format!(" crt {}", certificate_and_key(site).display()));
    let global = format!("    chroot {root}\n    user www-data\n    group www-data\n    nbthread 2");
    let frontend = format!("frontend f\n    bind 127.0.0.1:PORT ssl{certificates}\n    http-request return status 204");
    let haproxy = haproxy(world, "haproxy", &global, &frontend, Some(&own));
    let haproxy = Running { daemon: haproxy, store: root + &store, log };

    let (own, store, log) = config("apache");
    let hosts = each(&|host, site| virtual_host(host, site));
    let apache = apache(world, "apache", &format!("StartServers 1\nServerLimit 1\n{hosts}"), Some(&own));
    [nginx, haproxy, Running { daemon: apache, store, log }]
}

impl Running {
    /// A connection of a client that tells on standard error what it thinks of the vouchers.
    fn visit(&self, world: &World, host: &str) -> String {
        let client = world.path("visitor.cnf");
        said(&world.s_client_to(&client, self.daemon.port, &["-servername", host]))
    }

    /// How often each process said something about a path that ends like this.
    fn told_of(&self, path: &str) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        for line in fs::read_to_string(&self.log).unwrap_or_default().lines() {
            if line.contains(&format!("{path}: ")) {
                *told.entry(line.split(' ').nth(1).unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        told
    }
}

/// Writes the configuration of [`Running::visit`]'s client.
fn write_visitor(world: &World) {
    world.write_config("visitor", &[("log", "stderr")]);
}
