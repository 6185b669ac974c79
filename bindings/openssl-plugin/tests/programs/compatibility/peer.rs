//! What the programs of the table talk to: stock ones.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::nginx::virtual_host;
use crate::daemons::{Daemon, nginx};
use crate::server::store;
use crate::world::{HOST, Site, Vouched, World, answer};

/// The page that clients fetch and servers have.
pub(crate) const PAGE: &str = "/index.html";

/// A stock nginx with the page, which speaks this version of TLS alone and closes after an answer.
pub(crate) fn server(world: &World, site: &Site, tls: &str, is_vouched: bool) -> Daemon {
    let info = world.serverinfo("info.pem", &answer(&[world.bundle(&Vouched::for_site(site))]));
    let info = if is_vouched { format!("ssl_conf_command ServerInfoFile {info};") } else { String::new() };
    let lines = format!("ssl_protocols TLSv{tls}; keepalive_timeout 0; {info}");
    nginx(world, &format!("peer-{tls}-{is_vouched}"), &virtual_host(site, &lines), Some(&world.empty_config()))
}

/// The configuration of a server with the module, whose store has the site's vouchers or nothing.
pub(crate) fn config(world: &World, site: &Site, is_vouched: bool) -> String {
    let vouchers = world.path(if is_vouched { "vouchers" } else { "nothing" });
    fs::create_dir_all(&vouchers).unwrap();
    if is_vouched {
        store(world, site, &[world.bundle(&Vouched::for_site(site))]);
    }
    let keys = [("role", "server"), ("vouchers", vouchers.as_str()), ("log", "off")];
    world.write_config(&format!("peer-{is_vouched}"), &keys)
}

/// Fetches the page from a proxy, without TLS.
pub(crate) fn get(port: u16) -> String {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(connection, "GET {PAGE} HTTP/1.0\r\nHost: {HOST}\r\n\r\n").unwrap();
    let mut said = String::new();
    // Who has nothing to say may hang up in the middle of it.
    match connection.read_to_string(&mut said) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}: {said}"),
        _ => said,
    }
}
