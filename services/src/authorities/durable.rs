//! Replaces files so that a reader, or a machine that loses power, has the old one or the new one.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Error;

/// Replaces `path` by a public file with these contents: written aside, synced, renamed, the directory synced.
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), Error> {
    let failed = Error::file(path);
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mode = fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode() & 0o777);
    let mut aside = tempfile::NamedTempFile::new_in(directory).map_err(&failed)?;
    aside.write_all(contents).map_err(&failed)?;
    aside.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(&failed)?;
    aside.as_file().sync_all().map_err(&failed)?;
    aside.persist(path).map_err(|error| failed(error.error))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(&failed)
}
