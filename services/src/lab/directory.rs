//! A world's directory, and how files get into it: readable to a server's workers, which are another user than root.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Error;
use super::process::is_root;

/// Everybody may enter and list.
const OPEN: u32 = 0o755;

/// A world's directory. Dropping a temporary one deletes it.
#[derive(Debug)]
pub(super) enum Directory {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Directory {
    /// The given directory, made if need be, or a new temporary one.
    pub(super) fn make(given: Option<PathBuf>) -> Result<Self, Error> {
        let Some(path) = given else {
            let parent = std::env::temp_dir();
            let parent = parent.canonicalize().map_err(Error::file("find", &parent))?;
            require_open(&parent)?;
            let directory = tempfile::Builder::new().prefix("mecai-lab-").tempdir_in(&parent);
            let directory = directory.map_err(Error::file("create a directory in", &parent))?;
            set_open(directory.path())?;
            return Ok(Self::Temporary(directory));
        };
        let path = std::path::absolute(&path).map_err(Error::file("find", &path))?;
        require_open(&path)?;
        make_open(&path)?;
        let path = path.canonicalize().map_err(Error::file("find", &path))?;
        match fs::read_dir(&path).map_err(Error::file("read", &path))?.next() {
            None => Ok(Self::Given(path)),
            Some(_) => Err(Error::NotEmpty { path }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }

    /// A new or existing directory below this one.
    pub(super) fn make_below(&self, below: &[&str]) -> Result<PathBuf, Error> {
        let mut path = self.path().to_path_buf();
        for part in below {
            path.push(part);
            make_open(&path)?;
        }
        Ok(path)
    }
}

/// Makes what is missing of a path; what is there stays as it is.
pub(super) fn make_open(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_open(parent)?;
    }
    fs::create_dir(path).map_err(Error::file("create", path))?;
    set_open(path)
}

/// Not left to `create_dir`, whose mode the umask cuts.
fn set_open(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(OPEN)).map_err(Error::file("open to other users", path))
}

/// A server that gives up root's rights must still get there. Looks at what exists of the path.
fn require_open(path: &Path) -> Result<(), Error> {
    if !is_root() {
        return Ok(());
    }
    for directory in path.ancestors().filter(|directory| directory.exists()) {
        let mode = fs::metadata(directory).map_err(Error::file("examine", directory))?.permissions().mode() & 0o777;
        if mode & 0o001 == 0 {
            return Err(Error::Closed { path: directory.to_path_buf(), mode });
        }
    }
    Ok(())
}

/// Writes a file that everybody may read.
pub(super) fn write_public(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, 0o644)
}

/// Writes a file that only its owner may read.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, 0o600)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let write = || {
        let mut file = File::options().write(true).create(true).truncate(true).mode(mode).open(path)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(Error::file("write", path))
}
