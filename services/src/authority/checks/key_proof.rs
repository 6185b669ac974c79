//! The key proof of a staged certificate: that whoever answers here has that certificate's key too (spec 12).

use mecai::Sha256;
use mecai::chain::{certificate_digest, spki};
use mecai::key_proof::{KeyProof, KeyProofError};
use mecai::statement::DecodeError;
use mecai::time::UnixTime;
use thiserror::Error;

use super::{hex, sha256};

/// What a key proof has to say to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The statement's host.
    pub host: &'a str,
    /// The statement's port.
    pub port: u16,
    /// The SPKI hash of the end entity of the handshake that shows it.
    pub handshake_key: Sha256,
    /// The authority's time.
    pub now: UnixTime,
}

/// Why a key proof does not count: the first of these that holds, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyProofFailure {
    /// It does not follow its format, or lives for longer than it may.
    #[error("its key proof cannot be read: {0}")]
    Unreadable(#[from] DecodeError),
    /// It is for another certificate.
    #[error("its key proof is for the certificate {}", hex(.proof))]
    Certificate {
        /// That of the key proof.
        proof: Sha256,
    },
    /// It is for another host.
    #[error("its key proof is for the host {proof}, not {statement}")]
    Host {
        /// That of the key proof.
        proof: String,
        /// That of the statement.
        statement: String,
    },
    /// It is for another port.
    #[error("its key proof is for port {proof}, not {statement}")]
    Port {
        /// That of the key proof.
        proof: u16,
        /// That of the statement.
        statement: u16,
    },
    /// It is for a handshake on another key.
    #[error("its key proof is for handshakes on the key {}, not on the key {}", hex(.proof), hex(.handshake))]
    HandshakeKey {
        /// That of the key proof.
        proof: Sha256,
        /// That of the handshake.
        handshake: Sha256,
    },
    /// It is not in force yet.
    #[error("its key proof is in force from {not_before} on; it is {now} now")]
    NotYet {
        /// Of the key proof.
        not_before: UnixTime,
        /// The authority's time.
        now: UnixTime,
    },
    /// It has expired.
    #[error("its key proof expired {not_after}; it is {now} now")]
    Expired {
        /// Of the key proof.
        not_after: UnixTime,
        /// The authority's time.
        now: UnixTime,
    },
    /// The certificate has no key that could be read.
    #[error("it cannot be read as a certificate")]
    NotACertificate,
    /// The certificate's key did not sign it.
    #[error("{cause}; that key is {}", hex(.key))]
    Signature {
        /// What is wrong.
        cause: KeyProofError,
        /// The SPKI hash of the staged certificate.
        key: Sha256,
    },
}

impl KeyProofFailure {
    /// How many checks were passed: of several key proofs of one certificate, the one that got furthest is told.
    #[must_use]
    pub fn passed(&self) -> u8 {
        match self {
            Self::Unreadable(_) => 0,
            Self::Certificate { .. } => 1,
            Self::Host { .. } => 2,
            Self::Port { .. } => 3,
            Self::HandshakeKey { .. } => 4,
            Self::NotYet { .. } => 5,
            Self::Expired { .. } => 6,
            Self::NotACertificate => 7,
            Self::Signature { .. } => 8,
        }
    }
}

/// Checks the key proof `proof` of the staged certificate `certificate`, both in DER.
///
/// # Errors
/// [`KeyProofFailure`].
pub fn check(proof: &[u8], certificate: &[u8], expected: &Expected<'_>) -> Result<(), KeyProofFailure> {
    let proof = KeyProof::from_der(proof)?;
    let claim = proof.claim();
    if claim.certificate != certificate_digest(certificate) {
        return Err(KeyProofFailure::Certificate { proof: claim.certificate });
    }
    if claim.host != expected.host {
        let (proof, statement) = (claim.host.to_owned(), expected.host.to_owned());
        return Err(KeyProofFailure::Host { proof, statement });
    }
    if claim.port != expected.port {
        return Err(KeyProofFailure::Port { proof: claim.port, statement: expected.port });
    }
    if claim.handshake_key != expected.handshake_key {
        return Err(KeyProofFailure::HandshakeKey { proof: claim.handshake_key, handshake: expected.handshake_key });
    }
    let now = expected.now;
    if now < claim.not_before {
        return Err(KeyProofFailure::NotYet { not_before: claim.not_before, now });
    }
    if now > claim.not_after {
        return Err(KeyProofFailure::Expired { not_after: claim.not_after, now });
    }
    let spki = spki(certificate).ok_or(KeyProofFailure::NotACertificate)?;
    proof.verify(spki).map_err(|cause| KeyProofFailure::Signature { cause, key: sha256(spki) })
}
