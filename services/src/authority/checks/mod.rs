//! What the authority looks at before it vouches (spec 9): one file per check.

pub mod addresses;
pub mod answers;
pub mod chain;
pub mod crl;
pub mod distrust;
pub mod dns;
pub mod evidence;
pub mod evidence_cache;
pub mod fetch;
pub mod handshake;
pub mod key_proof;
pub mod ocsp;
pub mod owner;
pub mod pointers;
pub mod probe;
pub mod revocation;
pub mod shown;

pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, octets);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

pub(crate) fn hex(octets: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(octets)
}
