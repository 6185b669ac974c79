//! Alternates: a second certificate on the handshake's key, which an authority endorses by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::net::TcpListener;

use authority_support::shop::{Shop, VERSIONS, chain, hash, key, private_key};
use authority_support::{HOST, Stand, hex, now, until};
use mecai::chain::certificate_digest;
use mecai::extension::{ALTERNATE, write_alternate};
use mecai::store::Part;
use mecai::time::UnixTime;
use mecai_services::authority::checks::distrust::{DistrustList, Subject};
use mecai_services::lab::{CrlBehaviour, Leaf, OcspBehaviour, RevocationReason, Validity};
use openssl::ssl::{ExtensionContext, Ssl, SslContext, SslFiletype, SslMethod, SslRef, SslStream};
use openssl::x509::X509Ref;

#[tokio::test]
async fn an_alternate_on_the_handshakes_key_is_endorsed_in_both_versions() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    for version in VERSIONS {
        let _site = shop.open(&[(Part::Alternate, &Shop::alternate(&second))], &format!("ssl_protocols {version};"));
        shop.endorses(&shop.own).await;
        shop.endorses(&second).await;
    }
}

#[tokio::test]
async fn an_alternate_is_found_in_the_handshake_of_another_type_of_key() {
    let shop = Shop::new().await;
    let other = shop.stand.operator(0).issue(&Leaf::new([HOST]).key(private_key(&["-algorithm", "RSA"]))).unwrap();
    let second = shop.stand.operator(1).issue(&Leaf::new([HOST]).key(other.key_pem())).unwrap();
    for version in VERSIONS {
        let answers: [(Part, &[u8]); 1] = [(Part::Alternate, &Shop::alternate(&second))];
        let _site = shop.open_with(&[&shop.own, &other], &answers, &format!("ssl_protocols {version};"));
        shop.endorses(&second).await;
    }
}

#[tokio::test]
async fn an_alternate_on_another_key_is_refused() {
    let shop = Shop::new().await;
    let foreign = shop.stand.operator(1).issue(&Leaf::new([HOST])).unwrap();
    let second = shop.second(Leaf::new([HOST]));
    for version in VERSIONS {
        let more = format!("ssl_protocols {version};");
        let site = shop.open(&[(Part::Alternate, &Shop::alternate(&foreign))], &more);
        let sentence = format!(
            "shown as the alternate, but on the key {}, not on the handshake's key {}; showed {}, alternate {}",
            key(&foreign),
            key(&shop.own),
            hash(&shop.own),
            hash(&foreign)
        );
        shop.refuses(foreign.certificate(), "wrong_certificate", &[&sentence]).await;
        let shown = format!("showed {}, alternate {}", hash(&shop.own), hash(&foreign));
        shop.refuses(second.certificate(), "wrong_certificate", &[&shown]).await;
        shop.endorses(&shop.own).await;
        drop(site);
    }
}

#[tokio::test]
async fn an_alternate_is_judged_by_the_same_rules_and_its_own_chain() {
    let shop = Shop::new().await;
    let unknown = Stand::new(1);
    let on_own_key = |leaf: Leaf| leaf.key(shop.own.key_pem());
    let now = now();
    let future = Validity { not_before: now + 3_600, ..Validity::seconds(86_400) };
    let cases = [
        (shop.second(Leaf::new(["www.other.example"])), "chain_not_trusted", "www.other.example"),
        (
            shop.second(Leaf::new([HOST]).validity(Validity::expired(60))),
            "outlives_certificate",
            "after the certificate",
        ),
        (shop.second(Leaf::new([HOST]).lifetime(600)), "outlives_certificate", "after the certificate"),
        (shop.second(Leaf::new([HOST]).validity(future)), "chain_not_trusted", "no path to a trusted root"),
        (
            unknown.operator(0).issue(&on_own_key(Leaf::new([HOST]))).unwrap(),
            "chain_not_trusted",
            "no path to a trusted root",
        ),
        (shop.stand.operator(2).issue(&on_own_key(Leaf::new([HOST]))).unwrap(), "own_operator", "operator-c"),
    ];
    for (second, code, words) in cases {
        let _site = shop.open(&[(Part::Alternate, &Shop::alternate(&second))], "");
        shop.refuses(second.certificate(), code, &[words]).await;
        shop.endorses(&shop.own).await;
    }

    // The intermediates of the handshake's chain are not those of the alternate's.
    let second = shop.second(Leaf::new([HOST]));
    let alone = write_alternate(&[second.certificate()], &[]).unwrap();
    let _site = shop.open(&[(Part::Alternate, &alone)], "");
    shop.refuses(second.certificate(), "chain_not_trusted", &["no path to a trusted root"]).await;
}

#[tokio::test]
async fn one_of_the_two_is_endorsed_while_the_other_is_revoked() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    let _site = shop.open(&[(Part::Alternate, &Shop::alternate(&second))], "");
    let status = |operator: usize| shop.stand.operator(operator).intermediate().status();
    for (revoked, by, other) in [(&second, 1, &shop.own), (&shop.own, 0, &second)] {
        status(by).revoke(revoked.serial(), RevocationReason::Superseded);
        shop.refuses(revoked.certificate(), "revoked", &[&hash(revoked), "superseded"]).await;
        shop.endorses(other).await;
        status(by).restore(revoked.serial());
    }
}

/// What failover is for: the CA of one certificate falls, and the site goes on with the other.
#[tokio::test]
async fn one_of_the_two_is_endorsed_while_the_operator_of_the_other_is_distrusted() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    let _site = shop.open(&[(Part::Alternate, &Shop::alternate(&second))], "");
    let list = DistrustList::open(&shop.stand.database(2)).unwrap();
    for (operator, distrusted, other) in [("operator-b", &second, &shop.own), ("operator-a", &shop.own, &second)] {
        let subject = Subject::Operator(operator.to_owned());
        list.add(&subject, "hacked on Monday", UnixTime(now())).unwrap();
        shop.refuses(distrusted.certificate(), "distrusted", &[operator, "hacked on Monday"]).await;
        shop.endorses(other).await;
        list.remove(&subject).unwrap();
    }
    let subject = Subject::Certificate(certificate_digest(shop.own.certificate()));
    list.add(&subject, "hacked on Monday", UnixTime(now())).unwrap();
    shop.refuses(shop.own.certificate(), "distrusted", &[&subject.to_string()]).await;
    shop.endorses(&second).await;
}

#[tokio::test]
async fn a_key_that_is_known_as_compromised_ends_every_certificate_on_it() {
    for revoke_own in [true, false] {
        let shop = Shop::new().await;
        let second = shop.second(Leaf::new([HOST]));
        let _site = shop.open(&[(Part::Alternate, &Shop::alternate(&second))], "");
        shop.endorses(&shop.own).await;
        shop.endorses(&second).await;
        let (revoked, by, other) = if revoke_own { (&shop.own, 0, &second) } else { (&second, 1, &shop.own) };
        let status = shop.stand.operator(by).intermediate().status();
        status.revoke(revoked.serial(), RevocationReason::KeyCompromise);
        shop.refuses(revoked.certificate(), "revoked", &["keyCompromise"]).await;
        shop.refuses(other.certificate(), "distrusted", &[&key(other), &hash(revoked), "key compromise"]).await;
    }
}

/// A server cannot lend an alternate evidence by what it staples.
#[tokio::test]
async fn a_stapled_response_counts_for_the_handshakes_own_certificate_only() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    for (issued, operator, counts) in [(&shop.own, 0, true), (&second, 1, false)] {
        let ca = shop.stand.operator(operator).intermediate();
        let file = shop.stand.directory.path().join("staple.der");
        std::fs::write(&file, ca.staple(issued.serial()).unwrap()).unwrap();
        ca.status().set_ocsp(OcspBehaviour::TryLater);
        ca.status().set_crl(CrlBehaviour::Missing);
        let more = format!("ssl_stapling on; ssl_stapling_file {};", file.display());
        let _site = shop.open(&[(Part::Alternate, &Shop::alternate(&second))], &more);
        if counts {
            shop.endorses(issued).await;
        } else {
            shop.refuses(issued.certificate(), "revocation_unknown", &["tryLater", "404"]).await;
        }
    }
}

#[tokio::test]
async fn a_broken_answer_is_told_and_takes_nothing_from_the_handshakes_own_certificate() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    let good = Shop::alternate(&second);
    let large = [&good[..], &[0; 16_384]].concat();
    let cases = [
        (Vec::new(), "the answer of 0 octets breaks off or is wrong at octet 0"),
        (good[..good.len() - 1].to_vec(), "breaks off or is wrong at octet"),
        ([&good[..], b"\0"].concat(), "breaks off or is wrong at octet"),
        (b"\0\0\0\0".to_vec(), "the answer of 4 octets breaks off or is wrong at octet 0"),
        (large, "octets, more than 16384"),
    ];
    for version in VERSIONS {
        for (answer, words) in &cases {
            let _site = shop.open(&[(Part::Alternate, answer)], &format!("ssl_protocols {version};"));
            let words = ["the answer about the alternate certificate cannot be used: ", words];
            shop.refuses(second.certificate(), "wrong_certificate", &words).await;
            shop.endorses(&shop.own).await;
        }
    }

    let garbage = write_alternate(&[b"no certificate"], &[]).unwrap();
    let _site = shop.open(&[(Part::Alternate, &garbage)], "");
    let words =
        format!("on the key of a certificate that cannot be read, not on the handshake's key {}", key(&shop.own));
    shop.refuses(b"no certificate", "wrong_certificate", &[&words]).await;
    shop.endorses(&shop.own).await;
}

/// In TLS 1.3 each certificate of the chain has a place for answers.
#[tokio::test]
async fn only_the_answer_beside_the_first_certificate_counts() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    let files = shop.stand.world.write_site("entries", &shop.own).unwrap();
    for (place, counts) in [(0, true), (1, false)] {
        let mut context = SslContext::builder(SslMethod::tls_server()).unwrap();
        context.set_certificate_chain_file(&files.chain).unwrap();
        context.set_private_key_file(&files.key, SslFiletype::PEM).unwrap();
        let answer = Shop::alternate(&second);
        let add = move |_: &mut SslRef, _, entry: Option<(usize, &X509Ref)>| {
            Ok(entry.map(|(index, _)| if index == place { answer.clone() } else { b"\0".to_vec() }))
        };
        let messages = ExtensionContext::CLIENT_HELLO | ExtensionContext::TLS1_3_CERTIFICATE;
        context.add_custom_ext(ALTERNATE, messages, add, |_: &mut SslRef, _, _: &[u8], _| Ok(())).unwrap();
        let context = context.build();
        let listener = TcpListener::bind(shop.port.address()).unwrap();
        let server = std::thread::spawn(move || {
            // Further handshakes, for certificates on other types of key, meet no server.
            let (stream, _) = listener.accept().unwrap();
            SslStream::new(Ssl::new(&context).unwrap(), stream).unwrap().accept().unwrap();
        });
        if counts {
            shop.endorses(&second).await;
        } else {
            let words = "the answer about the alternate certificate cannot be used";
            shop.refuses(second.certificate(), "wrong_certificate", &[words]).await;
        }
        server.join().unwrap();
    }
}

/// The journal has the refusal with its words, and the endorsement of the alternate octet for octet.
#[tokio::test]
async fn alternates_are_in_the_journal_like_any_certificate() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    let foreign = shop.stand.operator(1).issue(&Leaf::new([HOST])).unwrap();
    let site = shop.open(&[(Part::Alternate, &write_alternate(&chain(&second), &[]).unwrap())], "");
    let (_, answer) = shop.ask(second.certificate()).await;
    drop(site);
    let _site = shop.open(&[(Part::Alternate, &Shop::alternate(&foreign))], "");
    let (_, refusal) = shop.ask(foreign.certificate()).await;
    let journal = rusqlite::Connection::open(shop.stand.database(2)).unwrap();
    let count = |sql: &str, value: &dyn rusqlite::ToSql| -> i64 {
        journal
            .query_row(&format!("SELECT count(*) FROM requests WHERE {sql} = ?1"), [value], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(count("endorsement", &answer.body), 1, "{}", hex(&answer.body));
    let detail = refusal.problem().1;
    until("the refusal is recorded", || count("detail", &detail) == 1).await;
}
