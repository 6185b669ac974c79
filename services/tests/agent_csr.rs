//! `mecai agent csr`, read and verified by OpenSSL's own program.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent_support;

use std::fs;
use std::process::Command;

use agent_support::{HOST, Stand};

/// Runs `openssl` in the stand's directory; it must succeed.
fn openssl(stand: &Stand, words: &str) -> String {
    let ran = Command::new("openssl").args(words.split(' ')).current_dir(stand.directory.path()).output().unwrap();
    let text = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    assert!(ran.status.success(), "{words}: {text}");
    text
}

/// A site with these hosts, on the key in `site.key`.
fn stand(hosts: &[&str]) -> Stand {
    let stand = Stand::new([]);
    stand.configure("", "key = \"site.key\"");
    let path = stand.path("agent.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(&format!("[\"{HOST}\"]"), &format!("{hosts:?}"))).unwrap();
    stand
}

#[test]
fn every_kind_and_form_of_key_gives_a_request_that_openssl_verifies() {
    let stand = stand(&[HOST, "shop.example", "192.0.2.7", "2001:db8::7"]);
    for (generate, algorithm) in [
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out site.key", "ecdsa-with-SHA256"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out site.key", "ecdsa-with-SHA256"),
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out site.key", "sha256WithRSAEncryption"),
        ("genpkey -algorithm ED25519 -out site.key", "ED25519"),
        // SEC 1, with its parameters in a block before it, and PKCS#1.
        ("ecparam -name prime256v1 -genkey -out site.key", "ecdsa-with-SHA256"),
        ("genrsa -traditional -out site.key 2048", "sha256WithRSAEncryption"),
    ] {
        openssl(&stand, generate);
        let (code, out, err) = stand.run(&["csr", HOST]);
        assert_eq!(code, 0, "{generate}: {err}");
        fs::write(stand.path("site.csr"), out).unwrap();
        let text = openssl(&stand, "req -in site.csr -noout -verify -text");
        for words in [
            "verify OK",
            "Subject: CN = www.shop.example\n",
            "DNS:www.shop.example, DNS:shop.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7",
            &format!("Signature Algorithm: {algorithm}"),
        ] {
            assert!(text.contains(words), "{generate}: {words}: {text}");
        }
        assert_eq!(openssl(&stand, "req -in site.csr -noout -pubkey"), openssl(&stand, "pkey -in site.key -pubout"));
        // The certificate of the site is on a key that it had before.
        assert!(err.contains("site.key is not the key of"), "{err}");
    }
}

#[test]
fn a_long_name_and_an_address_are_no_common_name() {
    let long = format!("{}.shop.example", "a".repeat(60));
    for hosts in [[long.as_str(), "192.0.2.7"], ["192.0.2.7", "2001:db8::7"]] {
        let stand = stand(&hosts);
        let key = rcgen::KeyPair::generate().unwrap();
        stand.issue("shop", &key, &hosts);
        fs::write(stand.path("site.key"), key.serialize_pem()).unwrap();
        // By the file of its certificate, into a file.
        let (name, out) = (stand.path("shop.pem"), stand.path("out.csr"));
        let (code, printed, err) = stand.run(&["csr", name.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        assert_eq!((code, printed.as_str(), err.as_str()), (0, "", ""));
        let text = openssl(&stand, "req -in out.csr -noout -verify -text");
        assert!(text.contains("verify OK") && !text.contains("CN ="), "{text}");
        assert!(text.contains("IP Address:192.0.2.7"), "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_in_one_sentence() {
    let stand = stand(&[HOST]);
    let fails = |words: &[&str], expected: i32, sentence: &str| {
        let (code, out, err) = stand.run(words);
        assert_eq!((code, out.as_str()), (expected, ""), "{err}");
        assert!(err.starts_with("mecai: ") && err.lines().count() == 1 && err.contains(sentence), "{err}");
    };
    fails(
        &["csr", "other.example"],
        2,
        "no [[site]] has the host other.example; there are www.shop.example (site_unknown)",
    );
    fails(&["csr", HOST], 1, "site.key: No such file or directory (os error 2) (key_unreadable)");
    fs::write(stand.path("site.key"), "nothing").unwrap();
    fails(&["csr", HOST], 1, "there is no private key in PEM without a passphrase in the file (key_unreadable)");
    openssl(&stand, "genpkey -algorithm ED25519 -aes256 -pass pass:secret -out site.key");
    fails(&["csr", HOST], 1, "without a passphrase in the file (key_unreadable)");
    stand.configure("", "");
    fails(&["csr", HOST], 1, "has no `key` (key_missing)");
    let site = |file: &str| format!("[[site]]\nhosts = [\"{HOST}\"]\ncertificate = \"{file}.pem\"");
    stand.configure("", &site("second"));
    fails(&["csr", HOST], 2, "name the site by its file (site_ambiguous)");
}
