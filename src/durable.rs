//! Writing a file so that a reader, and a machine that lost power, sees the old one or the new one; reading one without
//! ever waiting or reading without end (spec section 11).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::schedule::point;

/// Puts `octets` in the place of whatever file has this path. Temporary file, sync, rename, sync of the directory.
pub fn replace(path: &Path, octets: &[u8], mode: u32) -> io::Result<()> {
    let directory = directory_of(path)?;
    let file = temporary(directory, octets, mode)?;
    point();
    file.persist(path).map_err(|error| error.error)?;
    sync(directory)
}

/// The same, but only where no file has this path yet; says whether it was written.
pub(crate) fn create(path: &Path, octets: &[u8], mode: u32) -> io::Result<bool> {
    let directory = directory_of(path)?;
    let file = temporary(directory, octets, mode)?;
    point();
    match file.persist_noclobber(path) {
        Ok(_) => sync(directory).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Takes a file away; one that is not there is no error.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    point();
    match fs::remove_file(path) {
        Ok(()) => sync(directory_of(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a file for reading; a named pipe in its place does not block.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    point();
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)
}

/// The file's octets, but not more than one over `most`.
pub(crate) fn read(file: File, most: usize) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

fn temporary(directory: &Path, octets: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    point();
    let mut file = tempfile::Builder::new().prefix(".mecai-").suffix(".new").tempfile_in(directory)?;
    file.write_all(octets)?;
    // Not by creation: the umask of an agent must not decide whether a server may read its vouchers.
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn directory_of(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(directory) if directory.as_os_str().is_empty() => Ok(Path::new(".")),
        Some(directory) => Ok(directory),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file")),
    }
}
