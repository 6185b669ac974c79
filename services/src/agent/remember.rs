//! Which certificates a site had: servers may go on showing an earlier one after its file was replaced, so that it is
//! vouched for still. Kept in `certificates.json` of the agent's directory, for `mecai agent stage` and for the next
//! process.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use mecai::statement::LIFETIME_MAX;
use mecai::time::UnixTime;
use mecai::{Sha256, durable};
use serde::{Deserialize, Serialize};

use super::certificate::Certificate;
use super::trouble::Trouble;

const VERSION: u32 = 1;

/// The certificates that the files of sites have, or had lately: until a day ago, which is as long as vouchers live, and
/// for as long as the present one is not vouched for.
#[derive(Debug, Default)]
pub(super) struct Memory {
    known: Vec<Known>,
    is_changed: bool,
}

/// A certificate that was seen in the file of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) file: PathBuf,
    pub(super) certificate: Sha256,
    /// The SPKI hash of its key.
    pub(super) key: Sha256,
    /// The last second of its validity; none where an earlier version noted it.
    pub(super) not_after: Option<UnixTime>,
    /// When another one was found in its place.
    pub(super) replaced: Option<UnixTime>,
}

impl Memory {
    /// What an earlier process remembered.
    ///
    /// # Errors
    /// `state_failed`.
    pub(super) fn read(state: &Path) -> Result<Self, Trouble> {
        let path = path(state);
        let trouble = |what: String| Trouble::new("state_failed", format!("{}: {what}", path.display()));
        let octets = match std::fs::read(&path) {
            Ok(octets) => octets,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(trouble(cause.to_string())),
        };
        let wire: Wire = serde_json::from_slice(&octets).map_err(|cause| trouble(cause.to_string()))?;
        if wire.version != VERSION {
            return Err(trouble(format!("its version is {}, not {VERSION}", wire.version)));
        }
        let known = wire.certificates.into_iter().map(KnownWire::read).collect::<Option<_>>();
        let known = known.ok_or_else(|| trouble("a digest or a time in it is none".to_owned()))?;
        Ok(Self { known, is_changed: false })
    }

    /// The file of a site has this certificate now.
    pub(super) fn note(&mut self, file: &Path, certificate: &Certificate, now: UnixTime) {
        let mut is_known = false;
        for known in self.known.iter_mut().filter(|known| known.file == file) {
            let (replaced, not_after) = if known.certificate == certificate.digest {
                is_known = true;
                (None, Some(certificate.not_after))
            } else {
                (known.replaced.or(Some(now)), known.not_after)
            };
            self.is_changed |= (known.replaced, known.not_after) != (replaced, not_after);
            (known.replaced, known.not_after) = (replaced, not_after);
        }
        if !is_known {
            self.known.push(Known {
                file: file.to_owned(),
                certificate: certificate.digest,
                key: certificate.key,
                not_after: Some(certificate.not_after),
                replaced: None,
            });
            self.is_changed = true;
        }
    }

    /// Forgets earlier certificates a day after they were replaced if the file's present one is vouched for, or else
    /// when they end; and other files than these.
    pub(super) fn forget(&mut self, files: &BTreeSet<&Path>, is_vouched: impl Fn(&Path) -> bool, now: UnixTime) {
        let before = self.known.len();
        self.known.retain(|known| {
            let is_over = |replaced: UnixTime| {
                let is_old = now.since(replaced) > LIFETIME_MAX;
                let has_ended = known.not_after.map_or(is_old, |at| at < now);
                has_ended || (is_old && is_vouched(&known.file))
            };
            files.contains(&*known.file) && !known.replaced.is_some_and(is_over)
        });
        self.is_changed |= self.known.len() != before;
    }

    /// The certificates that servers of this file may be showing.
    pub(super) fn of(&self, file: &Path) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(move |known| known.file == file)
    }

    /// Those whose file has another one by now.
    pub(super) fn earlier(&self) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(|known| known.replaced.is_some())
    }

    /// Whether a certificate is no file's present one, and was one's.
    pub(super) fn is_earlier(&self, certificate: &Sha256) -> bool {
        let mut of = self.known.iter().filter(|known| known.certificate == *certificate).peekable();
        of.peek().is_some() && of.all(|known| known.replaced.is_some())
    }

    /// Writes it if something has changed.
    ///
    /// # Errors
    /// `state_failed`.
    pub(super) fn write(&mut self, state: &Path) -> Result<(), Trouble> {
        if !self.is_changed {
            return Ok(());
        }
        let certificates = self.known.iter().map(KnownWire::new).collect();
        // Nothing in it can fail to be JSON.
        let text = serde_json::to_vec_pretty(&Wire { version: VERSION, certificates }).unwrap_or_default();
        let path = path(state);
        durable::replace(&path, &text, 0o644).map_err(|cause| {
            Trouble::new("state_failed", format!("cannot write {}: {}", path.display(), cause.kind()))
        })?;
        self.is_changed = false;
        Ok(())
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("certificates.json")
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    certificates: Vec<KnownWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownWire {
    file: PathBuf,
    certificate: String,
    key: String,
    #[serde(default)]
    not_after: Option<String>,
    replaced: Option<String>,
}

impl KnownWire {
    fn new(known: &Known) -> Self {
        Self {
            file: known.file.clone(),
            certificate: HEXLOWER.encode(&known.certificate),
            key: HEXLOWER.encode(&known.key),
            not_after: known.not_after.as_ref().map(UnixTime::to_string),
            replaced: known.replaced.as_ref().map(UnixTime::to_string),
        }
    }

    fn read(self) -> Option<Known> {
        let digest = |text: &str| HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok();
        let time = |text: Option<String>| text.map(|text| text.parse::<UnixTime>()).transpose().ok();
        Some(Known {
            certificate: digest(&self.certificate)?,
            key: digest(&self.key)?,
            file: self.file,
            not_after: time(self.not_after)?,
            replaced: time(self.replaced)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_478_400);
    const ENDS: u64 = 10 * LIFETIME_MAX;

    fn certificate(number: u8) -> Certificate {
        Certificate { chain: Vec::new(), digest: [number; 32], key: [number + 100; 32], not_after: NOW.plus(ENDS) }
    }

    #[test]
    fn a_certificate_is_remembered_for_a_day_after_it_was_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (Path::new("/a.pem"), Path::new("/b.pem"));
        let mut memory = Memory::read(directory.path()).unwrap();
        memory.note(a, &certificate(1), NOW);
        memory.note(b, &certificate(9), NOW);
        memory.note(a, &certificate(2), NOW.plus(10));
        memory.note(a, &certificate(2), NOW.plus(20));
        memory.write(directory.path()).unwrap();

        let mut memory = Memory::read(directory.path()).unwrap();
        let of = |memory: &Memory| -> Vec<_> {
            memory.of(a).map(|it| (it.certificate[0], it.key[0], it.replaced)).collect()
        };
        assert_eq!(of(&memory), [(1, 101, Some(NOW.plus(10))), (2, 102, None)]);
        assert_eq!(memory.earlier().map(|known| known.certificate[0]).collect::<Vec<_>>(), [1]);
        assert_eq!([1, 2, 3].map(|number| memory.is_earlier(&[number; 32])), [true, false, false]);
        memory.note(b, &certificate(1), NOW.plus(25));
        assert!(!memory.is_earlier(&[1; 32]), "another file has it");

        // Taken back: it is the present one again.
        memory.note(a, &certificate(1), NOW.plus(30));
        assert_eq!(of(&memory), [(1, 101, None), (2, 102, Some(NOW.plus(30)))]);
        memory.forget(&BTreeSet::from([a, b]), |_| true, NOW.plus(30 + LIFETIME_MAX));
        assert_eq!(of(&memory).len(), 2);
        memory.forget(&BTreeSet::from([a]), |file| file == a, NOW.plus(31 + LIFETIME_MAX));
        assert_eq!(of(&memory), [(1, 101, None)]);
        assert_eq!(memory.of(b).count(), 0);
    }

    #[test]
    fn it_is_remembered_until_it_ends_while_the_one_in_its_place_is_not_vouched_for() {
        let directory = tempfile::tempdir().unwrap();
        let (a, files) = (Path::new("/a.pem"), BTreeSet::from([Path::new("/a.pem")]));
        let mut memory = Memory::default();
        memory.note(a, &certificate(1), NOW);
        memory.note(a, &certificate(2), NOW);
        memory.write(directory.path()).unwrap();
        let mut memory = Memory::read(directory.path()).unwrap();
        memory.forget(&files, |_| false, NOW.plus(ENDS));
        assert_eq!(memory.earlier().count(), 1);
        memory.forget(&files, |_| false, NOW.plus(ENDS + 1));
        assert_eq!(memory.earlier().count(), 0);

        // An earlier version did not note when it ends: it has a day.
        let text = std::fs::read_to_string(path(directory.path())).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.contains("not_after")).collect();
        std::fs::write(path(directory.path()), lines.join("\n")).unwrap();
        let mut memory = Memory::read(directory.path()).unwrap();
        memory.forget(&files, |_| false, NOW.plus(LIFETIME_MAX));
        assert_eq!(memory.earlier().count(), 1);
        memory.forget(&files, |_| false, NOW.plus(LIFETIME_MAX + 1));
        assert_eq!(memory.earlier().count(), 0);
    }

    #[test]
    fn a_file_that_is_none_is_told_of() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["{", "{\"version\":2,\"certificates\":[]}"] {
            std::fs::write(path(directory.path()), text).unwrap();
            assert_eq!(Memory::read(directory.path()).unwrap_err().code, "state_failed");
        }
    }
}
