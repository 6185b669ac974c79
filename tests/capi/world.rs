//! Handshakes from the vectors of `tests/vectors/`, put together by calls of the C ABI.

use std::ffi::CString;
use std::path::Path;
use std::ptr;

use data_encoding::HEXLOWER;
use mecai::chain::Chain;
use mecai::ffi::*;
use serde_json::Value;

use super::*;

/// A file of handshakes: `verify.json` or `failover.json`.
pub(super) struct World(Value);

/// What the handles of one case are freed with.
pub(super) struct Case<'w> {
    pub(super) given: &'w Value,
    pub(super) now: u64,
    pub(super) verifier: *mut mecai_verifier,
    pub(super) handshake: *mut mecai_handshake,
}

impl World {
    pub(super) fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    /// The cases that a C program can come to: those with a policy and a list that can be read.
    pub(super) fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.0["cases"].as_array().unwrap().iter().filter_map(|given| self.case(given))
    }

    /// The case of this name.
    pub(super) fn named(&self, name: &str) -> Case<'_> {
        let given = self.0["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        self.case(given).unwrap()
    }

    /// The certificates of a chain.
    pub(super) fn chain(&self, name: &Value) -> Vec<Vec<u8>> {
        self.0["chains"][name.as_str().unwrap()].as_array().unwrap().iter().map(hex).collect()
    }

    /// The list of this name; none if it is not accepted.
    pub(super) fn list(&self, name: &str, highest: u64) -> Option<*mut mecai_authority_list> {
        let table = &self.0["lists"][name];
        let json = match table["file"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => hex(&table["file_hex"]),
        };
        let signatures = table["signatures"].as_str().unwrap_or_default();
        let keys: Vec<&str> =
            table["public_keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
        let keys = c(&format!("{} of {}", table["required"], keys.join(", ")));
        let mut list = ptr::null_mut();
        let signatures = (signatures.as_ptr(), signatures.len());
        let error = ptr::null_mut();
        call!(mecai_authority_list_read(
            json.as_ptr(),
            json.len(),
            signatures.0,
            signatures.1,
            keys.as_ptr(),
            highest,
            &raw mut list,
            error
        ));
        (!list.is_null()).then_some(list)
    }

    fn case<'w>(&'w self, given: &'w Value) -> Option<Case<'w>> {
        let policy = given["policy"].as_object().filter(|policy| policy["mode"] != "off")?;
        let list = self.list(given["list"].as_str()?, given["lowest_sequence"].as_u64().unwrap())?;
        let builder = made(|place, error| call!(mecai_policy_builder_new(place, error)));
        let number = |words: &[(&str, u32)], word: &Value| words.iter().find(|(known, _)| word == known).unwrap().1;
        let modes = [
            ("observe", MECAI_MODE_OBSERVE),
            ("opportunistic", MECAI_MODE_OPPORTUNISTIC),
            ("require", MECAI_MODE_REQUIRE),
        ];
        let rules =
            [("note", MECAI_ADDRESSES_NOTE), ("require", MECAI_ADDRESSES_REQUIRE), ("ignore", MECAI_ADDRESSES_IGNORE)];
        let mode = number(&modes, &policy["mode"]);
        good(|error| call!(mecai_policy_builder_set_mode(builder, mode, error)));
        let rule = number(&rules, &policy["addresses"]);
        good(|error| call!(mecai_policy_builder_set_addresses(builder, rule, error)));
        let [quorum, candidates] = ["quorum", "candidates"].map(|key| policy[key].as_u64().unwrap() as usize);
        good(|error| call!(mecai_policy_builder_set_quorum(builder, quorum, candidates, error)));
        let region = policy["region"].as_str().map(c);
        let region = region.as_ref().map_or(ptr::null(), |region| region.as_ptr());
        good(|error| call!(mecai_policy_builder_set_region(builder, region, error)));
        for exemption in policy["exempt"].as_array().unwrap() {
            let exemption = c(exemption.as_str().unwrap());
            good(|error| call!(mecai_policy_builder_add_exemption(builder, exemption.as_ptr(), error)));
        }
        for root in policy["local_roots"].as_array().unwrap() {
            let root = hex(root);
            good(|error| call!(mecai_policy_builder_add_local_root(builder, root.as_ptr(), root.len(), error)));
        }
        let asked = given["failover"]["asked"].as_bool().unwrap_or(true);
        good(|error| call!(mecai_policy_builder_set_failover(builder, asked, error)));
        let policy = made(|place, error| call!(mecai_policy_builder_build(builder, place, error)));
        mecai_policy_builder_free(builder);

        let builder = made(|place, error| call!(mecai_verifier_builder_new(place, error)));
        good(|error| call!(mecai_verifier_builder_set_policy(builder, policy, error)));
        good(|error| call!(mecai_verifier_builder_set_list(builder, list, error)));
        if let Some(machine) = given["machine_id"].as_str().filter(|_| !given["secret"].is_null()) {
            let (secret, machine) = (hex(&given["secret"]), c(machine));
            let (octets, len) = (secret.as_ptr(), secret.len());
            good(|error| call!(mecai_verifier_builder_set_secret(builder, octets, len, machine.as_ptr(), error)));
        }
        let verifier = made(|place, error| call!(mecai_verifier_builder_build(builder, place, error)));
        mecai_verifier_builder_free(builder);
        mecai_policy_free(policy);
        mecai_authority_list_free(list);
        let handshake = self.handshake(given)?;
        Some(Case { given, now: given["now"].as_u64().unwrap(), verifier, handshake })
    }

    /// None where the accepted chain cannot be read: C has no such handshake.
    fn handshake(&self, given: &Value) -> Option<*mut mecai_handshake> {
        let handshake = made(|place, error| call!(mecai_handshake_new(place, error)));
        let chain = self.chain(&given["chain"]);
        let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
        let own = match (given["chain_trusted"].as_bool().unwrap(), given["dane"].as_bool().unwrap()) {
            (false, _) if given["failover"]["no_trusted_root"] == true => MECAI_OWN_NO_TRUSTED_ROOT,
            (false, _) => MECAI_OWN_REFUSED,
            (true, true) => MECAI_OWN_DANE,
            (true, false) => {
                Chain::from_der(chain.iter().copied()).ok()?;
                let chain = views(&chain);
                good(|error| call!(mecai_handshake_set_chain(handshake, chain.as_ptr(), chain.len(), error)));
                u32::MAX
            }
        };
        if own != u32::MAX {
            good(|error| call!(mecai_handshake_set_own(handshake, own, error)));
        }
        for reference in given["reference_identities"].as_array().unwrap() {
            let reference = c(reference.as_str().unwrap());
            good(|error| call!(mecai_handshake_add_reference(handshake, reference.as_ptr(), error)));
        }
        if let Some(sni) = given["sni"].as_str().map(c) {
            good(|error| call!(mecai_handshake_set_sni(handshake, sni.as_ptr(), error)));
        }
        let peer: Vec<u8> = match given["peer"].as_str().map(|peer| peer.parse().unwrap()) {
            None => Vec::new(),
            Some(std::net::IpAddr::V4(peer)) => peer.octets().to_vec(),
            Some(std::net::IpAddr::V6(peer)) => peer.octets().to_vec(),
        };
        let port = given["port"].as_u64().unwrap_or_default() as u16;
        good(|error| call!(mecai_handshake_set_peer(handshake, peer.as_ptr(), peer.len(), port, error)));
        if !given["answer"].is_null() {
            let answer = hex(&given["answer"]);
            good(|error| call!(mecai_handshake_set_vouchers(handshake, answer.as_ptr(), answer.len(), error)));
        }
        Some(handshake)
    }
}

impl Case<'_> {
    pub(super) fn name(&self) -> &str {
        self.given["name"].as_str().unwrap()
    }

    /// The outcome and the verdict, which is the caller's to free.
    pub(super) fn verify(&self) -> (u32, *mut mecai_verdict) {
        let mut outcome = 9;
        let (verifier, handshake) = (self.verifier, self.handshake);
        let verdict = made(|place, error| {
            call!(mecai_verifier_verify(verifier, handshake, self.now, &raw mut outcome, place, error))
        });
        (outcome, verdict)
    }
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        mecai_verifier_free(self.verifier);
        mecai_handshake_free(self.handshake);
    }
}

/// The word of an outcome, as the vectors have it.
pub(super) fn outcome_word(outcome: u32) -> &'static str {
    match outcome {
        MECAI_ACCEPTED => "accepted",
        MECAI_EXEMPT => "exempt",
        MECAI_UNVOUCHED => "unvouched",
        MECAI_REFUSED => "refused",
        other => panic!("outcome {other}"),
    }
}

/// The code of a verdict.
pub(super) fn code(verdict: *const mecai_verdict) -> u32 {
    let mut code = 9;
    good(|error| call!(mecai_verdict_get(verdict, ptr::null_mut(), &raw mut code, ptr::null_mut(), error)));
    code
}

/// A word that C gives.
pub(super) fn word(code: u32) -> String {
    static_text(mecai_code_str(code))
}

pub(super) fn hex(text: &Value) -> Vec<u8> {
    HEXLOWER.decode(text.as_str().unwrap().as_bytes()).unwrap()
}

/// A text as C passes it.
pub(super) fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}
