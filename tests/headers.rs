//! The C headers are made from the comments and signatures of the code, and the pages of docs/c from the headers; all are
//! committed: here they are made anew and compared. With MECAI_WRITE_HEADERS set, they are written.

#![allow(clippy::unwrap_used)]

#[path = "headers/pages.rs"]
mod pages;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use cbindgen::{Builder, Config, DocumentationStyle, Language, Style};

#[test]
fn mecai_h_says_what_the_code_says() {
    let about = "MECAI: certificates that other Certificate Authorities vouch for. The API of libmecai.\n *\n \
        * Handles are checked: one that was freed, or is of another type, gives MECAI_ERR_HANDLE or\n \
        * MECAI_ERR_HANDLE_TYPE. Views (mecai_bytes) are not: they end with the handle that they came from.\n \
        * A handle may be freed while other threads use it; each type says how many threads may use its handles at\n \
        * once. At most 4096 threads may make handles, and none that is ending. A number comes again after a thousand\n \
        * million objects have had its place.\n *\n \
        * Every function that can fail gives a mecai_result, and takes as its last argument a place for an error,\n \
        * which may be NULL: it receives an error, the caller's to free with mecai_error_free, or NULL. A buffer is\n \
        * followed by its length, and NULL of length 0 is an empty one. Texts end with a NUL and are UTF-8. Places for what a\n \
        * function gives are written to only when it has worked; but an outcome says refused from the beginning.";
    compare("mecai.h", "MECAI_H", about, &[], &sources(&root().join("src/ffi")));
    docs_c_says_what_mecai_h_says();
}

#[test]
fn mecai_openssl_h_says_what_the_code_says() {
    let about = "MECAI in a program's own OpenSSL. The API of libmecai_openssl.\n *\n \
        * The library finds, when it is called, the OpenSSL that the context or connection is of: it links none, and\n \
        * serves whichever the program has. Texts are UTF-8 and end with a NUL.";
    let sources = ["abi.rs", "api.rs", "api/find.rs"].map(|name| root().join("bindings/openssl-plugin/src").join(name));
    compare("mecai_openssl.h", "MECAI_OPENSSL_H", about, &["openssl/ssl.h"], &sources);
}

/// After the header, which they are made from.
fn docs_c_says_what_mecai_h_says() {
    let constants = [
        ("OK", "result"),
        ("ERR_", "result"),
        ("ABI_VERSION", "library"),
        ("EVIDENCE_", "bundle"),
        ("ALGORITHM_", "authority_list"),
        ("OWN_", "handshake"),
        ("REFERENCES_MAX", "handshake"),
        ("MODE_", "policy"),
        ("ADDRESSES_", "policy"),
        ("EXTENSION_", "answer"),
        ("PROTOCOL_", "request"),
        ("ENDORSEMENT_MAX", "request"),
        ("REFUSED", "verdict"),
        ("UNVOUCHED", "verdict"),
        ("EXEMPT", "verdict"),
        ("ACCEPTED", "verdict"),
        ("NOTE_", "verdict"),
        ("VALUE_", "verdict"),
        ("NUMBER_", "verdict"),
        ("FAILOVER_", "verdict"),
        ("PROMISE_", "state"),
        ("SPOOLED_", "state"),
    ];
    let names = [
        ("result", "result"),
        ("error", "result"),
        ("bytes", "library"),
        ("version", "library"),
        ("abi_version", "library"),
        ("certificate_", "certificate"),
        ("spki", "certificate"),
        ("code_", "code"),
    ];
    let pages = pages::Pages { prefix: "mecai_", constants: &constants, names: &names };
    let header = fs::read_to_string(root().join("include/mecai.h")).unwrap();
    let directory = root().join("docs/c");
    let mut left: BTreeSet<PathBuf> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    for (name, text) in pages.of(&header, "mecai.h") {
        left.remove(&directory.join(&name));
        compare_file(&directory.join(name), &text);
    }
    assert!(left.is_empty(), "no page of a noun: {left:?}");
}

fn compare(name: &str, guard: &str, about: &str, includes: &[&str], sources: &[PathBuf]) {
    let config = Config {
        language: Language::C,
        include_guard: Some(guard.to_owned()),
        header: Some(format!("/* {about} */")),
        autogen_warning: Some("/* Made from the code: change that. */".to_owned()),
        cpp_compat: true,
        documentation_style: DocumentationStyle::Doxy,
        style: Style::Type,
        line_length: 120,
        no_includes: true,
        sys_includes: includes
            .iter()
            .chain(&["stdbool.h", "stddef.h", "stdint.h"])
            .map(|&name| name.to_owned())
            .collect(),
        usize_is_size_t: true,
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    for source in sources {
        builder = builder.with_src(source);
    }
    let mut octets = Vec::new();
    builder.generate().unwrap().write(&mut octets);
    let text = without_safety(&String::from_utf8(octets).unwrap());
    let path = root().join("include").join(name);
    compare_file(&path, &text);
}

fn compare_file(path: &Path, text: &str) {
    if env::var_os("MECAI_WRITE_HEADERS").is_some() {
        fs::write(path, text).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is not what the code says: MECAI_WRITE_HEADERS=1 cargo test --test headers",
        path.display()
    );
}

/// What Rust is told about unsafe calls is said once, at the head of the header.
fn without_safety(text: &str) -> String {
    let mut is_about_safety = false;
    let lines = text.lines().filter(|line| {
        is_about_safety = (is_about_safety || *line == " * # Safety") && *line != " */";
        !is_about_safety
    });
    lines.collect::<Vec<_>>().join("\n").replace("\n *\n */", "\n */") + "\n"
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    // cbindgen follows the `mod` lines of mod.rs, and would read again what is listed here.
    paths.retain(|path| path.file_name().is_some_and(|name| name != "mod.rs" && name != "planted.rs"));
    paths.sort();
    paths
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
