use std::ptr;

use mecai::ffi::*;

use super::world::{Case, World, c, code, hex, word};
use super::*;

/// The vectors' certificate that is vouched for at another of its hosts than the one that is meant.
const OTHER_HOST: &str = "vouched_on_another_host_of_the_certificate";

fn set_all(case: &Case<'_>, world: &World, reference: &str) {
    let chain = world.chain(&case.given["chain"]);
    let chain = views(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let (reference, answer) = (c(reference), hex(&case.given["answer"]));
    let handshake = case.handshake;
    good(|error| call!(mecai_handshake_set_chain(handshake, chain.as_ptr(), chain.len(), error)));
    good(|error| call!(mecai_handshake_add_reference(handshake, reference.as_ptr(), error)));
    good(|error| call!(mecai_handshake_set_vouchers(handshake, answer.as_ptr(), answer.len(), error)));
}

#[test]
fn a_handshake_that_is_used_again_knows_nothing_of_the_one_before() {
    let world = World::load("verify.json");
    let case = world.named(OTHER_HOST);
    let meant = case.given["reference_identities"][0].as_str().unwrap();
    let bundle = mecai::extension::read_bundles(&hex(&case.given["answer"])).unwrap().next().unwrap().to_vec();
    let vouched = mecai::bundle::Bundle::from_der(&bundle).unwrap().statement().host().to_owned();
    assert_ne!(meant, vouched);
    set_all(&case, &world, &vouched);
    let (_, first) = case.verify();
    assert_ne!(word(code(first)), "wrong_host");
    // The same calls for the next connection.
    set_all(&case, &world, meant);
    let (outcome, second) = case.verify();
    assert_eq!((outcome, word(code(second)).as_str()), (MECAI_REFUSED, "wrong_host"));
    // After one call nothing else is known.
    let reference = c(&vouched);
    good(|error| call!(mecai_handshake_add_reference(case.handshake, reference.as_ptr(), error)));
    let (outcome, third) = case.verify();
    assert_eq!((outcome, word(code(third)).as_str()), (MECAI_REFUSED, "chain_not_trusted"));
    // What completes a handshake that was judged begins no other.
    set_all(&case, &world, meant);
    let (_, fourth) = case.verify();
    good(|error| call!(mecai_handshake_set_remembered(case.handshake, true, error)));
    let (_, fifth) = case.verify();
    assert_eq!(word(code(fifth)), "wrong_host");
    for verdict in [first, second, third, fourth, fifth] {
        mecai_verdict_free(verdict);
    }
}

#[test]
fn a_verdict_goes_with_its_own_handshake_alone() {
    let world = World::load("verify.json");
    let (case, other) = (world.named(OTHER_HOST), world.named("list_in_its_last_second"));
    let ((_, of_case), (accepted, of_other)) = (case.verify(), other.verify());
    assert_eq!(accepted, MECAI_ACCEPTED);
    let answer = b"none".as_ptr();
    let alternate = made(|place, error| call!(mecai_alternate_read(answer, 4, answer, 4, place, error)));
    let fail_over = |verdict| {
        let mut outcome = 9;
        let (verifier, handshake, now) = (case.verifier, case.handshake, case.now);
        let (result, _) = unmade(|place, error| {
            let to = &raw mut outcome;
            call!(mecai_verifier_fail_over(verifier, handshake, verdict, alternate, now, to, place, error))
        });
        assert_eq!(outcome, MECAI_REFUSED);
        result
    };
    assert_eq!(fail_over(of_other), MECAI_ERR_VALUE, "of another handshake");
    let (_, newer) = case.verify();
    assert_eq!(fail_over(of_case), MECAI_ERR_VALUE, "of an earlier judgement");
    mecai_alternate_free(alternate);
    for verdict in [of_case, of_other, newer] {
        mecai_verdict_free(verdict);
    }
}

#[test]
fn what_is_wrong_leaves_no_chain_behind() {
    let world = World::load("verify.json");
    let case = world.named("list_in_its_last_second");
    let list = world.list(case.given["list"].as_str().unwrap(), 0).unwrap();
    let id = c"operator-a".as_ptr();
    let digest = [7; 32];
    let set = |list, id, len| {
        failing(|error| call!(mecai_handshake_set_issuer(case.handshake, list, id, digest.as_ptr(), len, error))).0
    };
    for (result, expected) in [
        (set(list, id, 31), MECAI_ERR_LENGTH),
        (set(list, ptr::null(), 32), MECAI_ERR_NULL),
        (set(list, c"nobody".as_ptr(), 32), MECAI_ERR_NONE),
        (set(ptr::null(), id, 32), MECAI_ERR_NULL),
    ] {
        assert_eq!(result, expected);
        let (outcome, verdict) = case.verify();
        assert_eq!((outcome, word(code(verdict)).as_str()), (MECAI_REFUSED, "chain_not_trusted"));
        mecai_verdict_free(verdict);
    }
    mecai_authority_list_free(list);
}
