//! Settings that are missing, wrong or cannot be read: clients refuse and say which key it is, servers go on without
//! vouchers and say so once.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::daemons::{Daemon, apache, certificate, frontend, haproxy, nginx_with_workers, virtual_host};
use crate::world::{HOST, Server, Site, Vouched, World, module, said};

/// What the log says of settings that cannot be used, before the key.
const BROKEN: &str = "the configuration could not be read: client handshakes are refused, servers show no vouchers: ";

/// A key, a value that it does not take, and how the sentence about it begins.
const WRONG: [(&str, &str, &str); 26] = [
    ("modus", "require", "unknown key \"modus\" (known are path, mode, "),
    ("mode", "strict", "mode = strict: expected require, opportunistic, observe, off"),
    ("role", "proxy", "role = proxy: expected both, client, server"),
    ("authorities", "", "authorities is missing: a client needs it"),
    ("authorities", "list.json", "authorities = list.json: expected a path that begins with /"),
    ("authorities_keys", "", "authorities_keys is missing: a client needs it"),
    ("authorities_keys", "RWQ", "authorities_keys = RWQ: "),
    ("vouchers", "vouchers", "vouchers = vouchers: expected a path that begins with /"),
    ("candidates", "32", "candidates = 32: "),
    ("candidates", "four", "candidates = four: "),
    ("quorum", "5", "quorum = 5: quorum is 5, not 1 to candidates, which is 4"),
    ("quorum", "0", "quorum = 0: "),
    ("disclose", "pick", "disclose = pick: expected none, candidates"),
    ("region", "Europe", "region = Europe: a region is a word of A-Z 0-9 -"),
    ("addresses", "on", "addresses = on: expected note, require, ignore"),
    ("exempt", "10.0.0.0/33", "exempt = 10.0.0.0/33: "),
    ("exempt", "a.example,,b.example", "exempt = a.example,,b.example: an item between commas is empty"),
    ("local_roots", "roots.pem", "local_roots = roots.pem: expected a path that begins with /"),
    ("local_roots", "/dev/null", "local_roots = /dev/null: not a regular file"),
    ("local_roots", "WORLD/nothing", "local_roots = WORLD/nothing: No such file or directory"),
    ("local_roots", "WORLD/directory", "local_roots = WORLD/directory: not a regular file"),
    ("local_roots", "WORLD/pipe", "local_roots = WORLD/pipe: not a regular file"),
    ("local_roots", "WORLD/link", "local_roots = WORLD/link: No such file or directory"),
    ("state", "state", "state = state: expected a path that begins with /"),
    ("reports", "yes", "reports = yes: expected on, off"),
    ("except", "/usr/bin/wget", "except = /usr/bin/wget: the name of a program has no directory"),
];

/// The same for the key that says where that is told: then standard error has it.
const WRONG_LOG: [(&str, &str); 4] = [
    ("sylog", "log = sylog: expected off, stderr, syslog or a path that begins with /"),
    ("/no/such/directory/log", "log = /no/such/directory/log: No such file or directory"),
    ("WORLD/directory", "log = WORLD/directory: Is a directory"),
    ("WORLD/pipe", "log = WORLD/pipe: No such device or address"),
];

/// A world in which a directory, a pipe and a link to nowhere stand in the places of files, and a server with vouchers.
fn world() -> (World, Site, Server) {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let good = world.showing(&site, &Vouched::for_site(&site), &[]);
    fs::create_dir(world.path("directory")).unwrap();
    symlink(world.path("nothing"), world.path("link")).unwrap();
    let pipe = CString::new(world.path("pipe")).unwrap();
    // SAFETY: the name ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    (world, site, good)
}

/// One connection of a Python program.
fn python(world: &World, config: &str, server: &Server) -> String {
    const PROGRAM: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
try:
    with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
        with context.wrap_socket(plain, server_hostname='www.shop.example'): print('accepted')
except ssl.SSLCertVerificationError as error: print('refused', error.verify_message)
";
    let mut command = Command::new("python3");
    command.env("OPENSSL_CONF", config).args(["-c", PROGRAM, &world.path("root.pem"), &server.port.to_string()]);
    said(&command.output().unwrap())
}

#[test]
fn a_client_refuses_and_names_the_key_and_its_value() {
    let (world, _, good) = world();
    let here = world.path("");
    let wrong = WRONG.iter().copied().chain(WRONG_LOG.map(|(value, problem)| ("log", value, problem)));
    for (key, value, problem) in wrong {
        let [value, problem] = [value, problem].map(|text| text.replace("WORLD/", &here));
        let config = world.write_config("client", &[(key, &value)]);
        let curl = world.curl(&config, &good, &[]);
        assert_eq!(curl.status.code(), Some(60), "{key} = {value}");
        // A log that cannot be opened is told on standard error.
        for told in [world.take_log() + &said(&curl), python(&world, &config, &good) + &world.take_log()] {
            let refused = format!("refused {HOST}: configuration: the configuration could not be read: {problem}");
            assert!(told.contains(&format!("{BROKEN}{problem}")), "{key} = {value}: {told}");
            assert!(told.contains(&refused), "{key} = {value}: {told}");
            assert!(!told.contains("accepted"), "{key} = {value}: {told}");
        }
    }
    // A later line counts, and an empty one is none.
    for section in ["path = MODULE\nmode = require\nmode = \n", "path = MODULE\n"] {
        let config = world.write_section("client", &section.replace("MODULE", module().to_str().unwrap()));
        assert_eq!(world.curl(&config, &good, &[]).status.code(), Some(60), "{section}");
        assert!(python(&world, &config, &good).contains("refused application verification failure"), "{section}");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_told_with_its_key() {
    let (world, _, good) = world();
    fs::copy(world.path("list.json"), world.path("bare.json")).unwrap();
    fs::write(world.path("torn.json"), "{").unwrap();
    fs::copy(world.path("list.json.minisig"), world.path("torn.json.minisig")).unwrap();
    for (name, code, problem) in [
        ("nothing", "no_list", "there is no authority list: WORLD/nothing: No such file or directory"),
        ("directory", "no_list", "there is no authority list: WORLD/directory: not a regular file"),
        ("pipe", "no_list", "there is no authority list: WORLD/pipe: not a regular file"),
        ("link", "no_list", "there is no authority list: WORLD/link: No such file or directory"),
        ("bare.json", "no_list", "there is no authority list: WORLD/bare.json.minisig: No such file or directory"),
        ("torn.json", "list_unsigned", "the authority list has good signatures of 0 of the configured keys"),
    ] {
        let list = world.path(name);
        let problem = problem.replace("WORLD/", &world.path(""));
        let config = world.write_config("client", &[("authorities", &list)]);
        assert_eq!(world.curl(&config, &good, &[]).status.code(), Some(60), "{name}");
        assert!(python(&world, &config, &good).contains("refused"), "{name}");
        let log = world.take_log();
        assert_eq!(log.matches(&format!("mecai: authorities = {list}: {problem}")).count(), 2, "{name}: {log}");
        assert_eq!(log.matches(&format!("refused {HOST}: {code}: {problem}")).count(), 2, "{name}: {log}");
    }
}

#[test]
fn a_state_that_cannot_be_used_is_told_and_more_vouchers_are_asked_for() {
    let (world, _, good) = world();
    fs::write(world.path("file"), "").unwrap();
    for name in ["file", "pipe", "link", "file/below"] {
        let state = world.path(name);
        let config = world.write_config("client", &[("state", &state)]);
        assert_eq!(world.curl(&config, &good, &[]).status.code(), Some(0), "{name}: {}", world.log());
        let log = world.take_log();
        assert!(log.contains(&format!("picks have no secret: {state}: ")) && log.contains("no_secret"), "{log}");
    }
}

/// nginx and Apache with several processes, HAProxy with several threads.
fn servers(world: &World, site: &Site, config: &str) -> [Daemon; 3] {
    let server = format!("server {{ listen 127.0.0.1:PORT ssl reuseport; {} return 204; }}", certificate(site));
    [
        nginx_with_workers(world, "nginx", 2, &server, Some(config)),
        haproxy(world, "haproxy", "    nbthread 2", &frontend(site), Some(config)),
        apache(world, "apache", &virtual_host(HOST, site), Some(config)),
    ]
}

#[test]
fn a_server_goes_on_without_vouchers_and_says_once_why() {
    let (world, site, _) = world();
    let missing = world.path("missing");
    let client = world.write_config("client", &[("mode", "observe"), ("log", "stderr")]);
    for (key, value, problem) in [
        ("modus", "require", format!("{BROKEN}unknown key \"modus\"")),
        ("role", "server", format!("{BROKEN}vouchers is missing: ")),
        ("vouchers", &missing, format!("vouchers = {missing}: cannot be read: No such file or directory")),
        ("vouchers", "/etc/passwd", "cannot be read: Not a directory".to_owned()),
    ] {
        let config = world.write_config("server", &[("role", "both"), (key, value)]);
        let servers = servers(&world, &site, &config);
        for server in servers.iter().cycle().take(8 * servers.len()) {
            let visitor = said(&world.s_client_to(&client, server.port, &["-servername", HOST]));
            assert!(visitor.contains("Verification: OK"), "{key} = {value}: {visitor}\n{}", server.said());
            assert!(visitor.contains("no_voucher"), "{key} = {value}: {visitor}");
        }
        let log = world.take_log();
        let processes: Vec<&str> = log.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        for program in ["nginx", "haproxy", "apache2"] {
            let told = processes.iter().filter(|process| process.split('[').next() == Some(program)).count();
            // What is wrong with the section is told at load, by one process; with the store, by each that uses it.
            assert!(if key == "vouchers" { told > 0 } else { told == 1 }, "{program}, {key} = {value}: {log}");
        }
        assert!(processes.iter().collect::<BTreeSet<_>>().len() == processes.len(), "once in a process: {log}");
        assert!(log.lines().all(|line| line.contains(&problem)), "{key} = {value}: {log}");
    }
}

#[test]
fn without_a_log_what_cannot_be_used_is_told_on_standard_error() {
    let world = World::new();
    let bare = world.server(&world.site("site", &[HOST]), &["-www"]);
    for (key, value) in [("authorities", "/no/such/list.json"), ("state", "/dev/null"), ("quorum", "5")] {
        let config = world.write_config("client", &[("log", ""), (key, value)]);
        let errors = said(&world.curl(&config, &bare, &[]));
        assert!(errors.contains("mecai: ") && errors.contains(value), "{key}: {errors}");
    }
}
