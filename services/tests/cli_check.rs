//! `mecai check` against a stock OpenSSL server that serves vouchers from a file.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use mecai::chain::certificate_digest;
use mecai::extension::{write_alternate, write_bundles};
use mecai::store::Part;
use mecai::time::UnixTime;
use mecai_services::lab::{Issued, Leaf};
use serde_json::json;

mod cli_support;
use cli_support::{Claim, HOST, Said, Server, World, mecai, now};

const ALL_BUT_THE_OWNER: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// A server with vouchers of everybody but the owner, made by `change` from good ones.
fn server(world: &World, change: impl FnOnce(&mut Claim)) -> Server {
    let certificate = world.certificate(HOST);
    let mut claim = Claim::of(&certificate);
    change(&mut claim);
    let bundle = world.bundle(&claim, &ALL_BUT_THE_OWNER);
    Server::start(world, &certificate, &[bundle], &[])
}

/// The verdict of a check, which must have ended so.
#[track_caller]
fn verdict(world: &World, server: &Server, status: i32) -> serde_json::Value {
    Said::by(world.check(server).arg("--json")).ended(status).json()["verdict"].clone()
}

#[test]
fn vouchers_are_accepted_and_explained() {
    let world = World::new(12);
    let server = server(&world, |_| {});
    for (version, name) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
        let said = Said::by(world.check(&server).args(["--min-tls", version, "--max-tls", version])).ended(0);
        said.says(&[
            &format!("{HOST} port 443 at {}, {name}", server.address),
            "chain: trusted",
            "authority list: sequence 17, 12 operators",
            "produced     ",
            "(3 h ago)",
            "promises to go on showing vouchers for 30 days",
            "Operator b",
            "Operator l",
            "OCSP, 2 h old",
            "127.0.0.1",
            "accepted: vouched for by",
            "code    accepted (0x4D01)",
        ]);
        assert!(!said.out.contains("pick:"), "{}", said.out);
    }
    let said = Said::by(world.check(&server).arg("--json")).ended(0).json();
    assert_eq!(said["verdict"]["outcome"], "accepted");
    assert_eq!(said["verdict"]["notes"], json!([]));
    assert_eq!(said["owners"], json!(["operator-a"]));
    assert_eq!(said["chain"][1]["operator"], "operator-a");
    let endorsements = said["bundles"][0]["endorsements"].as_array().unwrap();
    assert_eq!(endorsements.len(), 11);
    for endorsement in endorsements {
        assert_eq!((&endorsement["check"], &endorsement["age"]), (&json!("good"), &json!(7_200)));
        assert_eq!(endorsement["seen"], json!(["127.0.0.1"]));
    }
    assert!(said.get("pick").is_none());
}

#[test]
fn the_pick_is_told_only_when_asked_for_and_stays() {
    let world = World::new(12);
    let server = server(&world, |_| {});
    let picks: Vec<_> = (0..2)
        .map(|_| Said::by(world.check(&server).args(["--json", "--show-pick"])).ended(0).json()["pick"].clone())
        .collect();
    assert_eq!(picks[0].as_array().unwrap().len(), 4);
    assert_eq!(picks[0], picks[1]);
    Said::by(world.check(&server).arg("--show-pick")).ended(0).says(&["pick: operator-"]);
}

#[test]
fn a_server_without_vouchers() {
    let world = World::new(12);
    let server = Server::start(&world, &world.certificate(HOST), &[], &[]);
    Said::by(&mut world.check(&server)).ended(5).says(&[
        "vouchers: none sent",
        "refused: the server sent no vouchers",
        "code    no_voucher (40)",
        "to do   The server's administrator runs the agent",
    ]);
}

#[test]
fn what_is_wrong_with_vouchers_is_told_by_its_code() {
    let world = World::new(12);
    let other_certificate = world.certificate(HOST);
    type Change<'a> = Box<dyn FnOnce(&mut Claim) + 'a>;
    let cases: [(&str, Change<'_>); 5] = [
        ("wrong_host", Box::new(|claim| claim.host = "www.other.example")),
        ("wrong_port", Box::new(|claim| claim.port = 8443)),
        ("expired", Box::new(|claim| claim.not_after = UnixTime(now().0 - 60))),
        (
            "clock_behind",
            Box::new(|claim| (claim.produced_at, claim.not_after) = (now().plus(3_600), now().plus(7_200))),
        ),
        ("wrong_certificate", Box::new(|claim| claim.certificate = Claim::of(&other_certificate).certificate)),
    ];
    for (code, change) in cases {
        let server = server(&world, change);
        let found = verdict(&world, &server, 4);
        assert_eq!(found["code"], code);
        assert_eq!(found["alarm"], code.starts_with("wrong_"), "{code}");
        let said = Said::by(&mut world.check(&server)).ended(4);
        let explained = Said::by(mecai().args(["explain", code])).ended(0);
        let advice = explained.out.lines().find_map(|line| line.trim().strip_prefix("to do")).unwrap();
        said.says(&[&format!("code    {code}"), advice.trim()]);
    }
}

#[test]
fn the_owner_of_the_chain_does_not_count() {
    let world = World::new(12);
    let certificate = world.certificate(HOST);
    let bundle = world.bundle(&Claim::of(&certificate), &[0]);
    let server = Server::start(&world, &certificate, &[bundle], &[]);
    assert_eq!(verdict(&world, &server, 4)["code"], "own_operator");
    Said::by(&mut world.check(&server)).ended(4).says(&["endorsed by operator operator-a, which owns a part"]);
}

#[test]
fn a_single_accomplice_raises_an_alarm_and_no_code_tells_the_pick() {
    let world = World::new(12);
    let certificate = world.certificate(HOST);
    for accomplice in [1, 5, 9] {
        let bundle = world.bundle(&Claim::of(&certificate), &[accomplice]);
        let server = Server::start(&world, &certificate, &[bundle], &[]);
        let found = verdict(&world, &server, 4);
        assert_eq!((&found["code"], &found["alarm"]), (&json!("suspicious_certificate"), &json!(true)));
        let said = Said::by(&mut world.check(&server)).ended(4);
        said.says(&["ALARM", "good", "report  kept before in"]);
    }
    // The evidence: the accomplice's signature, told once for each event.
    let reports = cli_support::names(&world.path("state/reports"));
    assert_eq!(reports.len(), 3);
    for report in reports {
        let said = Said::by(mecai().arg("show").arg(world.path("state/reports").join(report))).ended(0);
        said.says(&["mismatch report", "suspicious_certificate", "127.0.0.0/24", "bundle 1"]);
    }
}

#[test]
fn answers_that_do_not_decode() {
    let world = World::new(12);
    let certificate = world.certificate(HOST);
    let bundle = world.bundle(&Claim::of(&certificate), &ALL_BUT_THE_OWNER);
    let good = write_bundles(&[&bundle]).unwrap();
    let damaged = write_bundles(&[&bundle[..bundle.len() - 1]]).unwrap();
    for (answer, code, sentence) in [
        (&good[..good.len() - 1], "answer_malformed", "breaks off or is wrong at octet 0"),
        (&damaged[..], "malformed", "not readable"),
        (&[0; 16_385][..], "answer_too_large", "16385"),
    ] {
        let server = Server::start_answering(&world, &certificate, Some(answer), &[]);
        assert_eq!(verdict(&world, &server, 4)["code"], code);
        Said::by(&mut world.check(&server)).ended(4).says(&[sentence]);
    }
}

#[test]
fn a_chain_that_is_not_trusted() {
    let world = World::new(12);
    let server = server(&world, |_| {});
    std::fs::write(world.path("roots.pem"), world.operators[1].ca.certificate_pem()).unwrap();
    let said = Said::by(&mut world.check(&server)).ended(4);
    said.says(&["chain: NOT trusted: ", "code    chain_not_trusted (30)", "Operator b"]);
}

#[test]
fn a_certificate_for_another_name() {
    let world = World::new(12);
    let server = Server::start(&world, &world.certificate("www.other.example"), &[], &[]);
    let said = Said::by(&mut world.check(&server)).ended(4);
    said.says(&["NOT trusted: hostname mismatch", "chain_not_trusted"]);
}

#[test]
fn the_address_is_compared_as_configured() {
    let world = World::new(12);
    let certificate = world.certificate(HOST);
    let bundle = world.bundle(&Claim::of(&certificate), &ALL_BUT_THE_OWNER);
    let answer = write_bundles(&[&bundle]).unwrap();
    // Everybody saw it at 127.0.0.1.
    let server = Server::start_at("127.0.0.2", &world, &certificate, &[(Part::Vouchers, &answer)], &[]);
    Said::by(&mut world.check(&server)).ended(0).says(&["note    address_not_seen"]);
    let said = Said::by(world.check(&server).args(["--addresses", "require"])).ended(4);
    said.says(&["code    address_not_seen (61)", "at 127.0.0.2"]);
    let said = Said::by(world.check(&server).args(["--addresses", "ignore"])).ended(0);
    assert!(!said.out.contains("address_not_seen"), "{}", said.out);
}

#[test]
fn no_handshake_is_a_failure_and_ends_in_time() {
    let world = World::new(2);
    let mut server = Server::start(&world, &world.certificate(HOST), &[], &["-tls1_2"]);
    Said::by(world.check(&server).args(["--min-tls", "1.3"])).ended(1).complains(&["handshake", "alert"]);

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.address = silent.local_addr().unwrap();
    let start = Instant::now();
    let said = Said::by(world.check(&server).args(["--timeout", "0.5", "--json"])).ended(1);
    assert!(start.elapsed() < Duration::from_secs(5));
    said.complains(&["not finished within 0.5 seconds"]);
    assert!(said.json()["error"].as_str().unwrap().contains("not finished"));

    drop(silent);
    Said::by(&mut world.check(&server)).ended(1).complains(&["no connection to 127.0.0.1", "refused"]);
}

#[test]
fn an_older_list_is_refused_once_a_newer_was_accepted() {
    let world = World::new(12);
    let server = server(&world, |_| {});
    Said::by(&mut world.check(&server)).ended(0);
    world.sign_list(&world.list_json(16));
    let found = verdict(&world, &server, 4);
    assert_eq!(found["code"], "list_rolled_back");
    assert!(found["sentence"].as_str().unwrap().contains("sequence 16, lower than 17"));
    world.sign_list(&world.list_json(18));
    Said::by(&mut world.check(&server)).ended(0);
}

#[test]
fn lists_that_are_not_accepted() {
    let world = World::new(12);
    let server = server(&world, |_| {});
    std::fs::write(world.list(), world.list_json(18)).unwrap();
    assert_eq!(verdict(&world, &server, 4)["code"], "list_unsigned");
    std::fs::remove_file(world.list()).unwrap();
    assert_eq!(verdict(&world, &server, 4)["code"], "no_list");
    Said::by(&mut world.check(&server)).ended(4).says(&["there is no authority list", "authorities.json"]);
}

#[test]
fn without_a_usable_secret_the_majority_decides() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new(12);
    let server = server(&world, |_| {});
    std::fs::create_dir(world.path("state")).unwrap();
    std::fs::set_permissions(world.path("state"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = Said::by(&mut world.check(&server)).ended(0);
    said.says(&["note    no_secret", "state: ", "has the mode 0755", "by 6 operators"]);
}

#[test]
fn settings_come_from_openssl_cnf() {
    let world = World::new(12);
    let certificate = world.certificate(HOST);
    let bundle = world.bundle(&Claim::of(&certificate), &ALL_BUT_THE_OWNER[..1]);
    let server = Server::start(&world, &certificate, &[bundle], &[]);
    let check = |more: &str| {
        let text = format!(
            "openssl_conf = init\n[init]\nmecai = vouchers\n[vouchers]\npath = /nowhere.so\nmode = observe\n\
             authorities = {}\nauthorities_keys = {}\n{more}\n",
            world.list().display(),
            world.list_keys(),
        );
        std::fs::write(world.path("openssl.cnf"), text).unwrap();
        let mut command = mecai();
        command.args(["check", HOST, "--connect"]).arg(server.address.to_string());
        command.arg("--ca-file").arg(world.path("roots.pem")).arg("--config").arg(world.path("openssl.cnf"));
        command
    };
    // One of twelve endorsed: not enough, also where the module would only observe.
    Said::by(&mut check("")).ended(4).says(&["suspicious_certificate", "no_secret"]);
    Said::by(&mut check("exempt = *.shop.example")).ended(0).says(&["exempt_name"]);
    let roots = format!("local_roots = {}", world.path("roots.pem").display());
    Said::by(&mut check(&roots)).ended(0).says(&["exempt_local_root"]);
    Said::by(&mut check("candidate = 3")).ended(2).complains(&["unknown key \"candidate\""]);
    Said::by(&mut check("quorum = 9")).ended(2).complains(&["quorum is 9, not 1 to candidates, which is 4"]);
    Said::by(&mut check("addresses = maybe")).ended(2).complains(&["addresses = maybe"]);

    // The system's file, where nothing is said.
    let mut command = mecai();
    command.args(["check", HOST, "--connect"]).arg(server.address.to_string());
    command.arg("--ca-file").arg(world.path("roots.pem")).env("OPENSSL_CONF", world.path("openssl.cnf"));
    check("exempt = www.shop.example");
    Said::by(&mut command).ended(0).says(&["exempt_name"]);
    command.env("OPENSSL_CONF", "/dev/null");
    Said::by(&mut command).ended(2).complains(&["--authorities is missing"]);
}

#[test]
fn openssl_cnf_plays_no_part_in_the_handshake() {
    let world = World::new(12);
    let server = server(&world, |_| {});
    let text = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\n\
                Ciphersuites = TLS_AES_128_CCM_SHA256\n";
    std::fs::write(world.path("openssl.cnf"), text).unwrap();
    let mut command = world.check(&server);
    let said = Said::by(command.env("OPENSSL_CONF", world.path("openssl.cnf"))).ended(0);
    assert!(!said.out.contains("CCM"), "{}", said.out);
}

#[test]
fn wrong_usage() {
    for arguments in [
        &["check"][..],
        &["check", "a b"],
        &["check", "*.example"],
        &["check", HOST, "--authorities-keys", "nonsense"],
        &["check", HOST, "--timeout", "0"],
        &["check", HOST, "--region", "eu"],
        &["check", HOST, "--min-tls", "1.1"],
    ] {
        Said::by(mecai().args(arguments)).ended(2);
    }
}

/// A server that nobody vouches for, with an alternate on its key by operator `b`, for this host.
fn with_alternate(world: &World, host: &str) -> (Issued, Server) {
    let own = world.certificate(HOST);
    let alternate = world.certificate_by(1, &Leaf::new([host]).key(own.key_pem()));
    let bundle = world.bundle(&Claim::of(&alternate), &ALL_BUT_THE_OWNER[1..]);
    let chain: Vec<&[u8]> = alternate.chain().iter().map(Vec::as_slice).collect();
    let answer = write_alternate(&chain, &[&bundle]).unwrap();
    let server = Server::start_at("127.0.0.1", world, &own, &[(Part::Alternate, &answer)], &[]);
    (alternate, server)
}

#[test]
fn an_alternate_is_told_and_used_where_the_servers_own_certificate_fails() {
    let world = World::new(12);
    let (alternate, server) = with_alternate(&world, HOST);
    for version in ["1.2", "1.3"] {
        let said = Said::by(world.check(&server).args(["--min-tls", version, "--max-tls", version])).ended(0);
        said.says(&["vouchers: none sent", "1 bundle, trusted", "operator-b", "accepted: vouched for by"]);
        said.says(&["; the alternate is used, as the server's own certificate fails: no_voucher: ", "report  kept"]);
    }
    let said = Said::by(world.check(&server).arg("--json")).ended(0).json();
    assert_eq!(said["alternate"]["owners"], json!(["operator-b"]));
    let shown = &said["alternate"]["chain"][0]["sha256"];
    assert_eq!(*shown, data_encoding::HEXLOWER.encode(&certificate_digest(alternate.certificate())));
}

#[test]
fn an_alternate_for_another_name_is_told_and_not_used() {
    let world = World::new(12);
    let (_, server) = with_alternate(&world, "www.other.example");
    let said = Said::by(&mut world.check(&server)).ended(5);
    said.says(&["NOT usable: the alternate is not for www.shop.example", "refused: the server sent no vouchers"]);
    said.says(&["; the alternate fails, too: alternate_wrong_name: ", "code    no_voucher"]);
}
