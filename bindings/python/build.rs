//! Writes what cffi reads of the C headers, where maturin looks for it, and keeps the library in memory for good.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    // OpenSSL holds pointers to our callbacks for as long as the process lives.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    // What openssl/ssl.h would say.
    let mut declarations = String::from("typedef struct ssl_st SSL;\ntypedef struct ssl_ctx_st SSL_CTX;\n");
    for name in ["mecai.h", "mecai_openssl.h"] {
        let header = root.join("include").join(name);
        println!("cargo:rerun-if-changed={}", header.display());
        declarations.push_str(&without_directives(&fs::read_to_string(header)?));
    }
    // OUT_DIR is TARGET/PROFILE/build/NAME/out, or one deeper with --target.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target =
        out.ancestors().find(|path| path.join("CACHEDIR.TAG").exists()).map_or(root.join("target"), Path::to_path_buf);
    fs::write(target.join("header.h"), declarations)?;
    Ok(())
}

/// A header as cffi takes it: of the preprocessor's lines only numbers that have a name, and nothing for C++.
fn without_directives(header: &str) -> String {
    let mut is_for_cplusplus = false;
    let mut text = String::new();
    for line in header.lines() {
        match line {
            "#ifdef __cplusplus" => is_for_cplusplus = true,
            _ if is_for_cplusplus => is_for_cplusplus = !line.starts_with("#endif"),
            _ if line.starts_with('#') && !is_number(line) => {}
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

fn is_number(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    matches!(words.as_slice(), ["#define", _, value] if value.starts_with(|first: char| first.is_ascii_digit()))
}
