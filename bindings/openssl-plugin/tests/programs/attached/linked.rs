//! How a program has its OpenSSL: whatever others there are, the one that made the context is used, or none.

use std::process::Command;

use super::{Attached, words};
use crate::world::said;

/// Builds the script's program with an OpenSSL of its own, runs it with this library before all others, and gives what
/// it prints.
fn run(attached: &Attached, arguments: &[&str], preloaded: &str) -> Vec<String> {
    let in_memory = &attached.in_memory;
    let (world, module) = (&in_memory.world, in_memory.module.to_str().unwrap());
    let directory = format!("-Wl,-rpath,{}", in_memory.module.parent().unwrap().display());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/attached/script.c");
    let program = world.cc("linked", source, &[arguments, &[module, &directory, "-ldl", "-lpthread"]].concat());
    let mut command = Command::new(program);
    command.args(attached.client(&[])).args(words("shake status find")).env("OPENSSL_CONF", "/dev/null");
    command.arg(world.path("root.pem")).arg(&in_memory.site.certificate).arg(&in_memory.site.key);
    let output = command.env("LD_PRELOAD", preloaded).output().unwrap();
    assert!(output.status.success(), "{:?} {}", output.status, said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

const OWN: [&str; 4] = ["-Wl,-Bstatic", "-lssl", "-lcrypto", "-Wl,-Bdynamic"];

#[test]
fn an_openssl_that_shows_its_names_is_used() {
    let attached = Attached::new();
    let whole = ["-rdynamic", "-Wl,--whole-archive", "-Wl,-Bstatic", "-lssl", "-lcrypto", "-Wl,--no-whole-archive"];
    let lines = run(&attached, &[&whole[..], &["-Wl,-Bdynamic"]].concat(), "");
    assert_eq!(lines[0], "client 0 attached");
    assert!(lines[1].starts_with("failed 0x1 40 no_voucher: "), "{lines:?}");
    assert!(lines[2].starts_with("client 2 "), "{lines:?}");
    assert_eq!(lines.len(), 5, "its connections can be found: {lines:?}");
}

/// With a context of one OpenSSL, functions of another would read what is not there.
#[test]
fn an_openssl_that_hides_its_names_is_left_alone_also_beside_another() {
    let attached = Attached::new();
    for preloaded in ["", "libssl.so.3"] {
        let lines = run(&attached, &OWN, preloaded);
        let reason = "no OpenSSL whose functions can be found made this context (none has SSL_CTX_get_ssl_method, or it is \
                      linked in and hidden): link the program to a shared libssl";
        assert_eq!(lines[0], format!("client 30 {reason}"), "{preloaded}");
        assert!(lines[1].starts_with("connected 0x0 0 not_judged: "), "{lines:?}");
        assert_eq!(lines[2], format!("client 0 not attached: {reason}"));
        // Of the other one's names the program might make use.
        let not_found = "find 30 no OpenSSL whose functions can be found is used by the program: it has no \
                         SSL_CTX_get_ssl_method, or has it linked in and hidden";
        assert_eq!(lines[5..], if preloaded.is_empty() { vec![not_found] } else { vec![] });
    }
}

/// An OpenSSL of which only some functions are seen cannot be worked with; the sentence names one.
#[test]
fn an_openssl_that_shows_only_a_part_is_left_alone() {
    let attached = Attached::new();
    let names = attached.in_memory.world.path("names");
    std::fs::write(&names, "{ SSL_CTX_get_ssl_method; CRYPTO_get_ex_new_index; };").unwrap();
    let shown = format!("-Wl,--dynamic-list={names}");
    let lines = run(&attached, &[&[shown.as_str()][..], &OWN].concat(), "");
    assert!(lines[0].starts_with("client 30 the program: its OpenSSL hides "), "{lines:?}");
    assert!(lines[1].starts_with("connected 0x0 0 not_judged: "), "{lines:?}");
    assert!(lines[5].starts_with("find 30 the program: its OpenSSL hides "), "{lines:?}");
}
