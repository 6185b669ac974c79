//! No side channel: a program that accepts, or serves vouchers, reaches for nothing on the network that it does not
//! reach for with `mode = off`. (`log = syslog` would add the local socket that it names.)

use std::path::PathBuf;

use super::{Role, TLS, curl, nginx, peer, python, s_client, speech};
use crate::daemons::{Daemon, traced_nginx};
use crate::server::store;
use crate::strace::{calls, traced};
use crate::world::{HOST, Site, Vouched, World, said};

#[test]
fn curl_makes_no_further_call_to_the_network() {
    client(&curl::CLIENT.role);
}

#[test]
fn python_makes_no_further_call_to_the_network() {
    client(&python::CLIENT.role);
}

#[test]
fn nginx_makes_no_further_call_to_the_network_as_server() {
    let (world, site) = world();
    store(&world, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let clients = [("require", world.write_config("client", &[])), ("off", world.empty_config())];
    let [with, without] = clients.map(|(mode, client)| {
        daemon_calls(&world, mode, &nginx::virtual_host(&site, ""), |daemon| {
            for tls in TLS {
                let mut fetch = s_client::speak_by(&world, daemon.port, &speech::HTTP, tls);
                let fetched = fetch.env("OPENSSL_CONF", &client).output().unwrap();
                assert!(fetched.status.success(), "{}\n{}", said(&fetched), world.log());
            }
        })
    });
    assert_eq!(world.log().matches("accepted").count(), TLS.len(), "{}", world.log());
    assert!(with.iter().any(|call| call.starts_with("bind ") && call.contains("PORT")), "{with:#?}");
    assert_eq!(with, without);
}

#[test]
fn nginx_makes_no_further_call_to_the_network_as_proxy() {
    let (world, site) = world();
    for tls in TLS {
        let peer = peer::server(&world, &site, tls, true);
        let [with, without] = ["require", "off"].map(|mode| {
            daemon_calls(&world, mode, &nginx::proxy(&world, peer.port), |daemon| {
                assert!(peer::get(daemon.port).contains(" 200 "), "{}\n{}", daemon.said(), world.log());
            })
        });
        assert_eq!(world.take_log().matches("accepted").count(), 1);
        assert!(with.iter().any(|call| call.contains(&format!("htons({})", peer.port))), "{with:#?}");
        assert_eq!(with, without);
    }
}

fn world() -> (World, Site) {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    (world, site)
}

/// The configuration for this mode, with all that could make the module work.
fn config(world: &World, mode: &str) -> String {
    world.write_config(mode, &[("mode", mode), ("vouchers", &world.path("vouchers")), ("state", &world.path("state"))])
}

/// A client that accepts, in each version of TLS.
fn client(role: &Role) {
    let Role::Client { fetch, .. } = role else { panic!("not a client") };
    let (world, site) = world();
    for tls in TLS {
        let peer = peer::server(&world, &site, tls, true);
        let [with, without] = ["require", "off"].map(|mode| {
            let trace = PathBuf::from(world.path(mode));
            let fetched = traced(&fetch(&world, peer.port), &trace).env("OPENSSL_CONF", config(&world, mode)).output();
            let fetched = fetched.unwrap();
            assert!(fetched.status.success(), "{}\n{}", said(&fetched), world.log());
            calls(&trace)
        });
        assert_eq!(world.take_log().matches("accepted").count(), 1);
        assert!(with.iter().any(|call| call.contains(&format!("htons({})", peer.port))), "{with:#?}");
        assert_eq!(with, without);
    }
}

/// What nginx with these blocks calls until it has ended, in which its own port is named `PORT`.
fn daemon_calls(world: &World, mode: &str, servers: &str, used: impl Fn(&Daemon)) -> Vec<String> {
    let trace = PathBuf::from(world.path(mode));
    let daemon = traced_nginx(world, "nginx", servers, Some(&config(world, mode)), &trace);
    used(&daemon);
    let port = format!("htons({})", daemon.port);
    drop(daemon);
    calls(&trace).iter().map(|call| call.replace(&port, "PORT")).collect()
}
