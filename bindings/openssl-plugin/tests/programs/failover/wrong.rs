//! Alternates that are not accepted, each with its own outcome.

use mecai::extension::{ANSWER_MAX, VOUCHERS, write_alternate};
use mecai::time::UnixTime;
use rcgen::{KeyPair, SerialNumber};

use super::{Fallen, params};
use crate::world::{HOST, Vouched, answer, now};

#[test]
fn an_alternate_of_the_same_operator_is_none() {
    let fallen = Fallen::new();
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(0)), &[]);
    fallen.all(&server).iter().for_each(|outcome| outcome.fails_by("alternate_same_operator"));
}

#[test]
fn an_alternate_on_another_key_is_none() {
    let fallen = Fallen::new();
    let alternate = fallen.world.issue("alternate", 1, params(&[HOST]), &KeyPair::generate().unwrap());
    let server = fallen.showing(&fallen.vouched(&alternate), &[]);
    fallen.all(&server).iter().for_each(|outcome| outcome.fails_by("alternate_other_key"));
}

/// The man in the middle has a certificate of the fallen CA on a key of his own, and shows what the server shows.
#[test]
fn the_servers_real_alternate_does_not_help_another_key() {
    let mut fallen = Fallen::new();
    let real = fallen.vouched(&fallen.alternate(1));
    fallen.site = fallen.world.site("attacker", &[HOST]);
    fallen.all(&fallen.showing(&real, &[])).iter().for_each(|outcome| outcome.fails_by("alternate_other_key"));
}

#[test]
fn an_alternate_that_has_ended_is_none() {
    let fallen = Fallen::new();
    let mut ended = params(&[HOST]);
    ended.not_before = rcgen::date_time_ymd(2020, 1, 1);
    ended.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let alternate = fallen.world.issue("alternate", 1, ended, &fallen.key);
    for outcome in fallen.all(&fallen.showing(&fallen.vouched(&alternate), &[])) {
        outcome.fails_by("alternate_not_trusted");
        assert!(outcome.log.contains("certificate has expired"), "{outcome:?}");
    }
}

#[test]
fn an_alternate_that_the_program_knows_as_revoked_is_none() {
    let fallen = Fallen::new();
    let mut known = params(&[HOST]);
    known.serial_number = Some(SerialNumber::from(4711));
    let alternate = fallen.world.issue("alternate", 1, known, &fallen.key);
    let server = fallen.showing(&fallen.vouched(&alternate), &[]);
    let with_list = |name, serials: &[SerialNumber]| {
        let list = fallen.world.revoke(name, &[0, 1], serials);
        fallen.curl_trusting(&server, "roots.pem", &[], &["--crlfile", &list])
    };
    let outcome = with_list("none.crl", &[]);
    assert!(outcome.accepted, "{outcome:?}");
    let outcome = with_list("revoked.crl", &[SerialNumber::from(4711)]);
    outcome.fails_by("alternate_not_trusted");
    assert!(outcome.log.contains("certificate revoked"), "{outcome:?}");
}

#[test]
fn a_self_made_alternate_is_none() {
    let fallen = Fallen::new();
    let own = params(&[HOST]).self_signed(&fallen.key).unwrap();
    let alternate = fallen.world.write_site("alternate", &own, &fallen.key);
    let server = fallen.showing(&fallen.vouched(&alternate), &[]);
    fallen.all(&server).iter().for_each(|outcome| outcome.fails_by("alternate_not_trusted"));
}

#[test]
fn an_alternate_whose_root_is_not_listed_is_none() {
    let fallen = Fallen::new();
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(6)), &[]);
    fallen.all(&server).iter().for_each(|outcome| outcome.fails_by("root_not_listed"));
}

#[test]
fn an_alternate_needs_vouchers_of_its_own() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let good = Vouched { first: 2, ..Vouched::for_site(&alternate) };
    let hour_ago = UnixTime(now().0 - 7200);
    for (code, vouched) in [
        ("wrong_certificate", Vouched { certificate: &fallen.site.der, ..good.clone() }),
        ("wrong_host", Vouched { host: "www.other.example", ..good.clone() }),
        ("expired", Vouched { produced_at: hour_ago, ..good.clone() }),
        ("own_operator", Vouched { first: 1, authorities: 1, ..good.clone() }),
        ("suspicious_certificate", Vouched { authorities: 1, ..good.clone() }),
    ] {
        fallen.curl(&fallen.showing(&fallen.answer(&alternate, &vouched), &[])).fails_by(code);
    }
    let without = write_alternate(&[&alternate.der], &[]).unwrap();
    fallen.all(&fallen.showing(&without, &[])).iter().for_each(|outcome| outcome.fails_by("no_voucher"));
}

/// Whoever holds CA and authority of operators 0 and 1 lets each vouch for the other's certificate.
#[test]
fn two_hacked_operators_that_endorse_each_other_crosswise_gain_nothing() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let by = |number, certificate| Vouched { first: number, authorities: 1, ..Vouched::for_site(certificate) };
    let alternate = fallen.answer(&alternate, &by(0, &alternate));
    let own = answer(&[fallen.world.bundle(&by(1, &fallen.site))]);
    // Everybody is picked: one voucher of another operator would do with a quorum of 1, and two here.
    let state = fallen.world.path("state");
    let demanding = |quorum| [("state", state.as_str()), ("candidates", "6"), ("quorum", quorum)];
    let server = fallen.showing_all(&[(VOUCHERS, &own), (mecai::extension::ALTERNATE, &alternate)], &[]);
    fallen.curl_trusting(&server, "roots.pem", &demanding("2"), &[]).fails_by("own_operator");
    // Without vouchers for the one, the other's are no better.
    let server = fallen.showing(&alternate, &[]);
    fallen.curl_trusting(&server, "roots.pem", &demanding("1"), &[]).fails_by("own_operator");
}

#[test]
fn an_answer_that_cannot_be_read_is_none() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let good = fallen.vouched(&alternate);
    let short = good.len() - 1;
    for (octets, code) in [
        (good[..short].to_vec(), "alternate_malformed"),
        ([&good[..], &good].concat(), "alternate_malformed"),
        (write_alternate(&[b"no certificate"], &[]).unwrap(), "alternate_malformed"),
        (write_alternate(&[&alternate.der, b"no certificate"], &[]).unwrap(), "alternate_malformed"),
        (long_chain(&alternate.der, 100), "alternate_too_large"),
        (long_chain(&alternate.der, 11), "alternate_malformed"),
        (vec![0; ANSWER_MAX + 1], "alternate_too_large"),
    ] {
        fallen.curl(&fallen.showing(&octets, &[])).fails_by(code);
    }
}

/// The answer with this certificate over and over, however long it gets.
fn long_chain(der: &[u8], count: usize) -> Vec<u8> {
    let length = |octets: usize| u16::try_from(octets).unwrap().to_be_bytes();
    let one = [&length(der.len())[..], der].concat();
    [&length(one.len() * count)[..], &one.repeat(count), &[0, 0]].concat()
}
