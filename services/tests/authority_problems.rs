//! Every problem of spec section 9, met on real servers: the code, the status, and what the sentence names.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::collections::BTreeSet;

use authority_support::{Answer, Ask, Authority, HOST, IP, Site, Stand, hex, ip, now, same_port, until};
use mecai::chain::certificate_digest;
use mecai::request::{Problem, Protocol};
use mecai_services::authority::checks::distrust::{DistrustList, Subject};
use mecai_services::lab::{CrlBehaviour, DnsBehaviour, Freshness, Issued, Leaf, OcspBehaviour, Port, RevocationReason};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

const SECOND_IP: &str = "127.10.0.2";

/// The problems that were met, as `(status, code)`.
#[derive(Default)]
struct Met(BTreeSet<(u16, String)>);

impl Met {
    /// Notes a problem, and checks that its sentence has these words in it.
    fn expect(&mut self, answer: &Answer, code: &str, words: &[&str]) {
        let (found, detail) = answer.problem();
        assert_eq!(found, code, "{detail}");
        for word in words {
            assert!(detail.contains(word), "{code}: {word:?} is not in {detail:?}");
        }
        assert!(!detail.contains('\n') && detail.len() < 1_000, "{detail}");
        self.0.insert((answer.status, found));
    }
}

struct Case {
    stand: Stand,
    issued: Issued,
    site: Site,
    /// Where a second nginx may listen.
    second: Port,
    authority: Authority,
    met: Met,
}

impl Case {
    fn ask(&self) -> Ask {
        Ask::new(self.site.address.port(), self.issued.certificate())
    }

    async fn send(&mut self, ask: &Ask, code: &str, words: &[&str]) {
        let answer = self.authority.ask(ask).await;
        self.met.expect(&answer, code, words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_the_spec_is_met() {
    let stand = Stand::new(3);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let [port, second] = same_port([IP, SECOND_IP]);
    let site = stand.site_at(&port, &[&issued], "");
    stand.world.dns().set(HOST, &[ip(IP)]);
    let more =
        "[limits]\nhost_per_minute = 100000\naddress_per_minute = 100000\n[evidence]\nkept = 0\nstaple_fresh = 0";
    let closed = Port::hold(ip(IP)).unwrap();
    let garbage = TcpListener::bind((ip(IP), 0)).await.unwrap();
    let ports = [site.address.port(), closed.address().port(), garbage.local_addr().unwrap().port()];
    let authority =
        stand.authority(stand.config(1, &ports, &format!("max_lifetime = 7200\nprotocols = [\"tls\"]\n{more}"))).await;
    let mut case = Case { stand, issued, site, second, authority, met: Met::default() };

    form(&mut case).await;
    claims(&mut case).await;
    network(&mut case, &closed, garbage).await;
    certificates(&mut case).await;
    owners(&mut case).await;
    revocation(&mut case).await;
    distrust(&mut case).await;
    limits(&mut case).await;
    failure(&mut case).await;

    // After all that, a good request is still endorsed.
    let ask = case.ask();
    let key = case.stand.key(1);
    case.authority.ask(&ask).await.endorsed(&ask, &key);
    let all = Problem::ALL.iter().map(|problem| (problem.status(), problem.code().to_owned())).collect();
    assert_eq!(case.met.0, all);
}

async fn form(case: &mut Case) {
    const PATH: &str = "/v1/endorsements";
    const TYPE: &str = "application/vnd.mecai.voucher-request";
    let der = case.ask().der();
    let authority = &case.authority;
    case.met.expect(&authority.send("POST", PATH, TYPE, b"garbage").await, "malformed_request", &["VoucherRequest"]);
    case.met.expect(&authority.send("POST", PATH, TYPE, b"").await, "malformed_request", &[]);
    case.met.expect(&authority.send("POST", PATH, TYPE, &der[..der.len() - 1]).await, "malformed_request", &[]);
    let mut other = der.clone();
    let version = other.windows(3).position(|octets| octets == [2, 1, 1]).unwrap();
    other[version + 2] = 2;
    case.met.expect(&authority.send("POST", PATH, TYPE, &other).await, "unknown_version", &["version"]);
    case.met.expect(&authority.send("POST", "/v1/other", TYPE, &der).await, "not_found", &["/v1/other"]);
    let answer = authority.send("GET", PATH, TYPE, b"").await;
    case.met.expect(&answer, "method_not_allowed", &["GET", "POST"]);
    assert_eq!(answer.header("allow"), Some("POST"));
    case.met.expect(&authority.send("POST", PATH, TYPE, &[0x30; 4_097]).await, "request_too_large", &["4096"]);
    case.met.expect(&authority.send("POST", PATH, "text/plain", &der).await, "unsupported_media_type", &["text/plain"]);
    let answer = authority.send("POST", PATH, &format!("{TYPE}; charset=x"), &der).await;
    assert_eq!(answer.status, 200);
}

async fn claims(case: &mut Case) {
    let ask = case.ask();
    for (protocol, name) in
        [(Protocol::Smtp, "smtp"), (Protocol::Imap, "imap"), (Protocol::Pop3, "pop3"), (Protocol::Postgres, "postgres")]
    {
        case.send(&Ask { protocol, ..ask.clone() }, "unsupported_protocol", &[name]).await;
    }
    case.send(&Ask { port: 22, ..ask.clone() }, "port_refused", &["port 22"]).await;
    case.send(&Ask { host: "printer.local".to_owned(), ..ask.clone() }, "host_refused", &["printer.local"]).await;
    for produced_at in [now() - 310, now() + 310] {
        let answer = case.authority.ask(&Ask { produced_at, ..ask.clone() }).await;
        case.met.expect(&answer, "clock_differs", &["300 s"]);
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let theirs: mecai::time::UnixTime = json["now"].as_str().unwrap().parse().unwrap();
        assert!(theirs.0.abs_diff(now()) <= 5);
    }
    case.send(&Ask { lifetime: 7_201, ..ask.clone() }, "too_long_lived", &["7201 s", "7200 s"]).await;
    let mut longer = Ask { lifetime: 86_400, ..ask }.der();
    // One year more in notAfter, the last time of the statement.
    let place = longer.windows(2).rposition(|octets| octets == [0x18, 15]).unwrap();
    longer[place + 5] += 1;
    let answer =
        case.authority.send("POST", "/v1/endorsements", "application/vnd.mecai.voucher-request", &longer).await;
    case.met.expect(&answer, "too_long_lived", &["86400 s"]);
}

async fn network(case: &mut Case, closed: &Port, garbage: TcpListener) {
    let ask = case.ask();
    let dns = case.stand.world.dns();
    dns.set("inside.example", &[ip("10.0.0.1"), ip("fd00::1")]);
    dns.set("a.bare.example", &[ip(IP)]);
    let named = |host: &str| Ask { host: host.to_owned(), ..ask.clone() };
    case.send(&named("gone.example"), "no_address", &["gone.example does not exist"]).await;
    case.send(&named("bare.example"), "no_address", &["bare.example has no address"]).await;
    let inside = Ask { addresses: vec![ip("10.0.0.1"), ip("fd00::1")], ..named("inside.example") };
    case.send(&inside, "address_refused", &["fd00::1", "unique local"]).await;
    let literal = Ask { host: "169.254.169.254".to_owned(), addresses: vec![ip("169.254.169.254")], ..ask.clone() };
    case.send(&literal, "address_refused", &["169.254.0.0/16"]).await;
    let elsewhere = Ask { addresses: vec![ip("127.10.0.77")], ..ask.clone() };
    case.send(&elsewhere, "address_mismatch", &["127.10.0.1", "127.10.0.77"]).await;
    case.stand.world.dns().set_behaviour("broken.example", DnsBehaviour::ServFail);
    case.send(&named("broken.example"), "dns_failed", &["broken.example"]).await;
    case.send(&Ask { port: closed.address().port(), ..ask.clone() }, "connection_failed", &["127.10.0.1", "refused"])
        .await;

    let port = garbage.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = garbage.accept().await.unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
    });
    case.send(&Ask { port, ..ask.clone() }, "handshake_failed", &["127.10.0.1"]).await;
    server.await.unwrap();
    let shown = hex(&ask.certificate);
    let other = Ask { certificate: [7; 32], ..ask };
    case.send(&other, "wrong_certificate", &[&shown, &hex(&[7; 32])]).await;
}

/// nginx at a second address of a host of its own, with these certificates.
fn second_site(case: &Case, issued: &Issued) -> (Site, Ask) {
    case.stand.world.dns().set(HOST, &[ip(IP), ip(SECOND_IP)]);
    let site = case.stand.site_at(&case.second, &[issued], "");
    let ask = Ask { addresses: vec![ip(SECOND_IP)], ..Ask::new(site.address.port(), issued.certificate()) };
    (site, ask)
}

async fn certificates(case: &mut Case) {
    let short = case.stand.operator(0).issue(&Leaf::new([HOST]).lifetime(600)).unwrap();
    let (site, ask) = second_site(case, &short);
    case.send(&ask, "outlives_certificate", &["ends"]).await;
    drop(site);

    let foreign = Stand::new(1);
    let unknown = foreign.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let (site, ask) = second_site(case, &unknown);
    case.send(&ask, "chain_not_trusted", &["no path to a trusted root"]).await;
    drop(site);

    let other = case.stand.operator(0).issue(&Leaf::new(["www.other.example"])).unwrap();
    let (site, ask) = second_site(case, &other);
    case.send(&ask, "chain_not_trusted", &["www.shop.example", "www.other.example"]).await;
    drop(site);
}

async fn owners(case: &mut Case) {
    let own = case.stand.authority(case.stand.config(0, &[case.site.address.port()], "")).await;
    let answer = own.ask(&case.ask()).await;
    case.met.expect(&answer, "own_operator", &["operator-a"]);
    own.stop().await;

    let without_a = case.stand.entries().into_iter().skip(1).collect();
    case.stand.write_list(2, without_a);
    let third = case.stand.authority(case.stand.config(2, &[case.site.address.port()], "")).await;
    let answer = third.ask(&case.ask()).await;
    case.met.expect(&answer, "root_not_listed", &["authority list"]);
    third.stop().await;
    case.stand.write_list(3, case.stand.entries());
}

async fn revocation(case: &mut Case) {
    let ask = case.ask();
    let serial = case.issued.serial().to_vec();
    let status = |case: &Case| case.stand.operator(0).intermediate().clone();
    status(case).status().revoke(&serial, RevocationReason::Superseded);
    case.send(&ask, "revoked", &[&hex(&ask.certificate), "superseded"]).await;
    status(case).status().restore(&serial);

    status(case).status().set_ocsp(OcspBehaviour::TryLater);
    status(case).status().set_crl(CrlBehaviour::Missing);
    // A failure is remembered for some seconds, the revocation above for none.
    case.send(&ask, "revocation_unknown", &["tryLater", "404"]).await;
    status(case).status().set_ocsp(OcspBehaviour::Answer);
    status(case).status().set_crl(CrlBehaviour::Answer);
    let ten_days = 10 * 86_400;
    status(case).status().set_freshness(Freshness { age: ten_days + 60, validity: 2 * ten_days });
    let mut last = case.authority.ask(&ask).await;
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while last.problem().0 == "revocation_unknown" && tokio::time::Instant::now() < until {
        last = case.authority.ask(&ask).await;
    }
    case.met.expect(&last, "evidence_too_old", &["864000 s"]);
    status(case).status().set_freshness(Freshness::default());
}

async fn distrust(case: &mut Case) {
    let ask = case.ask();
    let list = DistrustList::open(&case.stand.database(1)).unwrap();
    let root = case.stand.operator(0).root();
    for subject in [
        Subject::Operator("operator-a".to_owned()),
        Subject::Key(root.spki_sha256()),
        Subject::Certificate(certificate_digest(case.issued.certificate())),
        Subject::Certificate(certificate_digest(root.certificate())),
    ] {
        list.add(&subject, "hacked on Monday", mecai::time::UnixTime(now())).unwrap();
        case.send(&ask, "distrusted", &["hacked on Monday", &subject.to_string()]).await;
        list.remove(&subject).unwrap();
    }
    let key = case.stand.key(1);
    case.authority.ask(&ask).await.endorsed(&ask, &key);
}

async fn limits(case: &mut Case) {
    let tarpit = TcpListener::bind((ip(IP), 0)).await.unwrap();
    let port = tarpit.local_addr().unwrap().port();
    let more = "[limits]\nrequests_at_once = 1\nrequester_per_minute = 2\n[deadlines]\nprobe = 2\nconnect = 1";
    let busy = case.stand.authority(case.stand.config(2, &[port], more)).await;
    let slow = Ask { port, ..case.ask() };
    let (first, second) = tokio::join!(busy.ask(&slow), async {
        let _connection = tarpit.accept().await.unwrap();
        let answer = busy.ask(&Ask { lifetime: 1_800, ..slow.clone() }).await;
        (answer, tarpit)
    });
    case.met.expect(&second.0, "overloaded", &["1 requests"]);
    assert_eq!(second.0.header("retry-after"), Some("5"));
    case.met.expect(&first, "handshake_failed", &[]);
    let answer = busy.ask(&slow).await;
    case.met.expect(&answer, "rate_limited", &["more than 2 a minute", "127.0.0.1"]);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    busy.stop().await;

    // All of them are in the journal.
    let journal = rusqlite::Connection::open(case.stand.database(2)).unwrap();
    let count = |outcome: &str| -> i64 {
        journal.query_row("SELECT count(*) FROM requests WHERE outcome = ?1", [outcome], |row| row.get(0)).unwrap()
    };
    until("refusals are recorded", || {
        ["overloaded", "handshake_failed", "rate_limited", "root_not_listed"].iter().all(|code| count(code) == 1)
    })
    .await;
}

/// A signature that cannot be recorded does not leave, and the requester does not learn why.
async fn failure(case: &mut Case) {
    let third = case.stand.authority(case.stand.config(2, &[case.site.address.port()], "")).await;
    let database = rusqlite::Connection::open(case.stand.database(2)).unwrap();
    database.execute_batch("ALTER TABLE requests RENAME TO elsewhere").unwrap();
    let answer = third.ask(&case.ask()).await;
    case.met.expect(&answer, "internal", &["it recorded why"]);
    database.execute_batch("ALTER TABLE elsewhere RENAME TO requests").unwrap();
    third.stop().await;
}
