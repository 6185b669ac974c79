//! Builds the examples: a copy of examples/c, by its own Makefile, against what `make install-libraries DESTDIR=…` put
//! into a directory.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const PREFIX: &str = "/usr/local";
/// What nobody who copies them should see.
const NO_WARNINGS: &str = "-Werror";

/// How they are built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// The name of the directory.
    pub(crate) name: &'static str,
    pub(crate) compiler: &'static str,
    pub(crate) flags: &'static str,
}

pub(crate) const PLAIN: How = How { name: "plain", compiler: "gcc", flags: "-O2 -g" };
pub(crate) const CLANG: How = How { name: "clang", compiler: "clang", flags: "-O2 -g" };
/// What the C programs do wrong with memory or numbers ends them. The library is as it is.
pub(crate) const SANITIZED: How = How {
    name: "sanitized",
    compiler: "gcc",
    flags: "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer",
};

/// The directory with the four programs, made once for each way to build them.
pub(crate) fn built(how: How) -> PathBuf {
    static DONE: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let directory = scratch().join(how.name);
    let mut done = DONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !done.contains(&how.name) {
        build(how, &directory);
        done.push(how.name);
    }
    directory
}

fn build(how: How, directory: &Path) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).unwrap();
    for entry in fs::read_dir(Path::new(ROOT).join("examples/c")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() == Some(OsStr::new("c")) || path.ends_with("Makefile") {
            fs::copy(&path, directory.join(path.file_name().unwrap())).unwrap();
        }
    }
    let tree = installed();
    let libraries = tree.join(&PREFIX[1..]).join("lib");
    let mut make = Command::new("make");
    make.arg("-C").arg(directory).arg(format!("CC={}", how.compiler));
    make.arg(format!("CFLAGS={} {NO_WARNINGS}", how.flags));
    make.arg(format!("LDFLAGS=-Wl,-rpath,{}", libraries.display()));
    make.env("PKG_CONFIG_PATH", libraries.join("pkgconfig")).env("PKG_CONFIG_SYSROOT_DIR", tree);
    succeeds(make);
}

/// The tree that `make install-libraries` fills, once.
pub(crate) fn installed() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        let tree = scratch().join("tree");
        let _ = fs::remove_dir_all(&tree);
        let mut make = Command::new("make");
        make.args(["-C", ROOT, "install-libraries", "PROFILE=dev", &format!("PREFIX={PREFIX}")]);
        make.arg(format!("DESTDIR={}", tree.display()));
        succeeds(make);
        tree
    })
}

fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples")
}

/// Runs a program that must succeed.
pub(crate) fn succeeds(mut command: Command) -> Output {
    // A make above this one is none of its business.
    let output = command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").output().unwrap();
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}: {}", output.status, String::from_utf8_lossy(&said));
    output
}
