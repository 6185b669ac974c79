use std::ptr;

use mecai::ffi::*;
use mecai::request::{Problem, Protocol, VoucherRequest};
use mecai::time::UnixTime;

use super::authorities::{Authorities, NOW};
use super::*;

const CERTIFICATE: [u8; 32] = [7; 32];

/// A builder that lacks nothing.
fn builder(list: *const mecai_authority_list) -> *mut mecai_request_builder {
    let builder = made(|place, error| call!(mecai_request_builder_new(place, error)));
    good(|error| call!(mecai_request_builder_set_list(builder, list, error)));
    good(|error| call!(mecai_request_builder_set_server(builder, c"www.shop.example".as_ptr(), 25, error)));
    for address in [&[192, 0, 2, 1][..], &[0x20; 16]] {
        let (octets, len) = (address.as_ptr(), address.len());
        good(|error| call!(mecai_request_builder_add_address(builder, octets, len, error)));
    }
    good(|error| call!(mecai_request_builder_set_certificate(builder, CERTIFICATE.as_ptr(), 32, error)));
    good(|error| call!(mecai_request_builder_set_protocol(builder, MECAI_PROTOCOL_SMTP, error)));
    good(|error| call!(mecai_request_builder_set_times(builder, NOW, 86_400, NOW + 30, error)));
    good(|error| call!(mecai_request_builder_set_stay(builder, 30, error)));
    builder
}

fn request(list: *const mecai_authority_list) -> *mut mecai_request {
    let builder = builder(list);
    let request = made(|place, error| call!(mecai_request_builder_build(builder, place, error)));
    let again = unmade(|place, error| call!(mecai_request_builder_build(builder, place, error)));
    assert_eq!(again.0, MECAI_ERR_MISSING, "it is used up");
    free_once(builder, mecai_request_builder_free);
    request
}

fn counts(request: *const mecai_request) -> [usize; 3] {
    let [mut authorities, mut endorsements, mut waiting] = [9; 3];
    let places = (&raw mut authorities, &raw mut endorsements, &raw mut waiting);
    good(|error| call!(mecai_request_counts(request, places.0, places.1, places.2, error)));
    [authorities, endorsements, waiting]
}

fn body(request: *const mecai_request, index: usize) -> Vec<u8> {
    let (none, mut deadline) = (ptr::null_mut(), 9);
    let body = shown(|view, error| {
        call!(mecai_request_question(request, index, none, none, none, view, &raw mut deadline, error))
    });
    assert_eq!(deadline, NOW + 30);
    body
}

/// An answer of status 200 with an endorsement's Content-Type.
fn answer(request: *mut mecai_request, index: usize, body: &[u8], error: *mut *mut mecai_error) -> u32 {
    let kind = c"application/vnd.mecai.endorsement".as_ptr();
    let (octets, len) = (body.as_ptr(), body.len());
    call!(mecai_request_answer(request, index, 200, kind, ptr::null(), octets, len, NOW + 1, error))
}

/// The code, whether it concerns the authority, and before when not to ask again.
fn failure(request: *const mecai_request, index: usize) -> (String, bool, u64) {
    let (mut code, mut sentence, mut concerns, mut retry_at) = (STALE, STALE, false, 9);
    let places = (&raw mut code, &raw mut sentence, &raw mut concerns, &raw mut retry_at);
    good(|error| call!(mecai_request_failure(request, index, places.0, places.1, places.2, places.3, error)));
    assert!(!text(sentence).is_empty());
    (text(code), concerns, retry_at)
}

#[test]
fn every_authority_that_can_vouch_is_asked_and_its_endorsement_is_in_the_bundle() {
    let authorities = Authorities::new();
    let request = request(authorities.list);
    assert_eq!(counts(request), [3, 0, 3], "that of the third operator has ended");
    for (index, operator) in [0, 0, 1].into_iter().enumerate() {
        let mut of = 9;
        let id = shown(|view, error| call!(mecai_request_authority(request, index, &raw mut of, view, error)));
        assert_eq!((of, id.as_slice()), (operator, &authorities.keys[index].public_key().id()[..]));
        let (mut url, mut method, mut kind) = (STALE, STALE, STALE);
        let places = (&raw mut url, &raw mut method, &raw mut kind);
        let none = (ptr::null_mut(), ptr::null_mut());
        good(|error| {
            call!(mecai_request_question(request, index, places.0, places.1, places.2, none.0, none.1, error))
        });
        assert_eq!(text(url), format!("https://a{index}.example/v1/endorsements"));
        assert_eq!((text(method).as_str(), text(kind).as_str()), ("POST", "application/vnd.mecai.voucher-request"));

        let body = body(request, index);
        let asked = VoucherRequest::from_der(&body).unwrap();
        assert_eq!(
            (asked.protocol, asked.statement.host(), asked.statement.port()),
            (Protocol::Smtp, "www.shop.example", 25)
        );
        assert_eq!((asked.statement.not_after(), asked.statement.stay()), (UnixTime(NOW + 86_400), Some(30)));
        assert_eq!((asked.statement.addresses().len(), asked.statement.certificate()), (2, &CERTIFICATE));
        good(|error| answer(request, index, &authorities.endorse(index, &body), error));
    }
    assert_eq!(counts(request), [3, 3, 0]);
    let mut left_out = 9;
    let bundle = made(|place, error| call!(mecai_request_bundle(request, place, &raw mut left_out, error)));
    let (mut addresses, mut endorsements) = (9, 9);
    good(|error| call!(mecai_bundle_counts(bundle, &raw mut addresses, &raw mut endorsements, error)));
    assert_eq!((left_out, addresses, endorsements), (0, 2, 3));
    mecai_bundle_free(bundle);
    free_once(request, mecai_request_free);
    let gone = unshown(|view, error| call!(mecai_request_authority(request, 0, ptr::null_mut(), view, error)));
    assert_eq!(gone, MECAI_ERR_HANDLE);
}

#[test]
fn who_does_not_vouch_says_why_once() {
    let authorities = Authorities::new();
    let request = request(authorities.list);
    let none = unmade(|place, error| call!(mecai_request_bundle(request, place, ptr::null_mut(), error)));
    assert_eq!(none.0, MECAI_ERR_NONE);
    let not_failed = |index| {
        unshown(|view, error| {
            let none = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            call!(mecai_request_failure(request, index, view, none.0, none.1, none.2, error))
        })
    };
    assert_eq!([not_failed(0), not_failed(3)], [MECAI_ERR_NONE, MECAI_ERR_INDEX]);

    let problem = Problem::RateLimited.to_json("slowly", None);
    let refused = |error: *mut *mut mecai_error| {
        let kind = c"application/problem+json".as_ptr();
        let (octets, len) = (problem.as_ptr(), problem.len());
        call!(mecai_request_answer(request, 0, 429, kind, c"60".as_ptr(), octets, len, NOW + 1, error))
    };
    let mut error = stale();
    assert_eq!(refused(&raw mut error), MECAI_ERR_NOT_VOUCHED);
    let (result, sentence) = told(error);
    assert_eq!(result, MECAI_ERR_NOT_VOUCHED);
    assert!(sentence.contains("slowly") && sentence.ends_with("(rate_limited)"), "{sentence}");
    assert_eq!(failure(request, 0), ("rate_limited".to_owned(), true, NOW + 61));
    assert_eq!(failing(refused).0, MECAI_ERR_VALUE, "it has replied");

    // In the name of another authority.
    let other = authorities.endorse(0, &body(request, 1));
    assert_eq!(answer(request, 1, &other, ptr::null_mut()), MECAI_ERR_NOT_VOUCHED);
    assert_eq!(failure(request, 1), ("wrong_authority".to_owned(), true, 0));
    assert_eq!(call!(mecai_request_timed_out(request, 2, ptr::null_mut())), MECAI_ERR_NOT_VOUCHED);
    assert_eq!(failure(request, 2).0, "timeout");
    let unreachable = call!(mecai_request_unreachable(request, 2, c"refused".as_ptr(), ptr::null_mut()));
    assert_eq!(unreachable, MECAI_ERR_VALUE, "it was given up");
    assert_eq!(counts(request), [3, 0, 0]);
    free_once(request, mecai_request_free);

    let request = self::request(authorities.list);
    let unreachable = call!(mecai_request_unreachable(request, 2, c"refused".as_ptr(), ptr::null_mut()));
    assert_eq!((unreachable, failure(request, 2).0.as_str()), (MECAI_ERR_NOT_VOUCHED, "unreachable"));
    assert_eq!(failing(|error| call!(mecai_request_unreachable(request, 0, ptr::null(), error))).0, MECAI_ERR_NULL);
    assert_eq!(failing(|error| call!(mecai_request_timed_out(request, 3, error))).0, MECAI_ERR_INDEX);
    assert_eq!(failing(|error| call!(mecai_request_timed_out(ptr::null_mut(), 0, error))).0, MECAI_ERR_NULL);
    let large = vec![0; MECAI_ENDORSEMENT_MAX + 1];
    assert_eq!(answer(request, 0, &large, ptr::null_mut()), MECAI_ERR_NOT_VOUCHED);
    assert_eq!(failure(request, 0).0, "answer_too_large");
    good(|error| answer(request, 1, &authorities.endorse(1, &body(request, 1)), error));
    assert_eq!(counts(request), [3, 1, 0]);
    free_once(request, mecai_request_free);
}

#[test]
fn what_is_missing_or_wrong_is_told_when_it_is_built() {
    let authorities = Authorities::new();
    let builder = made(|place, error| call!(mecai_request_builder_new(place, error)));
    let build = || unmade(|place, error| call!(mecai_request_builder_build(builder, place, error)));
    let missing = |what: &str| {
        let (result, sentence) = build();
        assert!(result == MECAI_ERR_MISSING && sentence.contains(what), "{sentence}");
    };
    missing("list");
    good(|error| call!(mecai_request_builder_set_list(builder, authorities.list, error)));
    missing("server");
    good(|error| call!(mecai_request_builder_set_server(builder, c"WWW.shop.example".as_ptr(), 443, error)));
    missing("certificate");
    good(|error| call!(mecai_request_builder_set_certificate(builder, CERTIFICATE.as_ptr(), 32, error)));
    missing("time");
    good(|error| call!(mecai_request_builder_set_times(builder, NOW, 86_401, NOW + 30, error)));
    let (result, sentence) = build();
    assert!(result == MECAI_ERR_MALFORMED && sentence.contains("host"), "{sentence}");
    good(|error| call!(mecai_request_builder_set_server(builder, c"www.shop.example".as_ptr(), 443, error)));
    let (result, sentence) = build();
    assert!(result == MECAI_ERR_MALFORMED && sentence.contains("addresses is empty"), "{sentence}");
    good(|error| call!(mecai_request_builder_add_address(builder, [192, 0, 2, 1].as_ptr(), 4, error)));
    assert_eq!(build().0, MECAI_ERR_TOO_LONG_LIVED);
    good(|error| call!(mecai_request_builder_set_times(builder, NOW + 9001, 100, NOW + 9030, error)));
    let (result, sentence) = build();
    assert!(result == MECAI_ERR_NONE && sentence.contains("3 operators"), "{sentence}");
    good(|error| call!(mecai_request_builder_set_times(builder, NOW, 100, NOW + 30, error)));
    let request = made(|place, error| call!(mecai_request_builder_build(builder, place, error)));
    free_once(request, mecai_request_free);

    let address =
        |len| failing(|error| call!(mecai_request_builder_add_address(builder, CERTIFICATE.as_ptr(), len, error))).0;
    assert_eq!([address(0), address(5)], [MECAI_ERR_LENGTH; 2]);
    assert_eq!(address(4), MECAI_ERR_MISSING, "it is used up");
    assert_eq!(failing(|error| call!(mecai_request_builder_set_protocol(builder, 5, error))).0, MECAI_ERR_VALUE);
    let short = failing(|error| call!(mecai_request_builder_set_certificate(builder, CERTIFICATE.as_ptr(), 31, error)));
    assert_eq!(short.0, MECAI_ERR_LENGTH);
    let no_list = failing(|error| call!(mecai_request_builder_set_list(builder, builder.cast(), error)));
    assert_eq!(no_list.0, MECAI_ERR_HANDLE_TYPE);
    free_once(builder, mecai_request_builder_free);
}

#[test]
fn a_backoff_doubles_its_pauses_and_honours_what_was_asked() {
    let backoff = made(|place, error| call!(mecai_backoff_new(60, 600, place, error)));
    let may_ask = |now| {
        let mut may = false;
        good(|error| call!(mecai_backoff_may_ask(backoff, now, &raw mut may, error)));
        may
    };
    let next = || {
        let (mut at, mut failures) = (9, 9);
        good(|error| call!(mecai_backoff_next_attempt(backoff, &raw mut at, &raw mut failures, error)));
        (at, failures)
    };
    assert_eq!((may_ask(0), next()), (true, (0, 0)));
    good(|error| call!(mecai_backoff_failed(backoff, 0, NOW, u32::MAX, error)));
    assert_eq!((may_ask(NOW + 59), may_ask(NOW + 60), next()), (false, true, (NOW + 60, 1)));
    good(|error| call!(mecai_backoff_failed(backoff, 0, NOW, u32::MAX, error)));
    assert_eq!(next(), (NOW + 120, 2));
    good(|error| call!(mecai_backoff_failed(backoff, NOW + 5000, NOW, 0, error)));
    assert_eq!(next(), (NOW + 5000, 3));
    good(|error| call!(mecai_backoff_succeeded(backoff, error)));
    assert_eq!((may_ask(0), next()), (true, (0, 0)));
    assert_eq!(failing(|error| call!(mecai_backoff_may_ask(backoff, 0, ptr::null_mut(), error))).0, MECAI_ERR_NULL);
    free_once(backoff, mecai_backoff_free);
    let gone = |error| {
        let (mut at, mut failures) = (9, 9);
        let result = call!(mecai_backoff_next_attempt(backoff, &raw mut at, &raw mut failures, error));
        assert_eq!((at, failures), (9, 9), "the places are as they were");
        result
    };
    assert_eq!(failing(gone).0, MECAI_ERR_HANDLE);
}
