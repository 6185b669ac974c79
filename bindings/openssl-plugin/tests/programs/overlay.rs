//! A directory of the system with some other files in it, for one program: what has a fixed path is tested there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::World;

/// Files that a program finds in a directory of the system, beside or in place of those that are there.
pub(crate) struct Overlay {
    system: &'static str,
    /// The files, and the place where the directory itself is mounted.
    files: PathBuf,
    below: PathBuf,
}

/// Puts the overlay together in a mount namespace of the program's own, and becomes the program.
const SCRIPT: &str = r#"set -e
system=$1 files=$2 below=$3
shift 3
mount --rbind "$system" "$below"
mount -t tmpfs none "$system"
cp -a "$files/." "$system/"
# The others; those that are there already stay.
ln -s "$below"/* "$system/" 2>/dev/null || :
exec "$@""#;

impl Overlay {
    /// The directory `system`, with nothing else in it yet.
    pub(crate) fn over(world: &World, system: &'static str) -> Self {
        let directory = world.directory.path().join("overlay").join(system.trim_start_matches('/'));
        let (files, below) = (directory.join("files"), directory.join("below"));
        for directory in [&files, &below] {
            fs::create_dir_all(directory).unwrap();
        }
        Self { system, files, below }
    }

    /// The place of a file that the program finds as `name` in the directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let path = self.files.join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        path
    }

    /// `program`, as it starts with these files in the directory.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh", self.system]);
        command.args([&self.files, &self.below]).arg(program);
        command
    }
}
