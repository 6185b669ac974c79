//! Files that appear, are replaced by newer ones, and disappear.

use std::fs;
use std::time::{Duration, Instant};

use mecai::time::UnixTime;

use crate::world::{HOST, Site, Vouched, World, now};

use super::{Running, servers, write_visitor};

/// What is promised: a file that appears is served within so many seconds.
const SERVED_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn voucher_files_appear_and_disappear_while_servers_run_as_www_data_and_in_a_chroot() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    write_visitor(&world);
    let servers = servers(&world, &[(HOST, &site)], 2);
    for server in &servers {
        server.visit(&world, HOST);
        for process in server.daemon.workers() {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let user = status.lines().find_map(|line| line.strip_prefix("Uid:\t0\t"));
            assert!(user.is_none(), "{}: a worker runs as root", server.daemon.directory.display());
        }
    }
    let [_, haproxy, _] = &servers;
    let [process] = haproxy.daemon.workers()[..] else { panic!("HAProxy is one process") };
    assert_eq!(fs::read_link(format!("/proc/{process}/root")).unwrap().to_str(), Some(&*world.path("root")));
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| story(&world, &site, server));
        }
    });
}

fn story(world: &World, site: &Site, server: &Running) {
    let name = server.daemon.directory.file_name().unwrap().to_str().unwrap();
    assert!(server.visit(world, HOST).contains("no_voucher"), "{name}: the store is not there yet");

    let older = Vouched { produced_at: UnixTime(now().0 - 600), ..Vouched::for_site(site) };
    world.store(&server.store, site, &[world.bundle(&older)]);
    let missing = server.told_of(server.store.strip_prefix(&world.path("root")).unwrap_or(&server.store));
    assert!(!missing.is_empty() && missing.values().all(|times| *times == 1), "{name}: {missing:?}");
    await_statement(world, server, &older, "no_voucher");

    // One that ends soon.
    let newer = Vouched { produced_at: UnixTime(now().0 - 100), lifetime: 114, ..older.clone() };
    world.store(&server.store, site, &[world.bundle(&newer)]);
    await_statement(world, server, &newer, &made_at(&older));

    fs::remove_dir_all(&server.store).unwrap();
    let end = newer.produced_at.plus(newer.lifetime);
    loop {
        let before = now();
        let said = server.visit(world, HOST);
        if now() <= end {
            assert!(said.contains(&made_at(&newer)), "{name}: what was read stays until it ends: {said}");
        } else if before > end {
            assert!(said.contains("no_voucher"), "{name}: served after its end: {said}");
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn made_at(vouched: &Vouched<'_>) -> String {
    format!("newest statement of {}", vouched.produced_at)
}

/// Waits until all workers serve this statement; until then they serve what they served before.
fn await_statement(world: &World, server: &Running, vouched: &Vouched<'_>, before: &str) {
    let (start, mut in_a_row) = (Instant::now(), 0);
    while in_a_row < 20 {
        let late = start.elapsed() > SERVED_WITHIN;
        let said = server.visit(world, HOST);
        let is_new = said.contains(&made_at(vouched));
        let place = server.daemon.directory.display();
        assert!(is_new || (said.contains(before) && !late), "{place}: {:?}: {said}", start.elapsed());
        in_a_row = if is_new { in_a_row + 1 } else { 0 };
        std::thread::sleep(Duration::from_millis(if is_new { 0 } else { 100 }));
    }
}
