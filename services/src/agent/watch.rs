//! Files that are read again when they change: looked at by name, so that replaced files are noticed as well.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::trouble::Trouble;

/// What was last read from some files.
#[derive(Debug)]
pub(super) struct Watched<T> {
    paths: Vec<PathBuf>,
    looks: Option<Vec<Look>>,
    value: Option<T>,
    trouble: Option<Trouble>,
}

/// How a file looks from outside: device, inode, size, and time of the last change in nanoseconds; none if it cannot be
/// looked at.
type Look = Option<(u64, u64, u64, i128)>;

impl<T> Watched<T> {
    /// Nothing was read yet.
    pub(super) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, looks: None, value: None, trouble: None }
    }

    /// Reads again if a file has changed or the last reading failed; says whether there is a new value. What was read
    /// before stays when the new files are no good. Each different trouble is logged once.
    pub(super) fn refresh(&mut self, read: impl FnOnce() -> Result<T, Trouble>) -> bool {
        // Before reading: what changes in between is read again the next time.
        let looks: Vec<Look> = self.paths.iter().map(look).collect();
        if self.trouble.is_none() && self.looks.as_ref() == Some(&looks) {
            return false;
        }
        self.looks = Some(looks);
        match read() {
            Ok(value) => {
                self.value = Some(value);
                self.trouble = None;
                true
            }
            Err(trouble) => {
                if self.trouble.as_ref() != Some(&trouble) {
                    let kept = if self.value.is_some() { "; what was read before stays in use" } else { "" };
                    tracing::error!(code = trouble.code, "{}{kept}", trouble.sentence);
                }
                self.trouble = Some(trouble);
                false
            }
        }
    }

    /// Lets the next [`Self::refresh`] read in any case.
    pub(super) fn forget_looks(&mut self) {
        self.looks = None;
    }

    pub(super) fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    pub(super) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }
}

fn look(path: &PathBuf) -> Look {
    let metadata = fs::metadata(path).ok()?;
    let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    Some((metadata.dev(), metadata.ino(), metadata.size(), changed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_change_is_read_and_a_bad_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let read = || match fs::read_to_string(&path).unwrap_or_default().as_str() {
            "" => Err(Trouble::new("empty", "there is nothing")),
            text => Ok(text.to_owned()),
        };
        let mut watched = Watched::new(vec![path.clone()]);
        assert!(!watched.refresh(read));
        assert_eq!(watched.trouble().unwrap().code, "empty");
        fs::write(&path, "one").unwrap();
        assert!(watched.refresh(read));
        assert!(!watched.refresh(|| panic!("nothing has changed")));

        // Another file of the same size and time in its place.
        let times = fs::FileTimes::new().set_modified(fs::metadata(&path).unwrap().modified().unwrap());
        fs::write(path.with_extension("new"), "two").unwrap();
        fs::File::open(path.with_extension("new")).unwrap().set_times(times).unwrap();
        fs::rename(path.with_extension("new"), &path).unwrap();
        assert!(watched.refresh(read));
        assert_eq!(watched.value().unwrap(), "two");

        fs::write(&path, "").unwrap();
        assert!(!watched.refresh(read));
        assert_eq!((watched.value().unwrap().as_str(), watched.trouble().is_some()), ("two", true));
        fs::write(&path, "three").unwrap();
        assert!(watched.refresh(read));
        assert!(watched.trouble().is_none());
        watched.forget_looks();
        assert!(watched.refresh(read));
    }
}
