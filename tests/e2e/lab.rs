//! A world with authorities and agents, which are the real program: from the library, and by `mecai lab up`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mecai_services::lab::{Dns, Site, SiteAgent, SitePlan, World};
use support::{MECAI, module};

const HOST: &str = "www.shop.example";

/// What each operator's authority says when it is asked once: `good`, or the code of its refusal.
fn ask(agent: &SiteAgent) -> BTreeMap<String, String> {
    let ran = agent.once(&["--json"]).unwrap();
    let status: serde_json::Value = serde_json::from_str(&ran.output).expect(&ran.errors);
    let authorities = status["sites"][0]["authorities"].as_array().unwrap();
    let word = |authority: &serde_json::Value| match authority["failing"]["code"].as_str() {
        Some(code) => code.to_owned(),
        None => authority["good_until"].as_str().map_or("silent", |_| "good").to_owned(),
    };
    authorities.iter().map(|one| (one["operator"].as_str().unwrap().to_owned(), word(one))).collect()
}

fn words(letters: &str, said: [&str; 4]) -> BTreeMap<String, String> {
    letters.chars().zip(said).map(|(letter, word)| (format!("operator-{letter}"), word.to_owned())).collect()
}

#[test]
fn authorities_look_for_themselves_and_come_and_go() {
    let world = World::builder().operators(4).authorities(MECAI).start().unwrap();
    let mut site = Site::start(&world, HOST, "operator-a", 0, module(), None, SitePlan::default()).unwrap();
    let agent = site.agent();
    assert_eq!(ask(agent), words("abcd", ["own_operator", "good", "good", "good"]));

    // Its own view of the network: another address.
    let elsewhere = Dns::start(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    elsewhere.set(HOST, &[IpAddr::V4(Ipv4Addr::new(127, 10, 0, 77))]);
    world.authority("operator-b").unwrap().look_through(&elsewhere).unwrap();
    world.authority("operator-c").unwrap().down();
    let distrusting = world.authority("operator-d").unwrap();
    let ran = distrusting.distrust(["add", "--operator", "operator-a", "--reason", "it was hacked"]).unwrap();
    assert!(ran.succeeded(), "{}", ran.errors);
    assert_eq!(ask(agent), words("abcd", ["own_operator", "address_mismatch", "unreachable", "distrusted"]));

    world.authority("operator-b").unwrap().look_through(world.dns()).unwrap();
    world.authorities_up().unwrap();
    assert!(distrusting.distrust(["remove", "--operator", "operator-a"]).unwrap().succeeded());
    assert_eq!(ask(agent), words("abcd", ["own_operator", "good", "good", "good"]));

    // A certificate whose status nobody has looked up yet, and nobody can.
    world.revocation_down();
    let mut other =
        Site::start(&world, "www.other.example", "operator-a", 1, module(), None, SitePlan::default()).unwrap();
    let unknown = "revocation_unknown";
    assert_eq!(ask(other.agent()), words("abcd", ["own_operator", unknown, unknown, unknown]));
    world.revocation_up().unwrap();
    // A responder that failed is left alone for some seconds.
    let good = words("abcd", ["own_operator", "good", "good", "good"]);
    wait_for("all vouch again", || (ask(other.agent()) == good).then_some(()));
}

/// Calls `look` until it gives something, for half a minute at most.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(50)); // await-condition
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_person_can_try_a_site_by_hand() {
    let mut command = Command::new(MECAI);
    command.args(["lab", "up", "--operators", "6", "--site", HOST, "--module"]).arg(module());
    let mut up = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(up.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let curl = lines.find(|line| line.starts_with("OPENSSL_CONF=")).unwrap();
    let page = wait_for("the page of the site", || {
        let output = Command::new("sh").args(["-c", &format!("{curl} -sS --noproxy '*'")]).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    assert_eq!(page, format!("Welcome to {HOST}\n"));

    let (conf, _) = curl.strip_prefix("OPENSSL_CONF=").and_then(|rest| rest.split_once(' ')).unwrap();
    assert!(Path::new(conf).is_file());
    let port: u16 = curl.rsplit_once(':').and_then(|(_, port)| port.strip_suffix('/')).unwrap().parse().unwrap();
    assert!(TcpStream::connect((Ipv4Addr::new(127, 10, 0, 1), port)).is_ok());
    let pid = up.0.id().to_string();
    assert!(Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status().unwrap().success());
    assert!(up.0.wait().unwrap().success());
    assert!(TcpStream::connect((Ipv4Addr::new(127, 10, 0, 1), port)).is_err());
    assert!(!Path::new(conf).exists());
}
