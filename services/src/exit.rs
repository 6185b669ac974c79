//! How every command of the program ends.

use std::process::{ExitCode, Termination};

/// The exit status of a command; the only place where the numbers stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was done; for `check`: accepted, or exempt.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// The command line is wrong; clap ends with this number too.
    Usage = 2,
    /// Some of several things failed.
    SomeFailed = 3,
    /// A server, or an authority list, was refused.
    Refused = 4,
    /// A server was refused because it sent no vouchers.
    NoVoucher = 5,
}

/// What `--help` says of them.
pub const HELP: &str = "Exit status: 0 done, 1 failed, 2 usage, 3 some of several failed, 4 refused, 5 no voucher.";

/// `mecai run`, as a shell would end: there is no such program.
pub(crate) const PROGRAM_NOT_FOUND: u8 = 127;
/// `mecai run`, as a shell would end: the program cannot be run.
pub(crate) const PROGRAM_NOT_RUN: u8 = 126;

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        self.into()
    }
}
