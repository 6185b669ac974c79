//! Stock servers in the foreground, each in a directory of the world's, on free ports; they end with the test.

mod apache;
mod haproxy;
mod nginx;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::{Site, World};

pub(crate) use self::apache::{apache, virtual_host};
pub(crate) use self::haproxy::{frontend, haproxy, haproxy_by};
pub(crate) use self::nginx::{certificate, nginx, nginx_with_workers, traced_nginx};

/// A server that runs until it is dropped. Its first port is the one that it answers on.
pub(crate) struct Daemon {
    child: Child,
    /// Where its files are.
    pub(crate) directory: PathBuf,
    /// The port that stood for `PORT` in its configuration.
    pub(crate) port: u16,
}

impl Daemon {
    /// Starts `command`, which stays in the foreground, and waits until the port answers.
    fn start(mut command: Command, directory: PathBuf, port: u16, config: Option<&str>) -> Self {
        let said = fs::File::create(directory.join("said")).unwrap();
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said).current_dir(&directory);
        match config {
            Some(config) => command.env("OPENSSL_CONF", config),
            None => command.env_remove("OPENSSL_CONF"),
        };
        let mut daemon = Self { child: command.spawn().unwrap(), directory, port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", daemon.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        daemon
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
        let deadline = Instant::now() + Duration::from_secs(10);
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

/// A port that nobody listens on at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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
