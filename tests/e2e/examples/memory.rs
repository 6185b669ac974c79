//! One allocation after another fails: the program tells an error, or the library ends it as Rust does, and nothing that
//! was refused is accepted.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

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
/// What Rust says, and glibc where it is asked by Rust.
const WANT: [&str; 2] = ["memory allocation of ", "out of memory"];

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

/// Lets one allocation of `step` fail, each in a run of its own. The outcome is that of the program without failures, an
/// error with one of these exit statuses, or an abort for which the library or glibc says that memory is what it wants.
fn fail_each(step: usize, errors: &[i32], command: impl Fn() -> Command + Sync) {
    let directory = TempDir::new().unwrap();
    let counted = directory.path().join("count");
    let whole = run(&command, 0, &counted);
    let allocations: usize = fs::read_to_string(&counted).unwrap().parse().unwrap();
    assert!(allocations > 100, "{allocations}");
    let ended = |number: usize| {
        let output = run(&command, number, Path::new("/dev/null"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            _ if output.status == whole.status && output.stdout == whole.stdout => Ok(false),
            Some(status) if errors.contains(&status) => Ok(true),
            None if output.status.signal() == Some(ABORTED) && WANT.iter().any(|want| said.contains(want)) => Ok(true),
            _ => Err(format!("{number} of {allocations}: {}: {said}", output.status)),
        }
    };
    let next = AtomicUsize::new(1);
    let work = || {
        let numbers = std::iter::repeat_with(|| next.fetch_add(step, Ordering::Relaxed));
        numbers.take_while(|number| *number <= allocations).map(&ended).collect::<Vec<_>>()
    };
    let ends: Vec<Result<bool, String>> = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let wrong: Vec<&String> = ends.iter().filter_map(|end| end.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{}: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
    assert!(ends.contains(&Ok(true)), "no failure was seen in {} runs", ends.len());
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
        thread::sleep(std::time::Duration::from_millis(100)); // await-condition
    }
    assert_eq!(visit(&unvouched).output().unwrap().status.code(), Some(60));
    // Not 0 for one that is refused without failures.
    let errors = [2, 7, 35, 56, 60];
    fail_each(step, &errors, || visit(&unvouched));
    // There are 21,000; where a page is the outcome without failures, less can go wrong.
    fail_each(step * 8, &errors, || visit(&vouched));
}

#[test]
fn verify_accepts_nothing_for_want_of_memory() {
    verify_without_memory(SOME);
}

#[test]
fn client_accepts_nothing_for_want_of_memory() {
    client_without_memory(SOME * 4);
}

/// Takes minutes: a few thousand runs.
#[test]
#[ignore = "part of make test-long"]
fn verify_accepts_nothing_whatever_allocation_fails() {
    verify_without_memory(1);
}

/// Takes many minutes: some twenty thousand runs.
#[test]
#[ignore = "part of make test-long"]
fn client_accepts_nothing_whatever_allocation_fails() {
    client_without_memory(1);
}
