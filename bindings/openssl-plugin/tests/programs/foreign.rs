//! A second OpenSSL in the process, which the package cryptography brings from PyPI, its names hidden.

use std::process::Command;

use crate::world::{HOST, Vouched, World, answer, module, said};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/foreign/python.sh");
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/foreign/two_openssls.py");

/// The lines that begin with this word.
fn lines<'a>(said: &'a str, word: &str) -> Vec<&'a str> {
    said.lines().filter(|line| line.starts_with(word)).collect()
}

#[test]
fn an_openssl_that_hides_its_names_is_left_alone_and_the_other_is_protected() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let config = world.write_config("client", &[]);
    let bare = world.server(&site, &["-www"]);
    let info = world.serverinfo("info.pem", &answer(&[world.bundle(&Vouched::for_site(&site))]));
    let good = world.server(&site, &["-www", "-serverinfo", &info]);
    let run = |first: &str, config: &str| {
        let mut command = Command::new(PYTHON);
        command.args([PROGRAM, first, &world.path("root.pem"), &good.port.to_string(), &bare.port.to_string()]);
        let output = command.env("OPENSSL_CONF", config).output().unwrap();
        assert!(output.status.success(), "{:?} {}", output.status, said(&output));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for first in ["ssl", "foreign"] {
        let (plain, _) = run(first, "/dev/null");
        assert_eq!(world.take_log(), "");
        let (with, errors) = run(first, &config);
        let log = world.take_log();
        // The one with hidden names does what it does without the module, and asks for nothing of ours.
        assert_eq!(lines(&with, "foreign"), lines(&plain, "foreign"), "{errors}");
        assert!(lines(&with, "foreign:").iter().filter(|line| line.contains("TLSv1.3")).count() >= 2, "{with}");
        assert!(lines(&with, "foreign asks:").iter().all(|line| !line.contains("ff4d")), "{with}");
        // The other is protected.
        let times = lines(&with, "ssl asks:").len();
        assert_eq!(lines(&plain, "ssl:"), ["ssl: TLSv1.3"].repeat(2 * times));
        assert_eq!(lines(&with, "ssl:"), ["ssl: TLSv1.3", "ssl: SSLCertVerificationError"].repeat(times), "{log}");
        assert!(lines(&with, "ssl asks:").iter().all(|line| line.contains("ff4d")), "{with}");
        // One line says what is left alone, whichever came first.
        let told = |line: &&str| line.contains("the module does nothing in /") && line.contains("_rust.abi3.so: ");
        assert_eq!(log.lines().filter(told).count(), 1, "{log}");
        assert_eq!(log.lines().count(), 1 + 2 * times, "{log}");
        assert_eq!(errors, "");
    }
}

#[test]
fn nothing_is_known_where_only_an_openssl_that_hides_its_names_has_loaded_the_module() {
    const ASK: &str = "
import ctypes, sys
from cryptography.hazmat.primitives import hashes
hashes.Hash(hashes.SHA256()).finalize()
sentence = ctypes.create_string_buffer(1000)
status = ctypes.CDLL(sys.argv[1]).mecai_openssl_status(sentence, ctypes.c_size_t(len(sentence)))
print(status, sentence.value.decode())
";
    let world = World::new();
    let mut command = Command::new(PYTHON);
    command.args(["-c", ASK]).arg(module()).env("OPENSSL_CONF", world.write_config("client", &[]));
    let output = command.output().unwrap();
    let said = said(&output);
    assert!(
        said.starts_with("5 the module does nothing in /") && said.contains("_rust.abi3.so: its OpenSSL hides "),
        "{said}"
    );
}
