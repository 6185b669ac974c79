//! A stock nginx in a directory of its own.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::directory::make_open;
use super::process::is_root;
use super::{Error, Process};

/// Debian's nginx is not in every user's PATH.
const PROGRAM: &str = "/usr/sbin/nginx";
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A running nginx, which dropping ends. Its files: `nginx.conf`, `error.log`, `access.log`, `nginx.pid`, `output.log`.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    directory: PathBuf,
}

impl Nginx {
    /// Starts nginx with one worker in `directory` (made if need be), with the given text inside the `http` block:
    /// usually one or more `server` blocks that listen on `addresses`; returns when all of these accept connections.
    /// The environment is ours, with `environment` added (`OPENSSL_CONF`). Started by root, workers run as www-data.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Start`]; [`Error::Ended`] with nginx's own words when it refuses the text;
    /// [`Error::NotReady`] when it listens elsewhere.
    pub fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        directory: &Path,
        addresses: &[SocketAddr],
        http: &str,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        Self::start_with_workers(1, directory, addresses, http, environment)
    }

    /// The same with so many workers. They share the work fairly if every `listen` says `reuseport`.
    ///
    /// # Errors
    /// As [`Nginx::start`].
    pub fn start_with_workers<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        workers: u8,
        directory: &Path,
        addresses: &[SocketAddr],
        http: &str,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        make_open(directory)?;
        let config = directory.join("nginx.conf");
        fs::write(&config, whole_config(workers, directory, http)).map_err(Error::file("write", &config))?;
        let mut command = Command::new(PROGRAM);
        command.arg("-p").arg(directory).arg("-c").arg(&config).arg("-e").arg(directory.join("error.log"));
        command.envs(environment);
        let mut process = Process::start("nginx", command, &directory.join("output.log"))?;
        process.wait_for_listeners(addresses, READY_WITHIN)?;
        Ok(Self { process, directory: directory.to_path_buf() })
    }

    /// The directory with its files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where it writes errors, at level `info` and above.
    pub fn error_log(&self) -> PathBuf {
        self.directory.join("error.log")
    }

    /// The master process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Tells it to read its configuration, certificates and serverinfo files again; returns at once.
    ///
    /// # Errors
    /// What the system said.
    pub fn reload(&mut self) -> io::Result<()> {
        self.process.signal(libc::SIGHUP)
    }

    /// Ends it, as dropping does, and says how it ended.
    ///
    /// # Errors
    /// What the system said.
    pub fn stop(self) -> io::Result<ExitStatus> {
        self.process.stop()
    }
}

/// `user` is for root alone; nginx warns others that it means nothing.
fn whole_config(workers: u8, directory: &Path, http: &str) -> String {
    let user = if is_root() { "user www-data;\n" } else { "" };
    let directory = directory.display();
    format!(
        r#"daemon off;
{user}worker_processes {workers};
pid "{directory}/nginx.pid";
error_log "{directory}/error.log" info;
events {{ worker_connections 512; }}
http {{
    access_log "{directory}/access.log";
    client_body_temp_path "{directory}/body";
    proxy_temp_path "{directory}/proxy";
    fastcgi_temp_path "{directory}/fastcgi";
    uwsgi_temp_path "{directory}/uwsgi";
    scgi_temp_path "{directory}/scgi";
{http}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpStream;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::lab::{Leaf, Port, World};

    const HOST: &str = "www.shop.example";
    const NO_ENVIRONMENT: [(&str, &str); 0] = [];

    fn site(world: &World, port: &Port) -> String {
        let issued = world.operators()[0].issue(&Leaf::new([HOST])).unwrap();
        let files = world.write_site(HOST, &issued).unwrap();
        // Read by a worker, which is another user than root.
        let pages = world.make_directory(&["pages"]).unwrap();
        let page = pages.join("index.html");
        fs::write(&page, "hello").unwrap();
        fs::set_permissions(&page, fs::Permissions::from_mode(0o644)).unwrap();
        format!(
            "server {{ listen {} ssl; server_name {HOST}; ssl_certificate {}; ssl_certificate_key {}; \
             root {}; }}",
            port.address(),
            files.chain.display(),
            files.key.display(),
            pages.display()
        )
    }

    fn curl(world: &World, port: &Port) -> (Option<i32>, String) {
        let (address, number) = (port.address().ip(), port.address().port());
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "10", "--cacert"])
            .arg(world.roots())
            .args(["--resolve", &format!("{HOST}:{number}:{address}"), &format!("https://{HOST}:{number}/")])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    #[test]
    fn curl_gets_a_page_over_tls_and_the_end_leaves_nothing() {
        let world = World::builder().operators(1).start().unwrap();
        let port = Port::hold("127.10.0.1".parse().unwrap()).unwrap();
        let text = site(&world, &port);
        let directory = world.make_directory(&["nginx"]).unwrap();
        let mut nginx = Nginx::start(&directory, &[port.address()], &text, NO_ENVIRONMENT).unwrap();
        assert_eq!(curl(&world, &port), (Some(0), "hello".to_owned()));
        nginx.reload().unwrap();
        assert_eq!(curl(&world, &port), (Some(0), "hello".to_owned()));
        assert!(nginx.stop().unwrap().success());
        assert!(TcpStream::connect(port.address()).is_err());

        // A second one takes the same port and directory, and dropping ends it too.
        let nginx = Nginx::start(&directory, &[port.address()], &text, NO_ENVIRONMENT).unwrap();
        assert_eq!(curl(&world, &port).0, Some(0));
        drop(nginx);
        assert!(TcpStream::connect(port.address()).is_err());
    }

    #[test]
    fn a_refused_configuration_is_told_in_nginx_words() {
        let world = World::builder().operators(1).start().unwrap();
        let directory = world.make_directory(&["nginx"]).unwrap();
        let port = Port::hold("127.10.0.1".parse().unwrap()).unwrap();
        let error = Nginx::start(&directory, &[port.address()], "no_such_directive;", NO_ENVIRONMENT).unwrap_err();
        assert_eq!(error.code(), "lab_ended");
        assert!(error.to_string().contains("unknown directive \"no_such_directive\""), "{error}");
    }
}
