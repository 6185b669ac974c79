use std::ptr;

use mecai::ffi::*;
use mecai::report::{Report, file_name};

use super::world::{Case, World, code};
use super::*;

/// The case, its verdict, and the chain as views; the octets come along.
pub(super) fn reported(world: &World) -> (Case<'_>, *mut mecai_verdict, Vec<Vec<u8>>) {
    let case = world
        .cases()
        .find(|case| case.given["expect"]["reported"] == true && case.given["expect"]["alarm"] == true)
        .unwrap();
    let (_, verdict) = case.verify();
    let chain = world.chain(&case.given["chain"]);
    (case, verdict, chain)
}

pub(super) fn report(case: &Case<'_>, verdict: *const mecai_verdict, chain: &[Vec<u8>]) -> *mut mecai_report {
    let chain = views(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let (verifier, handshake, now) = (case.verifier, case.handshake, case.now);
    let (certificates, count) = (chain.as_ptr(), chain.len());
    made(|place, error| call!(mecai_report_new(verifier, handshake, verdict, certificates, count, now, place, error)))
}

#[test]
fn an_alarm_is_reported_and_read_again() {
    let world = World::load("verify.json");
    let (case, verdict, chain) = reported(&world);
    let report = report(&case, verdict, &chain);
    let (mut json, mut name, mut told_code, mut host) = (STALE, STALE, 9, STALE);
    good(|error| call!(mecai_report_json(report, &raw mut json, &raw mut name, error)));
    good(|error| call!(mecai_report_get(report, &raw mut told_code, &raw mut host, error)));
    assert_eq!(told_code, code(verdict));
    assert_eq!(text(host), "www.shop.example");
    assert_eq!(text(name), file_name(octets(json)));
    let read = Report::from_json(octets(json)).unwrap();
    assert_eq!((read.chain(), read.bundles().is_empty()), (chain, false));

    let again = made(|place, error| call!(mecai_report_parse(json.data, json.len, place, error)));
    let same = shown(|view, error| call!(mecai_report_json(again, view, ptr::null_mut(), error)));
    assert_eq!(same, octets(json));
    mecai_verdict_free(verdict);
    free_once(report, mecai_report_free);
    free_once(again, mecai_report_free);
    let gone = unshown(|view, error| call!(mecai_report_get(report, ptr::null_mut(), view, error)));
    assert_eq!(gone, MECAI_ERR_HANDLE);
}

#[test]
fn where_no_report_is_due_there_is_none() {
    let world = World::load("verify.json");
    let case = world.cases().find(|case| case.given["expect"]["reported"] == false).unwrap();
    let (_, verdict) = case.verify();
    let (verifier, handshake, now) = (case.verifier, case.handshake, case.now);
    let new = |verifier, handshake, count| {
        unmade(|place, error| {
            call!(mecai_report_new(verifier, handshake, verdict, ptr::null(), count, now, place, error))
        })
        .0
    };
    assert_eq!(new(verifier, handshake, 0), MECAI_ERR_NONE);
    assert_eq!(new(verifier, handshake, 1), MECAI_ERR_NULL);
    assert_eq!(new(ptr::null(), handshake, 0), MECAI_ERR_NULL);
    assert_eq!(new(verifier.cast(), ptr::null(), 0), MECAI_ERR_NULL);
    assert_eq!(new(handshake.cast(), handshake, 0), MECAI_ERR_HANDLE_TYPE);
    mecai_verdict_free(verdict);
    assert_eq!(new(verifier, handshake, 0), MECAI_ERR_HANDLE);
}

#[test]
fn what_no_client_writes_is_not_read() {
    for json in ["", "{}", "{\"bundles\":[]}"] {
        let (result, sentence) =
            unmade(|place, error| call!(mecai_report_parse(json.as_ptr(), json.len(), place, error)));
        assert!(result == MECAI_ERR_REPORT && sentence.contains("report"), "{sentence}");
    }
    assert_eq!(unmade(|place, error| call!(mecai_report_parse(ptr::null(), 1, place, error))).0, MECAI_ERR_NULL);
}
