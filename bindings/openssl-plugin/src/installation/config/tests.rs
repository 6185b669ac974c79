#![allow(clippy::unwrap_used)]

use super::*;

const KEY_A: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const KEY_B: &str = "RWRWCeAzbzStIg2zvIwBjYRJNTfBxgU1NzCKlGxSTVA0MpHHyDPzBVSj";

fn read(lines: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    Settings::read(&lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn error(lines: &[(&str, &str)]) -> String {
    read(lines).unwrap_err().to_string()
}

const CLIENT: [(&str, &str); 2] = [("authorities", "/list.json"), ("authorities_keys", KEY_A)];

#[test]
fn the_defaults_are_those_of_the_table() {
    let settings = read(&CLIENT).unwrap();
    let client = settings.client.unwrap();
    assert_eq!(client.policy.mode, Mode::Require);
    assert_eq!(client.policy.quorum, Quorum::new(2, 4).unwrap());
    assert_eq!(client.policy.addresses, AddressRule::Note);
    assert!(!client.disclose && client.reports && client.state.is_none() && settings.vouchers.is_none());
}

#[test]
fn every_key_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, include_str!("../../../tests/programs/root.pem")).unwrap();
    let keys = format!("2 of {KEY_A}, {KEY_B}");
    let settings = read(&[
        ("path", "/mecai_openssl.so"),
        ("mode", "observe"),
        ("role", "both"),
        ("authorities", "/list.json"),
        ("authorities_keys", &keys),
        ("vouchers", "/vouchers"),
        ("candidates", "2"),
        ("quorum", "1"),
        ("disclose", "candidates"),
        ("region", "EU"),
        ("addresses", "require"),
        ("failover", "off"),
        ("exempt", "intra.example, *.lab.example, 10.0.0.0/8"),
        ("local_roots", roots.to_str().unwrap()),
        ("state", "/state"),
        ("reports", "off"),
        ("log", "syslog"),
        ("except", "gpg, ssh"),
    ])
    .unwrap();
    let client = settings.client.unwrap();
    assert_eq!(client.policy.mode, Mode::Observe);
    assert_eq!(client.policy.quorum, Quorum::new(1, 2).unwrap());
    assert_eq!(client.policy.addresses, AddressRule::Require);
    assert_eq!((client.policy.exempt.len(), client.policy.local_roots.len()), (3, 1));
    assert_eq!(client.policy.region.as_deref(), Some("EU"));
    assert!(client.disclose && !client.reports && !client.policy.failover);
    assert_eq!(client.state.unwrap().to_str(), Some("/state"));
    assert_eq!(settings.vouchers.unwrap().to_str(), Some("/vouchers"));
    assert_eq!(settings.except, ["gpg", "ssh"]);
}

#[test]
fn what_is_not_understood_is_named() {
    let client_and = |name, value| error(&[CLIENT[0], CLIENT[1], (name, value)]);
    for (name, value) in [
        ("mode", "Require"),
        ("mode", "on"),
        ("role", "client,server"),
        ("candidates", "0"),
        ("candidates", "32"),
        ("candidates", "four"),
        ("quorum", "5"),
        ("quorum", "0"),
        ("disclose", "yes"),
        ("region", "eu"),
        ("addresses", "refuse"),
        ("exempt", "intra.example,,b.example"),
        ("exempt", "10.0.0.1/8"),
        ("local_roots", "/no/such/file.pem"),
        ("local_roots", "roots.pem"),
        ("local_roots", "/dev/null"),
        ("local_roots", "/proc/self/cmdline"),
        ("state", "state"),
        ("vouchers", "../vouchers"),
        ("reports", "true"),
        ("failover", "yes"),
        ("except", "/usr/bin/curl"),
        ("authorities_keys", "RWQ"),
    ] {
        let sentence = client_and(name, value);
        assert!(sentence.contains(name) && sentence.contains(value.split(',').next().unwrap()), "{sentence}");
    }
    assert!(client_and("fallback", "on").starts_with("unknown key \"fallback\" (known are path, mode"));
    assert!(client_and("state", " ").contains("state"));
    assert!(error(&[CLIENT[0], CLIENT[1], ("candidates", "1")]).starts_with("quorum = 2"));
}

#[test]
fn a_program_says_each_key_once_and_none_of_the_file() {
    let said = |strings: &[&str]| Section::of_program(strings).unwrap_err().to_string();
    assert_eq!(said(&["path", "/mecai_openssl.so"]), "path is a key of openssl.cnf alone");
    assert_eq!(said(&["except", "curl"]), "except is a key of openssl.cnf alone");
    assert_eq!(said(&["mode", "observe", "mode", "require"]), "mode is given twice");
    assert!(said(&["mode"]).starts_with("mode is given without a value"));
    assert!(said(&["fallback", "on"]).starts_with("unknown key \"fallback\" (known are mode, role, "));
    assert!(!said(&["fallback", "on"]).contains("except"));
    let (one, other) = (["mode", "observe", "role", "client"], ["role", " client", "mode", "observe "]);
    assert_eq!(Section::of_program(&one), Section::of_program(&other));
    assert_ne!(Section::of_program(&one), Section::of_program(&one[..2]));
}

#[test]
fn a_client_that_is_off_keeps_its_rules_where_it_has_a_list() {
    let client = read(&[CLIENT[0], CLIENT[1], ("mode", "off")]).unwrap().client.unwrap();
    assert_eq!((client.mode, client.policy.mode), (None, Mode::Require));
}

#[test]
fn several_keys_need_a_number() {
    let with_keys = |keys: &str| error(&[CLIENT[0], ("authorities_keys", keys)]);
    for keys in [
        format!("{KEY_A}, {KEY_B}"),
        format!("3 of {KEY_A}, {KEY_B}"),
        format!("0 of {KEY_A}"),
        format!("1 of {KEY_A}, {KEY_A}"),
        format!("x of {KEY_A}"),
    ] {
        assert!(with_keys(&keys).starts_with("authorities_keys = "), "{keys}");
    }
}

#[test]
fn a_role_needs_its_files() {
    assert!(error(&[]).starts_with("authorities is missing"));
    assert!(error(&CLIENT[..1]).starts_with("authorities_keys is missing"));
    assert!(error(&[("role", "server")]).starts_with("vouchers is missing"));
    let server = read(&[("role", "server"), ("vouchers", "/vouchers"), CLIENT[0], CLIENT[1]]).unwrap();
    assert!(server.client.is_none() && server.vouchers.is_some());
    let off = read(&[("mode", "off"), ("vouchers", "/vouchers")]).unwrap();
    assert!(off.client.is_none() && off.vouchers.is_none(), "off is off, for servers too");
    assert!(read(&[("role", "client"), CLIENT[0], CLIENT[1], ("vouchers", "/vouchers")]).unwrap().vouchers.is_none());
    assert!(error(&[("mode", "off"), ("quorum", "9")]).starts_with("quorum = 9"), "checked where it is not used, too");
}

#[test]
fn the_snippet_that_is_installed_observes_once_it_has_keys() {
    let text = include_str!("../../../../../packaging/openssl.cnf.in").replace("@LIBDIR@", "/usr/local/lib");
    let (_, section) = text.split_once("[mecai_section]\n").unwrap();
    let lines = section.lines().filter(|line| !line.starts_with('#'));
    let mut lines: Vec<(&str, &str)> =
        lines.map(|line| line.split_once('=').map(|(key, value)| (key.trim(), value)).unwrap()).collect();
    assert_eq!(error(&lines).split(':').next(), Some("authorities_keys is missing"));
    lines.push(("authorities_keys", KEY_A));
    assert_eq!(read(&lines).unwrap().client.unwrap().policy.mode, Mode::Observe);
}
