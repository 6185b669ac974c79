#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::AuthorityId;
use crate::bundle::{BUNDLES_PER_HOST, Bundle, assemble};
use crate::endorsement::{Evidence, Seen, endorse};
use crate::extension::{ANSWER_MAX, read_alternate, read_bundles, read_staged};
use crate::key_proof::{Claim, StagedKey};
use crate::signature::SigningKey;
use crate::statement::{DecodeError, Proposal, Statement};
use crate::time::UnixTime;
use crate::{octets, sealed};

mod answering;

pub(super) const NOW: UnixTime = UnixTime(1_795_478_400);
pub(super) const CERTIFICATE: Sha256 = [7; 32];

fn statement(host: &str, port: u16, certificate: Sha256, produced_at: UnixTime) -> Vec<u8> {
    let addresses = ["192.0.2.1".parse().unwrap()];
    let not_after = produced_at.plus(86_400);
    Proposal { host, port, addresses: &addresses, certificate, produced_at, not_after, stay: None }.to_der().unwrap()
}

/// A bundle by the authorities with these numbers. Nothing here checks a signature, so one octet is enough of one.
pub(super) fn bundle(
    host: &str,
    port: u16,
    produced_at: UnixTime,
    authorities: impl IntoIterator<Item = u16>,
) -> StoredBundle {
    bundle_for(CERTIFICATE, host, port, produced_at, authorities)
}

pub(super) fn bundle_for(
    certificate: Sha256,
    host: &str,
    port: u16,
    produced_at: UnixTime,
    authorities: impl IntoIterator<Item = u16>,
) -> StoredBundle {
    let endorsements: Vec<Vec<u8>> = authorities.into_iter().map(endorsement).collect();
    let endorsements: Vec<&[u8]> = endorsements.iter().map(Vec::as_slice).collect();
    let statement = statement(host, port, certificate, produced_at);
    StoredBundle::from_der(&assemble(&statement, &endorsements).unwrap()).unwrap()
}

fn endorsement(authority: u16) -> Vec<u8> {
    let [high, low] = authority.to_be_bytes();
    let body = [&[0x30, 20, 4, 8, 0, 0, 0, 0, 0, 0, high, low, 3, 2, 7, 0x80, 10, 1, 0, 2, 1, 60][..]].concat();
    let signature = [&[4, 64][..], &[0x55; 64]].concat();
    [&[0x30, u8::try_from(body.len() + signature.len()).unwrap()][..], &body, &signature].concat()
}

fn authorities(bundle: &StoredBundle) -> Vec<AuthorityId> {
    Bundle::from_der(bundle.der()).unwrap().endorsements().map(|endorsement| *endorsement.authority()).collect()
}

pub(super) fn contents(bundles: Vec<StoredBundle>) -> Contents {
    Contents::new(CERTIFICATE, bundles, None, Vec::new()).unwrap()
}

fn full() -> Contents {
    let next = b"the next certificate".to_vec();
    let key = StagedKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
    let claim = Claim {
        host: "www.shop.example",
        port: 443,
        handshake_key: [1; 32],
        certificate: octets::sha256(&[&next]),
        not_before: NOW,
        not_after: NOW.plus(3600),
    };
    let second = b"the second certificate".to_vec();
    let alternate = StoredAlternate {
        bundles: vec![bundle_for(octets::sha256(&[&second]), "www.shop.example", 443, NOW, [9])],
        chain: vec![second, b"its issuer".to_vec()],
    };
    let staged = StoredStaged { chain: vec![next], key_proof: key.prove(&claim).unwrap() };
    let bundles = vec![bundle("shop.example", 443, NOW, [1]), bundle("api.shop.example", 443, NOW, [1, 2])];
    Contents::new(CERTIFICATE, bundles, Some(alternate), vec![staged]).unwrap()
}

fn read(octets: &[u8]) -> Result<Contents, StoreCause> {
    Contents::from_der(octets, &CERTIFICATE)
}

fn code(cause: StoreCause) -> &'static str {
    StoreError { path: PathBuf::new(), cause }.code()
}

/// The hosts, ports and times of an answer's bundles.
pub(super) fn shown(answer: Option<&[u8]>) -> Vec<(String, u16, u64)> {
    let Some(answer) = answer else { return Vec::new() };
    assert!(answer.len() <= ANSWER_MAX);
    let read = |der| StoredBundle::from_der(der).unwrap();
    let place = |bundle: StoredBundle| (bundle.host().to_owned(), bundle.port(), bundle.produced_at().0);
    read_bundles(answer).unwrap().map(read).map(place).collect()
}

mod files {
    use super::*;

    #[test]
    fn there_and_back() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        assert_eq!(store.read(&CERTIFICATE).unwrap(), None);
        for contents in [contents(Vec::new()), full()] {
            store.write(&contents).unwrap();
            assert_eq!(store.read(&CERTIFICATE).unwrap(), Some(contents));
        }
        let hosts: Vec<_> = full().bundles().iter().map(|bundle| bundle.host().to_owned()).collect();
        assert_eq!(hosts, ["api.shop.example", "shop.example"]);
        fs::write(directory.path().join("README"), "").unwrap();
        assert_eq!(store.certificates().unwrap(), [CERTIFICATE]);
        // No temporary file is left.
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        store.remove(&CERTIFICATE).unwrap();
        store.remove(&CERTIFICATE).unwrap();
        assert_eq!(store.certificates().unwrap(), Vec::<Sha256>::new());
    }

    #[test]
    fn no_flipped_bit_passes() {
        let der = full().to_der().unwrap();
        for bit in 0..der.len() * 8 {
            let mut flipped = der.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_torn_file_is_told_as_torn() {
        let der = full().to_der().unwrap();
        for end in 0..der.len() {
            assert_eq!(code(read(&der[..end]).unwrap_err()), "store_torn", "{end}");
        }
        assert_eq!(code(read(&[&der[..], b"\0"].concat()).unwrap_err()), "store_torn");
    }

    #[test]
    fn what_else_can_be_wrong_with_a_file_has_its_code() {
        let der = full().to_der().unwrap();
        let (body, digest) = sealed::split(&der).unwrap();
        let seal = |body: &[u8]| sealed::join(body, &octets::sha256(&[body])).unwrap();
        let with = |at: usize, octet: u8| {
            let mut body = body.to_vec();
            body[at] = octet;
            body
        };
        let version = body.windows(3).position(|octets| octets == [2, 1, 1]).unwrap() + 2;
        let certificate = body.windows(4).position(|octets| octets == [4, 32, 7, 7]).unwrap() + 2;
        assert_eq!(code(read(&sealed::join(&with(version, 2), digest).unwrap()).unwrap_err()), "store_damaged");
        assert_eq!(code(read(&seal(&with(version, 2))).unwrap_err()), "store_other_version");
        assert_eq!(code(read(&seal(&with(certificate, 8))).unwrap_err()), "store_other_certificate");
        assert_eq!(code(read(&seal(&with(certificate - 1, 31))).unwrap_err()), "store_malformed");
        assert_eq!(code(read(&vec![0x30; FILE_MAX + 1]).unwrap_err()), "store_too_large");
        assert_eq!(code(read(&[0x31, 0]).unwrap_err()), "store_malformed");
        assert_eq!(code(read(b"hello").unwrap_err()), "store_torn");
    }

    #[test]
    fn what_the_system_refuses_has_its_code() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        fs::create_dir(store.path(&CERTIFICATE)).unwrap();
        let error = store.read(&CERTIFICATE).unwrap_err();
        assert_eq!(error.code(), "store_unreadable");
        assert!(error.to_string().contains(&store.path(&CERTIFICATE).display().to_string()));
        assert_eq!(store.write(&full()).unwrap_err().code(), "store_not_written");
        assert_eq!(Store::new("/nonexistent").write(&full()).unwrap_err().code(), "store_not_written");
        assert_eq!(Store::new("/nonexistent").certificates().unwrap_err().code(), "store_unreadable");
    }

    #[test]
    fn a_pipe_in_place_of_a_file_stops_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path());
        let pipe = store.path(&CERTIFICATE);
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(store.read(&CERTIFICATE).unwrap_err().code(), "store_torn");
    }

    #[test]
    fn contents_outside_the_rules_are_neither_made_nor_read() {
        let five = |host| (0..5_u16).map(move |age| bundle(host, 443, NOW.plus(u64::from(age)), [age]));
        let problem = |bundles| Contents::new(CERTIFICATE, bundles, None, Vec::new()).unwrap_err().to_string();
        assert!(problem(five("a.example").collect()).contains("more than 4"));
        assert!(problem(vec![bundle_for([8; 32], "a.example", 443, NOW, [1])]).contains("another certificate"));
        let many = (1..=256).map(|port| bundle("a.example", port, NOW, [1])).collect();
        assert!(problem(many).contains("255"));
        let StoredStaged { chain, key_proof } = full().staged()[0].clone();
        let staged = |staged| Contents::new(CERTIFICATE, Vec::new(), None, staged).unwrap_err().to_string();
        assert!(
            staged(vec![StoredStaged { chain: vec![b"x".to_vec()], key_proof: key_proof.clone() }])
                .contains("key proof")
        );
        assert!(staged(vec![StoredStaged { chain: Vec::new(), key_proof: key_proof.clone() }]).contains("chain"));
        assert!(staged(vec![StoredStaged { chain, key_proof }; 256]).contains("staged"));
        let mut unsorted = contents(vec![bundle("a.example", 443, NOW, [1]), bundle("b.example", 443, NOW, [1])]);
        unsorted.swap_bundles(0, 1);
        assert_eq!(code(read(&unsorted.to_der().unwrap()).unwrap_err()), "store_malformed");
    }
}

mod merging {
    use super::*;

    fn merged(old: &[StoredBundle], new: &[StoredBundle], now: UnixTime) -> Vec<StoredBundle> {
        let (contents, left_out) = contents(old.to_vec()).merge(new.to_vec(), now).unwrap();
        assert!(left_out.is_empty());
        contents.bundles().to_vec()
    }

    #[test]
    fn each_authority_stands_in_its_freshest_bundle_only() {
        let old = [bundle("a.example", 443, NOW, [1, 2, 3])];
        let new = [bundle("a.example", 443, NOW.plus(60), [2])];
        let expected = [bundle("a.example", 443, NOW.plus(60), [2]), bundle("a.example", 443, NOW, [1, 3])];
        assert_eq!(merged(&old, &new, NOW.plus(60)), expected);
        assert_eq!(merged(&new, &old, NOW.plus(60)), expected);
        let all = [bundle("a.example", 443, NOW.plus(90), [1, 2, 3])];
        assert_eq!(merged(&expected, &all, NOW.plus(90)), all);
    }

    #[test]
    fn one_statement_makes_one_bundle() {
        let first = bundle("a.example", 443, NOW, [1]);
        let second = bundle("a.example", 443, NOW, [2, 3]);
        assert_eq!(merged(&[first], &[second], NOW), [bundle("a.example", 443, NOW, [1, 2, 3])]);
    }

    #[test]
    fn bundles_of_the_alternate_go_to_it() {
        let certificate = octets::sha256(&[b"the second certificate"]);
        let new = bundle_for(certificate, "www.shop.example", 443, NOW.plus(60), [9]);
        let full = full();
        let (contents, left_out) = full.merge(vec![new.clone()], NOW.plus(60)).unwrap();
        assert!(left_out.is_empty());
        assert_eq!(contents.alternate().unwrap().bundles, [new]);
        assert_eq!((contents.bundles(), contents.staged()), (full.bundles(), full.staged()));
        assert!(full.merge(vec![bundle_for([8; 32], "www.shop.example", 443, NOW, [9])], NOW).is_err());
    }

    #[test]
    fn expired_and_foreign_bundles_do_not_come_in() {
        let old = [bundle("a.example", 443, NOW, [1])];
        assert_eq!(merged(&old, &[], NOW.plus(86_400)).len(), 1);
        assert_eq!(merged(&old, &[], NOW.plus(86_401)).len(), 0);
        let foreign = bundle_for([8; 32], "a.example", 443, NOW, [1]);
        assert!(matches!(contents(Vec::new()).merge(vec![foreign], NOW), Err(DecodeError::Malformed { .. })));
    }

    #[test]
    fn what_a_file_has_no_room_for_is_given_back() {
        let bundles: Vec<_> = (1..=250).map(|port| bundle("a.example", port, NOW, 0..50)).collect();
        let (contents, left_out) = contents(Vec::new()).merge(bundles, NOW).unwrap();
        assert!(contents.to_der().unwrap().len() <= FILE_MAX);
        assert_eq!(contents.bundles().len() + left_out.len(), 250);
        assert_eq!(left_out.last().unwrap().port(), 250);
        assert!(contents.bundles().iter().map(StoredBundle::port).eq(1..=contents.bundles().len() as u16));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn rounds_keep_the_rules(rounds in prop::collection::vec((0..200_000_u64, 0..2_u16, prop::collection::btree_set(0..8_u16, 1..8)), 1..12)) {
            let mut stored = contents(Vec::new());
            let mut now = NOW;
            for (later, port, by) in rounds {
                now = now.plus(later / 8);
                (stored, _) = stored.merge(vec![bundle("a.example", 443 + port, now, by.clone())], now).unwrap();
                for place in stored.bundles().chunk_by(|a, b| a.port() == b.port()) {
                    prop_assert!(place.len() <= BUNDLES_PER_HOST);
                    let all: Vec<AuthorityId> = place.iter().flat_map(authorities).collect();
                    prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
                    prop_assert!(place.iter().all(|bundle| bundle.not_after() >= now));
                }
                let fresh = bundle("a.example", 443 + port, now, by);
                prop_assert!(stored.bundles().iter().any(|bundle| authorities(&fresh).iter().all(|id| authorities(bundle).contains(id))));
                prop_assert_eq!(read(&stored.to_der().unwrap()).unwrap(), stored.clone());
            }
        }
    }
}

mod caching {
    use super::*;

    struct World {
        directory: tempfile::TempDir,
        store: Store,
        cache: Cache,
    }

    impl World {
        fn new(capacity: usize) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (store, cache) = (Store::new(directory.path()), Cache::new(directory.path(), capacity));
            Self { directory, store, cache }
        }

        /// When the statements that are answered were made, and what was reported.
        fn ask(&self, now: UnixTime) -> (Vec<u64>, Option<&'static str>) {
            let mut code = None;
            let answer = self
                .cache
                .answer(&CERTIFICATE, Part::Vouchers, Some("a.example"), now, |error| code = Some(error.code()));
            (shown(answer.as_deref()).into_iter().map(|(_, _, at)| at - NOW.0).collect(), code)
        }

        fn write(&self, made: u64) {
            self.store.write(&contents(vec![bundle("a.example", 443, NOW.plus(made), [1])])).unwrap();
        }
    }

    #[test]
    fn a_file_is_looked_at_once_in_five_seconds() {
        let world = World::new(8);
        assert_eq!(world.ask(NOW), (vec![], None));
        world.write(0);
        assert_eq!(world.ask(NOW.plus(4)), (vec![], None));
        assert_eq!(world.ask(NOW.plus(5)), (vec![0], None));
        world.write(2);
        assert_eq!(world.ask(NOW.plus(9)), (vec![0], None));
        assert_eq!(world.ask(NOW.plus(10)), (vec![2], None));
        // A clock that is set back by an hour does not put the next look off by an hour.
        world.write(3);
        assert_eq!(world.ask(UnixTime(NOW.0 - 3600)), (vec![3], None));
    }

    #[test]
    fn a_bad_file_is_told_once_and_the_last_good_one_stays_until_it_expires() {
        let world = World::new(8);
        world.write(0);
        assert_eq!(world.ask(NOW), (vec![0], None));
        let path = world.store.path(&CERTIFICATE);
        let good = fs::read(&path).unwrap();
        fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert_eq!(world.ask(NOW.plus(5)), (vec![0], Some("store_torn")));
        assert_eq!(world.ask(NOW.plus(10)), (vec![0], None));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(world.ask(NOW.plus(15)), (vec![0], Some("store_unreadable")));
        assert_eq!(world.ask(NOW.plus(20)), (vec![0], None));
        fs::remove_dir(&path).unwrap();
        assert_eq!(world.ask(NOW.plus(25)), (vec![0], None));
        fs::create_dir(&path).unwrap();
        assert_eq!(world.ask(NOW.plus(30)), (vec![0], Some("store_unreadable")));
        assert_eq!(world.ask(NOW.plus(86_400)), (vec![0], None));
        assert_eq!(world.ask(NOW.plus(86_401)), (vec![], None));
        fs::remove_dir(&path).unwrap();
        world.write(80_000);
        assert_eq!(world.ask(NOW.plus(86_406)), (vec![80_000], None));
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_once() {
        let world = World::new(8);
        let cache = Cache::new(world.directory.path().join("later"), 8);
        let ask = |certificate: u8, now| {
            let mut told = None;
            let answer =
                cache.answer(&[certificate; 32], Part::Vouchers, None, now, |error| told = Some(error.to_string()));
            (answer.is_some(), told)
        };
        let (_, told) = ask(7, NOW);
        assert!(told.as_ref().is_some_and(|told| told.contains("later: cannot be read: No such file")), "{told:?}");
        assert_eq!(ask(8, NOW), (false, None));
        assert_eq!(ask(7, NOW.plus(5)), (false, None));
        fs::create_dir(world.directory.path().join("later")).unwrap();
        Store::new(world.directory.path().join("later"))
            .write(&contents(vec![bundle("a.example", 443, NOW, [1])]))
            .unwrap();
        assert_eq!(ask(7, NOW.plus(10)), (true, None));
    }

    #[test]
    fn a_clock_set_right_again_brings_back_what_had_expired() {
        let world = World::new(8);
        world.write(0);
        assert_eq!(world.ask(NOW.plus(100_000)), (vec![], None));
        assert_eq!(world.ask(NOW), (vec![0], None));
    }

    #[test]
    fn the_certificate_out_of_use_for_longest_gives_way() {
        let world = World::new(2);
        let ask = |certificate: u8, now| world.cache.answer(&[certificate; 32], Part::Vouchers, None, now, |_| ());
        let known = || world.cache.certificates().into_iter().map(|certificate| certificate[0]).collect::<Vec<_>>();
        ask(1, NOW);
        ask(2, NOW.plus(1));
        ask(1, NOW.plus(6));
        ask(3, NOW.plus(7));
        assert_eq!(known(), [1, 3]);
        ask(2, NOW.plus(20));
        assert_eq!(known(), [2, 3]);
    }

    /// While files change, end and are torn, every thread gets a whole answer that is in force, every time.
    #[test]
    fn many_threads_never_go_without() {
        let world = World::new(8);
        world.write(0);
        // What was read before stays in use; without that, a first look at a torn file gives nothing.
        assert_eq!(world.ask(NOW).0, [0]);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut asked = 0_u64;
                    while !done.load(Ordering::Relaxed) || asked < 2000 {
                        let now = NOW.plus(asked % 4000);
                        let (made, _) = world.ask(now);
                        assert_eq!(made.len(), 1);
                        asked += 1;
                    }
                });
            }
            for made in 1..100 {
                world.write(made);
                fs::write(world.store.path(&CERTIFICATE), b"torn").unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        world.write(100);
        assert_eq!(world.ask(NOW.plus(5000)).0, [100]);
        assert!(world.directory.path().exists());
    }
}

#[test]
fn an_endorsement_made_by_hand_is_like_a_real_one() {
    let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
    let statement = statement("a.example", 443, CERTIFICATE, NOW);
    let statement = Statement::from_der(&statement).unwrap();
    let real = endorse(&key, &statement, Seen::from_indices([0]).unwrap(), Evidence::Ocsp { age: 60 }).unwrap();
    assert_eq!(real.len(), endorsement(1).len());
}
