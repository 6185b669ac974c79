//! Authorities with keys of their own, and the signed list that they stand in.

use data_encoding::{BASE64, HEXLOWER};
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::ffi::*;
use mecai::request::VoucherRequest;
use mecai::signature::SigningKey;
use mecai::time::UnixTime;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::world::c;
use super::*;

pub(super) const NOW: u64 = 1_795_478_400;

/// Three operators: the first has two authorities, the others one each. That of the last ended a second ago.
pub(super) struct Authorities {
    pub(super) keys: Vec<SigningKey>,
    pub(super) list: *mut mecai_authority_list,
}

impl Authorities {
    pub(super) fn new() -> Self {
        let keys: Vec<SigningKey> =
            (0..4).map(|_| SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap()).collect();
        let authority = |index: usize, until: u64| {
            json!({
                "public_key": keys[index].public_key_base64(), "url": format!("https://a{index}.example/"),
                "regions": ["EU"], "valid_from": UnixTime(NOW - 1000).to_string(),
                "valid_until": UnixTime(until).to_string(),
            })
        };
        let operator = |id: &str, key: u8, authorities: Vec<serde_json::Value>| {
            json!({
                "id": id, "name": id, "country": "DE", "ca_keys": [HEXLOWER.encode(&[key; 32])],
                "authorities": authorities,
            })
        };
        let list = json!({
            "version": 1, "sequence": 7, "issued": UnixTime(NOW - 100).to_string(),
            "expires": UnixTime(NOW + 100_000).to_string(),
            "operators": [
                operator("one", 1, vec![authority(0, NOW + 9000), authority(1, NOW + 9000)]),
                operator("two", 2, vec![authority(2, NOW + 9000)]),
                operator("three", 3, vec![authority(3, NOW - 1)]),
            ],
        });
        let json = list.to_string();
        let (signatures, keys_text) = signed(json.as_bytes());
        let keys_text = c(&keys_text);
        let (octets, signatures) = ((json.as_ptr(), json.len()), (signatures.as_ptr(), signatures.len()));
        let keys_text = keys_text.as_ptr();
        let list = made(|place, error| {
            call!(mecai_authority_list_read(octets.0, octets.1, signatures.0, signatures.1, keys_text, 0, place, error))
        });
        Self { keys, list }
    }

    /// What the authority with this key answers to a question.
    pub(super) fn endorse(&self, key: usize, body: &[u8]) -> Vec<u8> {
        let request = VoucherRequest::from_der(body).unwrap();
        let seen = Seen::from_indices([0]).unwrap();
        endorse(&self.keys[key], &request.statement, seen, Evidence::Ocsp { age: 60 }).unwrap()
    }
}

impl Drop for Authorities {
    fn drop(&mut self) {
        mecai_authority_list_free(self.list);
    }
}

/// The text of a signature file (minisign), and the key that signed.
fn signed(octets: &[u8]) -> (String, String) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let named = |contents: &[u8]| BASE64.encode(&[b"Ed", &[1; 8][..], contents].concat());
    let signature = pair.sign(octets);
    let global = pair.sign(&[signature.as_ref(), b"a test"].concat());
    let text = format!(
        "untrusted comment: a test\n{}\ntrusted comment: a test\n{}\n",
        named(signature.as_ref()),
        BASE64.encode(global.as_ref())
    );
    (text, named(pair.public_key().as_ref()))
}
