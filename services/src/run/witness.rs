//! Whether the program read its configuration and loaded the module: the kernel tells who opens a file.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify;

/// Watches the configuration and the module.
pub(super) struct Witness {
    watcher: OwnedFd,
    cnf: i32,
    module: i32,
}

impl Witness {
    pub(super) fn new(cnf: &Path, module: &Path) -> io::Result<Self> {
        let watcher = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let watch = |path| inotify::add_watch(&watcher, path, inotify::WatchFlags::OPEN | inotify::WatchFlags::ONESHOT);
        let (cnf, module) = (watch(cnf)?, watch(module)?);
        Ok(Self { watcher, cnf, module })
    }

    /// What did not happen, in a sentence.
    pub(super) fn warning(self) -> Option<&'static str> {
        let (mut has_read, mut has_loaded) = (false, false);
        let mut buffer = [MaybeUninit::uninit(); 1024];
        let mut events = inotify::Reader::new(&self.watcher, &mut buffer);
        while let Ok(event) = events.next() {
            has_read |= event.wd() == self.cnf;
            has_loaded |= event.wd() == self.module;
        }
        match (has_read, has_loaded) {
            (false, _) => Some(
                "it never read its OpenSSL configuration, so nothing was vouched for: it made no TLS connection, does \
                 not use OpenSSL, carries one of its own, runs setuid, or drops OPENSSL_CONF",
            ),
            (true, false) => Some(
                "it read its OpenSSL configuration but did not load the module, so nothing was vouched for: its \
                 OpenSSL may be built without modules",
            ),
            (true, true) => None,
        }
    }
}
