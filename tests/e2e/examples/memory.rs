//! One allocation after another fails: the program tells an error, or the library ends it as Rust does, and nothing that
//! was refused is accepted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use mecai_services::lab::{OpensslConf, Site, SitePlan, World};
use tempfile::TempDir;

use super::build::{PLAIN, built, succeeds};
use super::judge;
use super::support::{MECAI, module};

const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/examples/fail_malloc.c");
const HOST: &str = "www.shop.example";
/// In `make test` one allocation of so many fails, in `make test-long` each.
const SOME: usize = 37;
const ABORTED: i32 = 6;

fn shim() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(|| {
        let shared = built(PLAIN).join("fail_malloc.so");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&shared).arg(SHIM);
        succeeds(cc);
        shared
    })
}

/// Runs a program with the allocation of this number failing; none for 0.
fn run(command: impl Fn() -> Command, number: usize, count: &Path) -> Output {
    let mut command = command();
    command.env("LD_PRELOAD", shim()).env("FAIL_MALLOC", number.to_string()).env("FAIL_MALLOC_COUNT", count);
    command.output().unwrap()
}

/// Lets every allocation of so many fail in turn. The outcome is that of the program without failures, an error with one
/// of these exit statuses, or an abort of which the library says why. Gives how often each happened.
fn fail_each(step: usize, errors: &[i32], command: impl Fn() -> Command) -> BTreeMap<String, usize> {
    let directory = TempDir::new().unwrap();
    let count = directory.path().join("count");
    let whole = run(&command, 0, &count);
    let allocations: usize = fs::read_to_string(&count).unwrap().parse().unwrap();
    assert!(allocations > 100, "{allocations}");
    let mut ends = BTreeMap::new();
    for number in (1..=allocations).step_by(step) {
        let output = run(&command, number, &count);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let end = if output.status == whole.status && output.stdout == whole.stdout {
            "the same".to_owned()
        } else if output.status.signal() == Some(ABORTED) && said.contains("memory allocation of ") {
            "aborted".to_owned()
        } else {
            let status = output.status.code();
            assert!(status.is_some_and(|status| errors.contains(&status)), "{number}: {}: {said}", output.status);
            format!("exit {}", status.unwrap())
        };
        *ends.entry(end).or_default() += 1;
    }
    assert!(ends.keys().any(|end| end != "the same"), "nothing failed: {ends:?}");
    ends
}

fn verify_without_memory(step: usize) {
    let verify = built(PLAIN).join("verify");
    for name in ["two_of_the_pick", "rogue_certificate_with_the_real_vouchers"] {
        let files = judge::case(name);
        fail_each(step, &[1], || files.command(&verify));
    }
}

fn client_without_memory(step: usize) {
    let world = World::builder().operators(4).authorities(MECAI).start().unwrap();
    let mut vouched = Site::start(&world, HOST, "operator-a", 0, module(), None, SitePlan::default()).unwrap();
    let unvouched =
        Site::start(&world, "www.other.example", "operator-a", 1, module(), None, SitePlan::default()).unwrap();
    let ran = vouched.agent().once(&["--json"]).unwrap();
    assert!(ran.output.contains("good_until"), "{}{}", ran.output, ran.errors);
    let state = TempDir::new().unwrap();
    let conf = OpensslConf::client(&world, module(), &state.path().join("state"));
    let visit = |site: &Site| {
        let (name, address) = (site.entry().name.clone(), site.address());
        let mut command = Command::new(built(PLAIN).join("client"));
        command.args(["-a", &address.ip().to_string(), "-C"]).arg(world.roots());
        for (key, value) in conf.settings() {
            command.args(["-m", &format!("{key}={value}")]);
        }
        command.arg(format!("https://{name}:{}/", address.port()));
        command
    };
    // nginx looks at its store every five seconds.
    let begun = std::time::Instant::now();
    while !visit(&vouched).output().unwrap().status.success() {
        assert!(begun.elapsed().as_secs() < 20, "{:?}", visit(&vouched).output());
        std::thread::sleep(std::time::Duration::from_millis(100)); // await-condition
    }
    assert_eq!(visit(&unvouched).output().unwrap().status.code(), Some(60));
    // Not 0 for one that is refused without failures.
    let errors = [2, 7, 35, 56, 60];
    fail_each(step, &errors, || visit(&unvouched));
    fail_each(step, &errors, || visit(&vouched));
}

#[test]
fn verify_accepts_nothing_for_want_of_memory() {
    verify_without_memory(SOME);
}

#[test]
fn client_accepts_nothing_for_want_of_memory() {
    client_without_memory(SOME * 8);
}

/// Takes minutes: a few thousand runs.
#[test]
#[ignore = "part of make test-long"]
fn verify_accepts_nothing_whatever_allocation_fails() {
    verify_without_memory(1);
}

/// Takes minutes: some ten thousand runs.
#[test]
#[ignore = "part of make test-long"]
fn client_accepts_nothing_whatever_allocation_fails() {
    client_without_memory(1);
}
