//! The http port of all sites, where ACME servers look for what proves that a name is its holder's.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use mecai_services::lab::{Nginx, Port, World};

/// nginx with one directory for all names.
pub struct Doorway {
    webroot: PathBuf,
    ports: Vec<Port>,
    _nginx: Nginx,
}

impl Doorway {
    /// Opens one port at all these addresses.
    pub fn open(world: &World, addresses: &[IpAddr]) -> Self {
        let first = Port::hold(addresses[0]).unwrap();
        let number = first.address().port();
        let others = addresses[1..].iter().map(|ip| Port::hold_exact(SocketAddr::new(*ip, number)).unwrap());
        let ports: Vec<Port> = std::iter::once(first).chain(others).collect();
        let listening: Vec<SocketAddr> = ports.iter().map(Port::address).collect();
        let webroot = world.make_directory(&["webroot"]).unwrap();
        let listen: String = listening.iter().map(|address| format!("listen {address}; ")).collect();
        let text = format!("server {{ {listen} root \"{}\"; }}", webroot.display());
        let directory = world.make_directory(&["doorway"]).unwrap();
        let nginx = Nginx::start(&directory, &listening, &text, None::<(&str, &str)>).unwrap();
        Self { webroot, ports, _nginx: nginx }
    }

    pub fn webroot(&self) -> &Path {
        &self.webroot
    }

    pub fn port(&self) -> u16 {
        self.ports[0].address().port()
    }
}
