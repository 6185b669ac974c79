//! `mecai run`: programs get a configuration that loads a module, and end as they end.
//!
//! The module here is a few lines of C that print the section that OpenSSL gives them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

mod cli_support;
use cli_support::{Said, mecai, names};

const MODULE: &str = r#"
#include <stdio.h>
#include <openssl/conf.h>

/* openssl/crypto.h declares another function of that name. */
int module_init(CONF_IMODULE *module, const CONF *file) __asm__("OPENSSL_init");

int module_init(CONF_IMODULE *module, const CONF *file)
{
    STACK_OF(CONF_VALUE) *section = NCONF_get_section(file, CONF_imodule_get_value(module));
    for (int i = 0; i < sk_CONF_VALUE_num(section); i++) {
        CONF_VALUE *line = sk_CONF_VALUE_value(section, i);
        fprintf(stderr, "<%s=%s>\n", line->name, line->value);
    }
    return 1;
}
"#;

struct World {
    directory: tempfile::TempDir,
    module: PathBuf,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (source, module) = (directory.path().join("module.c"), directory.path().join("module.so"));
        std::fs::write(&source, MODULE).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-o"]).arg(&module).arg(&source);
        Said::by(&mut cc).ended(0);
        std::fs::create_dir(directory.path().join("tmp")).unwrap();
        Self { directory, module }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `mecai run` with these options; temporary files go to a directory of the test.
    fn run(&self, options: &[&str], program: &[&str]) -> Command {
        let mut command = mecai();
        command.arg("run").arg("--module").arg(&self.module).args(options).arg("--").args(program);
        command.env("TMPDIR", self.path("tmp"));
        command
    }

    #[track_caller]
    fn assert_nothing_is_left(&self) {
        assert_eq!(names(&self.path("tmp")), Vec::<String>::new());
    }
}

/// A program that uses OpenSSL and reads its configuration.
const OPENSSL: [&str; 3] = ["openssl", "list", "-providers"];

#[test]
fn the_module_gets_its_section_as_it_was_given() {
    let world = World::new();
    let strange = r#"C:\new "quoted" 'single' `back` $HOME # not a comment; end"#;
    let options = [
        "--mode",
        "observe",
        "--authorities",
        "relative.json",
        "--authorities-keys",
        "2 of KEY+/=, OTHER",
        "--state",
        "/var/state",
        "--log",
        "stderr",
        "--set",
        &format!("exempt={strange}"),
        "--set",
        "candidates=5",
    ];
    let mut command = world.run(&options, &OPENSSL);
    let said = Said::by(command.current_dir(world.directory.path())).ended(0);
    said.says(&["default"]);
    let directory = world.directory.path().canonicalize().unwrap();
    said.complains(&[
        &format!("<path={}>", world.module.display()),
        "<mode=observe>",
        &format!("<authorities={}/relative.json>", directory.display()),
        "<authorities_keys=2 of KEY+/=, OTHER>",
        "<state=/var/state>",
        "<log=stderr>",
        &format!("<exempt={strange}>"),
        "<candidates=5>",
    ]);
    assert!(!said.err.contains("mecai:"), "{}", said.err);
    world.assert_nothing_is_left();
}

#[test]
fn the_systems_file_stays_in_force() {
    let world = World::new();
    let base = world.path("base.cnf");
    let text = format!(
        "openssl_conf = start\nnodejs_conf = node\n[start]\nproviders = provs\nmecai.old = old\n[node]\n\
         [provs]\ndefault = on\nlegacy = on\n[on]\nactivate = 1\n\
         [old]\npath = {}\nmode = off\nregion = EU\n",
        world.module.display()
    );
    std::fs::write(&base, text).unwrap();
    // From the file alone, the module once, with its settings.
    let mut command = mecai();
    command.args(["run", "--mode", "require", "--"]).args(OPENSSL).env("OPENSSL_CONF", &base);
    let said = Said::by(&mut command).ended(0);
    said.says(&["legacy"]);
    said.complains(&["<mode=require>", "<region=EU>", "<log=stderr>"]);
    assert_eq!(said.err.matches("<path=").count(), 1, "{}", said.err);
    assert!(!said.err.contains("<mode=off>"), "{}", said.err);
    // Node.js reads another name.
    let mut shown = world.run(&[], &["sh", "-c", "cat $OPENSSL_CONF"]);
    let said = Said::by(shown.env("OPENSSL_CONF", &base)).ended(0);
    said.says(&["nodejs_conf = node\n", "[ node ]\nmecai = ", "[ start ]\nmecai.old = "]);
    // A file that cannot be read is told, not passed over.
    std::fs::write(&base, "[broken\n").unwrap();
    let mut command = world.run(&[], &OPENSSL);
    Said::by(command.env("OPENSSL_CONF", &base)).ended(1).complains(&["base.cnf: line 1"]);
}

#[test]
fn a_program_that_is_not_covered_is_warned_of() {
    let world = World::new();
    let said = Said::by(&mut world.run(&[], &["true"])).ended(0);
    said.complains(&["mecai: true: it never read its OpenSSL configuration"]);
    let dropped = ["sh", "-c", "unset OPENSSL_CONF; openssl list -providers"];
    Said::by(&mut world.run(&[], &dropped)).ended(0).complains(&["mecai: sh: it never read"]);
    Said::by(&mut world.run(&[], &["sh", "-c", "cat $OPENSSL_CONF"])).ended(0).complains(&["did not load the module"]);
}

#[test]
fn the_exit_status_is_the_programs() {
    let world = World::new();
    for status in [0, 1, 4, 42, 255] {
        Said::by(&mut world.run(&[], &["sh", "-c", &format!("exit {status}")])).ended(status);
    }
    Said::by(&mut world.run(&[], &["no-such-program-anywhere"])).ended(127).complains(&["no-such-program-anywhere"]);
    Said::by(&mut world.run(&[], &["/etc/passwd"])).ended(126).complains(&["/etc/passwd"]);
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV] {
        let output = world.run(&[], &["sh", "-c", &format!("kill -{signal} $$")]).output().unwrap();
        assert_eq!(output.status.signal(), Some(signal), "{:?}", output.status);
    }
    world.assert_nothing_is_left();
}

/// Starts a program that says when it is ready and ends with status 7 at this signal.
fn waiting(world: &World, signal: &str) -> Child {
    let script = format!("trap 'exit 7' {signal}; echo ready; while :; do sleep 0.05; done");
    let mut command = world.run(&[], &["sh", "-c", &script]);
    // Not in the foreground of a terminal, where the keys for INT and QUIT reach the program by themselves.
    let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child
}

#[test]
fn signals_reach_the_program() {
    let world = World::new();
    for (name, signal) in [
        ("TERM", libc::SIGTERM),
        ("HUP", libc::SIGHUP),
        ("INT", libc::SIGINT),
        ("QUIT", libc::SIGQUIT),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
    ] {
        let mut child = waiting(&world, name);
        // SAFETY: no memory is touched; the child has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(libc::pid_t::try_from(child.id()).unwrap(), signal) }, 0);
        assert_eq!(child.wait().unwrap().code(), Some(7), "{name}");
    }
    world.assert_nothing_is_left();
}

#[test]
fn without_a_module_nothing_is_run() {
    let world = World::new();
    let marker = world.path("marker");
    let run = |module: &str| {
        let mut command = mecai();
        command.args(["run", "--module", module, "--", "touch"]).arg(&marker);
        Said::by(&mut command).ended(1)
    };
    run("/nowhere/mecai.so").complains(&["/nowhere/mecai.so is not a module", "No such file"]);
    run("/etc/passwd").complains(&["/etc/passwd is not a module: not a shared object"]);
    assert!(!marker.exists());
    Said::by(world.run(&["--set", "log"], &["true"]).stdin(Stdio::null())).ended(2).complains(&["KEY=VALUE"]);
    Said::by(&mut world.run(&["--set", "Bad Key=1"], &["true"])).ended(2);
    Said::by(&mut world.run(&["--set", "log=a\nb"], &["true"])).ended(1).complains(&["line break"]);
    Said::by(&mut world.run(&["--mode", "maybe"], &["true"])).ended(2);
    Said::by(mecai().arg("run")).ended(2);
}
