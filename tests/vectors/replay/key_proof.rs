use mecai::chain::{certificate_digest, spki};
use mecai::key_proof::KeyProof;
use serde::Deserialize;

use super::{File, Hex, load, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "spec")]
    _spec: String,
    #[serde(rename = "assumption")]
    _assumption: Option<String>,
    #[serde(rename = "defect")]
    _defect: Option<String>,
    key_proof: Hex,
    host: String,
    port: u16,
    handshake_key: Hex,
    certificate: Hex,
    now: u64,
    expect: String,
}

#[test]
fn every_key_proof_is_believed_or_refused() {
    let file: File<Case> = load("keyproof.json");
    run(
        &file.cases,
        |case| &case.name,
        |case| {
            assert_eq!(if is_good(case) { "ok" } else { "refused" }, case.expect);
        },
    );
}

fn is_good(case: &Case) -> bool {
    let Ok(proof) = KeyProof::from_der(&case.key_proof.0) else { return false };
    let claim = proof.claim();
    claim.host == case.host
        && claim.port == case.port
        && claim.handshake_key.as_slice() == case.handshake_key.0
        && claim.certificate == certificate_digest(&case.certificate.0)
        && (claim.not_before.0..=claim.not_after.0).contains(&case.now)
        && spki(&case.certificate.0).is_some_and(|spki| proof.verify(spki).is_ok())
}
