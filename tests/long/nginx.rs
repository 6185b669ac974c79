//! nginx with the module over 10,000 handshakes, half of them SNI misses, resumptions or refusals: its workers do not
//! grow, and its error log says nothing that it would not say without the module.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub)]

mod client;
mod log;
mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;

use client::{Client, Done, MALFORMED, POLITE, REFUSING, Visit};
use log::Kind;
use site::{Ports, Site, Vouchers, WORKERS};

const HOSTS: usize = 6;
const CLIENTS: usize = 4;
const WARM: usize = 1_000;
const ALL: usize = 10_000;
/// Enough for every kind of connection in every flavour.
const COMPARED: usize = 640;
const GROWTH_MAX_KIB: u64 = 1_024;

#[test]
#[ignore = "part of make test-long"]
fn workers_do_not_grow_over_ten_thousand_handshakes() {
    let site = Site::new(HOSTS);

    let (nginx, ports) = site.start(&Vouchers::Serverinfo);
    let mut clients = new_clients(&site, &ports, false);
    visit(&mut clients, COMPARED);
    let compared = nginx.error_log();
    assert!(nginx.stop().unwrap().success());
    let without_module = log::kinds(&compared);

    let (nginx, ports) = site.start(&Vouchers::Module);
    let mut clients = new_clients(&site, &ports, true);
    let mut done = visit(&mut clients, WARM);
    let warm = resident(&done);
    done.add(&visit(&mut clients, ALL - WARM));
    let after = resident(&done);
    print_figures(&done, &warm, &after);

    let others: usize = done.visits.iter().filter(|(visit, _)| **visit != Visit::Full).map(|(_, count)| count).sum();
    assert_eq!((done.visits.values().sum::<usize>(), others), (ALL, ALL / 2));
    let answered: usize = done.served.values().sum();
    for (worker, served) in &done.served {
        assert!(served * 4 >= answered, "worker {worker} served only {served} of {answered}");
        assert!(
            after[worker] <= warm[worker] + GROWTH_MAX_KIB,
            "worker {worker} takes {} KiB after {ALL} handshakes, {} KiB after {WARM}: more than {GROWTH_MAX_KIB} KiB \
             were added",
            after[worker],
            warm[worker]
        );
    }

    let log = nginx.error_log();
    assert!(nginx.stop().unwrap().success());
    check_log(&log::kinds(&log), &without_module, &done);
    assert_eq!(fs::read_to_string(site.module_log()).unwrap(), "", "the module has nothing to say");
}

/// What nginx says in its error log, which begins at level `info`.
///
/// A client that refuses says so in an alert, and nginx writes "SSL_do_handshake() failed" for it, whoever made the client
/// refuse: that line tells of the client, not of the server. It does the same for a ClientHello that is against the rules
/// of the extension. So these clients come from addresses of their own, and
/// - of all other clients, and of nginx itself, no line names a failure, and none is above `notice`;
/// - every line about these clients is of a kind that the same nginx writes about the same clients without the module,
///   serving its vouchers by OpenSSL's own serverinfo files, and there is one line for each refusal;
/// - no line at all names mecai.
fn check_log(with_module: &BTreeMap<Kind, usize>, without: &BTreeMap<Kind, usize>, done: &Done) {
    for (kind, count) in with_module {
        println!("{count:6} {kind}");
    }
    let of_clients = |kinds: &BTreeMap<Kind, usize>| -> BTreeSet<Kind> {
        kinds.keys().filter(|kind| kind.client.is_some()).cloned().collect()
    };
    assert_eq!(of_clients(with_module), of_clients(without), "nginx with the module says other things than without");
    for kind in with_module.keys() {
        let line = kind.to_string().to_lowercase();
        assert!(!line.contains("mecai"), "{line}");
        if kind.client.as_deref().is_none_or(|client| client == POLITE) {
            assert!(["info", "notice"].contains(&kind.level.as_str()), "{line}");
            assert!(!line.contains("fail") && !line.contains("error"), "{line}");
        }
    }
    let lines = |from: &str| -> usize {
        with_module.iter().filter(|(kind, _)| kind.client.as_deref() == Some(from)).map(|(_, count)| count).sum()
    };
    let visits = |visits: &[Visit]| -> usize { visits.iter().map(|visit| done.visits[visit]).sum() };
    assert_eq!(lines(REFUSING), visits(&[Visit::CertificateRefused, Visit::AnswerRefused, Visit::GoneAway]));
    assert_eq!(lines(MALFORMED), visits(&[Visit::NotEmpty]));
}

fn new_clients<'a>(site: &'a Site, ports: &'a Ports, by_name: bool) -> Vec<Client<'a>> {
    (0..CLIENTS).map(|_| Client::new(site, ports, by_name)).collect()
}

/// So many connections by all clients together.
fn visit(clients: &mut [Client<'_>], count: usize) -> Done {
    let share = count / clients.len();
    thread::scope(|scope| {
        for client in clients.iter_mut() {
            scope.spawn(move || client.visit(share));
        }
    });
    let mut done = Done::default();
    for client in clients {
        done.add(&client.take_done());
    }
    done
}

/// The resident memory of each worker in KiB. Not VmRSS of /proc/PID/status, which the kernel keeps only roughly.
fn resident(done: &Done) -> BTreeMap<u32, u64> {
    assert_eq!(done.served.len(), usize::from(WORKERS), "a worker has served nobody, or died: {done:?}");
    let of = |worker: &u32| {
        let text = fs::read_to_string(format!("/proc/{worker}/smaps_rollup")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
        (*worker, line.trim().strip_suffix(" kB").unwrap().parse().unwrap())
    };
    done.served.keys().map(of).collect()
}

fn print_figures(done: &Done, warm: &BTreeMap<u32, u64>, after: &BTreeMap<u32, u64>) {
    for (visit, count) in &done.visits {
        println!("{count:6} {visit:?}");
    }
    for (worker, served) in &done.served {
        let (warm, after) = (warm[worker], after[worker]);
        println!(
            "worker {worker}: {served} answers; {warm} KiB resident after {WARM}, {after} KiB after {ALL} ({:+} KiB)",
            i128::from(after) - i128::from(warm)
        );
    }
}
