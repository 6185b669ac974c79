//! Child processes of a world: started, waited for until they are ready, ended by pid.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Error;

/// Between two looks at a condition.
const POLL: Duration = Duration::from_millis(10);
/// How long a process gets to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// So much of a log goes into an error.
const TAIL_OCTETS: usize = 600;

/// A running program; dropping it ends it, first by SIGTERM, after 5 s by SIGKILL. It ends too when the thread that
/// started it ends, however that happens: a world that is killed leaves no servers behind.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in the file `log`, which is added to.
    ///
    /// # Errors
    /// [`Error::Start`], or [`Error::File`] for the log.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self, Error> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().map_err(Error::file("write", log))?;
        let errors = output.try_clone().map_err(Error::file("write", log))?;
        let program = command.get_program().to_string_lossy().into_owned();
        // SAFETY: between fork and exec the closure makes one system call that has no pointers, and allocates nothing.
        unsafe {
            command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Start { program, source })?;
        Ok(Self { name: name.to_owned(), child, log: log.to_path_buf() })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file with its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until `condition` is true; `waited_for` says what that is.
    ///
    /// # Errors
    /// [`Error::Ended`] when the process ends first, [`Error::NotReady`] after `deadline`.
    pub fn wait_until(
        &mut self,
        waited_for: &str,
        deadline: Duration,
        mut condition: impl FnMut() -> bool,
    ) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            // First, as the condition may also be true because of another program.
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Ended {
                    name: self.name.clone(),
                    status: status.to_string(),
                    log: self.log.clone(),
                    tail: self.tail(),
                });
            }
            if condition() {
                return Ok(());
            }
            if start.elapsed() >= deadline {
                return Err(Error::NotReady {
                    name: self.name.clone(),
                    waited_for: waited_for.to_owned(),
                    deadline,
                    log: self.log.clone(),
                    tail: self.tail(),
                });
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until all these addresses accept connections.
    ///
    /// # Errors
    /// As [`Process::wait_until`].
    pub fn wait_for_listeners(&mut self, addresses: &[SocketAddr], deadline: Duration) -> Result<(), Error> {
        for address in addresses {
            let accepts = || TcpStream::connect_timeout(address, Duration::from_secs(1)).is_ok();
            self.wait_until(&format!("{address} accepts connections"), deadline, accepts)?;
        }
        Ok(())
    }

    /// Sends a signal, `libc::SIGHUP` for instance.
    ///
    /// # Errors
    /// What the system said, for instance that the process has ended.
    pub fn signal(&mut self, signal: i32) -> io::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            return Err(io::Error::other(format!("{} has ended with {status}", self.name)));
        }
        let pid = libc::pid_t::try_from(self.child.id()).map_err(io::Error::other)?;
        // SAFETY: kill touches no memory of ours, and the pid cannot have been given to another process, as the child
        // was still running or not yet waited for just now, and only `&mut self` can wait for it.
        match unsafe { libc::kill(pid, signal) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Ends the process, as dropping it does, and says how it ended.
    ///
    /// # Errors
    /// What the system said.
    pub fn stop(mut self) -> io::Result<ExitStatus> {
        self.end()
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.signal(libc::SIGTERM)?;
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.child.kill()?;
        self.child.wait()
    }

    fn tail(&self) -> String {
        let octets = fs::read(&self.log).unwrap_or_default();
        let start = octets.len().saturating_sub(TAIL_OCTETS);
        let text = String::from_utf8_lossy(&octets[start..]).trim().to_owned();
        if text.is_empty() { "(empty)".to_owned() } else { text }
    }
}

/// Whether this process runs as root, so that servers give up their rights before they read files.
pub(super) fn is_root() -> bool {
    // SAFETY: geteuid has no arguments, touches no memory and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, process = self.name, "could not end a process of the lab");
        }
    }
}
