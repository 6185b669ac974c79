//! Sessions are resumed as long as the vouchers that admitted them, and no longer.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::release;
use crate::server::{config, store};
use crate::world::{HOST, Server, Site, Vouched, World, answer, now, said};
use mecai::time::UnixTime;

/// The version, and how a server keeps sessions: in tickets; under ids in TLS 1.2, statefully in TLS 1.3.
const KINDS: [(&str, &[&str]); 4] =
    [("-tls1_2", &[]), ("-tls1_2", &["-no_ticket"]), ("-tls1_3", &[]), ("-tls1_3", &["-no_ticket"])];

/// One connection of s_client that sends a request, so that TLS 1.3 tickets arrive.
pub(crate) fn connect(
    world: &World,
    config: Option<&str>,
    server: &Server,
    version: &str,
    arguments: &[&str],
) -> String {
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

pub(crate) struct Case {
    pub(crate) world: World,
    site: Site,
}

impl Case {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let site = world.site("site", &[HOST]);
        Self { world, site }
    }

    /// A server whose vouchers are in force for so many seconds from now.
    pub(crate) fn server(&self, seconds: u64, arguments: &[&str]) -> Server {
        let vouched =
            Vouched { produced_at: UnixTime(now().0 - 120), lifetime: 120 + seconds, ..Vouched::for_site(&self.site) };
        let info = self.world.serverinfo("info.pem", &answer(&[self.world.bundle(&vouched)]));
        self.world.server(&self.site, &[&["-serverinfo", &info], arguments].concat())
    }
}

#[test]
fn an_admitted_session_is_resumed_and_its_tickets_too() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let (first, second) = (case.world.path("first"), case.world.path("second"));
    for (version, kind) in KINDS {
        let server = case.server(3600, &[&["-www"], kind].concat());
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
    for (version, kind) in KINDS {
        let server = case.server(3600, &[&["-www"], kind].concat());
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
    let (session, later) = (case.world.path("session"), case.world.path("later"));
    for (version, kind) in KINDS {
        let until = now().plus(3);
        let server = case.server(3, &[&["-www"], kind].concat());
        connect(&case.world, Some(&config), &server, version, &["-sess_out", &session]);
        let resumed =
            connect(&case.world, Some(&config), &server, version, &["-sess_in", &session, "-sess_out", &later]);
        assert!(is_resumed(&resumed), "{version}: {resumed}");
        assert!(case.world.take_log().contains("accepted"));
        while now() <= until {
            std::thread::sleep(Duration::from_millis(50));
        }
        // In TLS 1.2 a resumption brings no new session.
        let sessions = if version == "-tls1_3" { vec![&session, &later] } else { vec![&session] };
        for session in sessions {
            connect(&case.world, Some(&config), &server, version, &["-sess_in", session]);
            assert!(case.world.take_log().contains("expired: the voucher expired at"), "{version}: judged anew");
        }
    }
}

/// The server still knows the session, but the client offers it no more.
#[test]
fn after_its_end_fresh_vouchers_make_a_full_handshake() {
    let case = Case::new();
    let (client, server) = (case.world.write_config("client", &[]), config(&case.world));
    let session = case.world.path("session");
    let vouch = |seconds: u64| {
        let (produced_at, lifetime) = (UnixTime(now().0 - 120), 120 + seconds);
        let vouched = Vouched { produced_at, lifetime, ..Vouched::for_site(&case.site) };
        store(&case.world, &case.site, &[case.world.bundle(&vouched)]);
    };
    for (version, kind) in KINDS {
        let until = now().plus(3);
        vouch(3);
        let server = case.world.server_with(&case.site, &[&["-www"], kind].concat(), Some(&server));
        let again = |arguments: &[&str]| connect(&case.world, Some(&client), &server, version, arguments);
        assert!(!is_resumed(&again(&["-sess_out", &session])));
        assert!(is_resumed(&again(&["-sess_in", &session])), "{version}");
        vouch(3600);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let is_over = now() > until;
            let said = again(&["-sess_in", &session]);
            assert!(!is_over || !said.contains("Reused, "), "{version}: {said}");
            if said.contains("New, TLSv1.") && said.contains("Verification: OK") {
                break;
            }
            assert!(Instant::now() < deadline, "{version}: {said}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(case.world.take_log().matches("accepted").count(), 2, "{version}");
    }
}

#[test]
fn a_session_is_for_one_server_and_one_policy() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let session = case.world.path("session");
    for (version, kind) in KINDS {
        let server = case.server(3600, &[&["-www"], kind].concat());
        connect(&case.world, Some(&config), &server, version, &["-sess_out", &session]);
        let resumed = |config: &str, arguments: &[&str]| {
            let arguments = [&["-sess_in", &session], arguments].concat();
            connect(&case.world, Some(config), &server, version, &arguments).contains("Reused, ")
        };
        let same_host = resumed(&config, &["-verify_hostname", HOST]);
        assert!(same_host || !release::tells_where_hosts_end(), "{version}: the server that the SNI named");
        assert!(!resumed(&case.world.write_config("other", &[("quorum", "1")]), &[]), "{version}: another policy");
        let other_host = resumed(&config, &["-verify_hostname", "b.example"]);
        assert_ne!(other_host, release::tells_what_is_verified(), "{version}: another host");
        assert!(!resumed(&config, &["-servername", "b.example"]), "{version}: another SNI");
    }
}

#[test]
fn unvouched_and_exempt_sessions_are_resumed_under_the_policy_that_let_them_through() {
    let case = Case::new();
    let session = case.world.path("session");
    let require = case.world.write_config("require", &[]);
    for (version, kind) in KINDS {
        let bare = case.world.server(&case.site, &[&["-www"], kind].concat());
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

/// nginx does so where one upstream has a location with a name and one without. OpenSSL tells the name of the session
/// that is offered then, and sends none.
#[test]
fn a_session_of_a_name_that_is_offered_without_one_gets_a_full_handshake() {
    let case = Case::new();
    let session = case.world.path("session");
    for (mode, outcome) in [("observe", "unvouched"), ("require", "refused")] {
        let config = case.world.write_config("client", &[("mode", mode)]);
        for version in ["-tls1_2", "-tls1_3"] {
            let server = case.server(3600, &["-www"]);
            connect(&case.world, Some(&config), &server, version, &["-sess_out", &session]);
            assert!(case.world.take_log().contains("accepted"));
            let request = fs::File::open(case.world.path("request")).unwrap();
            let mut command = Command::new("openssl");
            command.env("OPENSSL_CONF", &config).args(["s_client", "-ign_eof", "-noservername", version, "-CAfile"]);
            command.arg(case.world.path("root.pem")).args(["-verify_return_error", "-sess_in", &session, "-connect"]);
            let nameless = said(&command.arg(format!("127.0.0.1:{}", server.port)).stdin(request).output().unwrap());
            assert!(!nameless.contains("callback failed"), "{mode} {version}: {nameless}");
            let log = case.world.take_log();
            assert!(log.contains(&format!("{outcome} a server without a name: no_reference_identity")), "{log}");
            assert_eq!(nameless.contains("Verification: OK"), mode == "observe", "{mode} {version}: {nameless}");
        }
    }
}
