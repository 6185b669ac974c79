//! Processor time: of this thread, of other processes, and of children that have ended.

use std::fs;
use std::io;
use std::process::Child;
use std::time::Duration;

/// How much processor time this thread has used.
pub(crate) fn thread_time() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or_default()
}

/// How much processor time a process and its children have used, the children being those that run now.
pub(crate) fn tree_time(process: u32) -> io::Result<Duration> {
    children(process)?.into_iter().try_fold(process_time(process)?, |sum, child| Ok(sum + process_time(child)?))
}

/// The children of a process's first thread.
pub(crate) fn children(process: u32) -> io::Result<Vec<u32>> {
    let text = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    Ok(text.split_whitespace().filter_map(|number| number.parse().ok()).collect())
}

/// Whether a child has ended, and how much processor time it and its own children used.
pub(crate) fn ended(child: &Child) -> io::Result<Option<(i32, Duration)>> {
    let mut status = 0;
    // SAFETY: zeros are a valid value of every field, and the call fills them.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are valid; the process is our child, and has not been waited for.
    match unsafe { libc::wait4(number(child.id())?, &raw mut status, libc::WNOHANG, &raw mut usage) } {
        0 => Ok(None),
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(Some((status, duration(usage.ru_utime) + duration(usage.ru_stime)))),
    }
}

/// Sends a signal to a child that has not been waited for.
pub(crate) fn signal(child: &Child, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: takes and gives numbers.
    match unsafe { libc::kill(number(child.id())?, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn process_time(process: u32) -> io::Result<Duration> {
    let mut clock = 0;
    // SAFETY: `clock` is a place for the clock's number.
    match unsafe { libc::clock_getcpuclockid(number(process)?, &raw mut clock) } {
        0 => read(clock),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn read(clock: libc::clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that the call fills.
    match unsafe { libc::clock_gettime(clock, &raw mut time) } {
        0 => Ok(Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))),
        _ => Err(io::Error::last_os_error()),
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
}

fn number(process: u32) -> io::Result<libc::pid_t> {
    libc::pid_t::try_from(process).map_err(io::Error::other)
}
