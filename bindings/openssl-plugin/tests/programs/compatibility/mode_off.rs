//! With `mode = off` and the module loaded, a program behaves as without it: the same exit status, headers and bytes,
//! the same records and extensions on the wire.

use super::behaviour::Behaviour;
use super::{Program, Role, TLS, peer};
use crate::relay::Relay;
use crate::server::store;
use crate::world::{HOST, Vouched, World};

/// Fails unless the program does the same with and without the module, in each version of TLS.
pub(crate) fn compare(program: &Program) {
    let world = World::new();
    // An RSA signature has always the same length.
    let site = world.rsa_site("site", &[HOST]);
    store(&world, &site, &[world.bundle(&Vouched::for_site(&site))]);
    let off = world.write_config("off", &[("mode", "off"), ("vouchers", &world.path("vouchers"))]);
    // A client that asks for vouchers but can do without, and says nothing.
    let asking = world.write_config("asking", &[("mode", "observe"), ("log", "off")]);
    let empty = world.empty_config();
    // Both runs have the same peers and ports.
    let relay = Relay::new();
    let peer = match program.role {
        Role::Client { peer, .. } => peer,
        Role::Server { .. } | Role::Proxy { .. } => peer::server,
    };
    let peers = TLS.map(|tls| peer(&world, &site, tls, true));

    let behaviours = |config: &str| -> Vec<Behaviour> {
        match program.role {
            Role::Server { start, speech } => {
                let daemon = start(&world, &site, config);
                let towards = |tls, client| Behaviour::of_server(&world, &relay, daemon.port, &speech, tls, client);
                TLS.iter().flat_map(|tls| [towards(tls, &empty), towards(tls, &asking)]).collect()
            }
            Role::Client { fetch, .. } => {
                let fetch = |port| Behaviour::of_client(fetch(&world, relay.port), config, &relay, port);
                peers.iter().map(|peer| fetch(peer.port)).collect()
            }
            Role::Proxy { start, .. } => {
                let proxy = start(&world, relay.port, config);
                peers.iter().map(|peer| Behaviour::of_proxy(proxy.port, &relay, peer.port)).collect()
            }
        }
    };
    let (without, with) = (behaviours(&empty), behaviours(&off));
    let answer = match program.role {
        Role::Server { speech, .. } => speech.answer,
        Role::Client { .. } | Role::Proxy { .. } => "200 ",
    };
    for behaviour in &without {
        assert!(behaviour.status.unwrap_or(0) == 0 && behaviour.said.contains(answer), "{behaviour:?}");
    }
    assert_eq!(with, without);
    assert_eq!(world.log(), "", "the module has nothing to say");
}
