//! Certificates are renewed by certbot and by lego, by their ACME servers' leave and with the hooks that ship, while
//! clients in mode `require` connect all the time: none of 10,000 full handshakes fails.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub)]

mod acme;
mod certbot;
mod doorway;
mod lego;
mod load;
mod pebble;
mod shown;
mod site;
mod wait;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use acme::{Change, Deploy, Place};
use certbot::Certbot;
use doorway::Doorway;
use lego::Lego;
use load::{Client, Load, Tally, refusals};
use mecai_services::lab::World;
use pebble::Pebble;
use shown::Shown;
use site::Site;
use wait::wait_for;

const MECAI: &str = env!("CARGO_BIN_EXE_mecai");
const SHOP: &str = "www.shop.example";
const STORE: &str = "www.store.example";
const CLIENTS_PER_SITE: usize = 2;
/// Visits a second of each client.
const PACE: usize = 20;
/// So many handshakes in all, so many with each certificate, so many a second.
const ALL: usize = 10_000;
const EACH: usize = 500;
const PER_SECOND: f64 = 50.0;
/// So long clients get to see a certificate [`EACH`] times.
const SEEN_WITHIN: Duration = Duration::from_secs(120);

#[test]
#[ignore = "part of make test-long"]
fn no_handshake_fails_while_certificates_are_renewed() {
    let module = module();
    let world = World::builder().authorities(MECAI).start().unwrap();
    let [shop_ip, store_ip]: [IpAddr; 2] = ["127.10.0.1", "127.10.0.2"].map(|ip| ip.parse().unwrap());
    world.dns().set(SHOP, &[shop_ip]);
    world.dns().set(STORE, &[store_ip]);
    let doorway = Doorway::open(&world, &[shop_ip, store_ip]);
    let servers = ["operator-a", "operator-b"].map(|operator| Pebble::start(&world, operator, doorway.port()));
    let place = Place { world: &world, doorway: &doorway, servers: &servers, mecai: Path::new(MECAI) };

    let certbot = Certbot::new(place, SHOP);
    let lego = Lego::new(place, STORE);
    let shop = Site::start(&world, SHOP, shop_ip, [&certbot.chain(), &certbot.key()], &module);
    let store = Site::start(&world, STORE, store_ip, [&lego.chain(), &lego.key()], &module);
    let clients: Vec<Client> = [&shop, &store]
        .into_iter()
        .flat_map(|site| (1..=CLIENTS_PER_SITE).map(move |number| (site, format!("{}-{number}", site.name))))
        .map(|(site, name)| Client::new(&world, site, &name, PACE, &module))
        .collect();
    clients.iter().for_each(Client::wait_until_accepted);

    let load = Load::start(&clients);
    let story = Story { load: &load, told: Mutex::default() };
    thread::scope(|scope| {
        scope.spawn(|| {
            story.tell("certbot", &certbot.chain(), |change| certbot.renew(&shop, change, Deploy::Staged));
        });
        scope.spawn(|| story.tell("lego", &lego.chain(), |change| lego.renew(&store, change)));
    });
    let told = story.told.into_inner().unwrap();
    wait_for("all handshakes", Duration::from_secs(600), || load.tally().visits() >= ALL);
    let tally = load.end();

    print_figures(&tally, &told);
    assert_eq!((&tally.failures, refusals(&clients)), (&Vec::new(), Vec::new()));
    assert!(tally.visits() >= ALL);
    assert!(tally.per_second() >= PER_SECOND, "{} a second", tally.per_second());
    for (name, shown) in &told {
        assert!(tally.of(&shown.digest) >= EACH, "{name}: {}", tally.of(&shown.digest));
    }
    assert_eq!(tally.served.len(), told.len(), "a certificate was served that nobody deployed: {:?}", tally.served);
    assert_eq!([shop.complaints(), store.complaints()], [const { Vec::<String>::new() }; 2]);

    // What the hook is for: the same clients, the same programs, and a server that is only reloaded.
    let load = Load::start(&clients[..CLIENTS_PER_SITE]);
    certbot.renew(&shop, Change::NewKey, Deploy::AtOnce);
    wait_for("a refusal without the hook", Duration::from_secs(30), || !load.tally().failures.is_empty());
    let shown = Shown::read(&certbot.chain());
    wait_for("vouchers all the same", SEEN_WITHIN, || load.tally().of(&shown.digest) > 0);
    let tally = load.end();
    println!("without the hook {} of {} handshakes failed", tally.failures.len(), tally.visits());
    let refusals = refusals(&clients);
    assert_eq!(refusals.len(), tally.failures.len());
    // Once the agent has found the new certificate the first vouchers come, and some clients ask for others.
    let is_of = |line: &String, code: &str| line.contains(&format!(": {code}: "));
    assert!(refusals.iter().any(|line| is_of(line, "no_voucher")), "{refusals:#?}");
    let too_few = |line: &String| is_of(line, "suspicious_certificate");
    assert!(refusals.iter().all(|line| is_of(line, "no_voucher") || too_few(line)), "{refusals:#?}");
}

/// The renewals of one site after another.
struct Story<'a> {
    load: &'a Load,
    told: Mutex<Vec<(String, Shown)>>,
}

impl Story<'_> {
    /// Every kind of renewal in turn, each when clients have seen enough of the certificate before.
    fn tell(&self, program: &str, chain: &Path, renew: impl Fn(Change)) {
        let mut before = Shown::read(chain);
        self.is_seen(format!("{program}, first certificate"), &before);
        for change in [Change::NewKey, Change::SameKey, Change::NewCa] {
            let begun = Instant::now();
            renew(change);
            let shown = Shown::read(chain);
            let is_same = (shown.key == before.key, shown.issuer == before.issuer);
            let expected = match change {
                Change::NewKey => (false, true),
                Change::SameKey => (true, true),
                Change::NewCa => (false, false),
            };
            assert_eq!(is_same, expected, "{program}: {change:?}");
            assert_ne!(shown.digest, before.digest);
            println!("{program}, {change:?}: ordered, vouched for and deployed in {:.1?}", begun.elapsed());
            self.is_seen(format!("{program}, {change:?}"), &shown);
            before = shown;
        }
    }

    fn is_seen(&self, name: String, shown: &Shown) {
        let what = format!("{name} seen {EACH} times");
        wait_for(&what, SEEN_WITHIN, || self.load.tally().of(&shown.digest) >= EACH);
        self.told.lock().unwrap().push((name, shown.clone()));
    }
}

fn print_figures(tally: &Tally, told: &[(String, Shown)]) {
    println!(
        "{} handshakes in {:.1?}: {:.1} a second, {:.1} in the slowest ten seconds; {} failed",
        tally.visits(),
        tally.last - tally.begun,
        tally.per_second(),
        tally.slowest(10),
        tally.failures.len()
    );
    for (name, shown) in told {
        let (count, first) = tally.served[&shown.digest];
        println!("{count:6} with {} ({name}), first after {:.1?}", &shown.digest[..16], first);
    }
}

/// The module, of the same build as this test.
fn module() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/openssl-plugin/link.sh");
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let output = Command::new(script).arg(profile).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Path::new(String::from_utf8(output.stdout).unwrap().trim()).to_owned()
}
