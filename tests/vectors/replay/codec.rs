use mecai::bundle::{Bundle, assemble};
use mecai::endorsement::{Endorsement, Evidence};
use mecai::key_proof::KeyProof;
use mecai::request::VoucherRequest;
use mecai::statement::{DecodeError, Proposal, Statement};
use mecai::store::{Contents, StoreCause};
use mecai::verdict::Cause;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{File, Hex, load, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "spec")]
    _spec: String,
    #[serde(rename = "assumption")]
    _assumption: Option<String>,
    structure: String,
    octets: Hex,
    addresses: Option<usize>,
    expect: String,
    value: Option<Value>,
}

#[test]
fn every_structure_is_read_or_refused() {
    let file: File<Case> = load("codec.json");
    run(
        &file.cases,
        |case| &case.name,
        |case| {
            let octets = &case.octets.0;
            let read = match case.structure.as_str() {
                "statement" => Statement::from_der(octets).map(|statement| Some(statement_value(&statement))),
                "endorsement" => {
                    let addresses = case.addresses.expect("addresses");
                    Endorsement::from_der(octets, addresses)
                        .map(|endorsement| Some(endorsement_value(&endorsement, addresses)))
                }
                "bundle" => Bundle::from_der(octets).map(|bundle| Some(bundle_value(&bundle))),
                "request" => VoucherRequest::from_der(octets).map(|request| Some(request_value(&request, octets))),
                "key_proof" => KeyProof::from_der(octets).map(|proof| Some(key_proof_value(&proof))),
                "store" => return assert_eq!(read_store(octets), (case.expect.as_str(), case.value.clone())),
                other => panic!("structure {other}"),
            };
            match read {
                Ok(value) => {
                    assert_eq!(case.expect, "ok");
                    assert_eq!(value, case.value);
                }
                Err(error) => assert_eq!(Cause::Bundle(error).code().as_str(), case.expect),
            }
        },
    );
}

/// A store file's other failures, torn or changed, are told apart by their own codes, which the vectors do not know.
fn read_store(octets: &[u8]) -> (&'static str, Option<Value>) {
    let certificate: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    match Contents::from_der(octets, &certificate) {
        Ok(contents) => {
            assert_eq!(contents.to_der().unwrap(), octets, "does not encode to the same octets");
            ("ok", Some(json!({ "certificate": hex(contents.certificate()) })))
        }
        Err(StoreCause::OtherVersion(_)) => ("unknown_version", None),
        Err(_) => ("malformed", None),
    }
}

fn request_value(request: &VoucherRequest<'_>, octets: &[u8]) -> Value {
    assert_eq!(request.to_der().unwrap(), octets, "does not encode to the same octets");
    json!({ "statement": statement_value(&request.statement), "protocol": request.protocol.name() })
}

fn key_proof_value(proof: &KeyProof<'_>) -> Value {
    let claim = proof.claim();
    json!({
        "host": claim.host,
        "port": claim.port,
        "handshake_key": hex(&claim.handshake_key),
        "certificate": hex(&claim.certificate),
        "not_before": claim.not_before.0,
        "not_after": claim.not_after.0,
        "signature": hex(proof.signature()),
    })
}

fn hex(octets: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(octets)
}

fn statement_value(statement: &Statement<'_>) -> Value {
    let addresses: Vec<_> = statement.addresses().collect();
    let proposal = Proposal {
        host: statement.host(),
        port: statement.port(),
        addresses: &addresses,
        certificate: *statement.certificate(),
        produced_at: statement.produced_at(),
        not_after: statement.not_after(),
        stay: statement.stay(),
    };
    assert_eq!(proposal.to_der().as_deref(), Ok(statement.der()), "does not encode to the same octets");
    json!({
        "host": statement.host(),
        "port": statement.port(),
        "addresses": addresses,
        "certificate": hex(statement.certificate()),
        "produced_at": statement.produced_at().0,
        "not_after": statement.not_after().0,
        "stay": statement.stay(),
    })
}

fn endorsement_value(endorsement: &Endorsement<'_>, addresses: usize) -> Value {
    let (source, age) = match endorsement.evidence() {
        Evidence::Ocsp { age } => ("ocsp", Some(age)),
        Evidence::Crl { age } => ("crl", Some(age)),
        Evidence::ShortLived => ("shortLived", None),
    };
    json!({
        "authority": hex(endorsement.authority()),
        "seen": (0..addresses).map(|index| endorsement.seen().contains(index)).collect::<Vec<_>>(),
        "source": source,
        "age": age,
        "signature": hex(endorsement.signature()),
    })
}

fn bundle_value(bundle: &Bundle<'_>) -> Value {
    let addresses = bundle.statement().addresses().len();
    let endorsements: Vec<_> = bundle.endorsements().collect();
    assert_eq!(endorsements.len(), bundle.endorsement_count());
    let octets: Vec<&[u8]> = endorsements.iter().map(Endorsement::der).collect();
    let again: Result<_, DecodeError> = assemble(bundle.statement().der(), &octets);
    assert_eq!(again.as_deref(), Ok(bundle.der()), "does not encode to the same octets");
    json!({
        "statement": statement_value(bundle.statement()),
        "endorsements": endorsements.iter().map(|one| endorsement_value(one, addresses)).collect::<Vec<_>>(),
    })
}
