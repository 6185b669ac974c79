//! Hostile clients, and servers with the module.

use std::fs;

use super::{DECODE_ERROR, FINISHED, ILLEGAL_PARAMETER, Peer, UNSUPPORTED_EXTENSION, vouchers};
use crate::daemons::{certificate, nginx};
use crate::world::{HOST, World};

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

#[test]
fn a_request_with_contents_and_a_repeated_one_are_refused() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    fs::create_dir(world.path("vouchers")).unwrap();
    let config = world.write_config("server", &[("role", "server"), ("vouchers", &world.path("vouchers"))]);
    let block = format!("server {{ listen 127.0.0.1:PORT ssl; {} return 204; }}", certificate(&site));
    for config in [Some(config.as_str()), None] {
        let nginx = nginx(&world, "nginx", &block, config);
        let s_server = world.server_with(&site, &["-www"], config.or(Some("/dev/null")));
        for port in [nginx.port, s_server.port] {
            let mut peer = Peer::client(&world, port, HOST, None);
            for version in VERSIONS {
                for (extensions, alert) in [
                    (vec![vouchers(&[])], FINISHED),
                    (vec![vouchers(&[0])], DECODE_ERROR),
                    (vec![vouchers(&[0; 60_000])], DECODE_ERROR),
                    (vec![vouchers(&[]), vouchers(&[])], ILLEGAL_PARAMETER),
                ] {
                    peer.sends(version, "client_hello", &extensions);
                    let expected = if config.is_some() { alert } else { FINISHED };
                    let length = extensions[0].1.len();
                    assert_eq!(peer.outcome(), expected, "{version} {length} {}: {}", extensions.len(), nginx.said());
                }
            }
        }
    }
}

#[test]
fn a_clients_certificate_carries_no_vouchers() {
    let world = World::new();
    let (site, user) = (world.site("site", &[HOST]), world.site("user", &["user.example"]));
    fs::create_dir(world.path("vouchers")).unwrap();
    let root = world.path("root.pem");
    let config = |role| world.write_config(role, &[("role", role), ("vouchers", &world.path("vouchers"))]);
    let block = format!(
        "server {{ listen 127.0.0.1:PORT ssl; {} ssl_client_certificate {root}; ssl_verify_client on; return 204; }}",
        certificate(&site)
    );
    let arguments = ["-www", "-Verify", "1", "-verify_return_error", "-CAfile", &root];
    for (config, alert) in [
        (Some(config("server")), UNSUPPORTED_EXTENSION),
        (Some(config("both")), UNSUPPORTED_EXTENSION),
        (None, FINISHED),
    ] {
        let nginx = nginx(&world, "nginx", &block, config.as_deref());
        let s_server = world.server_with(&site, &arguments, config.as_deref().or(Some("/dev/null")));
        for port in [nginx.port, s_server.port] {
            let mut peer = Peer::client(&world, port, HOST, Some(&user));
            peer.sends("1.3", "certificate", &[]);
            assert_eq!(peer.outcome(), FINISHED, "{}", nginx.said());
            peer.sends("1.3", "certificate", &[vouchers(&[])]);
            assert_eq!(peer.outcome(), alert, "{config:?}: {}", nginx.said());
        }
    }
}
