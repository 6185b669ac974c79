//! What a server's handshakes rely on: an answer from the cache costs no allocation (spec section 11).

#![allow(clippy::unwrap_used)]

use mecai::bundle::assemble;
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::signature::SigningKey;
use mecai::statement::{Proposal, Statement};
use mecai::store::{Cache, Contents, LOOK_EVERY, Part, Store, StoredBundle};
use mecai::time::UnixTime;

const NOW: UnixTime = UnixTime(1_795_478_400);
const CERTIFICATE: [u8; 32] = [7; 32];

fn bundle(host: &str) -> StoredBundle {
    let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
    let statement = Proposal {
        host,
        port: 443,
        addresses: &["192.0.2.1".parse().unwrap()],
        certificate: CERTIFICATE,
        produced_at: NOW,
        not_after: NOW.plus(86_400),
        stay: None,
    };
    let statement = statement.to_der().unwrap();
    let seen = Seen::from_indices([0]).unwrap();
    let endorsement =
        endorse(&key, &Statement::from_der(&statement).unwrap(), seen, Evidence::Ocsp { age: 1 }).unwrap();
    StoredBundle::from_der(&assemble(&statement, &[&endorsement]).unwrap()).unwrap()
}

#[test]
fn a_hit_allocates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let bundles = (0..40).map(|host| bundle(&format!("h{host}.shop.example"))).collect();
    Store::new(directory.path()).write(&Contents::new(CERTIFICATE, bundles, None, Vec::new()).unwrap()).unwrap();
    let cache = Cache::new(directory.path(), 16);
    let ask = |name, now| cache.answer(&CERTIFICATE, Part::Vouchers, name, now, |error| panic!("{error}")).is_some();
    let first = allocation_counter::measure(|| assert!(ask(None, NOW)));
    assert!(first.count_total > 0, "the first answer reads the file: the counter must see that");
    let hits = allocation_counter::measure(|| {
        for second in 0..LOOK_EVERY {
            assert!(ask(None, NOW.plus(second)));
            assert!(ask(Some("h17.Shop.Example"), NOW.plus(second)));
            assert!(!ask(Some("other.example"), NOW.plus(second)));
        }
    });
    assert_eq!(hits.count_total, 0);
}
