//! Every function of the C headers is called with each argument wrong in turn, under AddressSanitizer and under valgrind:
//! those of mecai.h by a program that is made from the header, those of mecai_openssl.h by openssl.c, which knows what
//! OpenSSL allows.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

mod generate;
mod header;

const SANITIZED: &[&str] = &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

#[test]
fn mecai_h_under_address_sanitizer() {
    let program = Program::of_mecai(SANITIZED);
    program.check(&mut Command::new(&program.path));
}

#[test]
fn mecai_h_under_valgrind() {
    let program = Program::of_mecai(&[]);
    program.check(valgrind().arg(&program.path));
}

#[test]
fn mecai_openssl_h_under_address_sanitizer() {
    let program = Program::of_mecai_openssl(SANITIZED);
    program.check(&mut Command::new(&program.path));
}

#[test]
fn mecai_openssl_h_under_valgrind() {
    let program = Program::of_mecai_openssl(&[]);
    program.check(valgrind().arg(&program.path));
}

/// A program that misuses, with the files that it needs.
struct Program {
    directory: tempfile::TempDir,
    path: PathBuf,
    /// The least number of expectations.
    least: usize,
}

impl Program {
    fn of_mecai(arguments: &[&str]) -> Self {
        let functions = functions("mecai.h");
        let source = format!("{}\n{}", text("prelude.c"), generate::program(&functions));
        Self::build(&source, 10 * functions.len(), arguments, &library())
    }

    fn of_mecai_openssl(arguments: &[&str]) -> Self {
        let source = text("openssl.c");
        let functions = functions("mecai_openssl.h");
        let missing: Vec<_> =
            functions.iter().map(|function| &function.name).filter(|name| !source.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "nobody calls {missing:?}");
        let arguments = [arguments, &["-Wno-deprecated-declarations", "-lssl", "-lcrypto"]].concat();
        Self::build(&source, 3 * functions.len(), &arguments, &openssl_library())
    }

    fn build(source: &str, least: usize, arguments: &[&str], library: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("misuse");
        let file = path.with_extension("c");
        fs::write(&file, source).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-D_DEFAULT_SOURCE", "-g", "-Wall", "-Wno-unused-function", "-Werror"]);
        cc.arg("-I").arg(root().join("include")).arg("-I").arg(root().join("tests/misuse"));
        cc.arg("-o").arg(&path).arg(&file).arg(library).args(arguments);
        let output = cc.args(["-lgcc_s", "-lpthread", "-ldl", "-lm"]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        write_files(directory.path());
        Self { directory, path, least }
    }

    fn check(&self, command: &mut Command) {
        // What is planted need not be told with all that led to it.
        let output = command.arg(self.directory.path()).env("RUST_BACKTRACE", "0").output().unwrap();
        let text = said(&output);
        assert!(output.status.success(), "{text}");
        let last = text.lines().rev().find(|line| line.ends_with(" passed, 0 failed")).unwrap();
        let passed: usize = last.split(' ').next().unwrap().parse().unwrap();
        assert!(passed > self.least, "{last}, not {}", self.least);
    }
}

fn valgrind() -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
    valgrind
}

fn functions(header: &str) -> Vec<header::Function> {
    header::functions(&fs::read_to_string(root().join("include").join(header)).unwrap())
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join("tests/misuse").join(name)).unwrap()
}

/// The static library for programs with an OpenSSL.
fn openssl_library() -> PathBuf {
    let output = Command::new("packaging/link.sh").args(["mecai_openssl", "dev"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let shared = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    shared.with_file_name("libmecai_openssl.a")
}

/// The static library, in which every function can be made to panic.
fn library() -> PathBuf {
    let target = root().join("target/misuse");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustc", "--quiet", "--locked", "--package", "mecai", "--lib", "--crate-type", "staticlib"]);
    cargo.args(["--features", "capi-planted-panic", "--target-dir"]).arg(&target).current_dir(root());
    // A build script that looks at what belongs to this test would run anew.
    let own = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CARGO_"));
    own.for_each(|name| _ = cargo.env_remove(name));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    target.join("debug/libmecai.a")
}

/// Good files, from the vectors.
fn write_files(directory: &Path) {
    let write = |name: &str, octets: &[u8]| fs::write(directory.join(name), octets).unwrap();
    let list = vectors("list.json");
    let good = case(&list, "good");
    write("list.json", good["file"].as_str().unwrap().as_bytes());
    write("list.json.minisig", good["signatures"].as_str().unwrap().as_bytes());
    write("keys", good["public_keys"][0].as_str().unwrap().as_bytes());
    let codec = vectors("codec.json");
    let bundle = octets(&case(&codec, "bundle_good")["octets"]);
    write("bundle.der", &bundle);
    write("answer", &mecai::extension::write_bundles(&[&bundle]).unwrap());
    write("report.json", case(&vectors("report.json"), "alarm")["expect"]["text"].as_str().unwrap().as_bytes());
    let handshakes = vectors("verify.json");
    let chain = handshakes["chains"].as_object().unwrap().values().find(|chain| chain.as_array().unwrap().len() > 1);
    write("leaf.der", &octets(&chain.unwrap()[0]));
    write("issuer.der", &octets(&chain.unwrap()[1]));
}

fn vectors(name: &str) -> Value {
    serde_json::from_slice(&fs::read(root().join("tests/vectors").join(name)).unwrap()).unwrap()
}

fn case<'v>(file: &'v Value, name: &str) -> &'v Value {
    file["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap()
}

fn octets(hex: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(hex.as_str().unwrap().as_bytes()).unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
