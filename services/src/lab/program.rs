//! Programs that run to their end, as a person would run them.

use std::process::{Command, Output, Stdio};

use super::Error;

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its process id.
    pub pid: u32,
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

impl Ran {
    /// Whether its exit status is 0.
    pub fn succeeded(&self) -> bool {
        self.status == Some(0)
    }

    /// `exit 60`, or that a signal ended it.
    pub fn exit(&self) -> String {
        self.status.map_or_else(|| "ended by a signal".to_owned(), |status| format!("exit {status}"))
    }
}

/// Runs a program to its end, with nothing on its standard input.
///
/// # Errors
/// [`Error::Start`].
pub fn run(mut command: Command) -> Result<Ran, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut run = || {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let pid = child.id();
        child.wait_with_output().map(|output| (pid, output))
    };
    let (pid, Output { status, stdout, stderr }) = run().map_err(|source| Error::Start { program, source })?;
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    Ok(Ran { pid, status: status.code(), output: text(stdout), errors: text(stderr) })
}
