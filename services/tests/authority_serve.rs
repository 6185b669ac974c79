//! An authority that answers requests, against real nginx, DNS, OCSP and CRL.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::sync::Arc;

use authority_support::{Ask, Authority, HOST, IP, Stand, hex, ip, now, same_port, until};
use mecai::chain::spki_hash;
use mecai::endorsement::Evidence;
use mecai_services::authority::checks::distrust::DistrustList;
use mecai_services::authority::clock::SystemClock;
use mecai_services::authority::config::Config;
use mecai_services::authority::list::{ListInUse, ListSource};
use mecai_services::authority::server::Server;
use mecai_services::lab::{Issued, Leaf, OcspBehaviour, Pointers, RevocationReason};
use tokio::io::AsyncWriteExt;

const SECOND_IP: &str = "127.10.0.2";

#[tokio::test(flavor = "multi_thread")]
async fn it_endorses_what_it_saw_and_records_it() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let site = stand.site(&issued, "");
    let authority = stand.authority(stand.config(1, &[site.address.port()], "")).await;
    let mut ask = Ask::new(site.address.port(), issued.certificate());
    ask.addresses = vec![ip("127.10.0.9"), ip(IP)];
    ask.addresses.sort();
    let answer = authority.ask(&ask).await;
    let (seen, evidence) = answer.endorsed(&ask, &stand.key(1));
    assert_eq!(seen, [true, false]);
    assert!(matches!(evidence, Evidence::Ocsp { age } if age <= 2), "{evidence:?}");

    let journal = rusqlite::Connection::open(stand.database(1)).unwrap();
    let row: (String, i64, String, Vec<u8>, Vec<u8>, i64) = journal
        .query_row("SELECT host, port, outcome, request, endorsement, received FROM requests", (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .unwrap();
    assert_eq!((row.0.as_str(), row.1, row.2.as_str()), (HOST, i64::from(site.address.port()), "endorsed"));
    assert_eq!((row.3, row.4), (ask.der(), answer.body));
    assert!(row.5.abs_diff(now() as i64) <= 5);
    authority.stop().await;
    // To nginx the probe is a client that changed its mind after a finished handshake. (Its first connection is that of
    // the test waiting for it to listen.)
    let log = site.nginx.error_log();
    let line = || std::fs::read_to_string(&log).unwrap().lines().find(|line| line.contains("*2 ")).map(str::to_owned);
    until("nginx sees the probe end", || line().is_some()).await;
    assert!(line().unwrap().contains("client closed connection while waiting for request"), "{:?}", line());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_is_named_in_the_endorsement() {
    let stand = Stand::new(2);
    let key = stand.key(1);
    let [port] = same_port([IP]);
    stand.world.dns().set(HOST, &[ip(IP)]);
    let authority = stand.authority(stand.config(1, &[port.address().port()], "")).await;
    let evidence = async |leaf: &Leaf| {
        let issued = stand.operator(0).issue(leaf).unwrap();
        let site = stand.site_at(&port, &[&issued], "");
        let ask = Ask::new(site.address.port(), issued.certificate());
        authority.ask(&ask).await.endorsed(&ask, &key).1
    };
    assert!(matches!(evidence(&Leaf::new([HOST])).await, Evidence::Ocsp { .. }));
    stand.operator(0).intermediate().status().set_ocsp(OcspBehaviour::TryLater);
    assert!(matches!(evidence(&Leaf::new([HOST])).await, Evidence::Crl { .. }));
    let short = Leaf::new([HOST]).lifetime(86_400).pointers(Pointers::default());
    assert_eq!(evidence(&short).await, Evidence::ShortLived);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_seen_only_where_the_certificate_and_a_good_chain_were() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    // The same certificate without its intermediate, and another certificate.
    let bare = stand.world.write_site("bare", &issued).unwrap();
    std::fs::write(&bare.chain, issued.chain_pem().split_inclusive("-----END CERTIFICATE-----\n").next().unwrap())
        .unwrap();
    let other = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let [a, b, c, d, e] = same_port([IP, SECOND_IP, "127.10.0.3", "::1", "127.10.0.4"]);
    let _good = stand.site_at(&a, &[&issued], "");
    let text = format!("ssl_certificate {}; ssl_certificate_key {};", bare.chain.display(), bare.key.display());
    let _without_intermediate = stand.site_at(&b, &[], &text);
    let _other = stand.site_at(&c, &[&other], "");
    let _six = stand.site_at(&d, &[&issued], "");
    let addresses = [&a, &b, &c, &d, &e].map(|port| port.address().ip());
    stand.world.dns().set(HOST, &addresses);
    let authority = stand.authority(stand.config(1, &[a.address().port()], "")).await;
    let ask = Ask { addresses: addresses.to_vec(), ..Ask::new(a.address().port(), issued.certificate()) };
    // In the statement: 127.10.0.1 to .4, then ::1.
    assert_eq!(authority.ask(&ask).await.endorsed(&ask, &stand.key(1)).0, [true, false, false, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_an_address_is_its_own_answer() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([IP])).unwrap();
    let site = stand.site(&issued, "");
    let authority = stand.authority(stand.config(1, &[site.address.port()], "")).await;
    let ask = Ask { host: IP.to_owned(), ..Ask::new(site.address.port(), issued.certificate()) };
    assert_eq!(authority.ask(&ask).await.endorsed(&ask, &stand.key(1)).0, [true]);
}

/// Vouchers of the certificate's own operator: an intermediate that it owns under the root of another.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_refuses_what_its_operator_owns_below_the_root_of_another() {
    let stand = Stand::new(3);
    let below = stand.operator(1).intermediate_below(stand.operator(0)).unwrap();
    stand.write_list(2, stand.entries());
    let issued = below.issue(&Leaf::new([HOST])).unwrap();
    let site = stand.site(&issued, "");
    let ask = Ask::new(site.address.port(), issued.certificate());
    for (operator, refuses) in [(0, true), (1, true), (2, false)] {
        let authority = stand.authority(stand.config(operator, &[site.address.port()], "")).await;
        let answer = authority.ask(&ask).await;
        if refuses {
            assert_eq!(answer.problem().0, "own_operator");
        } else {
            answer.endorsed(&ask, &stand.key(operator));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_once_compromised_is_good_under_no_certificate() {
    let stand = Stand::new(2);
    let [port] = same_port([IP]);
    stand.world.dns().set(HOST, &[ip(IP)]);
    let authority = stand.authority(stand.config(1, &[port.address().port()], "[evidence]\nkept = 0")).await;
    let first = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let ask = async |issued: &Issued| {
        let site = stand.site_at(&port, &[issued], "");
        authority.ask(&Ask::new(site.address.port(), issued.certificate())).await.problem()
    };
    stand.operator(0).intermediate().status().revoke(first.serial(), RevocationReason::KeyCompromise);
    assert_eq!(ask(&first).await.0, "revoked");
    let again = stand.operator(0).issue(&Leaf::new([HOST]).key(first.key_pem())).unwrap();
    let (code, detail) = ask(&again).await;
    assert_eq!(code, "distrusted");
    assert!(detail.contains(&hex(&spki_hash(first.certificate()).unwrap())), "{detail}");
    assert!(detail.contains("key compromise"), "{detail}");
    assert_eq!(DistrustList::open(&stand.database(1)).unwrap().list().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn identical_requests_share_one_look_and_one_signature() {
    let stand = Stand::new(2);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let site = stand.site(&issued, "");
    let authority = Arc::new(stand.authority(stand.config(1, &[site.address.port()], "")).await);
    let ask = Ask::new(site.address.port(), issued.certificate());
    let asks = (0..20).map(|_| {
        let (authority, ask) = (Arc::clone(&authority), ask.clone());
        tokio::spawn(async move { authority.ask(&ask).await.body })
    });
    let mut bodies = Vec::new();
    for answer in asks.collect::<Vec<_>>() {
        bodies.push(answer.await.unwrap());
    }
    bodies.sort();
    bodies.dedup();
    let journal = rusqlite::Connection::open(stand.database(1)).unwrap();
    let rows: i64 = journal.query_row("SELECT count(*) FROM requests", (), |row| row.get(0)).unwrap();
    let recorded: i64 =
        journal.query_row("SELECT count(DISTINCT endorsement) FROM requests", (), |row| row.get(0)).unwrap();
    assert_eq!((rows, recorded), (20, bodies.len() as i64));
    // One look for each signature; nginx saw one more connection, that of the test waiting for it.
    let connections = |log: String| log.lines().filter(|line| line.contains("client closed connection")).count();
    let seen = || connections(std::fs::read_to_string(site.nginx.error_log()).unwrap());
    until("nginx has seen the probes end", || seen() == bodies.len() + 1).await;
    assert!(bodies.len() < 20, "no request was shared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requester_that_goes_away_is_recorded_all_the_same() {
    let stand = Stand::new(2);
    stand.world.dns().set(HOST, &[ip(IP)]);
    let tarpit = tokio::net::TcpListener::bind((ip(IP), 0)).await.unwrap();
    let port = tarpit.local_addr().unwrap().port();
    let authority = stand.authority(stand.config(1, &[port], "[deadlines]\nprobe = 1")).await;
    let body = Ask::new(port, b"any certificate").der();
    let head = format!(
        "POST /v1/endorsements HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.mecai.voucher-request\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(authority.address).await.unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let probe = tarpit.accept().await.unwrap();
    drop(stream);
    let journal = rusqlite::Connection::open(stand.database(1)).unwrap();
    let outcome = || journal.query_row("SELECT outcome FROM requests", (), |row| row.get::<_, String>(0)).ok();
    until("the request is recorded", || outcome().is_some()).await;
    assert_eq!(outcome().unwrap(), "handshake_failed");
    drop(probe);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_list_is_used_without_restart_and_an_old_one_never_again() {
    let stand = Stand::new(3);
    let issued = stand.operator(0).issue(&Leaf::new([HOST])).unwrap();
    let site = stand.site(&issued, "");
    let config = stand.config(1, &[site.address.port()], "");
    let authority = stand.authority(config.clone()).await;
    let code = async |authority: &Authority| {
        let answer = authority.ask(&Ask::new(site.address.port(), issued.certificate())).await;
        if answer.status == 200 { "endorsed".to_owned() } else { answer.problem().0 }
    };
    let becomes = async |expected: &str| {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while code(&authority).await != expected {
            assert!(tokio::time::Instant::now() < deadline, "the authority does not come to {expected}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    becomes("endorsed").await;
    stand.write_list(5, stand.entries().into_iter().skip(1).collect());
    becomes("root_not_listed").await;
    // An older list is not taken up, neither while it runs nor at the next start.
    let source = ListSource {
        path: config.authorities.clone(),
        keys: config.authorities_keys.clone(),
        operator: config.operator.clone(),
    };
    let list = ListInUse::open(source, &config.database).unwrap();
    stand.write_list(4, stand.entries());
    let problem = list.refresh().unwrap_err().to_string();
    assert!(problem.contains("sequence 4, lower than 5"), "{problem}");
    assert_eq!(list.current().sequence(), 5);
    assert!(matches!(list.refresh(), Ok(false)), "a bad list is told once");
    authority.stop().await;
    let error = Server::bind(config, Arc::new(SystemClock)).await.err().unwrap().to_string();
    assert!(error.contains("sequence 4, lower than 5"), "{error}");
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_named() {
    let stand = Stand::new(2);
    let config = || stand.config(1, &[443], "");
    let error = async |config: Config| Server::bind(config, Arc::new(SystemClock)).await.err().unwrap().to_string();
    let nowhere = stand.directory.path().join("nowhere");
    let missing = |text: &str| assert!(text.contains("nowhere") && text.contains("No such file"), "{text}");
    missing(&error(Config { key: nowhere.clone(), ..config() }).await);
    missing(&error(Config { roots: nowhere.clone(), ..config() }).await);
    missing(&error(Config { authorities: nowhere.clone(), ..config() }).await);
    let text = error(Config { roots: stand.list(), ..config() }).await;
    assert!(text.contains("holds no certificate"), "{text}");
    let text = error(Config { operator: "operator-z".to_owned(), ..config() }).await;
    assert!(text.contains("has no operator operator-z"), "{text}");
    let other = minisign::KeyPair::generate_unencrypted_keypair().unwrap().pk.to_base64();
    let text = error(Config { authorities_keys: other.parse().unwrap(), ..config() }).await;
    assert!(text.contains("signatures of 0 of the configured keys, 1 are required"), "{text}");
    let busy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = error(Config { listen: busy.local_addr().unwrap(), ..config() }).await;
    assert!(text.contains("cannot be listened on"), "{text}");
}
