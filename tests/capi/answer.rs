use std::ptr;

use mecai::extension::{ANSWER_MAX, write_alternate, write_bundles, write_candidates, write_staged};
use mecai::ffi::*;

use super::*;

fn counts(answer: *const mecai_answer) -> [usize; 4] {
    let [mut bundles, mut certificates, mut staged, mut candidates] = [9; 4];
    good(|error| {
        let places = (&raw mut bundles, &raw mut certificates, &raw mut staged, &raw mut candidates);
        call!(mecai_answer_counts(answer, places.0, places.1, places.2, places.3, error))
    });
    [bundles, certificates, staged, candidates]
}

fn told_octets(answer: *const mecai_answer) -> (u32, Vec<u8>) {
    let mut extension = 9;
    let octets = shown(|view, error| call!(mecai_answer_octets(answer, &raw mut extension, view, error)));
    (extension, octets)
}

#[test]
fn vouchers_are_written_and_read() {
    let bundles = views(&[b"one", b"two"]);
    let written =
        made(|place, error| call!(mecai_answer_write_vouchers(bundles.as_ptr(), bundles.len(), place, error)));
    let octets = write_bundles(&[b"one", b"two"]).unwrap();
    assert_eq!(told_octets(written), (MECAI_EXTENSION_VOUCHERS, octets.clone()));
    let read = made(|place, error| call!(mecai_answer_read_vouchers(octets.as_ptr(), octets.len(), place, error)));
    drop(octets);
    assert_eq!(counts(read), [2, 0, 0, 0]);
    assert_eq!(shown(|view, error| call!(mecai_answer_bundle(read, 1, view, error))), b"two");
    assert_eq!(unshown(|view, error| call!(mecai_answer_bundle(read, 2, view, error))), MECAI_ERR_INDEX);
    assert_eq!(unshown(|view, error| call!(mecai_answer_certificate(read, 0, view, error))), MECAI_ERR_INDEX);
    good(|error| call!(mecai_answer_octets(read, ptr::null_mut(), ptr::null_mut(), error)));
    for answer in [written, read] {
        free_once(answer, mecai_answer_free);
        assert_eq!(unshown(|view, error| call!(mecai_answer_bundle(answer, 0, view, error))), MECAI_ERR_HANDLE);
    }
}

#[test]
fn an_alternate_is_written_and_read() {
    let (chain, bundles) = (views(&[b"leaf", b"ca"]), views(&[b"bundle"]));
    let (chain, bundles) = ((chain.as_ptr(), chain.len()), (bundles.as_ptr(), bundles.len()));
    let written =
        made(|place, error| call!(mecai_answer_write_alternate(chain.0, chain.1, bundles.0, bundles.1, place, error)));
    let octets = write_alternate(&[b"leaf", b"ca"], &[b"bundle"]).unwrap();
    assert_eq!(told_octets(written), (MECAI_EXTENSION_ALTERNATE, octets.clone()));
    let read = made(|place, error| call!(mecai_answer_read_alternate(octets.as_ptr(), octets.len(), place, error)));
    assert_eq!(counts(read), [1, 2, 0, 0]);
    assert_eq!(shown(|view, error| call!(mecai_answer_certificate(read, 1, view, error))), b"ca");
    assert_eq!(shown(|view, error| call!(mecai_answer_bundle(read, 0, view, error))), b"bundle");
    let alone =
        made(|place, error| call!(mecai_answer_write_alternate(chain.0, chain.1, ptr::null(), 0, place, error)));
    assert_eq!(counts(alone), [0, 2, 0, 0], "vouchers may come later");
    for answer in [written, read, alone] {
        free_once(answer, mecai_answer_free);
    }
}

#[test]
fn staged_certificates_are_written_one_by_one_and_read() {
    let chain = views(&[b"leaf", b"ca"]);
    let more = |before: *const mecai_answer, proof: &[u8]| {
        let (proof, proof_len) = (proof.as_ptr(), proof.len());
        made(|place, error| {
            call!(mecai_answer_write_staged(before, chain.as_ptr(), chain.len(), proof, proof_len, place, error))
        })
    };
    let one = more(ptr::null(), b"first");
    let two = more(one, b"second");
    let octets = write_staged(&[(&[b"leaf", b"ca"], b"first"), (&[b"leaf", b"ca"], b"second")]).unwrap();
    assert_eq!(told_octets(two), (MECAI_EXTENSION_STAGED, octets.clone()));
    let read = made(|place, error| call!(mecai_answer_read_staged(octets.as_ptr(), octets.len(), place, error)));
    assert_eq!(counts(read), [0, 0, 2, 0]);
    let mut count = 9;
    let proof = shown(|view, error| call!(mecai_answer_staged(read, 1, &raw mut count, view, error)));
    assert_eq!((count, proof), (2, b"second".to_vec()));
    assert_eq!(shown(|view, error| call!(mecai_answer_staged_certificate(read, 1, 1, view, error))), b"ca");
    let beyond =
        |staged, index| unshown(|view, error| call!(mecai_answer_staged_certificate(read, staged, index, view, error)));
    assert_eq!([beyond(2, 0), beyond(1, 2)], [MECAI_ERR_INDEX; 2]);
    let none = unshown(|view, error| call!(mecai_answer_staged(read, 2, &raw mut count, view, error)));
    assert_eq!((none, count), (MECAI_ERR_INDEX, 2));

    let vouchers = made(|place, error| call!(mecai_answer_write_vouchers(chain.as_ptr(), 2, place, error)));
    let proof = b"proof".as_ptr();
    let (result, sentence) =
        unmade(|place, error| call!(mecai_answer_write_staged(vouchers, chain.as_ptr(), 2, proof, 5, place, error)));
    assert_eq!(result, MECAI_ERR_ANSWER);
    assert!(sentence.contains("0xff4d") && sentence.contains("0xff4f"), "{sentence}");
    for answer in [one, two, read, vouchers] {
        free_once(answer, mecai_answer_free);
    }
}

#[test]
fn candidates_are_written_ascending_and_read() {
    let ids = views(&[&[2; 8], &[1; 8], &[2; 8]]);
    let written = made(|place, error| call!(mecai_answer_write_candidates(ids.as_ptr(), ids.len(), place, error)));
    let octets = write_candidates(&[[1; 8], [2; 8]]).unwrap();
    assert_eq!(told_octets(written), (MECAI_EXTENSION_CANDIDATES, octets.clone()));
    let read = made(|place, error| call!(mecai_answer_read_candidates(octets.as_ptr(), octets.len(), place, error)));
    assert_eq!(counts(read), [0, 0, 0, 2]);
    assert_eq!(shown(|view, error| call!(mecai_answer_candidate(read, 1, view, error))), [2; 8]);
    assert_eq!(unshown(|view, error| call!(mecai_answer_candidate(read, 2, view, error))), MECAI_ERR_INDEX);
    let short = views(&[&[1; 7]]);
    let write = |ids: *const mecai_bytes, count| {
        unmade(|place, error| call!(mecai_answer_write_candidates(ids, count, place, error))).0
    };
    assert_eq!(write(short.as_ptr(), 1), MECAI_ERR_LENGTH);
    assert_eq!(write(ptr::null(), 0), MECAI_ERR_ANSWER);
    assert_eq!(write(ptr::null(), 1), MECAI_ERR_NULL);
    assert_eq!(write(ids.as_ptr(), usize::MAX), MECAI_ERR_LENGTH);
    for answer in [written, read] {
        free_once(answer, mecai_answer_free);
    }
}

#[test]
fn what_breaks_the_syntax_or_the_rules_of_a_call_is_refused() {
    let readers = [
        mecai_answer_read_vouchers,
        mecai_answer_read_alternate,
        mecai_answer_read_staged,
        mecai_answer_read_candidates,
    ];
    let torn = [0_u8];
    for read in readers {
        let refused = unmade(|place, error| call!(read(torn.as_ptr(), 1, place, error)));
        assert_eq!(refused.0, MECAI_ERR_ANSWER);
        assert_eq!(unmade(|place, error| call!(read(ptr::null(), 0, place, error))).0, MECAI_ERR_ANSWER);
        assert_eq!(unmade(|place, error| call!(read(ptr::null(), 1, place, error))).0, MECAI_ERR_NULL);
        assert_eq!(unmade(|place, error| call!(read(torn.as_ptr(), usize::MAX, place, error))).0, MECAI_ERR_LENGTH);
        assert_eq!(failing(|error| call!(read(torn.as_ptr(), 1, ptr::null_mut(), error))).0, MECAI_ERR_NULL);
    }
    let large = vec![0; ANSWER_MAX + 1];
    let (result, sentence) =
        unmade(|place, error| call!(mecai_answer_read_vouchers(large.as_ptr(), large.len(), place, error)));
    assert_eq!(result, MECAI_ERR_ANSWER);
    assert!(sentence.contains("16385") && sentence.contains("16384"), "{sentence}");
    for bundles in [vec![], vec![&large[..ANSWER_MAX]], vec![b"one", &b""[..]]] {
        let bundles = views(&bundles);
        let (result, sentence) =
            unmade(|place, error| call!(mecai_answer_write_vouchers(bundles.as_ptr(), bundles.len(), place, error)));
        assert_eq!(result, MECAI_ERR_ANSWER);
        assert!(sentence.contains("16384"), "{sentence}");
    }
    let policy = made(|place, error| call!(mecai_policy_builder_new(place, error)));
    let other = policy.cast::<mecai_answer>();
    assert_eq!(unshown(|view, error| call!(mecai_answer_bundle(other, 0, view, error))), MECAI_ERR_HANDLE_TYPE);
    assert_eq!(mecai_answer_free(other), MECAI_ERR_HANDLE_TYPE);
    assert_eq!(unshown(|view, error| call!(mecai_answer_bundle(ptr::null(), 0, view, error))), MECAI_ERR_NULL);
    free_once(policy, mecai_policy_builder_free);
}
