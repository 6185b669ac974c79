//! The hosts that promised to go on showing vouchers (spec section 8, "Remembered hosts").

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{StateCause, StateError};
use super::{State, decimal, read_text};
use crate::durable;
use crate::host::{HOST_MAX, is_host};
use crate::pick::registrable_domain;
use crate::schedule::point;
use crate::statement::{LIFETIME_MAX, STAY_MAX};
use crate::time::UnixTime;
use crate::verdict::Stay;

/// The most hosts that are remembered for one registrable domain.
pub const HOSTS_PER_DOMAIN: usize = 64;

/// What is remembered of a host.
#[derive(Debug)]
#[must_use]
pub enum Memory {
    /// No promise.
    Nothing,
    /// It promised to show vouchers up to and including this second.
    Until(UnixTime),
    /// Something is there that cannot be read; it counts as a promise.
    Unreadable(StateError),
}

impl Memory {
    /// Whether the host must show vouchers.
    #[must_use]
    pub fn is_remembered(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// What became of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// It is kept in mind up to and including this second.
    Kept(UnixTime),
    /// An earlier one was taken back.
    TakenBack,
    /// An equally new or newer one is kept already, or there was nothing to take back.
    Unchanged,
    /// [`HOSTS_PER_DOMAIN`] others of its domain are remembered.
    NoPlace,
}

impl State {
    /// What is remembered of the host with this name (the name of the pick, in any case; a leading dot is dropped).
    pub fn remembered(&self, name: &str, now: UnixTime) -> Memory {
        let Some(path) = self.host_path(name) else { return Memory::Nothing };
        let record = || if self.exists()? { Record::read(&path) } else { Ok(None) };
        match record() {
            Ok(Some(record)) if record.holds(now) => Memory::Until(record.until),
            Ok(_) => Memory::Nothing,
            Err(error) => Memory::Unreadable(error),
        }
    }

    /// Keeps the promise of an accepted handshake in mind, for the host with this name, as for [`Self::remembered`]; 0 days
    /// take an earlier one back; one that is older than the one kept changes nothing.
    pub fn remember(&self, name: &str, stay: Stay, now: UnixTime) -> Result<Promise, StateError> {
        let new = Record::of(stay);
        let Some(path) = self.host_path(name) else { return Ok(Promise::Unchanged) };
        let is_known = |old: &Option<Record>| match old {
            Some(old) => old.produced_at >= new.produced_at,
            None => stay.days == 0,
        };
        // An unreadable file is replaced by a promise, but not by one taken back: nobody knows which is the newer.
        let read = || match Record::read(&path) {
            Err(StateError { cause: StateCause::Malformed(_), .. }) if stay.days > 0 => Ok(None),
            record => record,
        };
        if self.exists()? && is_known(&read()?) || !self.exists()? && stay.days == 0 {
            return Ok(Promise::Unchanged);
        }
        let domain = path.parent().unwrap_or(&self.directory);
        self.make(domain)?;
        let _lock = self.lock()?;
        let old = read()?;
        if is_known(&old) {
            return Ok(Promise::Unchanged);
        }
        let has_place = old.is_some_and(|old| old.holds(now)) || stay.days == 0;
        if !has_place && tidy(domain, &path, now)? >= HOSTS_PER_DOMAIN {
            return Ok(Promise::NoPlace);
        }
        // A promise that was taken back stays as a record that has ended: an older statement must not renew it.
        durable::replace(&path, new.to_string().as_bytes(), 0o600)
            .map_err(|error| StateCause::NotWritten(error).at(&path))?;
        Ok(if stay.days == 0 { Promise::TakenBack } else { Promise::Kept(new.until) })
    }

    /// None for a name that cannot stand in a statement, of which nothing can be remembered.
    fn host_path(&self, name: &str) -> Option<PathBuf> {
        let host = name.trim_start_matches('.').to_ascii_lowercase();
        let mut lower = [0; HOST_MAX];
        let domain = std::str::from_utf8(registrable_domain(&host, &mut lower)).ok()?;
        // Such names have no slash, and are neither `.` nor `..`.
        (is_host(&host) && is_host(domain)).then(|| self.directory.join(DIRECTORY).join(domain).join(&host))
    }
}

const DIRECTORY: &str = "hosts";
/// Two numbers of up to 20 digits, a space and a newline.
const LENGTH_MAX: usize = 42;
const DAY: u64 = 86_400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    produced_at: UnixTime,
    until: UnixTime,
}

impl Record {
    fn of(stay: Stay) -> Self {
        Self { produced_at: stay.produced_at, until: stay.produced_at.plus(u64::from(stay.days) * DAY) }
    }

    fn read(path: &Path) -> Result<Option<Self>, StateError> {
        let Some(text) = read_text(path, LENGTH_MAX)? else { return Ok(None) };
        match Self::parse(&text) {
            Some(record) => Ok(Some(record)),
            None => Err(StateCause::Malformed("a record of a host").at(path)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (produced_at, until) = text.strip_suffix('\n')?.split_once(' ')?;
        let record = Self { produced_at: UnixTime(decimal(produced_at)?), until: UnixTime(decimal(until)?) };
        let stay = record.until.0.checked_sub(record.produced_at.0)?;
        (stay <= u64::from(STAY_MAX) * DAY).then_some(record)
    }

    /// Whether it is a promise that is in force.
    fn holds(self, now: UnixTime) -> bool {
        self.until > self.produced_at && now <= self.until
    }

    /// Whether no statement that is older can be in force any more.
    fn is_spent(self, now: UnixTime) -> bool {
        now > self.until && now > self.produced_at.plus(LIFETIME_MAX)
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {}", self.produced_at.0, self.until.0)
    }
}

/// Takes away what is of no use any more; gives the number of other hosts of the domain that are remembered.
fn tidy(domain: &Path, own: &Path, now: UnixTime) -> Result<usize, StateError> {
    let unreadable = |error: io::Error| StateCause::Unreadable(error).at(domain);
    let mut remembered = 0;
    point();
    for entry in fs::read_dir(domain).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        match Record::read(&path) {
            _ if path == own => (),
            Ok(Some(record)) if record.is_spent(now) => {
                durable::remove(&path).map_err(|error| StateCause::NotWritten(error).at(&path))?;
            }
            Ok(Some(record)) if !record.holds(now) => (),
            Ok(None) => (),
            Ok(Some(_)) | Err(_) => remembered += 1,
        }
    }
    Ok(remembered)
}
