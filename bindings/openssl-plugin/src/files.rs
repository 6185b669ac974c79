//! Reading a file that a setting names, and never waiting for it.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::schedule::point;

/// The first octets of a file, so many at most. A named pipe in the file's place stops no program: what is no file with
/// contents of its own is an error.
pub(crate) fn read_at_most(path: &Path, octets: u64) -> io::Result<Vec<u8>> {
    point();
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut contents = Vec::new();
    file.take(octets).read_to_end(&mut contents)?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::ffi::CString;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pipe_in_a_files_place_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let name = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the name ends with a NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let (done, result) = mpsc::channel();
        std::thread::spawn(move || done.send(read_at_most(&path, 10).map_err(|error| error.to_string())));
        assert_eq!(result.recv_timeout(Duration::from_secs(10)), Ok(Err("not a regular file".to_owned())));
    }
}
