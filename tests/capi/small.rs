use std::ptr;

use mecai::chain::{certificate_digest, spki, spki_hash};
use mecai::ffi::*;
use mecai::verdict::Code;

use super::world::World;
use super::*;

#[test]
fn certificates_are_digested() {
    let world = World::load("failover.json");
    let der = world.chain(&serde_json::json!("shop")).remove(0);
    let mut place = [0x5A; 32];
    good(|error| call!(mecai_certificate_digest(der.as_ptr(), der.len(), place.as_mut_ptr(), 32, error)));
    assert_eq!(place, certificate_digest(&der));
    good(|error| call!(mecai_spki_hash(der.as_ptr(), der.len(), place.as_mut_ptr(), 32, error)));
    assert_eq!(place, spki_hash(&der).unwrap());
    let key = shown(|view, error| call!(mecai_certificate_spki(der.as_ptr(), der.len(), view, error)));
    assert_eq!(key, spki(&der).unwrap());
}

#[test]
fn what_is_no_certificate_is_told() {
    let mut place = [0x5A; 32];
    let (result, sentence) =
        failing(|error| call!(mecai_spki_hash(b"none".as_ptr(), 4, place.as_mut_ptr(), 32, error)));
    assert_eq!((result, place), (MECAI_ERR_CHAIN, [0x5A; 32]));
    assert!(sentence.contains("4 octets"), "{sentence}");
    assert_eq!(unshown(|view, error| call!(mecai_certificate_spki(b"none".as_ptr(), 4, view, error))), MECAI_ERR_CHAIN);
    for digest in [mecai_certificate_digest, mecai_spki_hash] {
        let mut place = [0x5A; 32];
        let to = place.as_mut_ptr();
        assert_eq!(failing(|error| call!(digest(ptr::null(), 4, to, 32, error))).0, MECAI_ERR_NULL);
        assert_eq!(place, [0x5A; 32]);
        let mut place = [0x5A; 32];
        let to = place.as_mut_ptr();
        assert_eq!(failing(|error| call!(digest(b"none".as_ptr(), 4, to, 31, error))).0, MECAI_ERR_LENGTH);
        assert_eq!(place, [0x5A; 32], "a place of another length is not written to");
        assert_eq!(failing(|error| call!(digest(b"none".as_ptr(), 4, ptr::null_mut(), 32, error))).0, MECAI_ERR_NULL);
    }
}

#[test]
fn codes_have_their_texts() {
    for code in Code::ALL {
        let told = [mecai_code_str, mecai_code_meaning, mecai_code_advice].map(|told| static_text(told(code.number())));
        assert_eq!(told, [code.as_str(), code.meaning(), code.advice()]);
    }
    for told in [mecai_code_str, mecai_code_meaning, mecai_code_advice] {
        assert_eq!(static_text(told(0)), "unknown");
    }
}
