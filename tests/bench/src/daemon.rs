//! Stock servers in the foreground, in a directory of their own and on a free port.

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cpu;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server program: its name, and how it serves these virtual hosts.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    file: &'static str,
    arguments: &'static [&'static str],
    text: fn(&Place<'_>, &[Site]) -> String,
}

/// A virtual host and its files.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) host: String,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// Where a server's files are, and where it listens.
struct Place<'a> {
    directory: &'a Path,
    port: u16,
}

/// A server that runs until it is dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
}

pub(crate) const NGINX: Program =
    Program { name: "nginx", file: "nginx.conf", arguments: &["-e", "error.log", "-p", ".", "-c"], text: nginx };
pub(crate) const HAPROXY: Program =
    Program { name: "haproxy", file: "haproxy.cfg", arguments: &["-db", "-f"], text: haproxy };
pub(crate) const APACHE: Program =
    Program { name: "apache2", file: "apache.conf", arguments: &["-D", "FOREGROUND", "-f"], text: apache };

impl Daemon {
    /// Starts a server, in a directory that is made for it, with this file as OPENSSL_CONF. Does not wait for it.
    pub(crate) fn spawn(
        program: &Program,
        directory: &Path,
        sites: &[Site],
        openssl_conf: &Path,
    ) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(directory)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let place = Place { directory, port: address.port() };
        fs::write(directory.join(program.file), (program.text)(&place, sites))?;
        let said = fs::File::create(directory.join("said"))?;
        let mut command = Command::new(program.name);
        command.args(program.arguments).arg(directory.join(program.file)).current_dir(directory);
        command.env("OPENSSL_CONF", openssl_conf).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.name))?;
        Ok(Self { child, address })
    }

    /// Waits until somebody listens.
    pub(crate) fn wait(&mut self) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("a server ended with {status}").into());
            }
            if Instant::now() > deadline {
                return Err("a server does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The processor time of the server and its workers so far.
    pub(crate) fn time(&self) -> std::io::Result<Duration> {
        cpu::tree_time(self.child.id())
    }

    /// The resident memory of its largest worker, in octets.
    pub(crate) fn worker_memory(&self) -> std::io::Result<u64> {
        let mut most = 0;
        for worker in cpu::children(self.child.id())? {
            let status = fs::read_to_string(format!("/proc/{worker}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            most = most.max(1024 * kilobytes.unwrap_or(0));
        }
        Ok(most)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = cpu::signal(&self.child, libc::SIGTERM);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Makes a directory that servers of another user may enter, its parents being so already.
pub(crate) fn open_to_all(directory: &Path) -> std::io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
}

/// One worker; no session is kept, so that every handshake is a full one.
fn nginx(place: &Place<'_>, sites: &[Site]) -> String {
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {kind};"));
    let server = |site: &Site| {
        format!(
            "server {{ listen 127.0.0.1:{} ssl; server_name {}; ssl_certificate {}; ssl_certificate_key {};\n\
             location / {{ return 200 \"ok\\n\"; }}\nlocation = /kilobyte {{ return 200 \"{}\"; }} }}\n",
            place.port,
            site.host,
            site.chain.display(),
            site.key.display(),
            "k".repeat(1024),
        )
    };
    format!(
        "daemon off; worker_processes 1; pid pid; error_log error.log crit; env OPENSSL_CONF;\n\
         events {{ }}\nhttp {{ access_log off; {} ssl_protocols TLSv1.2 TLSv1.3;\n\
         ssl_session_cache off; ssl_session_tickets off;\n{} }}\n",
        temporary.join(" "),
        sites.iter().map(server).collect::<String>(),
    )
}

fn haproxy(place: &Place<'_>, sites: &[Site]) -> String {
    let mut certificates = String::new();
    for (number, site) in sites.iter().enumerate() {
        // One file with the certificate and its key, as HAProxy wants them.
        let path = place.directory.join(format!("site-{number}.pem"));
        let both = [&site.chain, &site.key].map(|path| fs::read_to_string(path).unwrap_or_default()).concat();
        let _ = fs::write(&path, both);
        certificates += &format!(" crt {}", path.display());
    }
    format!(
        "global\n nbthread 1\n tune.ssl.cachesize 0\n ssl-default-bind-options no-tls-tickets\n\
         defaults\n mode http\n timeout connect 5s\n timeout client 10s\n timeout server 10s\n\
         frontend front\n bind 127.0.0.1:{} ssl{certificates}\n http-request return status 200\n",
        place.port
    )
}

fn apache(place: &Place<'_>, sites: &[Site]) -> String {
    let load = ["mpm_event", "authz_core", "ssl"]
        .map(|module| format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"));
    let host = |site: &Site| {
        format!(
            "<VirtualHost 127.0.0.1:{}>\nServerName {}\nSSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}\n\
             </VirtualHost>\n",
            place.port,
            site.host,
            site.chain.display(),
            site.key.display()
        )
    };
    format!(
        "{}ServerRoot {directory}\nDocumentRoot {directory}\nPidFile pid\nErrorLog error.log\nLogLevel crit\n\
         ServerName localhost\nMutex file:{directory}\nListen 127.0.0.1:{} https\n\
         StartServers 1\nServerLimit 1\nThreadsPerChild 4\nMinSpareThreads 1\nMaxSpareThreads 4\nMaxRequestWorkers 4\n\
         SSLProtocol -all +TLSv1.2 +TLSv1.3\nSSLSessionCache none\nSSLSessionTickets off\n{}",
        load.concat(),
        place.port,
        sites.iter().map(host).collect::<String>(),
        directory = place.directory.display(),
    )
}
