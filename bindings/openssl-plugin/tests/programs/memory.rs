//! What clients keep: the secret of the pick, the list's number, promises of sites, reports.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mecai::report::Report;
use mecai::time::UnixTime;

use crate::client_hello::our_extensions;
use crate::daemons::haproxy;
use crate::overlay::Overlay;
use crate::world::{HOST, Server, Vouched, World, now, said};

/// A client with a state directory, and these keys.
fn with_state(world: &World, name: &str, lines: &[(&str, &str)]) -> String {
    let state = world.path("state");
    world.write_config(name, &[&[("state", state.as_str())], lines].concat())
}

#[test]
fn the_pick_has_a_secret_that_nobody_else_reads() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let server = world.showing(&site, &Vouched::for_site(&site), &[]);
    let config = with_state(&world, "client", &[]);
    assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(0), "{}", world.log());
    let log = world.take_log();
    assert!(log.contains("by 2 operators") && !log.contains("no_secret"), "{log}");
    let secret = world.path("state/secret");
    let before = fs::read(&secret).unwrap();
    assert_eq!((before.len(), fs::metadata(&secret).unwrap().permissions().mode() & 0o777), (32, 0o600));
    assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(0));
    assert_eq!(fs::read(&secret).unwrap(), before);
    // A secret that others could have read is not used, and not replaced.
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    world.take_log();
    assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(0));
    let log = world.take_log();
    assert!(log.contains("picks have no secret: ") && log.contains("0644") && log.contains("no_secret"), "{log}");
    assert_eq!(fs::read(&secret).unwrap(), before);
}

/// Machines made of one image would draw the same picks.
#[test]
fn a_machine_without_an_id_of_its_own_has_no_secret() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let server = world.showing(&site, &Vouched::for_site(&site), &[]);
    let config = with_state(&world, "client", &[]);
    let etc = Overlay::over(&world, "/etc");
    for (id, problem) in [
        ("0123456789abcdef0123456789abcdef\n", ""),
        ("uninitialized\n", "/etc/machine-id says \"uninitialized\""),
        ("\n", "/etc/machine-id is empty"),
    ] {
        fs::write(etc.file("machine-id"), id).unwrap();
        let mut command = etc.command("openssl");
        command.args(["s_client", "-verify_return_error", "-servername", HOST, "-CAfile", &world.path("root.pem")]);
        command.args(["-connect", &format!("127.0.0.1:{}", server.port)]).env("OPENSSL_CONF", &config);
        let output = said(&command.stdin(Stdio::null()).output().unwrap());
        assert!(output.contains("Verification: OK"), "{id}: {output}");
        let log = world.take_log();
        assert_eq!(log.contains("no_secret"), !problem.is_empty(), "{id}: {log}");
        assert!(problem.is_empty() || log.contains(&format!("picks have no secret: {problem}")), "{log}");
    }
}

#[test]
fn an_older_list_is_refused_by_every_later_process() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let server = world.showing(&site, &Vouched::for_site(&site), &[]);
    let config = with_state(&world, "client", &[]);
    world.write_list(7, now().plus(86_400));
    assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(0));
    world.write_list(6, now().plus(86_400));
    assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(60));
    let log = world.take_log();
    assert!(log.contains("list_rolled_back: the authority list has sequence 6, lower than 7"), "{log}");
    world.write_list(8, now().plus(86_400));
    assert_eq!(world.curl(&config, &server, &[]).status.code(), Some(0));
}

/// A Python process that makes one connection for each line it reads, and says what came of it.
const PYTHON: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
for line in sys.stdin:
    try:
        with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
            with context.wrap_socket(plain, server_hostname='www.shop.example'): print('accepted', flush=True)
    except ssl.SSLError as error: print('refused', flush=True)
";

#[test]
fn a_new_list_is_seen_without_a_restart() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let server = world.showing(&site, &Vouched::for_site(&site), &[]);
    let config = with_state(&world, "client", &[]);
    world.write_list(1, UnixTime(now().0 - 1));
    let mut command = Command::new("python3");
    command.env("OPENSSL_CONF", &config).args(["-c", PYTHON, &world.path("root.pem"), &server.port.to_string()]);
    let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut ask, mut lines) = (python.stdin.take().unwrap(), BufReader::new(python.stdout.take().unwrap()).lines());
    let mut connect = || {
        ask.write_all(b"\n").unwrap();
        lines.next().unwrap().unwrap()
    };
    let mut connect_until = |outcome: &str| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while connect() != outcome {
            assert!(Instant::now() < deadline, "not {outcome}: {}", world.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    connect_until("refused");
    world.write_list(2, now().plus(86_400));
    connect_until("accepted");
    // One that cannot be accepted does not take the place of one that was.
    let (list, log) = (world.path("list.json"), world.take_log());
    assert!(log.contains("list_expired"), "{log}");
    fs::write(&list, "{}").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !world.log().contains("the list before stays in use") {
        connect_until("accepted");
        assert!(Instant::now() < deadline);
    }
    world.write_list(3, UnixTime(now().0 - 1));
    connect_until("refused");
    drop(ask);
    python.wait().unwrap();
}

/// What was read before the chroot is what counts, as long as there is nothing newer inside.
#[test]
fn a_client_in_a_chroot_goes_on_with_its_list_and_its_secret() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let server = world.showing(&site, &Vouched { authorities: 2, ..Vouched::for_site(&site) }, &[]);
    let config = with_state(&world, "client", &[("candidates", "6")]);
    fs::create_dir(world.path("root")).unwrap();
    let global = format!("    chroot {}\n    user www-data\n    group www-data", world.path("root"));
    let sections = format!(
        "frontend f\n    bind 127.0.0.1:PORT\n    default_backend b\n\
         backend b\n    server s 127.0.0.1:{} ssl verify required ca-file {} sni str({HOST}) no-ssl-reuse\n",
        server.port,
        world.path("root.pem"),
    );
    let balancer = haproxy(&world, "haproxy", &global, &sections, Some(&config));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !world.log().contains("the list before stays in use") {
        let mut command = Command::new("curl");
        command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
        let curl = command.arg(format!("http://127.0.0.1:{}/", balancer.port)).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&curl.stdout), "200", "{}\n{}", world.log(), balancer.said());
        assert!(Instant::now() < deadline, "{}", world.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    let log = world.log();
    assert!(log.contains(&format!("mecai: accepted {HOST}: ")) && !log.contains("no_secret"), "{log}");
}

#[test]
fn a_site_that_promised_to_stay_must_in_opportunistic_mode() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let bare = world.server(&site, &["-www"]);
    let config = with_state(&world, "client", &[("mode", "opportunistic")]);
    let curl = |server: &Server| world.curl(&config, server, &[]).status.code();
    assert_eq!(curl(&bare), Some(0), "nothing was promised");
    let promise = |stay, later| {
        let good = Vouched::for_site(&site);
        Vouched { stay, produced_at: good.produced_at.plus(later), ..good }
    };
    assert_eq!(curl(&world.showing(&site, &promise(None, 0), &[])), Some(0));
    assert_eq!(curl(&bare), Some(0));
    assert_eq!(curl(&world.showing(&site, &promise(Some(7), 1), &[])), Some(0));
    world.take_log();
    assert_eq!(curl(&bare), Some(60), "{}", world.log());
    assert!(world.take_log().contains(&format!("refused {HOST}: no_voucher")));
    assert_eq!(curl(&world.showing(&site, &promise(Some(0), 2), &[])), Some(0));
    assert_eq!(curl(&bare), Some(0), "the promise was taken back");
}

#[test]
fn a_session_without_vouchers_ends_with_the_promise() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let bare = world.server(&site, &["-www"]);
    let config = with_state(&world, "client", &[("mode", "opportunistic")]);
    let (session, request) = (world.path("session"), world.path("request"));
    fs::write(&request, "GET / HTTP/1.0\r\n\r\n").unwrap();
    let connect = |server: &Server, arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.env("OPENSSL_CONF", &config).args([
            "s_client",
            "-ign_eof",
            "-verify_return_error",
            "-servername",
            HOST,
        ]);
        command.args(["-CAfile", &world.path("root.pem"), "-connect", &format!("127.0.0.1:{}", server.port)]);
        said(&command.args(arguments).stdin(fs::File::open(&request).unwrap()).output().unwrap())
    };
    connect(&bare, &["-sess_out", &session]);
    assert!(connect(&bare, &["-sess_in", &session]).contains("Reused, "));
    let promise = Vouched { stay: Some(7), ..Vouched::for_site(&site) };
    assert!(connect(&world.showing(&site, &promise, &[]), &[]).contains("Verification: OK"));
    let judged = connect(&bare, &["-sess_in", &session]);
    assert!(judged.contains("no_voucher") && !judged.contains("Reused, "), "{judged}");
}

#[test]
fn evidence_is_kept_once_and_only_where_it_means_something() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let reports = || -> Vec<Report> {
        let files = fs::read_dir(world.path("state/reports")).into_iter().flatten();
        files.map(|file| Report::from_json(&fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
    };
    let config = with_state(&world, "client", &[]);
    let bare = world.server(&site, &["-www"]);
    assert_eq!(world.curl(&config, &bare, &[]).status.code(), Some(60));
    assert_eq!(reports().len(), 0, "no voucher is no evidence");
    let rogue = world.site("rogue", &[HOST]);
    let stolen = world.showing(&rogue, &Vouched::for_site(&site), &[]);
    world.curl(&config, &stolen, &["--insecure"]);
    assert_eq!(reports().len(), 0, "the program decides");
    for _ in 0..2 {
        assert_eq!(world.curl(&config, &stolen, &[]).status.code(), Some(60));
    }
    let [report] = &reports()[..] else { panic!("{:?}", reports()) };
    assert_eq!((report.code(), report.host()), ("wrong_certificate", HOST));
    assert_eq!(report.chain()[0], rogue.der);
    assert_eq!(report.bundles().len(), 1);
    // An address that nobody saw is accepted with a note and a report.
    let elsewhere = Vouched { address: "192.0.2.1".parse().unwrap(), ..Vouched::for_site(&site) };
    let server = world.showing(&site, &elsewhere, &[]);
    assert!(said(&world.s_client(&config, &server, &["-servername", HOST])).contains("Verification: OK"));
    assert!(reports().iter().any(|report| report.code() == "address_not_seen"));
    assert_eq!(reports().len(), 2);
}

#[test]
fn the_request_is_the_same_in_every_mode() {
    let world = World::new();
    let server = world.server(&world.site("site", &[HOST]), &["-www"]);
    let request = |lines: &[(&str, &str)]| {
        let config = with_state(&world, "client", lines);
        our_extensions(&said(&world.s_client(&config, &server, &["-servername", HOST, "-msg"])))
    };
    for mode in ["require", "opportunistic", "observe"] {
        assert_eq!(request(&[("mode", mode)]), [(0xFF4D, vec![]), (0xFF4E, vec![])], "{mode}");
    }
    assert_eq!(request(&[("mode", "off")]), []);
}
