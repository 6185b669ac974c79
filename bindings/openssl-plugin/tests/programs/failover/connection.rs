//! Causes that lie with the connection, or with the client: they end the handshake, whatever the alternate is.

use mecai::extension::{ALTERNATE, VOUCHERS};
use rcgen::{ExtendedKeyUsagePurpose, SerialNumber};

use super::{Fallen, params};
use crate::world::{HOST, Vouched, answer, said};

#[test]
fn a_certificate_that_has_ended_ends_the_handshake() {
    let mut ended = params(&[HOST]);
    ended.not_before = rcgen::date_time_ymd(2020, 1, 1);
    ended.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let fallen = Fallen::with(ended);
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    for outcome in fallen.all(&server) {
        outcome.ignores_alternate();
        assert!(outcome.said.contains("certificate has expired"), "{outcome:?}");
    }
}

#[test]
fn a_certificate_for_another_purpose_ends_the_handshake() {
    let mut other = params(&[HOST]);
    other.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    let fallen = Fallen::with(other);
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    fallen.all(&server).iter().for_each(super::Outcome::ignores_alternate);
}

#[test]
fn a_certificate_for_another_name_ends_the_handshake_where_the_program_checks_it() {
    let fallen = Fallen::with(params(&["www.other.example"]));
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    let outcome = fallen.python(&server, true);
    outcome.ignores_alternate();
    assert!(outcome.said.contains("Hostname mismatch"), "{outcome:?}");
}

#[test]
fn a_certificate_that_the_program_knows_as_revoked_ends_the_handshake() {
    let mut known = params(&[HOST]);
    known.serial_number = Some(SerialNumber::from(4711));
    let fallen = Fallen::with(known);
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    let list = fallen.world.revoke("revoked.crl", &[0, 1], &[SerialNumber::from(4711)]);
    let outcome = fallen.curl_trusting(&server, "roots.pem", &[], &["--crlfile", &list]);
    outcome.ignores_alternate();
    assert!(outcome.said.contains("certificate revoked"), "{outcome:?}");
}

#[test]
fn a_certificate_with_a_bad_signature_ends_the_handshake() {
    let mut fallen = Fallen::new();
    let mut der = fallen.site.der.clone();
    let last = der.len() - 1;
    der[last] ^= 1;
    std::fs::write(&fallen.site.certificate, pem::encode(&pem::Pem::new("CERTIFICATE", der.clone()))).unwrap();
    fallen.site.der = der;
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    // curl shows the error that stands first in OpenSSL's queue, which here is another one, with the module or without.
    for check_hostname in [true, false] {
        let outcome = fallen.python(&server, check_hostname);
        outcome.ignores_alternate();
        assert!(outcome.said.contains("certificate signature failure"), "{outcome:?}");
    }
}

#[test]
fn vouchers_that_break_their_syntax_end_the_handshake() {
    let fallen = Fallen::new();
    let alternate = fallen.vouched(&fallen.alternate(1));
    let server = fallen.showing_all(&[(VOUCHERS, b"\0\x09\0\x05short"), (ALTERNATE, &alternate)], &[]);
    let outcome = fallen.curl(&server);
    outcome.ignores_alternate();
    assert!(outcome.log.contains("answer_malformed"), "{outcome:?}");
}

#[test]
fn an_address_that_nobody_saw_ends_the_handshake_where_it_has_to() {
    let fallen = Fallen::new();
    let elsewhere = Vouched { address: "192.0.2.1".parse().unwrap(), ..Vouched::for_site(&fallen.site) };
    let vouchers = answer(&[fallen.world.bundle(&elsewhere)]);
    let alternate = fallen.vouched(&fallen.alternate(1));
    let server = fallen.showing_all(&[(VOUCHERS, &vouchers), (ALTERNATE, &alternate)], &[]);
    let config = fallen.world.write_config("client", &[("addresses", "require")]);
    let arguments = ["-CAfile", &fallen.world.path("roots.pem"), "-servername", HOST];
    let s_client = fallen.world.s_client(&config, &server, &arguments);
    let log = fallen.world.take_log();
    assert!(!s_client.status.success(), "{}", said(&s_client));
    assert!(log.contains("refused") && log.contains("address_not_seen") && !log.contains("alternate"), "{log}");
}

#[test]
fn without_a_list_or_a_name_nothing_is_judged() {
    let fallen = Fallen::new();
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    let missing = fallen.world.path("missing.json");
    let outcome = fallen.curl_trusting(&server, "roots.pem", &[("authorities", &missing)], &[]);
    outcome.ignores_alternate();
    assert!(outcome.log.contains("no_list"), "{outcome:?}");

    let config = fallen.world.write_config("client", &[]);
    let roots = fallen.world.path("roots.pem");
    let s_client = fallen.world.s_client(&config, &server, &["-CAfile", &roots, "-noservername"]);
    let log = fallen.world.take_log();
    assert!(!s_client.status.success(), "{}", said(&s_client));
    assert!(log.contains("no_reference_identity") && !log.contains("alternate"), "{log}");
}

/// A TLSA record that the server's key matches, and that wants the chain to be trusted besides: the alternate is on that
/// key, but no record speaks of it.
#[test]
fn where_tlsa_records_are_used_there_is_no_failover() {
    let fallen = Fallen::new();
    let server = fallen.showing(&fallen.vouched(&fallen.alternate(1)), &[]);
    let config = fallen.world.write_config("client", &[]);
    let key: String =
        mecai::chain::spki_hash(&fallen.site.der).unwrap().iter().map(|octet| format!("{octet:02x}")).collect();
    let roots = std::fs::read_to_string(fallen.world.path("roots.pem")).unwrap();
    let (_, others) = roots.split_once("-----END CERTIFICATE-----\n").unwrap();
    std::fs::write(fallen.world.path("others.pem"), others).unwrap();
    let record = format!("1 1 1 {key}");
    let others = fallen.world.path("others.pem");
    let arguments = ["-CAfile", &others, "-servername", HOST];
    let plain = fallen.world.s_client(&config, &server, &arguments);
    assert!(plain.status.success(), "{}\n{}", said(&plain), fallen.world.take_log());
    let dane = [&arguments[..], &["-dane_tlsa_domain", HOST, "-dane_tlsa_rrdata", &record]].concat();
    let with_record = fallen.world.s_client(&config, &server, &dane);
    assert!(!with_record.status.success(), "{}\n{}", said(&with_record), fallen.world.take_log());
}
