//! Every function of include/mecai.h is called with each argument wrong in turn, by a C program that is made from the
//! header: under AddressSanitizer, and under valgrind.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

mod generate;
mod header;

#[test]
fn under_address_sanitizer() {
    let program = Program::build("asan", &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    program.check(&mut Command::new(&program.path));
}

#[test]
fn under_valgrind() {
    let program = Program::build("valgrind", &[]);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
    program.check(valgrind.arg(&program.path));
}

/// The program that misuses, with the files that it needs.
struct Program {
    directory: tempfile::TempDir,
    path: PathBuf,
    functions: usize,
}

impl Program {
    fn build(name: &str, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let header = fs::read_to_string(root().join("include/mecai.h")).unwrap();
        let functions = header::functions(&header);
        let source = directory.path().join("misuse.c");
        let prelude = fs::read_to_string(root().join("tests/misuse/prelude.c")).unwrap();
        fs::write(&source, format!("{prelude}\n{}", generate::program(&functions))).unwrap();
        let path = directory.path().join(name);
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-D_DEFAULT_SOURCE", "-g", "-Wall", "-Wno-unused-function", "-Werror"]);
        cc.args(arguments).arg("-I").arg(root().join("include")).arg("-o").arg(&path).arg(&source);
        cc.arg(library()).args(["-lgcc_s", "-lpthread", "-ldl", "-lm"]);
        let output = cc.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        write_files(directory.path());
        Self { directory, path, functions: functions.len() }
    }

    fn check(&self, command: &mut Command) {
        // What is planted need not be told with all that led to it.
        let output = command.arg(self.directory.path()).env("RUST_BACKTRACE", "0").output().unwrap();
        let text = said(&output);
        assert!(output.status.success(), "{text}");
        let last = text.lines().rev().find(|line| line.ends_with(" passed, 0 failed")).unwrap();
        let passed: usize = last.split(' ').next().unwrap().parse().unwrap();
        assert!(passed > 10 * self.functions, "{last} of {} functions", self.functions);
    }
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
