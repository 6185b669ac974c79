#![allow(clippy::unwrap_used)]
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::report::{Event, Report};
use crate::time::UnixTime;
use crate::verdict::{Code, Stay};

const NOW: UnixTime = UnixTime(1_795_478_400);
const DAY: u64 = 86_400;

struct World {
    parent: tempfile::TempDir,
    state: State,
}

impl World {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let state = State::new(parent.path().join("deeper").join("mecai"));
        Self { parent, state }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    /// Puts octets in a private file.
    fn put(&self, name: &str, octets: &[u8]) {
        let path = self.file(name);
        self.state.make(path.parent().unwrap()).unwrap();
        fs::write(&path, octets).unwrap();
        set_mode(&path, 0o600);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

mod secrets {
    use super::*;

    fn code(world: &World) -> &'static str {
        world.state.secret().unwrap_err().code()
    }

    #[test]
    fn is_made_once_and_private() {
        let world = World::new();
        let secret = world.state.secret().unwrap();
        assert_ne!(*secret, [0; 32]);
        assert_eq!(world.state.secret().unwrap(), secret);
        assert_eq!(*secret, fs::read(world.file("secret")).unwrap()[..]);
        assert_eq!((mode(&world.file("secret")), mode(world.state.path())), (0o600, 0o700));
        assert_ne!(World::new().state.secret().unwrap(), secret);
    }

    #[test]
    fn threads_that_begin_together_have_one() {
        for _ in 0..20 {
            let world = World::new();
            let secrets: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| world.state.secret().unwrap())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
            // Nobody left a temporary file with a secret.
            assert_eq!(fs::read_dir(world.state.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn of_another_length_mode_or_owner_is_refused_and_stays() {
        for length in [0, 1, 31, 33, 1000] {
            let world = World::new();
            world.put("secret", &vec![7; length]);
            assert_eq!(code(&world), "state_malformed", "{length}");
            assert_eq!(fs::read(world.file("secret")).unwrap().len(), length);
        }
        let world = World::new();
        world.put("secret", &[7; 32]);
        for mode in [0o400, 0o604, 0o640, 0o644, 0o700, 0o4600] {
            set_mode(&world.file("secret"), mode);
            assert_eq!(code(&world), "state_not_private", "{mode:o}");
        }
        set_mode(&world.file("secret"), 0o600);
        assert_eq!(*world.state.secret().unwrap(), [7; 32]);
        for mode in [0o701, 0o750, 0o777] {
            set_mode(world.state.path(), mode);
            assert_eq!(code(&world), "state_not_private", "{mode:o}");
        }
        set_mode(world.state.path(), 0o700);
        // Only the superuser can give a file away; the comparison is the same for all.
        if geteuid().is_root() {
            std::os::unix::fs::chown(world.file("secret"), Some(65_534), None).unwrap();
            let error = world.state.secret().unwrap_err();
            assert!(error.to_string().contains("belongs to the user 65534, not to 0"), "{error}");
        }
    }

    #[test]
    fn without_a_place_there_is_none() {
        let world = World::new();
        fs::create_dir_all(world.file("secret")).unwrap();
        set_mode(world.state.path(), 0o700);
        set_mode(&world.file("secret"), 0o600);
        assert_eq!(code(&world), "state_unreadable");
        assert_eq!(State::new("/proc/mecai").secret().unwrap_err().code(), "state_not_written");
        let file = world.parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(State::new(&file).secret().unwrap_err().code(), "state_malformed");
        assert_eq!(State::new(file.join("below")).secret().unwrap_err().code(), "state_unreadable");
    }
}

mod sequences {
    use super::*;

    #[test]
    fn is_raised_and_never_lowered() {
        let world = World::new();
        assert_eq!(world.state.list_sequence().unwrap(), None);
        assert_eq!(world.state.raise_list_sequence(5).unwrap(), 5);
        assert_eq!(world.state.raise_list_sequence(3).unwrap(), 5);
        assert_eq!(world.state.raise_list_sequence(5).unwrap(), 5);
        assert_eq!(world.state.raise_list_sequence(9).unwrap(), 9);
        assert_eq!(world.state.list_sequence().unwrap(), Some(9));
        assert_eq!(fs::read(world.file("list-sequence")).unwrap(), b"9\n");
        assert_eq!(World::new().state.raise_list_sequence(0).unwrap(), 0);
    }

    #[test]
    fn what_nobody_wrote_is_told_and_stays() {
        for octets in [&b""[..], b"9", b"9 \n", b"+9\n", b"09\n", b"9\n\n", b"\xff\n", b"99999999999999999999\n"] {
            let world = World::new();
            world.put("list-sequence", octets);
            assert_eq!(world.state.list_sequence().unwrap_err().code(), "state_malformed", "{octets:?}");
            assert_eq!(world.state.raise_list_sequence(99).unwrap_err().code(), "state_malformed");
            assert_eq!(fs::read(world.file("list-sequence")).unwrap(), octets);
        }
        let world = World::new();
        world.state.raise_list_sequence(1).unwrap();
        fs::remove_file(world.file("list-sequence")).unwrap();
        fs::create_dir(world.file("list-sequence")).unwrap();
        assert_eq!(world.state.list_sequence().unwrap_err().code(), "state_unreadable");
    }

    #[test]
    fn many_writers_never_lower_it() {
        let world = World::new();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = None;
                while !done.load(Ordering::Relaxed) {
                    let now = world.state.list_sequence().unwrap();
                    assert!(now >= last, "{now:?} after {last:?}");
                    last = now;
                }
            });
            let writers: Vec<_> = (0..6_u64)
                .map(|writer| {
                    let state = State::new(world.state.path());
                    scope.spawn(move || {
                        for round in 0..20_u64 {
                            let sequence = (round * 37 + writer * 11) % 100;
                            assert!(state.raise_list_sequence(sequence).unwrap() >= sequence);
                        }
                    })
                })
                .collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        let highest = (0..6).flat_map(|writer| (0..20).map(move |round| (round * 37 + writer * 11) % 100)).max();
        assert_eq!(world.state.list_sequence().unwrap(), highest);
    }

    #[test]
    fn another_process_that_hangs_is_waited_for_only_so_long() {
        let world = World::new();
        world.state.raise_list_sequence(1).unwrap();
        let lock = world.state.lock().unwrap();
        assert_eq!(world.state.raise_list_sequence(2).unwrap_err().code(), "state_busy");
        assert_eq!(world.state.list_sequence().unwrap(), Some(1));
        drop(lock);
        assert_eq!(world.state.raise_list_sequence(2).unwrap(), 2);
    }
}

mod promises {
    use super::*;

    fn stay(produced_at: UnixTime, days: u8) -> Stay {
        Stay { produced_at, days }
    }

    fn until(world: &World, host: &str, now: UnixTime) -> Option<UnixTime> {
        match world.state.remembered(host, now) {
            Memory::Nothing => None,
            Memory::Until(until) => Some(until),
            Memory::Unreadable(error) => panic!("{error}"),
        }
    }

    #[test]
    fn are_kept_for_so_many_days() {
        let world = World::new();
        assert_eq!(until(&world, "www.shop.example", NOW), None);
        let end = NOW.plus(7 * DAY);
        assert_eq!(world.state.remember("www.shop.example", stay(NOW, 7), NOW).unwrap(), Promise::Kept(end));
        for name in ["www.shop.example", "WWW.Shop.Example", ".www.shop.example"] {
            assert_eq!(until(&world, name, end), Some(end), "{name}");
        }
        assert_eq!(until(&world, "www.shop.example", end.plus(1)), None);
        assert_eq!(until(&world, "shop.example", NOW), None);
        let text = fs::read_to_string(world.file("hosts/shop.example/www.shop.example")).unwrap();
        assert_eq!(text, format!("{} {}\n", NOW.0, end.0));
        world.state.remember("2001:db8::1", stay(NOW, 1), NOW).unwrap();
        assert!(world.state.remembered("2001:db8::1", NOW).is_remembered());
    }

    #[test]
    fn the_newest_statement_wins() {
        let world = World::new();
        let remember = |later, days| world.state.remember("a.example", stay(NOW.plus(later), days), NOW).unwrap();
        assert_eq!(remember(0, 0), Promise::Unchanged);
        assert!(!world.state.path().exists());
        assert_eq!(remember(100, 30), Promise::Kept(NOW.plus(100 + 30 * DAY)));
        assert_eq!(remember(100, 1), Promise::Unchanged);
        assert_eq!(remember(99, 0), Promise::Unchanged);
        assert_eq!(remember(101, 2), Promise::Kept(NOW.plus(101 + 2 * DAY)));
        assert_eq!(remember(102, 0), Promise::TakenBack);
        assert_eq!(until(&world, "a.example", NOW), None);
        assert_eq!(until(&world, "a.example", NOW.plus(102)), None);
        // An older statement that is still in force does not renew it.
        assert_eq!(remember(101, 30), Promise::Unchanged);
        assert_eq!(until(&world, "a.example", NOW), None);
        assert_eq!(remember(103, 30), Promise::Kept(NOW.plus(103 + 30 * DAY)));
    }

    #[test]
    fn what_is_there_but_cannot_be_read_counts_as_one() {
        for octets in [&b""[..], b"1", b"1 2", b"2 1\n", b"1 2 3\n", b"1  2\n", b"1 99999999\n", b"\xff", &[b'1'; 100]]
        {
            let world = World::new();
            world.put("hosts/a.example/a.example", octets);
            let memory = world.state.remembered("a.example", NOW);
            assert!(memory.is_remembered(), "{octets:?}");
            assert!(matches!(memory, Memory::Unreadable(error) if error.code() == "state_malformed"));
            assert_eq!(world.state.remember("a.example", stay(NOW, 0), NOW).unwrap_err().code(), "state_malformed");
            assert!(world.state.remembered("a.example", NOW).is_remembered());
            // A new promise heals it.
            world.state.remember("a.example", stay(NOW, 1), NOW).unwrap();
            assert_eq!(until(&world, "a.example", NOW), Some(NOW.plus(DAY)));
        }
        let world = World::new();
        fs::create_dir_all(world.file("hosts/a.example/a.example")).unwrap();
        set_mode(world.state.path(), 0o700);
        assert!(world.state.remembered("a.example", NOW).is_remembered());
        assert!(!world.state.remembered("b.example", NOW).is_remembered());
        set_mode(world.state.path(), 0o755);
        assert!(world.state.remembered("b.example", NOW).is_remembered());
        assert_eq!(world.state.remember("b.example", stay(NOW, 1), NOW).unwrap_err().code(), "state_not_private");
        let world = World::new();
        world.put("hosts", b"");
        assert!(world.state.remembered("a.example", NOW).is_remembered());
    }

    #[test]
    fn a_domain_has_only_so_many_places() {
        let world = World::new();
        let remember =
            |host: &str, later, days| world.state.remember(host, stay(NOW.plus(later), days), NOW.plus(later)).unwrap();
        for host in 0..HOSTS_PER_DOMAIN {
            assert!(matches!(remember(&format!("h{host}.shop.example"), 0, 2), Promise::Kept(_)));
        }
        assert_eq!(remember("one.more.shop.example", 0, 30), Promise::NoPlace);
        assert!(!world.state.remembered("one.more.shop.example", NOW).is_remembered());
        // Known hosts are renewed, other domains have their own places, and one taken back gives its place away.
        assert!(matches!(remember("h0.shop.example", 1, 2), Promise::Kept(_)));
        assert!(matches!(remember("www.other.example", 0, 2), Promise::Kept(_)));
        assert_eq!(remember("h1.shop.example", 1, 0), Promise::TakenBack);
        assert!(matches!(remember("one.more.shop.example", 2, 30), Promise::Kept(_)));
        assert_eq!(remember("two.more.shop.example", 2, 30), Promise::NoPlace);
        // When their time is over they are taken away.
        let later = 2 * DAY + 2;
        assert!(matches!(remember("two.more.shop.example", later, 30), Promise::Kept(_)));
        assert_eq!(fs::read_dir(world.file("hosts/shop.example")).unwrap().count(), 2);
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        let world = World::new();
        for name in
            ["../../etc/passwd", "..", ".", "/", "a/b", "a.example/../x", "", "a\0b", "*.example", &"a".repeat(300)]
        {
            assert!(matches!(world.state.remembered(name, NOW), Memory::Nothing), "{name}");
            assert_eq!(world.state.remember(name, stay(NOW, 30), NOW).unwrap(), Promise::Unchanged, "{name}");
        }
        assert!(!world.state.path().exists());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn like_a_list_in_memory(events in prop::collection::vec((0..3_u8, 0..50_u64, 0..=2_u8), 1..20)) {
            let world = World::new();
            let mut newest = std::collections::HashMap::new();
            for (host, at, days) in events {
                let name = format!("h{host}.example.org");
                world.state.remember(&name, stay(NOW.plus(at), days), NOW).unwrap();
                let entry = newest.entry(name.clone());
                match entry {
                    std::collections::hash_map::Entry::Vacant(entry) if days > 0 => { entry.insert((at, days)); }
                    std::collections::hash_map::Entry::Occupied(mut entry) if entry.get().0 < at => { entry.insert((at, days)); }
                    _ => (),
                }
                let expected = newest.get(&name).filter(|(_, days)| *days > 0).map(|(at, days)| NOW.plus(at + u64::from(*days) * DAY));
                prop_assert_eq!(until(&world, &name, NOW), expected);
            }
        }
    }
}

mod spool {
    use super::*;

    fn report(chain: &[&[u8]], at: UnixTime) -> Report {
        Report::new(&Event {
            answer: None,
            chain,
            code: Code::SuspiciousCertificate,
            host: "www.shop.example",
            at,
            peer: None,
            port: None,
            region: None,
        })
    }

    #[test]
    fn an_event_is_kept_once_and_private() {
        let world = World::new();
        let event = report(&[b"leaf"], NOW);
        assert_eq!(world.state.spool(&event).unwrap(), Spooled::Written);
        assert_eq!(world.state.spool(&event).unwrap(), Spooled::Known);
        assert_eq!(world.state.spool(&report(&[b"leaf"], NOW.plus(3599))).unwrap(), Spooled::Known);
        assert_eq!(world.state.spool(&report(&[b"leaf"], NOW.plus(3600))).unwrap(), Spooled::Written);
        let paths: Vec<_> = fs::read_dir(world.file("reports")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(paths.len(), 2);
        for path in paths {
            assert_eq!(mode(&path), 0o600);
            let octets = fs::read(&path).unwrap();
            assert_eq!(path.file_name().unwrap().to_str().unwrap(), crate::report::file_name(&octets));
            assert_eq!(Report::from_json(&octets).unwrap().code(), "suspicious_certificate");
        }
    }

    #[test]
    fn it_is_bounded_in_number() {
        let world = World::new();
        for name in 0..REPORTS_MAX - 1 {
            world.put(&format!("reports/{name}"), b"");
        }
        assert_eq!(world.state.spool(&report(&[b"one"], NOW)).unwrap(), Spooled::Written);
        assert_eq!(world.state.spool(&report(&[b"two"], NOW)).unwrap(), Spooled::Full);
        assert_eq!(world.state.spool(&report(&[b"one"], NOW)).unwrap(), Spooled::Known);
    }

    #[test]
    fn it_is_bounded_in_size() {
        let world = World::new();
        let event = report(&[&[7; 100_000]], NOW);
        let size = event.to_json().len() as u64;
        world.put("reports/large", b"");
        let large = File::options().write(true).open(world.file("reports/large")).unwrap();
        large.set_len(REPORTS_OCTETS_MAX - size + 1).unwrap();
        assert_eq!(world.state.spool(&event).unwrap(), Spooled::Full);
        large.set_len(REPORTS_OCTETS_MAX - size).unwrap();
        assert_eq!(world.state.spool(&event).unwrap(), Spooled::Written);
    }

    #[test]
    fn many_clients_of_one_event_leave_one_report() {
        let world = World::new();
        let event = report(&[b"leaf"], NOW);
        let written = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| world.state.spool(&event).unwrap())).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .filter(|outcome| *outcome == Spooled::Written)
                .count()
        });
        assert_eq!(written, 1);
        assert_eq!(fs::read_dir(world.file("reports")).unwrap().count(), 1);
    }
}

#[test]
fn only_the_directory_itself_is_closed_to_others() {
    let above = tempfile::tempdir().unwrap();
    let state = State::new(above.path().join("shared/client"));
    state.secret().unwrap();
    let mode = |path: &str| fs::metadata(above.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("shared/client"), 0o700);
    // What the umask leaves; an agent's store may stand beside it.
    assert_eq!(mode("shared"), {
        fs::create_dir(above.path().join("ordinary")).unwrap();
        mode("ordinary")
    });
}
