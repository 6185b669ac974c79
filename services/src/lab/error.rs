//! What can go wrong in the lab.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mecai::pick::NoMachineId;

/// Why the lab could not do what it was asked to do. [`Error::code`] is stable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be read, written or made.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb: `write`, `create`.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory of a new world holds something already.
    #[error("the directory {} is not empty: give a new or an empty one", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A server that gives up root's rights could not enter the world's directory.
    #[error("{} (mode {mode:03o}) may not be entered by other users, and nginx's workers run as one: choose a directory below /tmp or /srv", path.display())]
    Closed {
        /// The directory that lacks the right to enter.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// No socket could be had at an address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address; the last one tried where any port would have done.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A server's thread could not be started.
    #[error("cannot start the thread {name}: {source}")]
    Thread {
        /// The thread's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate or CRL could not be made.
    #[error("cannot issue {what}: {reason}")]
    Issue {
        /// What was to be issued, and by whom.
        what: String,
        /// What the library said.
        reason: String,
    },
    /// An operator that the world does not have.
    #[error("there is no operator {id} in this world, which has {first} to {last}")]
    UnknownOperator {
        /// The id asked for.
        id: String,
        /// The first operator's id.
        first: String,
        /// The last operator's id.
        last: String,
    },
    /// A world without operators was asked for.
    #[error("a world needs at least one operator, not 0")]
    NoOperators,
    /// An agent or an authority was asked for in a world without authorities.
    #[error("this world was started without authorities, so it has no agents either")]
    NoProgram,
    /// More sites than the lab has addresses for.
    #[error("{sites} sites are more than {most}")]
    TooManySites {
        /// How many were asked for.
        sites: usize,
        /// How many there can be.
        most: usize,
    },
    /// A drill with more alternates than the operator has sites.
    #[error("{alternates} alternates are more than the {sites} sites of the operator")]
    TooManyAlternates {
        /// How many were asked for.
        alternates: usize,
        /// How many sites of the operator there are.
        sites: usize,
    },
    /// The machine has no id of its own.
    #[error("{} {problem}; clients draw their picks by it: run systemd-machine-id-setup, or dbus-uuidgen --ensure={}", path.display(), path.display())]
    NoMachineId {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: NoMachineId,
    },
    /// The module is not there.
    #[error("there is no module {}: build it (bindings/openssl-plugin/link.sh), or name it by --module", path.display())]
    NoModule {
        /// Where it should be.
        path: PathBuf,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {source}; is it installed?")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended before it was ready.
    #[error("{name} ended with {status} before it was ready; the end of {}: {tail}", log.display())]
    Ended {
        /// The process, as the world names it.
        name: String,
        /// Its exit status in words.
        status: String,
        /// The file with its output.
        log: PathBuf,
        /// The last lines of that file.
        tail: String,
    },
    /// A program ran, but was not ready in time.
    #[error("{name} was not ready within {} s: {waited_for}; the end of {}: {tail}", deadline.as_secs(), log.display())]
    NotReady {
        /// The process, as the world names it.
        name: String,
        /// The condition that did not come true.
        waited_for: String,
        /// How long it was given.
        deadline: Duration,
        /// The file with its output.
        log: PathBuf,
        /// The last lines of that file.
        tail: String,
    },
    /// A step of the demo did not go as told.
    #[error("step {step} did not go as told: {reason}")]
    Step {
        /// 1 to 7.
        step: usize,
        /// One sentence.
        reason: String,
    },
    /// A drill did not go as the design promises.
    #[error("the drill did not go as promised: {reason}")]
    Drill {
        /// One sentence.
        reason: String,
    },
    /// The process that waits for Ctrl-C could not set itself up to do so.
    #[error("cannot wait for a signal: {0}")]
    Signal(io::Error),
}

impl Error {
    /// The code of this error: stable, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "lab_file",
            Self::NotEmpty { .. } => "lab_directory_not_empty",
            Self::Closed { .. } => "lab_directory_closed",
            Self::Listen { .. } => "lab_listen",
            Self::Thread { .. } => "lab_thread",
            Self::Issue { .. } => "lab_issue",
            Self::UnknownOperator { .. } => "lab_unknown_operator",
            Self::NoOperators => "lab_no_operators",
            Self::NoProgram => "lab_no_program",
            Self::TooManySites { .. } => "lab_too_many_sites",
            Self::TooManyAlternates { .. } => "lab_too_many_alternates",
            Self::NoMachineId { .. } => "lab_no_machine_id",
            Self::NoModule { .. } => "lab_no_module",
            Self::Start { .. } => "lab_start",
            Self::Ended { .. } => "lab_ended",
            Self::NotReady { .. } => "lab_not_ready",
            Self::Step { .. } => "lab_step",
            Self::Drill { .. } => "lab_drill",
            Self::Signal(_) => "lab_signal",
        }
    }

    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { what, path, source }
    }

    pub(super) fn listen(ip: IpAddr, port: u16) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Listen { address: SocketAddr::new(ip, port), source }
    }
}
