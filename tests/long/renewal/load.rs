//! Clients that visit sites all the time, and what they saw.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mecai_services::lab::{OpensslConf, World, run_program};

use crate::site::Site;
use crate::wait::wait_for;

/// A stock Python with the module, in mode `require`, and with a state of its own: so every client has another pick.
pub struct Client {
    name: String,
    arguments: Vec<String>,
    conf: PathBuf,
    log: PathBuf,
}

impl Client {
    /// A client of this site, which visits so often a second.
    pub fn new(world: &World, site: &Site, name: &str, pace: usize, module: &Path) -> Self {
        let directory = world.make_directory(&["clients", name]).unwrap();
        let log = directory.join("module.log");
        let conf = OpensslConf::client(world, module, &directory.join("state")).with("log", log.display());
        let arguments = [
            concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/long/renewal/client.py").to_owned(),
            world.roots().display().to_string(),
            site.name.to_owned(),
            site.ip.to_string(),
            site.port().to_string(),
            pace.to_string(),
        ];
        let conf = conf.write(&directory.join("openssl-client.cnf")).unwrap();
        Self { name: name.to_owned(), arguments: arguments.to_vec(), conf, log }
    }

    /// Visits until it is accepted, once. What was refused before is forgotten.
    pub fn wait_until_accepted(&self) {
        wait_for(&format!("{} is accepted", self.name), Duration::from_secs(60), || {
            run_program(self.command()).unwrap().output.starts_with("served ")
        });
        fs::write(&self.log, "").unwrap();
    }

    /// What the module in it says of refusals.
    fn refusals(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| !line.contains(" mecai: accepted ")).map(str::to_owned).collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("python3");
        command.env("OPENSSL_CONF", &self.conf).args(&self.arguments);
        command
    }
}

/// What all clients saw.
#[derive(Clone, Debug)]
pub struct Tally {
    pub begun: Instant,
    /// When the latest visit ended.
    pub last: Instant,
    /// Visits by the SHA-256 of the certificate that was shown, and when it was seen first.
    pub served: BTreeMap<String, (usize, Duration)>,
    pub failures: Vec<String>,
    /// Visits in each second.
    pub seconds: Vec<usize>,
}

impl Tally {
    pub fn visits(&self) -> usize {
        self.served.values().map(|(count, _)| count).sum::<usize>() + self.failures.len()
    }

    pub fn of(&self, certificate: &str) -> usize {
        self.served.get(certificate).map_or(0, |(count, _)| *count)
    }

    pub fn per_second(&self) -> f64 {
        self.visits() as f64 / (self.last - self.begun).as_secs_f64()
    }

    /// The fewest visits a second in any span of so many seconds.
    pub fn slowest(&self, span: usize) -> f64 {
        // The last second is not a whole one.
        let whole = &self.seconds[..self.seconds.len().saturating_sub(1)];
        let sums = whole.windows(span).map(|window| window.iter().sum::<usize>());
        sums.min().map_or(0.0, |sum| sum as f64 / span as f64)
    }

    fn new() -> Self {
        let now = Instant::now();
        Self { begun: now, last: now, served: BTreeMap::new(), failures: Vec::new(), seconds: Vec::new() }
    }

    fn add(&mut self, client: &str, line: &str) {
        self.last = Instant::now();
        let since = self.last - self.begun;
        let second = usize::try_from(since.as_secs()).unwrap();
        self.seconds.resize(self.seconds.len().max(second + 1), 0);
        self.seconds[second] += 1;
        match line.strip_prefix("served ") {
            Some(certificate) => self.served.entry(certificate.to_owned()).or_insert((0, since)).0 += 1,
            None => self.failures.push(format!("{client}: {line}")),
        }
    }
}

/// Clients at work, each in a process of its own; dropping it ends them.
pub struct Load {
    running: Vec<Running>,
    tally: Arc<Mutex<Tally>>,
}

struct Running {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Load {
    /// Sends them off.
    pub fn start(clients: &[Client]) -> Self {
        let tally = Arc::new(Mutex::new(Tally::new()));
        let run = |client: &Client| {
            let mut command = client.command();
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let (tally, name) = (Arc::clone(&tally), client.name.clone());
            let read = move || lines.for_each(|line| tally.lock().unwrap().add(&name, &line.unwrap()));
            Running { child, reader: Some(thread::spawn(read)) }
        };
        Self { running: clients.iter().map(run).collect(), tally: Arc::clone(&tally) }
    }

    /// What they have seen up to now.
    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    /// Lets each end the visit that it is at.
    pub fn end(mut self) -> Tally {
        for running in &mut self.running {
            drop(running.child.stdin.take());
        }
        for running in &mut self.running {
            running.reader.take().unwrap().join().unwrap();
            let status = running.child.wait().unwrap();
            assert!(status.success(), "a client ended with {status}");
        }
        self.tally()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for running in &mut self.running {
            // One that has ended already is what is wanted.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// What the modules of these clients say of refusals.
pub fn refusals(clients: &[Client]) -> Vec<String> {
    clients.iter().flat_map(Client::refusals).collect()
}
