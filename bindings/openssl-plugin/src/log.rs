//! Where the module says what it did: one line per event, in one write.

pub(crate) mod event;

use std::ffi::{CStr, CString, c_int};
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

use mecai::time::UnixTime;
use once_cell::race::OnceBox;

/// The target of the key `log`.
#[derive(Debug)]
pub(crate) struct Log {
    target: Target,
    program: String,
    /// The first problem, where it is kept for somebody who asks.
    kept: Option<OnceBox<String>>,
}

#[derive(Debug)]
enum Target {
    Off,
    Stderr,
    Syslog,
    File(LogFile),
}

/// A file that was opened at load, before the program changed its root directory or its user.
#[derive(Debug)]
struct LogFile {
    descriptor: RawFd,
    identity: (u64, u64),
}

/// How loud an event is; only syslog tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Something works as configured.
    Info,
    /// Something was refused, or does not work.
    Warning,
}

impl Log {
    /// Opens the target that `value` of the key `log` names; the error says what is wrong with it.
    pub(crate) fn open(value: Option<&str>, program: &str) -> Result<Self, String> {
        let target = match value {
            None | Some("off") => Target::Off,
            Some("stderr") => Target::Stderr,
            Some("syslog") => Target::Syslog,
            Some(path) if path.starts_with('/') => match LogFile::open(Path::new(path)) {
                Ok(file) => Target::File(file),
                Err(error) => return Err(format!("log = {path}: {error}")),
            },
            Some(value) => {
                return Err(format!("log = {value}: expected off, stderr, syslog or a path that begins with /"));
            }
        };
        Ok(Self { target, program: program.to_owned(), kept: None })
    }

    /// Where an event goes that nobody said where to put: the program's standard error.
    pub(crate) fn stderr(program: &str) -> Self {
        Self { target: Target::Stderr, program: program.to_owned(), kept: None }
    }

    /// Does `work`, and gives the first problem that it told, which is written nowhere.
    pub(crate) fn first_problem(&mut self, work: impl FnOnce(&Self)) -> Option<String> {
        self.kept = Some(OnceBox::new());
        work(self);
        self.kept.take()?.get().cloned()
    }

    /// Writes what somebody has to know before anything works: on standard error where events go nowhere.
    pub(crate) fn problem(&self, problem: fmt::Arguments<'_>) {
        if let Some(kept) = &self.kept {
            kept.get_or_init(|| Box::new(problem.to_string()));
            return;
        }
        let told = if self.is_on() { self } else { &Self::stderr(&self.program) };
        told.event(Level::Warning, problem);
    }

    /// Whether events are written at all.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.target, Target::Off)
    }

    /// Writes one event. Control characters in it are escaped: an event never takes two lines.
    pub(crate) fn event(&self, level: Level, event: fmt::Arguments<'_>) {
        let (Target::Stderr | Target::Syslog | Target::File(_)) = &self.target else { return };
        let mut line = String::with_capacity(256);
        if !matches!(self.target, Target::Syslog) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            // Writing into a String does not fail.
            let _ = write!(line, "{} {}[{}] ", UnixTime(now), self.program, std::process::id());
        }
        line.push_str("mecai: ");
        let _ = write!(OneLine(&mut line), "{event}");
        match &self.target {
            Target::Off => {}
            Target::Stderr => write_line(libc::STDERR_FILENO, line),
            Target::Syslog => syslog(level, line),
            Target::File(file) if file.is_still_there() => write_line(file.descriptor, line),
            Target::File(_) => {}
        }
    }
}

impl LogFile {
    fn open(path: &Path) -> io::Result<Self> {
        let flags = libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
        let file: File = OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)?;
        let identity = identity(file.as_raw_fd()).ok_or_else(io::Error::last_os_error)?;
        Ok(Self { descriptor: file.into_raw_fd(), identity })
    }

    /// Daemons close every descriptor that they do not know: then the number may be somebody else's connection.
    fn is_still_there(&self) -> bool {
        identity(self.descriptor) == Some(self.identity)
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        if self.is_still_there() {
            // SAFETY: the descriptor is the one that was opened here, and nobody else has been given it.
            unsafe { libc::close(self.descriptor) };
        }
    }
}

/// Device and inode of what is open as `descriptor`.
fn identity(descriptor: RawFd) -> Option<(u64, u64)> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat writes a whole `stat` when it returns 0; any number may be asked for.
    unsafe { (libc::fstat(descriptor, status.as_mut_ptr()) == 0).then(|| status.assume_init()) }
        .map(|status| (status.st_dev, status.st_ino))
}

fn write_line(descriptor: RawFd, mut line: String) {
    line.push('\n');
    // One write, so that lines of several processes do not mix. A log that takes nothing stops no handshake.
    without_sigpipe(|| {
        // SAFETY: the buffer is valid for its length.
        let _ = unsafe { libc::write(descriptor, line.as_ptr().cast(), line.len()) };
    });
}

/// Calls `write`; that nobody reads the pipe any more must not end the program.
fn without_sigpipe(write: impl FnOnce()) {
    let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
    let (mut before, mut pending) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: each set is written by the first call that names it; the signal of a write goes to the writing thread,
    // so it is taken back, unless the program itself had one waiting, before the thread's mask is as it was.
    unsafe {
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::sigpending(pending.as_mut_ptr());
        let was_pending = libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1;
        if libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), before.as_mut_ptr()) != 0 {
            return;
        }
        write();
        if !was_pending {
            libc::sigtimedwait(pipe.as_ptr(), ptr::null_mut(), &raw const at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
    }
}

fn syslog(level: Level, line: String) {
    const FORMAT: &CStr = c"%s";
    let priority: c_int = libc::LOG_AUTHPRIV
        | match level {
            Level::Info => libc::LOG_INFO,
            Level::Warning => libc::LOG_WARNING,
        };
    // `OneLine` has escaped every NUL.
    let Ok(line) = CString::new(line) else { return };
    // SAFETY: the format takes one string, which ends with a NUL.
    unsafe { libc::syslog(priority, FORMAT.as_ptr(), line.as_ptr()) };
}

/// Passes text on with its control characters escaped.
struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_event_is_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = Log::open(path.to_str(), "program").unwrap();
        log.event(Level::Info, format_args!("host \"a\nb\0\u{1b}[2J\""));
        log.event(Level::Warning, format_args!("second"));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(
            lines[0].ends_with(&format!("program[{}] mecai: host \"a\\nb\\u{{0}}\\u{{1b}}[2J\"", std::process::id())),
            "{text}"
        );
    }

    #[test]
    fn a_descriptor_that_became_another_file_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let other = File::create(directory.path().join("other")).unwrap();
        let log = Log::open(directory.path().join("log").to_str(), "program").unwrap();
        let Target::File(file) = &log.target else { panic!("{log:?}") };
        // SAFETY: both descriptors are open; the log's number now means the other file.
        assert!(unsafe { libc::dup2(other.as_raw_fd(), file.descriptor) } >= 0);
        log.event(Level::Info, format_args!("lost"));
        assert_eq!(std::fs::read(directory.path().join("other")).unwrap(), b"");
    }

    #[test]
    fn a_log_that_nobody_reads_any_more_does_not_end_the_program() {
        use std::sync::atomic::{AtomicBool, Ordering};
        static CAME: AtomicBool = AtomicBool::new(false);
        extern "C" fn came(_: c_int) {
            CAME.store(true, Ordering::Relaxed);
        }
        let (writer, reader) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(reader);
        // SAFETY: the handler only writes to an atomic.
        let before = unsafe { libc::signal(libc::SIGPIPE, came as *const () as usize) };
        write_line(writer.as_raw_fd(), "lost".to_owned());
        // SAFETY: what was there is put back.
        unsafe { libc::signal(libc::SIGPIPE, before) };
        assert!(!CAME.load(Ordering::Relaxed));
    }

    #[test]
    fn an_unknown_target_is_named() {
        assert!(Log::open(Some("sylog"), "program").unwrap_err().contains("log = sylog"));
        assert!(Log::open(Some("/no/such/directory/log"), "program").unwrap_err().contains("/no/such/directory/log"));
        assert!(!Log::open(None, "program").unwrap().is_on());
    }
}
