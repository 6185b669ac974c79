//! A site: a certificate for a name, and stock nginx, or a program in its place, that shows it at the world's site port.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::{Error, Issued, Leaf, Nginx, OpensslConf, Port, Process, SiteAgent, SiteEntry, SitePlan, World};

const READY_WITHIN: Duration = Duration::from_secs(20);

/// An nginx, or a program in its place, at one address, which dropping ends.
#[derive(Debug)]
pub struct SiteServer {
    nginx: Option<Nginx>,
    program: Option<Process>,
    port: Port,
}

/// How an nginx shows a site.
#[derive(Clone, Debug, Default)]
pub struct SiteView<'a> {
    /// What every page says: letters, digits, spaces and the like.
    pub page: &'a str,
    /// More lines for the `server` block.
    pub lines: String,
    /// The file for `OPENSSL_CONF`; without it, nginx has the system's configuration.
    pub openssl_conf: Option<PathBuf>,
}

impl SiteServer {
    /// Starts nginx in `directory` for this site, at `ip` and the world's site port.
    ///
    /// # Errors
    /// As [`Nginx::start`]; [`Error::Listen`] when the address is taken.
    pub fn start(
        world: &World,
        site: &SiteEntry,
        ip: IpAddr,
        directory: &Path,
        view: &SiteView<'_>,
    ) -> Result<Self, Error> {
        let port = Port::hold_exact(SocketAddr::new(ip, world.site_port()))?;
        // TLS 1.3 is not among the defaults of nginx before 1.23.4.
        let text = format!(
            r#"server {{
    listen {} ssl;
    server_name {};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate "{}";
    ssl_certificate_key "{}";
    {}
    location / {{ default_type text/plain; return 200 "{}\n"; }}
}}"#,
            port.address(),
            site.name,
            site.chain.display(),
            site.key.display(),
            view.lines,
            view.page,
        );
        let environment = view.openssl_conf.iter().map(|path| ("OPENSSL_CONF", path));
        let nginx = Nginx::start(directory, &[port.address()], &text, environment)?;
        Ok(Self { nginx: Some(nginx), program: None, port })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The nginx, unless a program has its place.
    pub fn nginx(&mut self) -> Option<&mut Nginx> {
        self.nginx.as_mut()
    }
}

/// A site as it should be: nginx with the module, the agent that feeds it, and ready-made files for a client.
#[derive(Debug)]
pub struct Site {
    entry: SiteEntry,
    issued: Issued,
    directory: PathBuf,
    agent: SiteAgent,
    server: SiteServer,
}

impl Site {
    /// Starts the site in place `index` of the world, from 0: its certificate is by `operator`, its address, which DNS
    /// has from now on, is 127.10.0.1 for the first. nginx runs when this returns; the agent is down. The vouchers are to
    /// live for `lifetime` seconds, a day unless given.
    ///
    /// # Errors
    /// [`Error::UnknownOperator`]; as [`SiteAgent::make`] and [`SiteServer::start`].
    pub fn start(
        world: &World,
        name: &str,
        operator: &str,
        index: u8,
        module: &Path,
        lifetime: Option<u64>,
        plan: SitePlan,
    ) -> Result<Self, Error> {
        let issued = world.operator(operator)?.issue(&Leaf::new([name]))?;
        let entry = world.write_site(name, &issued)?;
        let directory = world.make_directory(&["sites", name])?;
        let agent = SiteAgent::make(world, vec![(entry.clone(), plan)], lifetime, &directory)?;
        world.make_directory(&["sites", name, "vouchers"])?;
        let openssl_conf = OpensslConf::server(module, agent.store())
            .with("log", directory.join("openssl-server.log").display())
            .write(&directory.join("openssl-server.cnf"))?;
        OpensslConf::client(world, module, &directory.join("client-state"))
            .with("log", "stderr")
            .write(&directory.join("openssl-client.cnf"))?;
        let page = format!("Welcome to {name}");
        let view = SiteView { page: &page, lines: String::new(), openssl_conf: Some(openssl_conf) };
        let ip = IpAddr::V4(Ipv4Addr::new(127, 10, 0, index.saturating_add(1)));
        let server = SiteServer::start(world, &entry, ip, &directory.join("nginx"), &view)?;
        world.dns().set(name, &[ip]);
        Ok(Self { entry, issued, directory, agent, server })
    }

    /// Its name and files.
    pub fn entry(&self) -> &SiteEntry {
        &self.entry
    }

    /// Its certificate.
    pub fn issued(&self) -> &Issued {
        &self.issued
    }

    /// The directory with everything of it.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where nginx listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Puts a program in the place of nginx, at the same address and with the same store: `server` of examples/c, or one
    /// that takes its arguments. Returns when it accepts connections.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Start`], [`Error::Ended`], [`Error::NotReady`].
    pub fn serve_by(&mut self, program: &Path, module: &Path) -> Result<(), Error> {
        let document = self.directory.join("page.txt");
        fs::write(&document, format!("Welcome to {}\n", self.entry.name)).map_err(Error::file("write", &document))?;
        let address = self.address();
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.entry.chain).arg("-k").arg(&self.entry.key).arg("-d").arg(&document);
        let log = self.directory.join("openssl-server.log");
        let conf = OpensslConf::server(module, self.agent.store()).with("log", log.display());
        // Its role it knows itself.
        for (key, value) in conf.settings().filter(|(key, _)| *key != "role") {
            command.args(["-m", &format!("{key}={value}")]);
        }
        command.args([address.ip().to_string(), address.port().to_string()]);
        self.server.nginx = None;
        let mut process = Process::start("the server", command, &self.directory.join("server.log"))?;
        process.wait_for_listeners(&[address], READY_WITHIN)?;
        self.server.program = Some(process);
        Ok(())
    }

    /// Ends the program that has nginx's place, and says how it ended; none without one.
    ///
    /// # Errors
    /// What the system said.
    pub fn stop_program(&mut self) -> io::Result<Option<ExitStatus>> {
        self.server.program.take().map(Process::stop).transpose()
    }

    /// Its nginx, unless a program has its place.
    pub fn nginx(&mut self) -> Option<&mut Nginx> {
        self.server.nginx()
    }

    /// Its agent.
    pub fn agent(&mut self) -> &mut SiteAgent {
        &mut self.agent
    }

    /// The line with which a person tries it.
    pub fn curl_line(&self, world: &World) -> String {
        let (name, address) = (&self.entry.name, self.address());
        format!(
            "OPENSSL_CONF={} curl --cacert {} --resolve {name}:{}:{} https://{name}:{}/",
            self.directory.join("openssl-client.cnf").display(),
            world.roots().display(),
            address.port(),
            address.ip(),
            address.port(),
        )
    }
}
