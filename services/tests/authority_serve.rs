//! An authority that answers requests, against real nginx, DNS, OCSP and CRL.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use authority_support::{Ask, HOST, IP, Stand, ip, now, until};
use mecai::endorsement::Evidence;
use mecai_services::lab::Leaf;

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
