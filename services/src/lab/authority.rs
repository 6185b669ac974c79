//! An operator's Vouching Authority: the real program, in a process of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mecai::authority_list::OperatorEntry;
use mecai::time::UnixTime;

use super::directory::write_private;
use super::program::{Ran, run};
use super::{Dns, Error, Operator, Port, Process, unix_now};
use crate::authority::init::{Init, init};

const READY_WITHIN: Duration = Duration::from_secs(30);
const KEY_DAYS: u32 = 365;

/// An authority whose key, configuration and database are in a directory of its own. It goes down and comes up with
/// the same port and key; dropping it ends its process.
#[derive(Debug)]
pub struct Authority {
    operator: String,
    port: Port,
    files: Files,
    /// The configuration as `init` wrote it, without what only a lab needs.
    config: String,
    surroundings: Mutex<Surroundings>,
    process: Mutex<Option<Process>>,
}

#[derive(Debug)]
struct Files {
    key: PathBuf,
    config: PathBuf,
    entry: PathBuf,
    log: PathBuf,
}

/// What an authority of a world must know besides its own files.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// The program `mecai`.
    pub(super) program: PathBuf,
    /// The roots that it trusts, PEM.
    pub(super) roots: PathBuf,
    /// The authority list.
    pub(super) list: PathBuf,
    /// Who signs the list.
    pub(super) list_keys: String,
    /// The DNS server that it asks.
    pub(super) dns: SocketAddr,
    /// The ports of sites.
    pub(super) ports: Vec<u16>,
    /// The ports of OCSP responders and CRLs.
    pub(super) fetch_ports: Vec<u16>,
}

impl Authority {
    /// Makes key, configuration and list entry in `directory` for an authority at `ip` whose operator has these CA
    /// certificates; it is down.
    pub(super) fn make(
        operator: &Operator,
        cas: [&Path; 2],
        directory: &Path,
        ip: IpAddr,
        surroundings: Surroundings,
    ) -> Result<Self, Error> {
        let port = Port::hold(ip)?;
        let arguments = Init {
            operator: operator.id().to_owned(),
            name: Some(operator.name().to_owned()),
            country: operator.country().to_owned(),
            url: format!("http://{}/", port.address()),
            region: vec![operator.region().to_owned()],
            ca: cas.map(Path::to_path_buf).to_vec(),
            days: KEY_DAYS,
            listen: port.address(),
            roots: surroundings.roots.clone(),
            authorities: surroundings.list.clone(),
            authorities_keys: Some(surroundings.list_keys.clone()),
            dir: directory.to_path_buf(),
        };
        let made = init(&arguments, UnixTime(unix_now())).map_err(|error| Error::Issue {
            what: format!("the authority of {}", operator.id()),
            reason: error.to_string(),
        })?;
        let config = fs::read_to_string(&made.config).map_err(Error::file("read", &made.config))?;
        let files =
            Files { key: made.key, config: made.config, entry: made.entry, log: directory.join("authority.log") };
        let authority = Self {
            operator: operator.id().to_owned(),
            port,
            files,
            config,
            surroundings: Mutex::new(surroundings),
            process: Mutex::default(),
        };
        authority.write_config()?;
        Ok(authority)
    }

    /// The operator's id.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// Where it answers, down or up.
    pub fn url(&self) -> String {
        format!("http://{}/", self.port.address())
    }

    /// Its private key, PKCS #8 in PEM.
    pub fn key(&self) -> &Path {
        &self.files.key
    }

    /// Its configuration.
    pub fn config(&self) -> &Path {
        &self.files.config
    }

    /// What it wrote to its standard output and standard error.
    pub fn log(&self) -> &Path {
        &self.files.log
    }

    /// Its entry for the authority list, as `init` made it.
    pub(super) fn entry(&self) -> Result<OperatorEntry, Error> {
        let read = || Ok(serde_json::from_slice(&fs::read(&self.files.entry)?)?);
        read().map_err(Error::file("read", &self.files.entry))
    }

    /// Starts it, and waits until it answers; does nothing when it runs.
    ///
    /// # Errors
    /// [`Error::Start`], [`Error::Ended`] with its own words, [`Error::NotReady`].
    pub fn up(&self) -> Result<(), Error> {
        self.begin()?;
        self.wait_until_up()
    }

    /// Ends it. Connections are refused until [`Authority::up`].
    pub fn down(&self) {
        self.process().take();
    }

    /// Starts it without waiting.
    pub(super) fn begin(&self) -> Result<(), Error> {
        let mut process = self.process();
        if process.is_some() {
            return Ok(());
        }
        let mut command = self.command();
        command.args(["serve", "--config"]).arg(&self.files.config);
        *process = Some(Process::start(&format!("the authority of {}", self.operator), command, &self.files.log)?);
        Ok(())
    }

    /// Waits until it answers, if it was started.
    pub(super) fn wait_until_up(&self) -> Result<(), Error> {
        match self.process().as_mut() {
            Some(process) => process.wait_for_listeners(&[self.port.address()], READY_WITHIN),
            None => Ok(()),
        }
    }

    /// Tells it to end, without waiting.
    pub(super) fn begin_to_end(&self) {
        if let Some(process) = self.process().as_mut() {
            // A process that has ended already is what was wanted.
            let _ = process.signal(libc::SIGTERM);
        }
    }

    /// It asks this DNS server from now on: its own view of the network. If it runs, it is started anew.
    ///
    /// # Errors
    /// As [`Authority::up`].
    pub fn look_through(&self, dns: &Dns) -> Result<(), Error> {
        self.surroundings().dns = dns.address();
        self.restart_with(|| self.write_config())
    }

    /// It signs with this key, PKCS #8 in PEM, from now on, whatever the authority list says. If it runs, it is
    /// started anew.
    ///
    /// # Errors
    /// As [`Authority::up`].
    pub fn sign_with(&self, key_pem: &str) -> Result<(), Error> {
        self.restart_with(|| write_private(&self.files.key, key_pem))
    }

    /// Runs `mecai authority distrust` with these arguments on it, running or not.
    ///
    /// # Errors
    /// [`Error::Start`]. The program's own refusal is its exit status.
    pub fn distrust<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Ran, Error> {
        let mut arguments = arguments.into_iter();
        let mut command = self.command();
        command.arg("distrust").args(arguments.next()).arg("--config").arg(&self.files.config).args(arguments);
        run(command)
    }

    fn restart_with(&self, change: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let ran = self.process().take().is_some();
        change()?;
        if ran { self.up() } else { Ok(()) }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.surroundings().program);
        command.arg("authority").env_remove("OPENSSL_CONF");
        command
    }

    fn write_config(&self) -> Result<(), Error> {
        let Surroundings { dns, ports, fetch_ports, .. } = self.surroundings().clone();
        let text = format!(
            "{}\n# What only a world on loopback needs.\nresolvers = [\"{dns}\"]\nallow = [\"127.0.0.0/8\", \
             \"::1/128\"]\nports = {ports:?}\nfetch_ports = {fetch_ports:?}\n",
            self.config
        );
        fs::write(&self.files.config, text).map_err(Error::file("write", &self.files.config))
    }

    fn surroundings(&self) -> MutexGuard<'_, Surroundings> {
        self.surroundings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
