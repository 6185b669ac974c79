//! Stock servers in the foreground, each in a directory of the world's, on free ports; they end with the test.

mod apache;
mod dovecot;
pub(crate) mod enable;
mod haproxy;
mod lighttpd;
mod mosquitto;
mod nginx;
mod postfix;
mod postgres;
mod stunnel;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mecai_daemons::{Certificate, Place};

use crate::world::{Site, World};

pub(crate) use self::apache::{apache, virtual_host};
pub(crate) use self::dovecot::dovecot;
pub(crate) use self::haproxy::{frontend, haproxy, haproxy_by};
pub(crate) use self::lighttpd::lighttpd;
pub(crate) use self::mosquitto::mosquitto;
pub(crate) use self::nginx::{certificate, nginx, nginx_with_workers, traced_nginx};
pub(crate) use self::postfix::{postfix, postfix_directory};
pub(crate) use self::postgres::postgres;
pub(crate) use self::stunnel::stunnel;

/// A server that runs until it is dropped. Its first port is the one that it answers on.
pub(crate) struct Daemon {
    child: Child,
    /// Where its files are.
    pub(crate) directory: PathBuf,
    /// The port that stood for `PORT` in its configuration.
    pub(crate) port: u16,
    /// Another one, that it leads to.
    companion: Option<Box<Daemon>>,
}

impl Daemon {
    /// Starts `command`, which stays in the foreground, and waits until somebody listens on the port.
    fn start(mut command: Command, directory: PathBuf, port: u16, config: Option<&str>) -> Self {
        let said = fs::File::create(directory.join("said")).unwrap();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said).current_dir(&directory);
        match config {
            Some(config) => command.env("OPENSSL_CONF", config),
            None => command.env_remove("OPENSSL_CONF"),
        };
        let mut daemon = Self { child: command.spawn().unwrap(), directory, port, companion: None };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_listening(port) {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", daemon.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    /// Keeps another one for as long as this one.
    pub(crate) fn with_companion(mut self, companion: Self) -> Self {
        self.companion = Some(Box::new(companion));
        self
    }

    /// The processes that answer: the children of the first one, or that one itself.
    pub(crate) fn workers(&self) -> Vec<u32> {
        let children = self.children();
        if children.is_empty() { vec![self.child.id()] } else { children }
    }

    /// Waits for the children of the first process: its port answers before they are there.
    fn with_workers(self, count: usize) -> Self {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.children().len() < count {
            assert!(Instant::now() < deadline, "{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    fn children(&self) -> Vec<u32> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        children.split_whitespace().map(|child| child.parse().unwrap()).collect()
    }

    /// Waits until the server has said this.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.said().contains(text) {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// What the server has said: to its log, and on standard output and error.
    pub(crate) fn said(&self) -> String {
        let read = |name| fs::read_to_string(self.directory.join(name)).unwrap_or_default();
        read("said") + &read("error.log")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SAFETY: the process is our child, and has not been waited for.
        unsafe { libc::kill(i32::try_from(self.child.id()).unwrap(), libc::SIGTERM) };
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A directory of the world's with this name, that daemons of other users may enter.
fn directory(world: &World, name: &str) -> PathBuf {
    let directory = world.directory.path().join(name);
    fs::create_dir_all(&directory).unwrap();
    for directory in [world.directory.path(), &directory] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
}

/// Where a server is.
fn place(directory: &Path, port: u16) -> Place<'_> {
    Place { directory, address: "127.0.0.1", port }
}

/// What a server shows.
pub(crate) fn shown(site: &Site) -> Certificate<'_> {
    Certificate { chain: &site.certificate, key: &site.key }
}

/// A port that nobody listens on at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether somebody listens on this port of 127.0.0.1. To connect would be to take part: some then go on to another server.
fn is_listening(port: u16) -> bool {
    let (place, listens) = (format!("0100007F:{port:04X}"), "0A");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&place) && fields.nth(1) == Some(listens)
    })
}

/// Puts the world's store where those find it who see `root` as their root.
fn copy_store(world: &World, root: &Path) {
    let store = PathBuf::from(world.path("vouchers"));
    let copy = root.join(store.strip_prefix("/").unwrap());
    fs::create_dir_all(&copy).unwrap();
    for entry in fs::read_dir(&store).into_iter().flatten() {
        let from = entry.unwrap().path();
        fs::copy(&from, copy.join(from.file_name().unwrap())).unwrap();
    }
}

/// Lets every user write to the world's log.
fn open_log(world: &World) {
    let log = world.path("log");
    fs::File::options().create(true).append(true).open(&log).unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).unwrap();
}

/// One file with the certificate and its key, as HAProxy wants them.
pub(crate) fn certificate_and_key(site: &Site) -> PathBuf {
    let path = site.certificate.with_extension("both.pem");
    let both = [&site.certificate, &site.key].map(|path: &PathBuf| fs::read_to_string(path).unwrap()).concat();
    fs::write(&path, both).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    path
}

fn write(path: &Path, text: &str, port: u16) {
    fs::write(path, text.replace("PORT", &port.to_string())).unwrap();
}
