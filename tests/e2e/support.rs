//! What the end-to-end tests share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The program.
pub(crate) const MECAI: &str = env!("CARGO_BIN_EXE_mecai");

/// The module, built by the script that builds the one that ships.
pub(crate) fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/openssl-plugin/link.sh");
        let output = Command::new(script).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}
