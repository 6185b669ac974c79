//! The release of OpenSSL that `openssl`, and what the tests link by `cc`, run on: Debian's, or another that
//! `tests/run.sh` has put in its place. What a test expects differently on a release stands here, with the reason.

use std::process::Command;
use std::sync::OnceLock;

use crate::world::{World, said};

fn is_at_least(major: u32, minor: u32) -> bool {
    static RELEASE: OnceLock<(u32, u32)> = OnceLock::new();
    *RELEASE.get_or_init(|| {
        let output = Command::new("openssl").arg("version").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut numbers = text.split([' ', '.']).skip(1).map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }) >= (major, minor)
}

/// Whether OpenSSL tells the host or the address that a program has set for verification. Before 3.0 it does not, and
/// the SNI stands in.
pub(crate) fn tells_what_is_verified() -> bool {
    is_at_least(3, 0)
}

/// Whether a host that was set on an SSL_CTX ends where it should. Since 4.0 OpenSSL copies it without its end: what lies
/// behind it in memory may look like a part of it, and then a session gets a full handshake.
pub(crate) fn tells_where_hosts_end() -> bool {
    !is_at_least(4, 0)
}

/// How many octets a ServerHello may have: before 3.0, fewer than an extension.
pub(crate) fn server_hello_max() -> usize {
    if is_at_least(3, 0) { 65_607 } else { 20_000 }
}

/// Whether clients may offer to take compressed certificates.
pub(crate) fn compresses_certificates() -> bool {
    is_at_least(3, 2)
}

/// Nothing would tell otherwise that the tests ran on Debian's OpenSSL after all.
#[test]
fn what_the_tests_run_is_of_one_release() {
    let world = World::new();
    let source = world.path("version.c");
    let text = "#include <openssl/crypto.h>\n#include <stdio.h>\n\
                int main(void) { puts(OPENSSL_VERSION_TEXT); puts(OpenSSL_version(OPENSSL_VERSION)); return 0; }\n";
    std::fs::write(&source, text).unwrap();
    let program = world.cc("version", &source, &["-lcrypto"]);
    let mut told = said(&Command::new(program).output().unwrap());
    told += &said(&Command::new("openssl").arg("version").output().unwrap());
    if is_at_least(3, 0) && !is_at_least(4, 0) {
        told +=
            &said(&Command::new("python3").args(["-c", "import ssl; print(ssl.OPENSSL_VERSION)"]).output().unwrap());
    }
    let versions: Vec<&str> = told.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    let meant = std::env::var("MECAI_OPENSSL").unwrap_or_else(|_| versions[0].to_owned());
    assert!(versions.len() >= 3, "{told}");
    assert!(versions.iter().all(|version| *version == versions[0] && version.starts_with(&meant)), "{meant}: {told}");
}
