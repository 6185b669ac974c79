//! How a row is earned: the program takes part, with the module, in each version of TLS.

use super::behaviour::Behaviour;
use super::speech::Speech;
use super::{Program, Role, TLS, peer};
use crate::daemons::Daemon;
use crate::relay::Relay;
use crate::server::store;
use crate::world::{HOST, Site, Vouched, World, said};

/// Fails unless the program accepts and refuses what it should, or is accepted.
pub(crate) fn earn(program: &Program) {
    let world = World::new();
    // An RSA signature has always the same length.
    let site = world.rsa_site("site", &[HOST]);
    let client = world.write_config("client", &[]);
    match program.role {
        Role::Server { start, speech } => serves(&world, &site, &speech, |config| start(&world, &site, config)),
        Role::Client { peer, fetch, refused } => verifies(&world, &site, peer, |port, is_vouched| {
            let output = fetch(&world, port).env("OPENSSL_CONF", &client).output().unwrap();
            (if is_vouched { output.status.success() } else { refused(&output) }, said(&output))
        }),
        Role::Proxy { start, refused, reason } => {
            let relay = Relay::new();
            let proxy = start(&world, relay.port, &client);
            verifies(&world, &site, peer::server, |port, is_vouched| {
                let carried = relay.carry(port);
                let answer = peer::get(proxy.port);
                carried.join().unwrap();
                let (status, reason) = if is_vouched { ("200", "") } else { (refused, reason) };
                let is_right = answer.split(' ').nth(1).unwrap_or_default() == status && proxy.has_said(reason);
                (is_right, answer + &proxy.said())
            });
        }
    }
}

/// A client with the module accepts the server, and one without sees what it sees of the server without the module.
fn serves(world: &World, site: &Site, speech: &Speech, start: impl Fn(&str) -> Daemon) {
    store(world, site, &[world.bundle(&Vouched::for_site(site))]);
    let (client, empty, relay) = (world.write_config("client", &[]), world.empty_config(), Relay::new());
    let seen =
        |daemon: &Daemon, config| TLS.map(|tls| Behaviour::of_server(world, &relay, daemon.port, speech, tls, config));
    let without = seen(&start(&empty), &empty);
    let keys = [("role", "server"), ("vouchers", &world.path("vouchers"))];
    let daemon = start(&world.write_config("server", &keys));
    assert_eq!(seen(&daemon, &empty), without, "a client without the module sees a difference");
    assert_eq!(world.log(), "");
    for accepted in seen(&daemon, &client) {
        assert_eq!(accepted.status, Some(0), "{accepted:?}\n{}", world.log());
    }
    let log = world.log();
    assert_eq!((log.matches(&format!("accepted {HOST}: ")).count(), log.lines().count()), (2, 2), "{log}");
}

/// `fetch` fetches the page from a port, and tells whether it went as it should, and what was said.
fn verifies(
    world: &World,
    site: &Site,
    peer: fn(&World, &Site, &str, bool) -> Daemon,
    fetch: impl Fn(u16, bool) -> (bool, String),
) {
    for tls in TLS {
        for (is_vouched, outcome) in [(true, "accepted"), (false, "refused")] {
            let server = peer(world, site, tls, is_vouched);
            let (is_right, said) = fetch(server.port, is_vouched);
            let log = world.take_log();
            assert!(is_right, "TLS {tls}, vouchers: {is_vouched}: {said}\n{log}");
            assert!(
                log.contains(&format!("{outcome} {HOST}: ")) && log.lines().count() == 1,
                "TLS {tls}: {log}\n{said}"
            );
        }
    }
}
