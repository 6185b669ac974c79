//! Sessions are resumed as long as the vouchers that admitted them, and no longer.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::{HOST, Server, Site, Vouched, World, answer, now, said};
use mecai::time::UnixTime;

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// One connection of s_client that sends a request, so that TLS 1.3 tickets arrive.
fn connect(world: &World, config: Option<&str>, server: &Server, version: &str, arguments: &[&str]) -> String {
    fs::write(world.path("request"), "GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut command = Command::new("openssl");
    command.env("OPENSSL_CONF", config.unwrap_or("/dev/null")).args(["s_client", "-ign_eof", "-CAfile"]);
    command.arg(world.path("root.pem")).args(["-connect", &format!("127.0.0.1:{}", server.port), version]);
    command.args(["-servername", HOST, "-verify_return_error"]).args(arguments);
    said(&command.stdin(Stdio::from(fs::File::open(world.path("request")).unwrap())).output().unwrap())
}

fn is_resumed(said: &str) -> bool {
    assert!(said.contains("New, ") || said.contains("Reused, "), "{said}");
    said.contains("Reused, ")
}

struct Case {
    world: World,
    site: Site,
}

impl Case {
    fn new() -> Self {
        let world = World::new();
        let site = world.site("site", &[HOST]);
        Self { world, site }
    }

    /// A server whose vouchers are in force for so many seconds from now.
    fn server(&self, seconds: u64) -> Server {
        let vouched =
            Vouched { produced_at: UnixTime(now().0 - 120), lifetime: 120 + seconds, ..Vouched::for_site(&self.site) };
        let info = self.world.serverinfo("info.pem", &answer(&[self.world.bundle(&vouched)]));
        self.world.server(&self.site, &["-www", "-serverinfo", &info])
    }
}

#[test]
fn an_admitted_session_is_resumed_and_its_tickets_too() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let (first, second) = (case.world.path("first"), case.world.path("second"));
    for version in VERSIONS {
        let server = case.server(3600);
        let full = connect(&case.world, Some(&config), &server, version, &["-sess_out", &first]);
        assert!(!is_resumed(&full));
        let resumed =
            connect(&case.world, Some(&config), &server, version, &["-sess_in", &first, "-sess_out", &second]);
        assert!(is_resumed(&resumed), "{version}: {resumed}");
        if version == "-tls1_3" {
            let again = connect(&case.world, Some(&config), &server, version, &["-sess_in", &second]);
            assert!(is_resumed(&again), "a ticket of a ticket: {again}");
        }
        assert_eq!(case.world.take_log().matches("accepted").count(), 1, "a resumption is not judged again");
    }
}

#[test]
fn a_session_without_a_mark_gets_a_full_handshake() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let session = case.world.path("session");
    for version in VERSIONS {
        let server = case.server(3600);
        connect(&case.world, None, &server, version, &["-sess_out", &session]);
        assert!(is_resumed(&connect(&case.world, None, &server, version, &["-sess_in", &session])));
        let full = connect(&case.world, Some(&config), &server, version, &["-sess_in", &session]);
        assert!(!is_resumed(&full), "{version}: {full}");
        assert!(case.world.take_log().contains("accepted"));
    }
}

#[test]
fn a_session_ends_with_the_vouchers_that_admitted_it() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let session = case.world.path("session");
    for version in VERSIONS {
        let until = now().plus(3);
        let server = case.server(3);
        connect(&case.world, Some(&config), &server, version, &["-sess_out", &session]);
        assert!(case.world.take_log().contains("accepted"));
        while now() <= until {
            std::thread::sleep(Duration::from_millis(50));
        }
        connect(&case.world, Some(&config), &server, version, &["-sess_in", &session]);
        assert!(case.world.take_log().contains("expired: the voucher expired at"), "{version}: judged anew");
    }
}

#[test]
fn a_session_is_for_one_server_and_one_policy() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let session = case.world.path("session");
    for version in VERSIONS {
        let server = case.server(3600);
        connect(&case.world, Some(&config), &server, version, &["-sess_out", &session]);
        for (other, arguments) in [
            (case.world.write_config("other", &[("quorum", "1")]), vec!["-sess_in", &session]),
            (config.clone(), vec!["-sess_in", &session, "-verify_hostname", HOST]),
        ] {
            let full = connect(&case.world, Some(&other), &server, version, &arguments);
            assert_eq!(is_resumed(&full), arguments.len() > 2, "{version}: {full}");
        }
        let other = connect(
            &case.world,
            Some(&config),
            &server,
            version,
            &["-sess_in", &session, "-verify_hostname", "b.example"],
        );
        assert!(!other.contains("Reused, "), "{version}: {other}");
        case.world.take_log();
    }
}

#[test]
fn unvouched_and_exempt_sessions_are_resumed_under_the_policy_that_let_them_through() {
    let case = Case::new();
    let session = case.world.path("session");
    let require = case.world.write_config("require", &[]);
    for version in VERSIONS {
        let bare = case.world.server(&case.site, &["-www"]);
        for lines in [[("mode", "observe")], [("mode", "opportunistic")], [("exempt", HOST)]] {
            let config = case.world.write_config("client", &lines);
            connect(&case.world, Some(&config), &bare, version, &["-sess_out", &session]);
            let resumed = connect(&case.world, Some(&config), &bare, version, &["-sess_in", &session]);
            assert!(is_resumed(&resumed), "{version} {lines:?}: {resumed}");
            case.world.take_log();
            connect(&case.world, Some(&require), &bare, version, &["-sess_in", &session]);
            assert!(case.world.take_log().contains("no_voucher"), "{version} {lines:?}");
        }
    }
}

/// One connection that ends when the session's ticket has arrived, or the connection has failed. The session goes to
/// the file `out`.
fn connect_early(world: &World, config: Option<&str>, server: &Server, out: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.env("OPENSSL_CONF", config.unwrap_or("/dev/null")).args(["s_client", "-CAfile", &world.path("root.pem")]);
    command.args(["-connect", &format!("127.0.0.1:{}", server.port), "-servername", HOST, "-sess_out", out]);
    let _ = fs::remove_file(out);
    let output = fs::File::create(world.path("output")).unwrap();
    command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut child = command.args(arguments).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if fs::exists(out).unwrap() {
            // Without its input, s_client ends.
            drop(child.stdin.take());
        }
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(world.path("output")).unwrap());
        std::thread::sleep(Duration::from_millis(10));
    }
    fs::read_to_string(world.path("output")).unwrap()
}

#[test]
fn early_data_is_never_sent() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let (session, data) = (case.world.path("session"), case.world.path("data"));
    fs::write(&data, "early\n").unwrap();
    let vouched = Vouched::for_site(&case.site);
    let info = case.world.serverinfo("info.pem", &answer(&[case.world.bundle(&vouched)]));
    let server = case.world.server(&case.site, &["-early_data", "-no_anti_replay", "-serverinfo", &info]);
    let (arguments, next) = (["-sess_in", &session, "-early_data", &data], case.world.path("next"));
    connect_early(&case.world, None, &server, &session, &[]);
    let stock = connect_early(&case.world, None, &server, &next, &arguments);
    assert!(stock.contains("Early data was accepted"), "the server takes it: {stock}");
    for first in [None, Some(config.as_str())] {
        connect_early(&case.world, first, &server, &session, &[]);
        let early = connect_early(&case.world, Some(&config), &server, &next, &arguments);
        assert!(!early.contains("Early data was accepted"), "{early}");
        assert!(early.contains("Error writing early data") || early.contains("Early data was not sent"), "{early}");
    }
}
