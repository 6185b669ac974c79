//! Where an alternate takes the place of the server's own certificate.

use std::process::Command;

use mecai::chain::certificate_digest;
use mecai::extension::{ALTERNATE, VOUCHERS};

use super::{Fallen, params};
use crate::world::{HOST, Vouched, answer, said};

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn an_alternate_takes_the_place_of_a_certificate_that_nobody_vouches_for() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let answer = fallen.vouched(&alternate);
    for version in ["-tls1_2", "-tls1_3"] {
        let server = fallen.showing(&answer, &[version]);
        for outcome in fallen.all(&server) {
            assert!(outcome.accepted, "{version}: {outcome:?}");
            let reason = "; the alternate is used, as the server's own certificate fails: no_voucher: the server sent";
            assert!(outcome.log.contains(&format!("accepted {HOST}: vouched for by 3 operators")), "{outcome:?}");
            assert!(outcome.log.contains(reason), "{outcome:?}");
        }
        let seen = fallen.python(&server, true).said;
        assert!(seen.contains(&hex(&certificate_digest(&alternate.der))), "{seen}");
    }
}

#[test]
fn programs_see_the_alternate_as_the_verified_certificate() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let server = fallen.showing(&fallen.vouched(&alternate), &[]);
    let config = fallen.world.write_config("client", &[("authorities", &fallen.world.path("list.json"))]);
    let digest = hex(&certificate_digest(&alternate.der));
    let node = "
        const tls = require('tls'), fs = require('fs'), [, roots, port, host] = process.argv;
        const socket = tls.connect({ port, host: '127.0.0.1', servername: host, ca: fs.readFileSync(roots) }, () => {
            const hash = require('crypto').createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex');
            console.log(socket.authorized, hash);
            socket.end();
        });
        socket.on('error', (error) => { console.log(error.code); process.exit(1); });";
    let mut command = Command::new("node");
    command.env("OPENSSL_CONF", &config).args(["-e", node, &fallen.world.path("roots.pem"), &server.port.to_string()]);
    let output = said(&command.arg(HOST).output().unwrap());
    assert!(output.contains(&format!("true {digest}")), "{output}\n{}", fallen.world.log());

    let curl = fallen.curl_trusting(&server, "roots.pem", &[], &["-w", "%{certs}", "-k"]);
    assert!(curl.accepted, "{curl:?}");
    let verbose = fallen.curl_trusting(&server, "roots.pem", &[], &["-v"]);
    assert!(verbose.said.contains("CN=Root of operator 1"), "{verbose:?}");

    let roots = fallen.world.path("roots.pem");
    let arguments = ["-CAfile", &roots, "-servername", HOST, "-verify_hostname", HOST, "-showcerts"];
    let s_client = said(&fallen.world.s_client(&config, &server, &arguments));
    assert!(s_client.contains("Verification: OK") && s_client.contains("Root of operator 1"), "{s_client}");
    assert!(s_client.contains(&format!("Verified peername: {HOST}")), "{s_client}");
}

#[test]
fn an_alternate_takes_the_place_of_a_certificate_whose_root_the_program_does_not_trust() {
    let fallen = Fallen::new();
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    // Everything but the root of the server's own certificate.
    let roots = std::fs::read_to_string(fallen.world.path("roots.pem")).unwrap();
    let (_, others) = roots.split_once("-----END CERTIFICATE-----\n").unwrap();
    std::fs::write(fallen.world.path("others.pem"), others).unwrap();
    let outcome = fallen.curl_trusting(&server, "others.pem", &[], &[]);
    assert!(outcome.accepted, "{outcome:?}");
    let reason = "chain_not_trusted: the program trusts no root that the chain leads to";
    assert!(outcome.log.contains(reason), "{outcome:?}");
    // A name that OpenSSL has not come to in the first verification, where OpenSSL 4.0 does not tell it.
    let config = fallen.world.write_config("client", &[]);
    let others = fallen.world.path("others.pem");
    let arguments = ["-CAfile", &others, "-servername", HOST, "-verify_hostname", HOST, "-verify_return_error"];
    let s_client = fallen.world.s_client(&config, &server, &arguments);
    let log = fallen.world.take_log();
    assert!(s_client.status.success(), "{}\n{log}", said(&s_client));
    assert!(log.contains(&format!("accepted {HOST}: ")) && log.contains(reason), "{log}");
}

#[test]
fn an_alternate_takes_the_place_of_a_certificate_whose_root_is_not_listed() {
    let mut fallen = Fallen::new();
    fallen.site = fallen.world.issue("site", 6, params(&[HOST]), &fallen.key);
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    for outcome in fallen.all(&server) {
        assert!(outcome.accepted && outcome.log.contains("own certificate fails: root_not_listed: "), "{outcome:?}");
    }
}

#[test]
fn an_alternate_takes_the_place_of_a_certificate_whose_vouchers_are_no_good() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let alternate = fallen.vouched(&alternate);
    let good = Vouched::for_site(&fallen.site);
    let hour_ago = mecai::time::UnixTime(crate::world::now().0 - 7200);
    for (code, vouched) in [
        ("expired", Vouched { produced_at: hour_ago, ..good.clone() }),
        ("wrong_host", Vouched { host: "www.other.example", ..good.clone() }),
        ("suspicious_certificate", Vouched { authorities: 1, ..good }),
    ] {
        let vouchers = answer(&[fallen.world.bundle(&vouched)]);
        let server = fallen.showing_all(&[(VOUCHERS, &vouchers), (ALTERNATE, &alternate)], &[]);
        let outcome = fallen.curl(&server);
        assert!(outcome.accepted && outcome.log.contains(&format!("fails: {code}: ")), "{code}: {outcome:?}");
        // Evidence of an alarm is no less of one.
        assert_eq!(outcome.log.contains("; alarm"), code != "expired", "{outcome:?}");
    }
}

#[test]
fn a_certificate_that_is_vouched_for_needs_no_alternate() {
    let fallen = Fallen::new();
    let vouchers = answer(&[fallen.world.bundle(&Vouched::for_site(&fallen.site))]);
    let alternate = fallen.vouched(&fallen.alternate(1));
    for alternate in [&alternate[..], b"whatever it is", &[0; 20_000]] {
        let server = fallen.showing_all(&[(VOUCHERS, &vouchers), (ALTERNATE, alternate)], &[]);
        for outcome in fallen.all(&server) {
            assert!(outcome.accepted && !outcome.log.contains("alternate"), "{outcome:?}");
        }
        let seen = fallen.python(&server, true).said;
        assert!(seen.contains(&hex(&certificate_digest(&fallen.site.der))), "{seen}");
    }
}

#[test]
fn who_has_fallen_back_reports_it() {
    let fallen = Fallen::new();
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    let state = fallen.world.path("state");
    let outcome = fallen.curl_trusting(&server, "roots.pem", &[("state", &state), ("candidates", "6")], &[]);
    assert!(outcome.accepted, "{outcome:?}");
    let reports: Vec<_> = std::fs::read_dir(format!("{state}/reports")).unwrap().map(|it| it.unwrap().path()).collect();
    let [report] = &reports[..] else { panic!("{reports:?}") };
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!((&report["code"], &report["host"]), (&"no_voucher".into(), &HOST.into()));
    let own = pem::parse(std::fs::read(&fallen.site.certificate).unwrap()).unwrap();
    let served =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", report["chain"][0].as_str().unwrap());
    assert_eq!(pem::parse(served).unwrap().contents(), own.contents(), "the chain as served");
}
