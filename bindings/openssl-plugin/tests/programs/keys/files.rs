//! The keys that name files, and what is kept in them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use mecai::report::Report;

use crate::overlay::Overlay;
use crate::world::{HOST, Vouched, World, now, said};

use super::{ACCEPTED, REFUSED, curl, world};

#[test]
fn key_authorities_is_the_list_that_counts() {
    let (world, site, _) = world();
    let good = world.showing(&site, &Vouched::for_site(&site), &[]);
    world.write_list(2, mecai::time::UnixTime(now().0 - 1));
    for name in ["list.json", "list.json.minisig"] {
        fs::copy(world.path(name), world.path(&format!("old-{name}"))).unwrap();
    }
    world.write_list(3, now().plus(86_400));
    let missing = "/no/such/list.json";
    for (list, status, code) in [
        (world.path("list.json").as_str(), ACCEPTED, "accepted"),
        (&world.path("old-list.json"), REFUSED, "list_expired"),
        (missing, REFUSED, "no_list"),
    ] {
        let (outcome, log) = curl(&world, &good, &[("authorities", list)]);
        assert!(outcome == status && log.contains(code), "{list}: {log}");
    }
}

#[test]
fn key_authorities_keys_says_who_must_have_signed_the_list() {
    let (world, site, _) = world();
    let good = world.showing(&site, &Vouched::for_site(&site), &[]);
    let (own, other) = (world.list_key.clone(), World::new().list_key);
    for (keys, status) in [
        (own.clone(), ACCEPTED),
        (format!("1 of {other}, {own}"), ACCEPTED),
        (other.clone(), REFUSED),
        (format!("2 of {own}, {other}"), REFUSED),
    ] {
        let (outcome, log) = curl(&world, &good, &[("authorities_keys", &keys)]);
        assert_eq!(outcome, status, "{keys}: {log}");
        assert_eq!(log.contains("list_unsigned"), status == REFUSED, "{log}");
    }
}

#[test]
fn key_vouchers_is_the_store_that_is_served_from() {
    let (world, site, _) = world();
    let (full, empty) = (world.path("full"), world.path("empty"));
    world.store(&full, &site, &[world.bundle(&Vouched::for_site(&site))]);
    fs::create_dir(&empty).unwrap();
    for (vouchers, status) in [(full, ACCEPTED), (empty, REFUSED)] {
        let config = world.write_config("server", &[("vouchers", &vouchers)]);
        let server = world.server_with(&site, &["-www"], Some(&config));
        assert_eq!(curl(&world, &server, &[]).0, status, "{vouchers}");
    }
}

/// A pick needs a secret of the user's own; without one, more than half of all must have vouched.
#[test]
fn key_state_is_where_the_secret_of_the_pick_is_kept() {
    let (world, site, _) = world();
    let server = world.showing(&site, &Vouched { authorities: 2, ..Vouched::for_site(&site) }, &[]);
    let (own, open) = (world.path("state"), world.path("open"));
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    for (keys, status) in [(&[("state", own.as_str())][..], ACCEPTED), (&[], REFUSED), (&[("state", &open)], REFUSED)] {
        let (outcome, log) = curl(&world, &server, &[keys, &[("candidates", "6")]].concat());
        assert_eq!(outcome, status, "{keys:?}: {log}");
        assert_eq!(log.contains("no_secret"), status == REFUSED, "{log}");
    }
    assert!(fs::exists(world.path("state/secret")).unwrap() && !fs::exists(world.path("open/secret")).unwrap());
}

#[test]
fn key_reports_keeps_evidence_or_does_not() {
    let (world, site, _) = world();
    let rogue = world.site("rogue", &[HOST]);
    let stolen = world.showing(&rogue, &Vouched::for_site(&site), &[]);
    let state = world.path("state");
    for (reports, kept) in [("off", 0), ("on", 1)] {
        let (outcome, log) = curl(&world, &stolen, &[("state", &state), ("reports", reports)]);
        assert!(outcome == REFUSED && log.contains("; alarm"), "{log}");
        let files: Vec<_> = fs::read_dir(world.path("state/reports")).into_iter().flatten().collect();
        assert_eq!(files.len(), kept, "{reports}");
        for file in files {
            let report = Report::from_json(&fs::read(file.unwrap().path()).unwrap()).unwrap();
            assert_eq!(report.code(), "wrong_certificate");
        }
    }
}

#[test]
fn key_log_is_where_the_lines_go() {
    let (world, _, bare) = world();
    let line = format!("mecai: refused {HOST}: no_voucher: the server sent no vouchers");
    let file = world.path("a file");
    for (log, on_stderr, in_file) in [("off", false, false), ("stderr", true, false), (file.as_str(), false, true)] {
        let curl = world.curl(&world.write_config("client", &[("log", log)]), &bare, &[]);
        assert_eq!(curl.status.code(), Some(REFUSED));
        assert_eq!(said(&curl).contains(&line), on_stderr, "{log}: {}", said(&curl));
        assert_eq!(fs::read_to_string(&file).is_ok_and(|text| text.contains(&line)), in_file, "{log}");
    }
    // The system's log is a socket with a fixed name.
    let dev = Overlay::over(&world, "/dev");
    let socket = UnixDatagram::bind(world.path("socket")).unwrap();
    socket.set_nonblocking(true).unwrap();
    symlink(world.path("socket"), dev.file("log")).unwrap();
    let s_client = |log| {
        let mut command = dev.command("openssl");
        command.env("OPENSSL_CONF", world.write_config("client", &[("log", log)])).stdin(Stdio::null());
        command.args(["s_client", "-verify_return_error", "-servername", HOST, "-CAfile", &world.path("root.pem")]);
        let output = command.args(["-connect", &format!("127.0.0.1:{}", bare.port)]).output().unwrap();
        let mut octets = [0; 1024];
        let length = socket.recv(&mut octets).unwrap_or(0);
        assert!(said(&output).contains("no_voucher"), "{}", said(&output));
        String::from_utf8_lossy(&octets[..length]).into_owned()
    };
    assert_eq!(s_client("off"), "");
    let told = s_client("syslog");
    // authpriv is 10, a warning 4.
    assert!(told.starts_with("<84>") && told.contains(&line), "{told}");
}
