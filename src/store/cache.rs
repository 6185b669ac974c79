//! The serving process's view of the store (spec section 11). An answer is given without a lock, and without an
//! allocation unless a file is looked at, a certificate is new or a voucher ended.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::answers::{Answers, Part};
use super::error::{StoreCause, StoreError};
use super::file::Contents;
use super::{Store, read_file};
use crate::Sha256;
use crate::schedule::{ArcSwap, AtomicU64, point};
use crate::time::UnixTime;

/// A file is looked at once in so many seconds at most.
pub const LOOK_EVERY: u64 = 5;

/// The answers of the certificates that are in use, at most so many; the one out of use for longest gives way.
#[derive(Debug)]
pub struct Cache {
    store: Store,
    capacity: usize,
    /// Ascending by certificate.
    entries: ArcSwap<Vec<Arc<Entry>>>,
    /// Whether it was told that there is no such directory.
    told_missing: AtomicBool,
}

impl Cache {
    /// A cache of the store in this directory for at most `capacity` certificates (at least one). Touches no file: a
    /// path is looked up when it is needed, so inside a chroot once the process is in it.
    pub fn new(directory: impl Into<PathBuf>, capacity: usize) -> Self {
        Self {
            store: Store::new(directory),
            capacity: capacity.max(1),
            entries: ArcSwap::default(),
            told_missing: AtomicBool::new(false),
        }
    }

    /// The answer for this certificate to a client that asks for this and sent this SNI name, or none. None: nothing is
    /// sent.
    ///
    /// A file that cannot be used is told to `report`, once, and what was read before stays in use until it expires;
    /// so it does when the file is gone. No file at all is no error, but a directory that is not there is told, once.
    pub fn answer(
        &self,
        certificate: &Sha256,
        part: Part,
        name: Option<&str>,
        now: UnixTime,
        mut report: impl FnMut(&StoreError),
    ) -> Option<Arc<[u8]>> {
        self.entry(certificate, now, &mut report).answer(part, name, now, report)
    }

    /// The answers of this certificate, for whoever keeps them by something that is found faster than its digest. A file
    /// that is read for the first time is told of as by [`Cache::answer`].
    pub fn entry(&self, certificate: &Sha256, now: UnixTime, report: impl FnOnce(&StoreError)) -> Arc<Entry> {
        let entries = self.entries.load();
        let place = entries.binary_search_by(|entry| entry.certificate.cmp(certificate));
        if let Some(entry) = place.ok().and_then(|place| entries.get(place)) {
            return Arc::clone(entry);
        }
        // Read before others can find it: no handshake goes without vouchers while the first one reads.
        let entry = Arc::new(Entry::new(certificate, &self.store, now));
        let problem = entry.look(now).or_else(|| self.missing_directory(&entry));
        let inserted = self.insert(&entry);
        // Another thread that was faster has told it.
        if let Some(problem) = problem.filter(|_| Arc::ptr_eq(&inserted, &entry)) {
            report(&problem);
        }
        inserted
    }

    /// That the directory of an absent file is not there either, unless that was told before.
    fn missing_directory(&self, entry: &Entry) -> Option<StoreError> {
        if entry.loaded.load().seen != Seen::Absent || self.told_missing.load(Ordering::Relaxed) {
            return None;
        }
        let error = fs::metadata(&self.store.directory).err()?;
        let is_first = !self.told_missing.swap(true, Ordering::Relaxed);
        is_first.then(|| StoreError { path: self.store.directory.clone(), cause: StoreCause::Unreadable(error) })
    }

    /// Puts the entry in, and gives it, or that of a thread that was faster.
    fn insert(&self, entry: &Arc<Entry>) -> Arc<Entry> {
        let mut inserted = Arc::clone(entry);
        self.entries.rcu(|entries| {
            let mut entries = Vec::clone(entries);
            match entries.binary_search_by(|other| other.certificate.cmp(&entry.certificate)) {
                Ok(index) => inserted = Arc::clone(&entries[index]),
                Err(index) => {
                    entries.insert(index, Arc::clone(entry));
                    inserted = Arc::clone(entry);
                    if entries.len() > self.capacity {
                        remove_idlest(&mut entries, &entry.certificate);
                    }
                }
            }
            entries
        });
        inserted
    }
}

/// A look is due whenever an entry is used, so the earliest due one is the one out of use for longest.
fn remove_idlest(entries: &mut Vec<Arc<Entry>>, keep: &Sha256) {
    let others = entries.iter().enumerate().filter(|(_, entry)| entry.certificate != *keep);
    if let Some((index, _)) = others.min_by_key(|(_, entry)| entry.next_look.load(Ordering::Relaxed)) {
        entries.remove(index);
    }
}

/// The answers of one certificate. Its file is looked at as they are used, also when the [`Cache`] has no room for them
/// any more.
#[derive(Debug)]
pub struct Entry {
    certificate: Sha256,
    path: PathBuf,
    /// The second from which on the file may be looked at again.
    next_look: AtomicU64,
    loaded: ArcSwap<Loaded>,
}

/// What is known of a file.
#[derive(Debug)]
struct Loaded {
    /// What the last look saw.
    seen: Seen,
    /// What was last read well.
    contents: Option<Arc<Contents>>,
    answers: Answers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Absent,
    Failed(io::ErrorKind),
    File { device: u64, inode: u64, size: u64, modified: (i64, i64), changed: (i64, i64) },
}

impl Entry {
    /// An entry that is about to be looked at for the first time.
    fn new(certificate: &Sha256, store: &Store, now: UnixTime) -> Self {
        let loaded = Loaded::new(Seen::Absent, None, UnixTime(0));
        Self {
            certificate: *certificate,
            path: store.path(certificate),
            next_look: AtomicU64::new(now.plus(LOOK_EVERY).0),
            loaded: ArcSwap::from_pointee(loaded),
        }
    }

    /// As [`Cache::answer`].
    pub fn answer(
        &self,
        part: Part,
        name: Option<&str>,
        now: UnixTime,
        report: impl FnOnce(&StoreError),
    ) -> Option<Arc<[u8]>> {
        if let Some(problem) = self.may_look(now).then(|| self.look(now)).flatten() {
            report(&problem);
        }
        let loaded = self.loaded.load();
        if !loaded.answers.is_stale(now) {
            return loaded.answers.get(part, name).cloned();
        }
        let fresh = Arc::new(loaded.rebuilt(now));
        // If another thread has put something newer in place, this one serves only this handshake.
        self.loaded.compare_and_swap(&*loaded, Arc::clone(&fresh));
        fresh.answers.get(part, name).cloned()
    }

    /// Says yes to one thread only, until the next look is due; a clock that was set back does not put that off.
    fn may_look(&self, now: UnixTime) -> bool {
        let due = self.next_look.load(Ordering::Relaxed);
        let is_due = now.0 >= due || due - now.0 > LOOK_EVERY;
        let next = now.plus(LOOK_EVERY).0;
        is_due && self.next_look.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// One look at the file; it is read if it is another than before. Gives what is newly wrong with it.
    fn look(&self, now: UnixTime) -> Option<StoreError> {
        let before = self.loaded.load();
        point();
        let mut seen = match fs::metadata(&self.path) {
            Ok(metadata) => Seen::file(&metadata),
            Err(error) => Seen::failed(&error),
        };
        if seen == before.seen {
            return None;
        }
        let (mut contents, mut problem) = (before.contents.clone(), None);
        if seen != Seen::Absent {
            match read_file(&self.path, &self.certificate) {
                Ok(read) => contents = Some(Arc::new(read)),
                Err(cause) => {
                    // What the system refused now it may give at the next look; what was read stays as it is.
                    if let StoreCause::Unreadable(error) = &cause {
                        seen = Seen::failed(error);
                    }
                    if seen != before.seen && seen != Seen::Absent {
                        problem = Some(StoreError { path: self.path.clone(), cause });
                    }
                }
            }
        }
        let after = Arc::new(Loaded::new(seen, contents, now));
        // A look that took so long that another one overtook it is dropped; that answers ended meanwhile is no look.
        self.loaded.rcu(|current| Arc::clone(if current.is_of_same_look(&before) { &after } else { current }));
        problem
    }
}

impl Loaded {
    fn new(seen: Seen, contents: Option<Arc<Contents>>, now: UnixTime) -> Self {
        let answers = contents.as_ref().map_or_else(|| Answers::none(now), |contents| Answers::build(contents, now));
        Self { seen, contents, answers }
    }

    /// Whether nothing but the answers is another.
    fn is_of_same_look(&self, other: &Self) -> bool {
        self.seen == other.seen && self.contents.as_ref().map(Arc::as_ptr) == other.contents.as_ref().map(Arc::as_ptr)
    }

    fn rebuilt(&self, now: UnixTime) -> Self {
        Self::new(self.seen, self.contents.clone(), now)
    }
}

impl Seen {
    fn failed(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Absent } else { Self::Failed(error.kind()) }
    }

    fn file(metadata: &Metadata) -> Self {
        Self::File {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
impl Cache {
    pub(super) fn certificates(&self) -> Vec<Sha256> {
        self.entries.load().iter().map(|entry| entry.certificate).collect()
    }
}
