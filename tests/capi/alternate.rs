use std::ptr;

use mecai::chain::spki;
use mecai::ffi::*;
use serde_json::{Value, json};

use super::world::{Case, World, c, code, hex, outcome_word, word};
use super::*;

/// The alternate of a case, and what the program's own verification said of it.
fn alternate(world: &World, case: &Case<'_>) -> *mut mecai_alternate {
    let given = &case.given["failover"];
    let (answer, own) = (hex(&given["answer"]), world.chain(&case.given["chain"]));
    let key = spki(&own[0]).unwrap();
    let (answer, key) = ((answer.as_ptr(), answer.len()), (key.as_ptr(), key.len()));
    let alternate = made(|place, error| call!(mecai_alternate_read(answer.0, answer.1, key.0, key.1, place, error)));
    match given["verification"].as_str().unwrap() {
        "accepted" => {
            let chain = world.chain(&given["chain"]);
            let chain = views(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let result = call!(mecai_alternate_set_chain(alternate, chain.as_ptr(), chain.len(), ptr::null_mut()));
            assert!([MECAI_OK, MECAI_ERR_CHAIN].contains(&result), "{result}");
        }
        "wrong_name" => {
            good(|error| call!(mecai_alternate_set_wrong_name(alternate, c"another".as_ptr(), error)));
        }
        reason => {
            let reason = c(reason);
            good(|error| call!(mecai_alternate_set_not_trusted(alternate, reason.as_ptr(), error)));
        }
    }
    alternate
}

fn is_due(case: &Case<'_>, verdict: *const mecai_verdict) -> bool {
    let mut due = false;
    let (verifier, handshake, now) = (case.verifier, case.handshake, case.now);
    good(|error| call!(mecai_verifier_is_failover_due(verifier, handshake, verdict, now, &raw mut due, error)));
    due
}

fn fail_over(
    case: &Case<'_>,
    own: *const mecai_verdict,
    alternate: *const mecai_alternate,
) -> (u32, *mut mecai_verdict) {
    let mut outcome = 9;
    let (verifier, handshake, now) = (case.verifier, case.handshake, case.now);
    let verdict = made(|place, error| {
        call!(mecai_verifier_fail_over(verifier, handshake, own, alternate, now, &raw mut outcome, place, error))
    });
    (outcome, verdict)
}

/// What the vectors expect of a verdict, as C tells it.
fn told_of(outcome: u32, verdict: *const mecai_verdict) -> Value {
    let (mut failover, mut failover_code, mut report) = (9, 9, 9);
    good(|error| call!(mecai_verdict_failover(verdict, &raw mut failover, &raw mut failover_code, error)));
    good(|error| call!(mecai_verdict_notes(verdict, ptr::null_mut(), ptr::null_mut(), &raw mut report, error)));
    let code = word(code(verdict));
    let (alternate, cause) = match failover {
        MECAI_FAILOVER_NONE => (Value::Null, Value::Null),
        MECAI_FAILOVER_USED => (json!(code), json!(word(failover_code))),
        _ => (json!(word(failover_code)), Value::Null),
    };
    if failover == MECAI_FAILOVER_NONE {
        let untold = unshown(|view, error| call!(mecai_verdict_failover_sentence(verdict, view, error)));
        assert_eq!(untold, MECAI_ERR_NONE);
    } else {
        let mut sentences = [STALE; 2];
        let [whole, part] = &mut sentences;
        good(|error| call!(mecai_verdict_get(verdict, ptr::null_mut(), ptr::null_mut(), whole, error)));
        good(|error| call!(mecai_verdict_failover_sentence(verdict, part, error)));
        let [whole, part] = sentences.map(text);
        assert!(whole.ends_with(&format!("{}: {part}", word(failover_code))), "{part}, of {whole}");
    }
    let reported_as = if report == 0 { Value::Null } else { json!(word(report)) };
    json!({
        "outcome": outcome_word(outcome), "code": code,
        "failover": {"alternate": alternate, "cause": cause, "reported_as": reported_as},
    })
}

#[test]
fn every_alternate_of_the_vectors_gets_its_verdict() {
    let world = World::load("failover.json");
    let mut count = 0;
    for case in world.cases() {
        // What the state directory remembers plays a part elsewhere.
        if case.given["remembered"].as_object().is_some_and(|hosts| !hosts.is_empty()) {
            continue;
        }
        let given = &case.given["failover"];
        let (mut outcome, mut verdict) = case.verify();
        if given["tlsa"] == false && !given["answer"].is_null() && is_due(&case, verdict) {
            let (alternate, own) = (alternate(&world, &case), verdict);
            (outcome, verdict) = fail_over(&case, own, alternate);
            mecai_verdict_free(own);
            mecai_alternate_free(alternate);
        }
        let expect = &case.given["expect"];
        let expected = json!({
            "outcome": expect["outcome"], "code": expect["code"], "failover": expect["failover"],
        });
        assert_eq!(told_of(outcome, verdict), expected, "{}", case.name());
        mecai_verdict_free(verdict);
        count += 1;
    }
    assert!(count > 190, "{count} of 220 cases can be told in C");
}

#[test]
fn an_alternate_that_was_not_verified_is_refused() {
    let world = World::load("failover.json");
    let case = world.named("own_without_a_trusted_root");
    let (outcome, own) = case.verify();
    assert_eq!((outcome, is_due(&case, own)), (MECAI_REFUSED, true));
    let (answer, chain) = (hex(&case.given["failover"]["answer"]), world.chain(&case.given["chain"]));
    let key = spki(&chain[0]).unwrap();
    let (octets, len, key_len) = (answer.as_ptr(), answer.len(), key.len());
    let alternate = made(|place, error| call!(mecai_alternate_read(octets, len, key.as_ptr(), key_len, place, error)));
    drop(answer);

    let (mut count, mut of_read) = (9, 9);
    good(|error| call!(mecai_alternate_get(alternate, &raw mut count, &raw mut of_read, ptr::null_mut(), error)));
    assert_eq!((count, of_read), (world.chain(&case.given["failover"]["chain"]).len() - 1, 0));
    let leaf = shown(|view, error| call!(mecai_alternate_certificate(alternate, 0, view, error)));
    assert_eq!(leaf, world.chain(&case.given["failover"]["chain"])[0]);
    assert_eq!(
        unshown(|view, error| call!(mecai_alternate_certificate(alternate, count, view, error))),
        MECAI_ERR_INDEX
    );

    let failed = |expected: &str, sentence_has: &str| {
        let (outcome, verdict) = fail_over(&case, own, alternate);
        let mut code = 9;
        good(|error| call!(mecai_verdict_failover(verdict, ptr::null_mut(), &raw mut code, error)));
        let mut sentence = STALE;
        good(|error| call!(mecai_verdict_get(verdict, ptr::null_mut(), ptr::null_mut(), &raw mut sentence, error)));
        assert_eq!((outcome, word(code).as_str()), (MECAI_REFUSED, expected));
        assert!(text(sentence).contains(sentence_has), "{}", text(sentence));
        mecai_verdict_free(verdict);
    };
    failed("alternate_not_trusted", "has not verified it");
    good(|error| call!(mecai_alternate_set_not_trusted(alternate, c"expired".as_ptr(), error)));
    failed("alternate_not_trusted", "expired");
    let no_chain = views(&[b"no certificate"]);
    let set = |chain: &[mecai_bytes]| {
        failing(|error| call!(mecai_alternate_set_chain(alternate, chain.as_ptr(), chain.len(), error))).0
    };
    assert_eq!(set(&no_chain), MECAI_ERR_CHAIN);
    failed("root_not_listed", "certificate 0 of the chain");
    assert_eq!(set(&[]), MECAI_ERR_CHAIN);
    assert_eq!(failing(|error| call!(mecai_alternate_set_chain(alternate, ptr::null(), 1, error))).0, MECAI_ERR_NULL);
    failed("alternate_not_trusted", "has not verified it");
    // Whatever is wrong with what is said of a good chain, it is good no more.
    let good_chain = world.chain(&case.given["failover"]["chain"]);
    let good_chain = views(&good_chain.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for set_wrongly in [mecai_alternate_set_not_trusted, mecai_alternate_set_wrong_name] {
        for (text, result) in [(ptr::null(), MECAI_ERR_NULL), (c"\xFF".as_ptr(), MECAI_ERR_NOT_UTF8)] {
            good(|error| call!(mecai_alternate_set_chain(alternate, good_chain.as_ptr(), good_chain.len(), error)));
            assert_eq!(failing(|error| call!(set_wrongly(alternate, text, error))).0, result);
            failed("alternate_not_trusted", "has not verified it");
        }
    }
    assert_eq!(set(&good_chain[1..]), MECAI_ERR_CHAIN, "of another certificate");
    failed("alternate_not_trusted", "has not verified it");
    mecai_verdict_free(own);
    free_once(alternate, mecai_alternate_free);
    assert_eq!(unshown(|view, error| call!(mecai_alternate_certificate(alternate, 0, view, error))), MECAI_ERR_HANDLE);
}

#[test]
fn an_alternate_that_cannot_be_used_says_why_and_so_does_the_verdict() {
    let world = World::load("failover.json");
    let case = world.named("own_without_a_trusted_root");
    let (_, own) = case.verify();
    let good_answer = hex(&case.given["failover"]["answer"]);
    let large = vec![0; 16_385];
    for (answer, key, expected) in [
        (&good_answer[..], &b"another key"[..], "alternate_other_key"),
        (&good_answer[..9], b"", "alternate_malformed"),
        (&large, b"", "alternate_too_large"),
    ] {
        let (octets, len, key_len) = (answer.as_ptr(), answer.len(), key.len());
        let alternate =
            made(|place, error| call!(mecai_alternate_read(octets, len, key.as_ptr(), key_len, place, error)));
        let (mut count, mut code, mut sentence) = (9, 9, STALE);
        let places = (&raw mut count, &raw mut code, &raw mut sentence);
        good(|error| call!(mecai_alternate_get(alternate, places.0, places.1, places.2, error)));
        assert_eq!((count, word(code).as_str()), (0, expected));
        assert!(!text(sentence).is_empty());
        let none = unshown(|view, error| call!(mecai_alternate_certificate(alternate, 0, view, error)));
        assert_eq!(none, MECAI_ERR_INDEX);
        // Even if the program has verified something.
        let chain = world.chain(&case.given["failover"]["chain"]);
        let chain = views(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>());
        good(|error| call!(mecai_alternate_set_chain(alternate, chain.as_ptr(), chain.len(), error)));
        let (outcome, verdict) = fail_over(&case, own, alternate);
        let mut why = 9;
        good(|error| call!(mecai_verdict_failover(verdict, ptr::null_mut(), &raw mut why, error)));
        assert_eq!((outcome, why), (MECAI_REFUSED, code));
        mecai_verdict_free(verdict);
        mecai_alternate_free(alternate);
    }
    mecai_verdict_free(own);
}

#[test]
fn a_failover_that_fails_leaves_refused() {
    let world = World::load("failover.json");
    let case = world.named("own_without_a_trusted_root");
    let (_, own) = case.verify();
    let alternate = alternate(&world, &case);
    let (verifier, handshake, now) = (case.verifier, case.handshake, case.now);
    let refused = |verifier, handshake, own, alternate| {
        let (result, _) = unmade(|place, error| {
            let mut outcome = MECAI_ACCEPTED;
            let to = &raw mut outcome;
            let result = call!(mecai_verifier_fail_over(verifier, handshake, own, alternate, now, to, place, error));
            assert_eq!(outcome, MECAI_REFUSED);
            result
        });
        result
    };
    assert_eq!(refused(ptr::null(), handshake, own, alternate), MECAI_ERR_NULL);
    assert_eq!(refused(verifier, ptr::null(), own, alternate), MECAI_ERR_NULL);
    assert_eq!(refused(verifier, handshake, ptr::null(), alternate), MECAI_ERR_NULL);
    assert_eq!(refused(verifier, handshake, own, ptr::null()), MECAI_ERR_NULL);
    assert_eq!(refused(verifier, handshake, own, own.cast()), MECAI_ERR_HANDLE_TYPE);
    let without_outcome = |error| {
        let (outcome, verdict) = (ptr::null_mut(), ptr::null_mut());
        call!(mecai_verifier_fail_over(verifier, handshake, own, alternate, now, outcome, verdict, error))
    };
    assert_eq!(failing(without_outcome).0, MECAI_ERR_NULL);
    let due = |own| {
        failing(|error| {
            let mut due = true;
            let to = &raw mut due;
            let result = call!(mecai_verifier_is_failover_due(verifier, handshake, own, now, to, error));
            assert!(due, "the place is as it was");
            result
        })
    };
    assert_eq!(due(ptr::null()).0, MECAI_ERR_NULL);
    mecai_verdict_free(own);
    assert_eq!(due(own).0, MECAI_ERR_HANDLE);
    assert_eq!(refused(verifier, handshake, own, alternate), MECAI_ERR_HANDLE);
    mecai_alternate_free(alternate);
}

#[test]
fn an_alternate_that_is_not_due_changes_nothing() {
    let world = World::load("failover.json");
    let case = world.named("own_refused_otherwise");
    let (_, own) = case.verify();
    assert!(!is_due(&case, own));
    let alternate = alternate(&world, &case);
    let (outcome, verdict) = fail_over(&case, own, alternate);
    let mut failover = 9;
    good(|error| call!(mecai_verdict_failover(verdict, &raw mut failover, ptr::null_mut(), error)));
    assert_eq!((outcome, failover, code(verdict)), (MECAI_REFUSED, MECAI_FAILOVER_NONE, code(own)));
    for verdict in [own, verdict] {
        mecai_verdict_free(verdict);
    }
    mecai_alternate_free(alternate);
}
