//! The keys that say where the module is at work: `path`, `role`, `mode`, `except`.

use crate::daemons::{certificate, nginx};
use crate::world::{HOST, Vouched, module, said};

use super::{ACCEPTED, REFUSED, curl, world};

/// OpenSSL reads this key: without the file it goes on without the module, silently (docs/module.md).
#[test]
fn key_path_names_the_module_and_a_wrong_one_is_passed_over_in_silence() {
    let (world, _, bare) = world();
    let config = world.write_config("client", &[]);
    let text = std::fs::read_to_string(&config).unwrap();
    for (path, status) in [(module().to_str().unwrap(), REFUSED), ("/no/such/module.so", ACCEPTED)] {
        std::fs::write(&config, text.replace(module().to_str().unwrap(), path)).unwrap();
        let curl = world.curl(&config, &bare, &[]);
        assert_eq!(curl.status.code(), Some(status), "{path}: {}", said(&curl));
        assert_eq!(world.take_log().is_empty(), status == ACCEPTED, "{path}");
    }
}

#[test]
fn key_role_says_which_side_is_served() {
    let (world, site, bare) = world();
    let vouchers = world.path("vouchers");
    world.store(&vouchers, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let judge = world.write_config("judge", &[]);
    for (role, judges, serves) in [("client", true, false), ("server", false, true), ("both", true, true)] {
        let keys = [("role", role), ("vouchers", vouchers.as_str())];
        assert_eq!(curl(&world, &bare, &keys).0, if judges { REFUSED } else { ACCEPTED }, "{role}");
        let server = world.server_with(&site, &["-www"], Some(&world.write_config("server", &keys)));
        let visitor = world.curl(&judge, &server, &[]).status.code();
        assert_eq!(visitor, Some(if serves { ACCEPTED } else { REFUSED }), "{role}");
        world.take_log();
    }
}

#[test]
fn key_mode_lets_through_what_it_says() {
    let (world, _, bare) = world();
    for (mode, status, word) in [
        ("require", REFUSED, "refused"),
        ("opportunistic", ACCEPTED, "unvouched"),
        ("observe", ACCEPTED, "unvouched"),
        ("off", ACCEPTED, ""),
    ] {
        let (outcome, log) = curl(&world, &bare, &[("mode", mode)]);
        assert_eq!(outcome, status, "{mode}");
        assert_eq!(log.contains("mecai: "), !word.is_empty(), "{log}");
        assert!(log.contains(word), "{mode}: {log}");
    }
}

#[test]
fn key_except_leaves_a_client_alone() {
    let (world, _, bare) = world();
    for (except, status) in [("wget, curl", ACCEPTED), ("wget, curlew", REFUSED)] {
        let (outcome, log) = curl(&world, &bare, &[("except", except)]);
        assert_eq!((outcome, log.is_empty()), (status, status == ACCEPTED), "{except}: {log}");
    }
}

/// python3 is a link to a file that is named after its version.
#[test]
fn key_except_knows_a_program_by_the_name_that_it_was_called_by() {
    let (world, _, bare) = world();
    for (except, leaves_alone) in [("python3", true), ("python", false)] {
        let mut command = std::process::Command::new("python3");
        command.env("OPENSSL_CONF", world.write_config("client", &[("except", except)]));
        let connect = "import socket, ssl, sys; ssl.create_default_context(cafile=sys.argv[1]).wrap_socket(\
                       socket.create_connection(('127.0.0.1', int(sys.argv[2]))), server_hostname=sys.argv[3])";
        command.args(["-c", connect, &world.path("root.pem"), &bare.port.to_string(), HOST]);
        assert_eq!(command.output().unwrap().status.success(), leaves_alone, "{except}");
    }
}

#[test]
fn key_except_leaves_a_server_alone() {
    let (world, site, _) = world();
    let vouchers = world.path("vouchers");
    world.store(&vouchers, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let client = world.write_config("client", &[]);
    let block = format!("server {{ listen 127.0.0.1:PORT ssl; {} return 204; }}", certificate(&site));
    for (except, shows) in [("apache2", true), ("apache2, nginx", false)] {
        let keys = [("role", "server"), ("vouchers", vouchers.as_str()), ("except", except)];
        let nginx = nginx(&world, except, &block, Some(&world.write_config("server", &keys)));
        let visitor = said(&world.s_client_to(&client, nginx.port, &["-servername", HOST]));
        assert_eq!(visitor.contains("Verification: OK"), shows, "{except}: {visitor}");
        assert_eq!(visitor.contains("no_voucher"), !shows, "{except}: {visitor}");
    }
}
