//! Staged certificates: the next one, endorsed before it is in use where its key has proved itself.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::process::Command;

use authority_support::shop::{Shop, VERSIONS, hash, key, private_key, prove, staged};
use authority_support::{Ask, HOST, IP, hex, ip, now};
use mecai::chain::{certificate_digest, spki_hash};
use mecai::extension::{write_alternate, write_staged};
use mecai::key_proof::Claim;
use mecai::store::Part;
use mecai::time::UnixTime;
use mecai_services::authority::checks::distrust::{DistrustList, Subject};
use mecai_services::authority::checks::key_proof::{self, Expected};
use mecai_services::lab::{Issued, Leaf, Port, RevocationReason, Validity};

const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const ED25519: &[&str] = &["-algorithm", "ED25519"];

fn self_signed_on_p521() -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-noenc", "-days", "1"]);
    command.args(["-subj", "/CN=www.shop.example", "-outform", "DER", "-keyout", "/dev/null"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl Shop {
    /// The next certificate, of operator-b on a fresh key.
    fn next(&self, leaf: Leaf) -> Issued {
        self.stand.operator(1).issue(&leaf).unwrap()
    }

    /// An answer with this certificate staged as it should be.
    fn staging(&self, next: &Issued) -> Vec<u8> {
        staged(&[(next, &prove(next, &self.claim(next)))])
    }
}

#[tokio::test]
async fn a_staged_certificate_is_endorsed_with_a_key_proof_in_both_versions() {
    let shop = Shop::new().await;
    for algorithm in [P256, P384, RSA, ED25519] {
        let next = shop.next(Leaf::new([HOST]).key(private_key(algorithm)));
        for version in VERSIONS {
            let answer = shop.staging(&next);
            let _site = shop.open(&[(Part::Staged, &answer)], &format!("ssl_protocols {version};"));
            shop.endorses(&next).await;
            shop.endorses(&shop.own).await;
        }
    }
}

#[tokio::test]
async fn a_staged_certificate_may_keep_the_key_and_stand_beside_an_alternate() {
    let shop = Shop::new().await;
    let second = shop.second(Leaf::new([HOST]));
    let renewed = shop.stand.operator(0).issue(&Leaf::new([HOST]).key(shop.own.key_pem())).unwrap();
    for version in VERSIONS {
        let (alternate, staging) = (Shop::alternate(&second), shop.staging(&renewed));
        let answers: [(Part, &[u8]); 2] = [(Part::Alternate, &alternate), (Part::Staged, &staging)];
        let _site = shop.open(&answers, &format!("ssl_protocols {version};"));
        for issued in [&shop.own, &second, &renewed] {
            shop.endorses(issued).await;
        }
    }
}

/// What is no alternate, as it is on another key, may still be staged.
#[tokio::test]
async fn each_way_of_showing_is_looked_at() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let (alternate, staging) = (Shop::alternate(&next), shop.staging(&next));
    let site = shop.open(&[(Part::Alternate, &alternate), (Part::Staged, &staging)], "");
    shop.endorses(&next).await;
    drop(site);
    let _site = shop.open(&[(Part::Alternate, b"\0"), (Part::Staged, &staging)], "");
    shop.endorses(&next).await;
}

#[tokio::test]
async fn a_staged_certificate_is_found_in_the_handshake_of_another_type_of_key() {
    let shop = Shop::new().await;
    let other = shop.stand.operator(0).issue(&Leaf::new([HOST]).key(private_key(RSA))).unwrap();
    let next = shop.next(Leaf::new([HOST]));
    let handshake_key = spki_hash(other.certificate()).unwrap();
    let answer = staged(&[(&next, &prove(&next, &Claim { handshake_key, ..shop.claim(&next) }))]);
    for version in VERSIONS {
        let _site =
            shop.open_with(&[&shop.own, &other], &[(Part::Staged, &answer)], &format!("ssl_protocols {version};"));
        shop.endorses(&next).await;
    }
}

#[tokio::test]
async fn each_wrong_key_proof_is_refused_with_its_own_words() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let stranger = shop.next(Leaf::new([HOST]));
    let good = shop.claim(&next);
    let now = now();
    let (past, future) = (UnixTime(now - 600), UnixTime(now + 600));
    let port = shop.port.address().port();
    let stranger_key = spki_hash(stranger.certificate()).unwrap();
    let proof = prove(&next, &good);
    let claims = [
        (
            Claim { certificate: certificate_digest(stranger.certificate()), ..good },
            format!("its key proof is for the certificate {};", hash(&stranger)),
        ),
        (
            Claim { host: "www.other.example", ..good },
            format!("its key proof is for the host www.other.example, not {HOST}"),
        ),
        (Claim { port: 1, ..good }, format!("its key proof is for port 1, not {port}")),
        (
            Claim { handshake_key: stranger_key, ..good },
            format!(
                "its key proof is for handshakes on the key {}, not on the key {}",
                hex(&stranger_key),
                key(&shop.own)
            ),
        ),
        (Claim { not_before: future, ..good }, format!("its key proof is in force from {future} on; it is ")),
        (Claim { not_after: past, not_before: past, ..good }, format!("its key proof expired {past}; it is ")),
    ];
    let mut cases: Vec<(Vec<u8>, String)> =
        claims.into_iter().map(|(claim, words)| (prove(&next, &claim), words)).collect();
    cases.push((
        prove(&stranger, &good),
        format!("the key proof is not signed by the staged certificate's key; that key is {}", key(&next)),
    ));
    let mut changed = proof.clone();
    *changed.last_mut().unwrap() ^= 1;
    cases.push((
        changed,
        format!("the key proof is not signed by the staged certificate's key; that key is {}", key(&next)),
    ));
    let mut longer = proof.clone();
    let year = longer.windows(2).rposition(|octets| octets == [0x18, 15]).unwrap() + 2;
    longer[year..year + 4].copy_from_slice(b"9998");
    cases
        .push((longer, "its key proof cannot be read: malformed KeyProofBody: notAfter is more than 86400".to_owned()));
    cases.push((proof[..proof.len() - 1].to_vec(), "its key proof cannot be read: malformed KeyProof: ".to_owned()));
    cases.push((b"no key proof".to_vec(), "its key proof cannot be read: malformed KeyProof: ".to_owned()));
    for version in VERSIONS {
        for (proof, words) in &cases {
            let _site = shop.open(&[(Part::Staged, &staged(&[(&next, proof)]))], &format!("ssl_protocols {version};"));
            let words = format!("shown as staged, but {words}");
            let shown = format!("showed {}, staged {}", hash(&shop.own), hash(&next));
            shop.refuses(next.certificate(), "wrong_certificate", &[&words, &shown]).await;
        }
        let _site = shop.open(&[(Part::Staged, &staged(&[(&next, &proof)]))], &format!("ssl_protocols {version};"));
        shop.endorses(&next).await;
    }
}

/// A key of another kind, and something that is no certificate.
#[tokio::test]
async fn what_has_no_key_to_check_with_proves_nothing() {
    let shop = Shop::new().await;
    let signer = shop.next(Leaf::new([HOST]));
    let p521 = self_signed_on_p521();
    let unknown = format!(
        "the staged certificate's key is none of P-256, P-384, RSA of 2048 to 8192 bits, Ed25519; that key is {}",
        hex(&spki_hash(&p521).unwrap())
    );
    for (certificate, words) in [
        (p521.as_slice(), unknown.as_str()),
        (b"no certificate", "shown as staged, but it cannot be read as a certificate"),
    ] {
        let claim = Claim { certificate: certificate_digest(certificate), ..shop.claim(&signer) };
        let answer = write_staged(&[(&[certificate], &prove(&signer, &claim))]).unwrap();
        let _site = shop.open(&[(Part::Staged, &answer)], "");
        shop.refuses(certificate, "wrong_certificate", &[words]).await;
    }
}

/// A certificate stands there once for each host and port that it is staged for.
#[tokio::test]
async fn one_good_key_proof_among_many_is_enough_and_else_the_one_that_got_furthest_is_told() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let good = shop.claim(&next);
    let expired = Claim { not_before: UnixTime(now() - 600), not_after: UnixTime(now() - 300), ..good };
    let claims = [Claim { host: "shop.example", ..good }, expired, Claim { port: 1, ..good }];
    let mut proofs: Vec<Vec<u8>> = claims.iter().map(|claim| prove(&next, claim)).collect();
    let answer = |proofs: &[Vec<u8>]| {
        let entries: Vec<(&Issued, &[u8])> = proofs.iter().map(|proof| (&next, proof.as_slice())).collect();
        staged(&entries)
    };
    let site = shop.open(&[(Part::Staged, &answer(&proofs))], "");
    shop.refuses(next.certificate(), "wrong_certificate", &["staged, but its key proof expired "]).await;
    drop(site);
    proofs.push(prove(&next, &good));
    let _site = shop.open(&[(Part::Staged, &answer(&proofs))], "");
    shop.endorses(&next).await;
}

#[tokio::test]
async fn a_key_proof_counts_from_its_first_to_its_last_second() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let claim = shop.claim(&next);
    let proof = prove(&next, &claim);
    let (first, last) = (claim.not_before.0, claim.not_after.0);
    for (now, counts) in [(first - 1, false), (first, true), (last, true), (last + 1, false)] {
        let expected =
            Expected { host: claim.host, port: claim.port, handshake_key: claim.handshake_key, now: UnixTime(now) };
        let result = key_proof::check(&proof, next.certificate(), &expected);
        assert_eq!(result.is_ok(), counts, "{now}: {result:?}");
    }
}

/// While the machines of a site change over one after another.
#[tokio::test]
async fn a_certificate_may_be_in_use_at_one_address_and_staged_at_another() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let second = ip("127.10.0.2");
    shop.stand.world.dns().set(HOST, &[ip(IP), second]);
    let port = Port::hold_exact((second, shop.port.address().port()).into()).unwrap();
    let _site = shop.open(&[(Part::Staged, &shop.staging(&next))], "");
    let _other = shop.stand.site_at(&port, &[&next], "");
    let ask = Ask { addresses: vec![ip(IP), second], ..Ask::new(port.address().port(), next.certificate()) };
    assert_eq!(shop.authority.ask(&ask).await.endorsed(&ask, &shop.key).0, [true, true]);
    let ask = Ask { certificate: certificate_digest(shop.own.certificate()), ..ask };
    assert_eq!(shop.authority.ask(&ask).await.endorsed(&ask, &shop.key).0, [true, false]);
}

/// As much as an extension holds.
#[tokio::test]
async fn the_longest_answer_is_read_in_both_versions() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let proof = prove(&next, &shop.claim(&next));
    let chain = authority_support::shop::chain(&next);
    let ballast = vec![1; 63_000];
    let answer = write_staged(&[(&[&ballast], &proof), (&chain, &proof)]).unwrap();
    assert!(answer.len() > 64_000);
    for version in VERSIONS {
        let _site = shop.open(&[(Part::Staged, &answer)], &format!("ssl_protocols {version};"));
        shop.endorses(&next).await;
        shop.endorses(&shop.own).await;
    }
}

/// The extensions of a message have 65,535 octets in all.
#[tokio::test]
async fn a_server_whose_answers_do_not_fit_keeps_what_it_has_in_use() {
    let shop = Shop::new().await;
    let other = shop.stand.operator(0).issue(&Leaf::new([HOST]).key(private_key(RSA))).unwrap();
    let next = shop.next(Leaf::new([HOST]));
    let proof = prove(&next, &shop.claim(&next));
    let alternate = write_alternate(&[other.certificate(), &[1; 8_000]], &[]).unwrap();
    let staging = write_staged(&[(&[&[1; 60_000]], &proof)]).unwrap();
    for version in VERSIONS {
        let answers: [(Part, &[u8]); 2] = [(Part::Alternate, &alternate), (Part::Staged, &staging)];
        let _site = shop.open_with(&[&other, &shop.own], &answers, &format!("ssl_protocols {version};"));
        shop.endorses(&shop.own).await;
        shop.endorses(&other).await;
        let words = [
            "a handshake that asks for alternate and staged certificates does not finish: ",
            "internal error; showed ",
        ];
        shop.refuses(next.certificate(), "wrong_certificate", &words).await;
    }
}

#[tokio::test]
async fn a_staged_certificate_is_judged_by_the_same_rules_and_its_own_chain() {
    let shop = Shop::new().await;
    let future = Validity { not_before: now() + 3_600, ..Validity::seconds(86_400) };
    let revoked = shop.next(Leaf::new([HOST]));
    let by = shop.stand.operator(1).intermediate().status();
    by.revoke(revoked.serial(), RevocationReason::Superseded);
    let cases = [
        (shop.next(Leaf::new(["www.other.example"])), "chain_not_trusted", "www.other.example"),
        (shop.next(Leaf::new([HOST]).validity(Validity::expired(60))), "outlives_certificate", "after the certificate"),
        (shop.next(Leaf::new([HOST]).validity(future)), "chain_not_trusted", "no path to a trusted root"),
        (shop.stand.operator(2).issue(&Leaf::new([HOST])).unwrap(), "own_operator", "operator-c"),
        (revoked, "revoked", "superseded"),
    ];
    for (next, code, words) in cases {
        let _site = shop.open(&[(Part::Staged, &shop.staging(&next))], "");
        shop.refuses(next.certificate(), code, &[words]).await;
        shop.endorses(&shop.own).await;
    }
    let next = shop.next(Leaf::new([HOST]));
    let list = DistrustList::open(&shop.stand.database(2)).unwrap();
    list.add(&Subject::Operator("operator-b".to_owned()), "hacked on Monday", UnixTime(now())).unwrap();
    let _site = shop.open(&[(Part::Staged, &shop.staging(&next))], "");
    shop.refuses(next.certificate(), "distrusted", &["operator-b", "hacked on Monday"]).await;
}

#[tokio::test]
async fn a_broken_answer_is_told_and_takes_nothing_from_the_handshakes_own_certificate() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let good = shop.staging(&next);
    let cases = [
        Vec::new(),
        good[..good.len() - 1].to_vec(),
        [&good[..], b"\0"].concat(),
        b"\0\0".to_vec(),
        vec![0xFF; 20_000],
    ];
    for version in VERSIONS {
        for answer in &cases {
            let _site = shop.open(&[(Part::Staged, answer)], &format!("ssl_protocols {version};"));
            let words = format!(
                "the answer about the staged certificate cannot be used: the answer of {} octets breaks off or is wrong",
                answer.len()
            );
            shop.refuses(next.certificate(), "wrong_certificate", &[&words]).await;
            shop.endorses(&shop.own).await;
        }
    }
}

/// Whoever has a server's stolen key could show what was staged there.
#[tokio::test]
async fn a_staged_certificate_is_not_endorsed_in_a_handshake_on_a_key_that_is_known_as_compromised() {
    let shop = Shop::new().await;
    let next = shop.next(Leaf::new([HOST]));
    let _site = shop.open(&[(Part::Staged, &shop.staging(&next))], "");
    shop.endorses(&next).await;
    let status = shop.stand.operator(0).intermediate().status();
    status.revoke(shop.own.serial(), RevocationReason::KeyCompromise);
    // Nobody told this authority yet.
    shop.endorses(&next).await;
    shop.refuses(shop.own.certificate(), "revoked", &["keyCompromise"]).await;
    shop.refuses(next.certificate(), "distrusted", &[&key(&shop.own), &hash(&shop.own), "key compromise"]).await;
}

#[tokio::test]
async fn a_staged_certificate_on_a_key_that_is_known_as_compromised_is_refused() {
    let shop = Shop::new().await;
    let before = shop.next(Leaf::new([HOST]));
    let next = shop.next(Leaf::new([HOST]).key(before.key_pem()));
    let answer =
        staged(&[(&before, &prove(&before, &shop.claim(&before))), (&next, &prove(&next, &shop.claim(&next)))]);
    let _site = shop.open(&[(Part::Staged, &answer)], "");
    let status = shop.stand.operator(1).intermediate().status();
    status.revoke(before.serial(), RevocationReason::KeyCompromise);
    shop.refuses(before.certificate(), "revoked", &["keyCompromise"]).await;
    shop.refuses(next.certificate(), "distrusted", &[&key(&next), &hash(&before)]).await;
    shop.endorses(&shop.own).await;
}
