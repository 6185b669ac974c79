use std::ptr;

use mecai::authority_list::AuthorityList;
use mecai::bundle::Bundle;
use mecai::ffi::*;
use mecai::signature::Algorithm;
use serde_json::Value;

use super::world::{World, hex};
use super::*;

/// Every list of these vectors that is accepted, and what the core reads of it.
fn lists(vectors: &Value) -> Vec<(*mut mecai_authority_list, AuthorityList)> {
    let tables = vectors.as_object().unwrap();
    let read = |(name, table): (&String, &Value)| {
        let list = World::load("verify.json").list(name, 0)?;
        Some((list, AuthorityList::from_json(table["file"].as_str().unwrap().as_bytes()).unwrap()))
    };
    tables.iter().filter_map(read).collect()
}

#[test]
fn the_keys_and_regions_of_lists_are_told() {
    let vectors: Value = serde_json::from_slice(include_bytes!("../vectors/verify.json")).unwrap();
    let mut algorithms = Vec::new();
    for (list, core) in lists(&vectors["lists"]) {
        for (place, operator) in core.operators().iter().enumerate() {
            let keys = shown(|view, error| call!(mecai_authority_list_ca_keys(list, place, view, error)));
            assert_eq!(keys, operator.ca_keys.concat());
            for (index, authority) in operator.authorities.iter().enumerate() {
                let (mut algorithm, mut count) = (9, 9);
                let key = shown(|view, error| {
                    let to = &raw mut algorithm;
                    call!(mecai_authority_list_public_key(list, place, index, view, to, error))
                });
                assert_eq!(key, authority.public_key.spki());
                algorithms.push((algorithm, authority.public_key.algorithm()));
                let to = &raw mut count;
                good(|error| call!(mecai_authority_list_region_count(list, place, index, to, error)));
                let regions: Vec<String> = (0..count)
                    .map(|at| {
                        let mut view = STALE;
                        let to = &raw mut view;
                        good(|error| call!(mecai_authority_list_region(list, place, index, at, to, error)));
                        text(view)
                    })
                    .collect();
                assert_eq!(regions, authority.regions);
                let beyond =
                    unshown(|view, error| call!(mecai_authority_list_region(list, place, index, count, view, error)));
                assert_eq!(beyond, MECAI_ERR_INDEX);
            }
        }
        let count = core.operators().len();
        let beyond = unshown(|view, error| call!(mecai_authority_list_ca_keys(list, count, view, error)));
        assert_eq!(beyond, MECAI_ERR_INDEX);
        free_once(list, mecai_authority_list_free);
    }
    for pair in [
        (MECAI_ALGORITHM_UNKNOWN, None),
        (MECAI_ALGORITHM_P256, Some(Algorithm::P256)),
        (MECAI_ALGORITHM_P384, Some(Algorithm::P384)),
        (MECAI_ALGORITHM_ED25519, Some(Algorithm::Ed25519)),
    ] {
        assert!(algorithms.contains(&pair), "{pair:?}");
        algorithms.retain(|other| *other != pair);
    }
    assert_eq!(algorithms, [], "each algorithm has one number");
}

#[test]
fn the_signatures_of_bundles_are_told() {
    let vectors: Value = serde_json::from_slice(include_bytes!("../vectors/codec.json")).unwrap();
    let cases = vectors["cases"].as_array().unwrap().iter();
    let mut count = 0;
    for case in cases.filter(|case| case["structure"] == "bundle" && case["expect"] == "ok") {
        let der = hex(&case["octets"]);
        let handle = made(|place, error| call!(mecai_bundle_parse(der.as_ptr(), der.len(), place, error)));
        let bundle = Bundle::from_der(&der).unwrap();
        for (index, endorsement) in bundle.endorsements().enumerate() {
            let signature = shown(|view, error| call!(mecai_bundle_signature(handle, index, view, error)));
            assert_eq!(signature, endorsement.signature());
            count += 1;
        }
        let index = bundle.endorsement_count();
        let beyond = unshown(|view, error| call!(mecai_bundle_signature(handle, index, view, error)));
        assert_eq!(beyond, MECAI_ERR_INDEX);
        assert_eq!(failing(|error| call!(mecai_bundle_signature(handle, 0, ptr::null_mut(), error))).0, MECAI_ERR_NULL);
        free_once(handle, mecai_bundle_free);
    }
    assert!(count > 5, "{count} signatures");
}
