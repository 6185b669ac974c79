//! The file that ships: what it exports, and what it needs.

use std::collections::BTreeSet;
use std::process::Command;

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(crate::world::module()).output().unwrap();
    assert!(output.status.success(), "{program}: {}", crate::world::said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn exports_the_entries_and_nothing_else() {
    let names = said_by("nm", &["-D", "--defined-only", "--format=posix"]);
    let names: BTreeSet<&str> = names.lines().filter_map(|line| line.split(' ').next()).collect();
    let entries = [
        "OPENSSL_finish",
        "OPENSSL_init",
        "OSSL_provider_init",
        "mecai_openssl_attach",
        "mecai_openssl_code_str",
        "mecai_openssl_context_status",
        "mecai_openssl_find_begin",
        "mecai_openssl_find_by_data",
        "mecai_openssl_find_context",
        "mecai_openssl_find_in",
        "mecai_openssl_find_made",
        "mecai_openssl_result_str",
        "mecai_openssl_set_mode",
        "mecai_openssl_set_peer",
        "mecai_openssl_status",
        "mecai_openssl_verdict",
        "mecai_openssl_verdict_code",
        "mecai_openssl_verdict_json",
        "mecai_openssl_version",
    ];
    assert_eq!(names, entries.into());
}

#[test]
fn links_no_openssl_and_is_never_unmapped() {
    let dynamic = said_by("readelf", &["--dynamic", "--wide"]);
    assert!(!dynamic.contains("libssl") && !dynamic.contains("libcrypto"), "{dynamic}");
    for needed in ["libc.so.6", "soname: [mecai_openssl.so]", "NODELETE"] {
        assert!(dynamic.contains(needed), "{needed} is not in {dynamic}");
    }
    let wanted = said_by("nm", &["-D", "--undefined-only"]);
    let of_openssl = |line: &&str| ["SSL_", "X509", "CRYPTO_", "ERR_", "EVP_"].iter().any(|name| line.contains(name));
    assert_eq!(wanted.lines().find(of_openssl), None);
}
