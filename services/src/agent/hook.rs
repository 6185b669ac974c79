//! The command that makes a server read its serverinfo file again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::Stdio;
use std::time::Duration;

use mecai::time::UnixTime;
use tokio::process::{Child, Command};

use super::trouble::Trouble;

/// A command may run so long.
const DEADLINE: Duration = Duration::from_secs(60);
/// One that failed is run again after so many seconds, doubled up to an hour.
const RETRY: u64 = 30;
const RETRY_MAX: u64 = 3_600;
/// Octets of what it wrote that are told.
const TAIL: u64 = 300;

/// The commands, and what they are to be run for.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    hooks: BTreeMap<String, Hook>,
}

#[derive(Debug, Default)]
struct Hook {
    hosts: BTreeSet<String>,
    certificates: BTreeSet<String>,
    running: bool,
    not_before: Option<UnixTime>,
    failures: u32,
    trouble: Option<Trouble>,
}

/// A command that may run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) command: String,
    pub(super) hosts: BTreeSet<String>,
    pub(super) certificates: BTreeSet<String>,
}

impl Hooks {
    /// Lets a command run for these hosts and this certificate file.
    pub(super) fn want(&mut self, command: &str, hosts: &[String], certificate: String) {
        let hook = self.hooks.entry(command.to_owned()).or_default();
        hook.hosts.extend(hosts.iter().cloned());
        hook.certificates.insert(certificate);
    }

    /// The commands to run now; the same one never twice at a time, and not twice within `spacing` seconds.
    pub(super) fn due(&mut self, now: UnixTime, spacing: u64) -> Vec<Job> {
        let may = |hook: &Hook| {
            let pause = hook.not_before.map_or(0, |at| at.since(now));
            !hook.running && !hook.hosts.is_empty() && (pause == 0 || pause > RETRY_MAX)
        };
        let mut jobs = Vec::new();
        for (command, hook) in self.hooks.iter_mut().filter(|(_, hook)| may(hook)) {
            hook.running = true;
            hook.not_before = Some(now.plus(spacing));
            jobs.push(Job {
                command: command.clone(),
                hosts: std::mem::take(&mut hook.hosts),
                certificates: std::mem::take(&mut hook.certificates),
            });
        }
        jobs
    }

    /// What came of a command. One that failed stays wanted.
    pub(super) fn done(&mut self, job: Job, result: Result<(), Trouble>, now: UnixTime) {
        let Some(hook) = self.hooks.get_mut(&job.command) else { return };
        hook.running = false;
        match result {
            Ok(()) => {
                tracing::info!("reloaded by `{}`", job.command);
                (hook.failures, hook.trouble) = (0, None);
            }
            Err(trouble) => {
                tracing::error!(code = trouble.code, "{}", trouble.sentence);
                hook.hosts.extend(job.hosts);
                hook.certificates.extend(job.certificates);
                let pause = RETRY.saturating_mul(1_u64.checked_shl(hook.failures).unwrap_or(u64::MAX)).min(RETRY_MAX);
                hook.failures = hook.failures.saturating_add(1);
                hook.not_before = Some(now.plus(pause));
                hook.trouble = Some(trouble);
            }
        }
    }

    /// Whether something runs or is about to.
    pub(super) fn is_busy(&self) -> bool {
        self.hooks.values().any(|hook| hook.running || (!hook.hosts.is_empty() && hook.trouble.is_none()))
    }

    /// The commands that failed.
    pub(super) fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        self.hooks.values().filter_map(|hook| hook.trouble.as_ref())
    }
}

impl Job {
    /// Runs the command by `/bin/sh -c`.
    ///
    /// # Errors
    /// `reload_failed` when it does not end well within a minute.
    pub(super) async fn run(&self) -> Result<(), Trouble> {
        let trouble = |what: String| Trouble::new("reload_failed", format!("`{}` {what}", self.command));
        let join = |words: &BTreeSet<String>, by| words.iter().map(String::as_str).collect::<Vec<_>>().join(by);
        // A file, not a pipe: whatever the command leaves running may hold on to it.
        let output = tempfile::tempfile().map_err(|cause| trouble(format!("has no place for its output: {cause}")))?;
        let end = || -> io::Result<Stdio> { Ok(output.try_clone()?.into()) };
        let start = || -> io::Result<Child> {
            Command::new("/bin/sh")
                .arg("-c")
                .arg(&self.command)
                .env("MECAI_EVENT", "voucher")
                .env("MECAI_HOSTS", join(&self.hosts, " "))
                .env("MECAI_CERTIFICATE", join(&self.certificates, ":"))
                .stdin(Stdio::null())
                .stdout(end()?)
                .stderr(end()?)
                .process_group(0)
                .kill_on_drop(true)
                .spawn()
        };
        let mut child = start().map_err(|cause| trouble(format!("cannot be started: {cause}")))?;
        let Ok(status) = tokio::time::timeout(DEADLINE, child.wait()).await else {
            kill_group(child.id());
            return Err(trouble(format!("has not ended after {} s and was killed", DEADLINE.as_secs())));
        };
        let status = status.map_err(|cause| trouble(format!("cannot be waited for: {cause}")))?;
        if status.success() {
            return Ok(());
        }
        Err(trouble(format!("ended with {status}: {}", tail(output))))
    }
}

/// The end of what a command wrote, fit for a log line.
fn tail(mut output: File) -> String {
    let mut said = Vec::new();
    let end = output.seek(SeekFrom::End(0)).unwrap_or(0);
    let read = output.seek(SeekFrom::Start(end.saturating_sub(TAIL))).and_then(|_| output.read_to_end(&mut said));
    match read {
        Ok(_) => String::from_utf8_lossy(&said).trim().replace(|c: char| c.is_control(), " "),
        Err(cause) => format!("its output cannot be read: {cause}"),
    }
}

/// The command and what it started.
fn kill_group(leader: Option<u32>) {
    let Some(group) = leader.and_then(|id| i32::try_from(id).ok()).filter(|id| *id > 1) else { return };
    // SAFETY: kill has no memory effects; the group is that of our own child, whose id is not reused before it was
    // waited for.
    unsafe { libc::kill(-group, libc::SIGKILL) };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_478_400);

    #[test]
    fn what_is_wanted_while_a_command_runs_is_run_afterwards() {
        let mut hooks = Hooks::default();
        hooks.want("reload", &["a.example".to_owned()], "/a.pem".to_owned());
        hooks.want("reload", &["b.example".to_owned()], "/b.pem".to_owned());
        let job = hooks.due(NOW, 10).remove(0);
        assert_eq!(job.hosts.len() + job.certificates.len(), 4);
        hooks.want("reload", &["c.example".to_owned()], "/c.pem".to_owned());
        assert_eq!(hooks.due(NOW.plus(10), 10), []);
        hooks.done(job, Ok(()), NOW.plus(1));
        assert_eq!(hooks.due(NOW.plus(9), 10), []);
        assert_eq!(hooks.due(NOW.plus(10), 10)[0].hosts, BTreeSet::from(["c.example".to_owned()]));
    }

    #[test]
    fn a_command_that_failed_is_run_again() {
        let mut hooks = Hooks::default();
        hooks.want("reload", &["a.example".to_owned()], "/a.pem".to_owned());
        let mut now = NOW;
        for pause in [30, 60, 120] {
            let job = hooks.due(now, 1).remove(0);
            hooks.done(job, Err(Trouble::new("reload_failed", "no")), now);
            assert_eq!(hooks.troubles().count(), 1);
            assert_eq!(hooks.due(now.plus(pause - 1), 1), []);
            now = now.plus(pause);
        }
        let job = hooks.due(now, 1).remove(0);
        hooks.done(job, Ok(()), now);
        assert_eq!((hooks.troubles().count(), hooks.is_busy()), (0, false));
    }

    #[tokio::test]
    async fn commands_get_their_environment_and_their_failure_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let job = |command: &str| Job {
            command: command.to_owned(),
            hosts: ["a.example", "b.example"].map(str::to_owned).into(),
            certificates: ["/a.pem".to_owned()].into(),
        };
        let write = format!("echo $MECAI_EVENT $MECAI_HOSTS $MECAI_CERTIFICATE > {}", out.display());
        job(&write).run().await.unwrap();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "voucher a.example b.example /a.pem\n");
        let trouble = job("echo no such unit >&2; exit 5").run().await.unwrap_err();
        assert_eq!(trouble.code, "reload_failed");
        assert!(trouble.sentence.ends_with("ended with exit status: 5: no such unit"), "{trouble}");
    }
}
