//! `voucher_request` and the lab's authorities, of which one is dead and one refuses; the server shows what it has got,
//! `client` accepts it, and `verify` comes to the same verdict from the files.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use mecai::chain::certificate_digest;
use mecai::state::State;
use mecai::store::Store;
use mecai_services::lab::{Ran, Site, SitePlan, World, run_program};
use tempfile::TempDir;

use super::build::{PLAIN, SANITIZED, built};
use super::support::{MECAI, module};

const HOST: &str = "www.shop.example";

struct Shop {
    world: World,
    site: Site,
}

impl Shop {
    /// Five operators, the first of whom is the shop's own; no agent runs.
    fn open() -> Self {
        let world = World::builder().operators(5).authorities(MECAI).start().unwrap();
        let site = Site::start(&world, HOST, "operator-a", 0, module(), None, SitePlan::default()).unwrap();
        Self { world, site }
    }

    fn address(&self) -> SocketAddr {
        self.site.address()
    }

    fn list(&self, command: &mut Command) {
        command.arg("-l").arg(self.world.list().path()).args(["-k", &self.world.list().keys()]);
    }

    /// Runs `voucher_request` into this store.
    fn request(&self, examples: &Path, store: &Path, patience: &str) -> Ran {
        let mut command = Command::new(examples.join("voucher_request"));
        self.list(&mut command);
        command.arg("-c").arg(&self.site.entry().chain).args(["-H", HOST, "-w", patience, "-d"]).arg(store);
        command.args(["-A", &self.address().ip().to_string(), "-p", &self.address().port().to_string()]);
        run_program(command).unwrap()
    }
}

fn vouchers_from_all_who_can(examples: &Path) {
    let mut shop = Shop::open();
    shop.world.authority("operator-c").unwrap().down();
    let distrusting = shop.world.authority("operator-d").unwrap();
    assert!(
        distrusting.distrust(["add", "--operator", "operator-a", "--reason", "it was hacked"]).unwrap().succeeded()
    );

    let store = shop.site.agent().store().to_path_buf();
    let ran = shop.request(examples, &store, "0");
    assert_eq!(ran.status, Some(0), "{}{}", ran.output, ran.errors);
    for line in [
        "operator-a: own_operator: ",
        "operator-b: vouches\n",
        "operator-c: unreachable: ",
        "operator-d: distrusted: ",
        "operator-e: vouches\n",
        "2 of 5 authorities vouch\n",
    ] {
        assert!(ran.output.contains(line), "{line}: {}{}", ran.output, ran.errors);
    }

    // The server reads the store, the client believes it.
    shop.site.serve_by(&examples.join("server"), module()).unwrap();
    let state = TempDir::new().unwrap();
    let mut client = Command::new(examples.join("client"));
    let world = &shop.world;
    client.args(["-a", &shop.address().ip().to_string(), "-C"]).arg(world.roots());
    client.args(["-m", &format!("authorities={}", world.list().path().display())]);
    client.args(["-m", &format!("authorities_keys={}", world.list().keys()), "-m", "candidates=5"]);
    client.args(["-m", &format!("state={}", state.path().join("state").display())]);
    client.arg(format!("https://{HOST}:{}/", shop.address().port()));
    let ran = run_program(client).unwrap();
    assert_eq!((ran.status, ran.output.as_str()), (Some(0), "Welcome to www.shop.example\n"), "{}", ran.errors);
    assert!(shop.site.stop_program().unwrap().unwrap().success());

    // From files: by the same secret accepted, and without one too few, as more than half of all must have vouched then.
    let secret = state.path().join("copy");
    fs::write(&secret, State::new(state.path().join("state")).secret().unwrap().as_ref()).unwrap();
    let bundles = Store::new(&store).read(&certificate_digest(shop.site.issued().certificate())).unwrap().unwrap();
    let bundle = state.path().join("bundle");
    fs::write(&bundle, bundles.bundles()[0].der()).unwrap();
    let judge = |more: &[&str]| {
        let mut verify = Command::new(examples.join("verify"));
        shop.list(&mut verify);
        verify
            .arg("-c")
            .arg(&shop.site.entry().chain)
            .arg("-c")
            .arg(&shop.world.describe().operators[0].root.certificate);
        verify.arg("-b").arg(&bundle).args(["-H", HOST, "-q", "2/5"]).args(more);
        verify.args(["-p", &shop.address().port().to_string(), "-P", &shop.address().ip().to_string()]);
        run_program(verify).unwrap()
    };
    let ran = judge(&["-s", secret.to_str().unwrap()]);
    assert!(ran.status == Some(0) && ran.output.starts_with("accepted: accepted: "), "{}{}", ran.output, ran.errors);
    let ran = judge(&[]);
    assert!(ran.status == Some(4) && ran.output.contains("no_secret"), "{}{}", ran.output, ran.errors);
}

#[test]
fn one_is_dead_and_one_refuses_and_the_others_vouch() {
    vouchers_from_all_who_can(&built(PLAIN));
}

#[test]
fn the_same_sanitized() {
    vouchers_from_all_who_can(&built(SANITIZED));
}

#[test]
fn who_comes_back_is_asked_again() {
    let shop = Shop::open();
    let late = shop.world.authority("operator-c").unwrap();
    late.down();
    let store = TempDir::new().unwrap();
    let ran = std::thread::scope(|scope| {
        let asking = scope.spawn(|| shop.request(&built(PLAIN), store.path(), "60"));
        // The file of the first round's vouchers says that the first round is over.
        while fs::read_dir(store.path()).unwrap().next().is_none() {
            assert!(!asking.is_finished(), "it ended without vouchers");
            std::thread::sleep(std::time::Duration::from_millis(20)); // await-condition
        }
        shop.world.authorities_up().unwrap();
        asking.join().unwrap()
    });
    assert_eq!(ran.status, Some(0), "{}{}", ran.output, ran.errors);
    assert!(ran.output.contains("operator-c: vouches\n") && ran.output.contains("4 of 5 "), "{}", ran.output);
}

#[test]
fn nobody_vouches_for_what_the_server_does_not_show() {
    let shop = Shop::open();
    let other = shop.world.operator("operator-b").unwrap().issue(&mecai_services::lab::Leaf::new([HOST])).unwrap();
    let store = TempDir::new().unwrap();
    let chain = store.path().join("chain.pem");
    fs::write(&chain, other.chain_pem()).unwrap();
    let mut command = Command::new(built(PLAIN).join("voucher_request"));
    shop.list(&mut command);
    command.arg("-c").arg(&chain).args(["-H", HOST, "-w", "0", "-d"]).arg(store.path().join("vouchers"));
    command.args(["-A", &IpAddr::V4(Ipv4Addr::new(127, 10, 0, 1)).to_string()]);
    command.args(["-p", &shop.address().port().to_string()]);
    let ran = run_program(command).unwrap();
    assert_eq!(ran.status, Some(1), "{}{}", ran.output, ran.errors);
    assert!(ran.output.contains("operator-c: wrong_certificate: ") && ran.output.contains("0 of 5 "), "{}", ran.output);
}
