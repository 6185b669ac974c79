//! Files that cannot be used.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use mecai::chain::certificate_digest;
use mecai::store::Store;

use crate::world::{HOST, Site, Vouched, World};

use super::{Running, servers, write_visitor};

/// A way to damage a file, and what the log says of it.
type Damage = (&'static str, fn(&Path, &[u8], &[u8]), &'static str);

/// Each gets the path, the octets of the good file, and those of another certificate's.
const DAMAGES: [Damage; 8] = [
    ("torn", |path, good, _| fs::write(path, &good[..good.len() / 2]).unwrap(), "is torn"),
    ("empty", |path, _, _| fs::write(path, "").unwrap(), "is torn"),
    ("digest", |path, good, _| fs::write(path, last_flipped(good)).unwrap(), "is damaged"),
    ("foreign", |path, _, foreign| fs::write(path, foreign).unwrap(), "is for the certificate"),
    ("pipe", |path, _, _| make_pipe(path), "is torn"),
    ("directory", |path, _, _| fs::create_dir(path).unwrap(), "cannot be read: Is a directory"),
    (
        "loop",
        |path, _, _| symlink(path.file_name().unwrap(), path).unwrap(),
        "cannot be read: Too many levels of symbolic links",
    ),
    ("unreadable", |path, good, _| write_for_root(path, good), "cannot be read: Permission denied"),
];

#[test]
fn a_damaged_file_is_skipped_with_one_log_line_and_never_served() {
    let world = World::new();
    write_visitor(&world);
    let site = |when: &str, kind: &str| {
        let host = format!("{kind}-{when}.shop.example");
        (world.site(&format!("{kind}-{when}"), &[&host]), host)
    };
    let from_the_start: Vec<_> = DAMAGES.iter().map(|(kind, ..)| site("always", kind)).collect();
    let later: Vec<_> = DAMAGES.iter().map(|(kind, ..)| site("later", kind)).collect();
    let misnamed = site("always", "misnamed");
    let all: Vec<_> = from_the_start.iter().chain(&later).chain([&misnamed]).collect();
    let servers = servers(&world, &all.iter().map(|(site, host)| (host.as_str(), site)).collect::<Vec<_>>(), 1);
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| story(&world, server, &from_the_start, &later, &misnamed));
        }
    });
}

type Host = (Site, String);

fn story(world: &World, server: &Running, from_the_start: &[Host], later: &[Host], misnamed: &Host) {
    let damaged: Vec<_> = from_the_start.iter().zip(DAMAGES).collect();
    for (host, damage) in &damaged {
        write_damaged(world, server, host, *damage);
    }
    for (site, host) in later {
        world.store(&server.store, site, &[world.bundle(&Vouched { host, ..Vouched::for_site(site) })]);
    }
    let path = write(world, server, misnamed);
    fs::rename(&path, path.with_extension("voucher")).unwrap();

    let visit = |served: &dyn Fn(&str) -> bool| {
        for (_, host) in from_the_start.iter().chain(later).chain([misnamed]) {
            let said = server.visit(world, host);
            let word = if served(host) { "Verification: OK" } else { "no_voucher" };
            assert!(said.contains(word), "{}: {host} {word}: {said}", server.daemon.directory.display());
        }
    };
    let as_it_should = |host: &str| host.contains("-later");
    visit(&as_it_should);
    for (host, damage) in later.iter().zip(DAMAGES) {
        write_damaged(world, server, host, damage);
    }
    // What was read stays, and the log says once in each process why it does.
    let start = Instant::now();
    let lines = |(site, _): &Host| server.told_of(&file_name(site));
    while later.iter().chain(from_the_start).any(|host| lines(host).is_empty()) {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", fs::read_to_string(&server.log).unwrap());
        visit(&as_it_should);
    }
    // Looked at again, nothing is said again.
    std::thread::sleep(Duration::from_secs(5));
    visit(&as_it_should);
    let log = fs::read_to_string(&server.log).unwrap();
    for (host, (kind, _, problem)) in later.iter().zip(DAMAGES).chain(damaged) {
        let told = lines(host);
        assert!(told.values().all(|times| *times == 1), "{kind}: {told:?}: {log}");
        assert!(
            log.contains(&format!("{} {problem}", file_name(&host.0)))
                || log.contains(&format!("{}: {problem}", file_name(&host.0))),
            "{kind}: {log}"
        );
    }
    assert!(lines(misnamed).is_empty(), "{log}");
}

fn file_name(site: &Site) -> String {
    Store::new("").path(&certificate_digest(&site.der)).display().to_string()
}

/// Writes the good file of a host, and gives its path.
fn write(world: &World, server: &Running, (site, host): &Host) -> std::path::PathBuf {
    world.store(&server.store, site, &[world.bundle(&Vouched { host, ..Vouched::for_site(site) })]);
    Path::new(&server.store).join(file_name(site))
}

/// Puts a damaged file in place of the host's, at once, as an attacker or a broken agent might.
fn write_damaged(world: &World, server: &Running, host: &Host, (_, damage, _): Damage) {
    let path = write(world, server, host);
    let good = fs::read(&path).unwrap();
    let other = world.site("other", &[HOST]);
    let foreign = write(world, server, &(other, HOST.to_owned()));
    let octets = fs::read(foreign).unwrap();
    fs::remove_file(&path).unwrap();
    damage(&path, &good, &octets);
}

fn last_flipped(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    *octets.last_mut().unwrap() ^= 1;
    octets
}

fn make_pipe(path: &Path) {
    let name = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the name ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o644) }, 0);
}

fn write_for_root(path: &Path, octets: &[u8]) {
    fs::write(path, octets).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
