//! An alternate is for the name that the program meant, whoever checks names: else a certificate for evil.example would
//! speak for victim.example.

use super::{Fallen, params};
use crate::world::{HOST, Vouched};

const EVIL: &str = "evil.example";

/// A self-made certificate for the victim, with a genuine alternate for a name of the attacker's own, on his key, which
/// everybody vouches for at that name.
#[test]
fn a_forged_certificate_gains_nothing_by_a_genuine_alternate_for_another_name() {
    let mut fallen = Fallen::new();
    let forged = params(&[HOST]).self_signed(&fallen.key).unwrap();
    fallen.site = fallen.world.write_site("forged", &forged, &fallen.key);
    let alternate = fallen.world.issue("alternate", 1, params(&[EVIL]), &fallen.key);
    for host in [EVIL, HOST] {
        let vouched = Vouched { host, first: 2, ..Vouched::for_site(&alternate) };
        for version in ["-tls1_2", "-tls1_3"] {
            let server = fallen.showing(&fallen.answer(&alternate, &vouched), &[version]);
            let [curl, checking, unchecking] = fallen.all(&server);
            curl.fails_by("alternate_wrong_name");
            // There OpenSSL checks names itself.
            checking.fails_by("alternate_not_trusted");
            assert!(checking.log.contains("hostname mismatch"), "{checking:?}");
            unchecking.fails_by("alternate_wrong_name");
        }
    }
}

/// The same with a certificate of a hacked CA for the victim, on the attacker's key.
#[test]
fn a_rogue_certificate_gains_nothing_by_a_genuine_alternate_for_another_name() {
    let fallen = Fallen::new();
    let alternate = fallen.world.issue("alternate", 1, params(&[EVIL]), &fallen.key);
    let vouched = Vouched { host: EVIL, first: 2, ..Vouched::for_site(&alternate) };
    let [curl, checking, unchecking] = fallen.all(&fallen.showing(&fallen.answer(&alternate, &vouched), &[]));
    curl.fails_by("alternate_wrong_name");
    checking.fails_by("alternate_not_trusted");
    unchecking.fails_by("alternate_wrong_name");
}

/// A certificate for both names, which authorities have seen at the attacker's own.
#[test]
fn an_alternate_is_vouched_for_at_the_name_that_is_meant() {
    let fallen = Fallen::new();
    let alternate = fallen.world.issue("alternate", 1, params(&[EVIL, HOST]), &fallen.key);
    let vouched = Vouched { host: EVIL, first: 2, ..Vouched::for_site(&alternate) };
    let server = fallen.showing(&fallen.answer(&alternate, &vouched), &[]);
    fallen.all(&server).iter().for_each(|outcome| outcome.fails_by("wrong_host"));
}

#[test]
fn a_name_in_the_subject_alone_is_no_name() {
    let fallen = Fallen::new();
    let mut named = params(&[]);
    named.distinguished_name.push(rcgen::DnType::CommonName, HOST);
    let alternate = fallen.world.issue("alternate", 1, named, &fallen.key);
    fallen.curl(&fallen.showing(&fallen.vouched(&alternate), &[])).fails_by("alternate_wrong_name");
}

#[test]
fn a_wildcard_and_an_address_are_names_too() {
    let fallen = Fallen::new();
    let alternate = fallen.world.issue("alternate", 1, params(&["*.shop.example", "127.0.0.1"]), &fallen.key);
    for outcome in fallen.all(&fallen.showing(&fallen.vouched(&alternate), &[])) {
        assert!(outcome.accepted, "{outcome:?}");
    }
}
