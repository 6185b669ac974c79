//! A staged certificate's proof of its key (spec section 12): it lets authorities vouch for a server's next certificate
//! before that is in use. Clients never accept one.

use der::asn1::{GeneralizedTime, OctetStringRef, Utf8StringRef};
use der::{Decode, Encode, Sequence};
use ring::rand::SystemRandom;
use ring::signature::{
    self as provider, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::signature::{Algorithm, PublicKey};
use crate::statement::{DecodeError, LIFETIME_MAX};
use crate::time::UnixTime;
use crate::{Sha256, host, sealed};

/// What a key proof says: who has the staged certificate's key also answers at this host and port with that other key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<'a> {
    /// A lower-case A-label name, or an address.
    pub host: &'a str,
    /// Not 0.
    pub port: u16,
    /// SPKI hash of the key of the handshake that shows the proof.
    pub handshake_key: Sha256,
    /// SHA-256 of the staged end-entity certificate.
    pub certificate: Sha256,
    /// The first second in which it is in force.
    pub not_before: UnixTime,
    /// The last one; at most [`LIFETIME_MAX`] seconds after the first.
    pub not_after: UnixTime,
}

/// A key proof, read in place.
#[derive(Clone, Copy, Debug)]
pub struct KeyProof<'a> {
    claim: Claim<'a>,
    body: &'a [u8],
    signature: &'a [u8],
}

impl<'a> KeyProof<'a> {
    /// Reads the DER of one key proof, all of `der`. Its signature is not checked yet.
    pub fn from_der(der: &'a [u8]) -> Result<Self, DecodeError> {
        let (body, signature) = sealed::split(der).map_err(DecodeError::der("KeyProof"))?;
        let claim = BodyWire::from_der(body).map_err(DecodeError::der(STRUCTURE))?.check()?;
        Ok(Self { claim, body, signature })
    }

    /// What it says.
    #[must_use]
    pub fn claim(&self) -> &Claim<'a> {
        &self.claim
    }

    /// The signature's octets.
    #[must_use]
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// Whether the key of the staged certificate made the signature. `spki` is that certificate's SubjectPublicKeyInfo
    /// in DER.
    ///
    /// # Errors
    /// When the key's algorithm is not one of spec section 12, or the signature is not by this key over this claim.
    pub fn verify(&self, spki: &[u8]) -> Result<(), KeyProofError> {
        let (rest, info) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| KeyProofError::UnknownAlgorithm)?;
        let algorithm = verification(spki, &info).filter(|_| rest.is_empty()).ok_or(KeyProofError::UnknownAlgorithm)?;
        UnparsedPublicKey::new(algorithm, &info.subject_public_key.data)
            .verify(&signed_octets(self.body), self.signature)
            .map_err(|_| KeyProofError::BadSignature)
    }
}

/// Why a key proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProofError {
    /// The key is none of EC P-256, EC P-384, RSA (2048 to 8192 bits), Ed25519.
    #[error("the staged certificate's key is none of P-256, P-384, RSA of 2048 to 8192 bits, Ed25519")]
    UnknownAlgorithm,
    /// Another key signed, or signed something else.
    #[error("the key proof is not signed by the staged certificate's key")]
    BadSignature,
}

/// The private key of a staged certificate.
pub struct StagedKey(Pair);

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl StagedKey {
    /// Reads a PKCS#8 key: P-256, P-384, RSA or Ed25519; none if it is another one.
    #[must_use]
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let ecdsa = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, der, &random).map(Pair::Ecdsa);
        ecdsa(&provider::ECDSA_P256_SHA256_ASN1_SIGNING)
            .or_else(|_| ecdsa(&provider::ECDSA_P384_SHA384_ASN1_SIGNING))
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519))
            .or_else(|_| RsaKeyPair::from_pkcs8(der).map(|pair| Pair::Rsa(Box::new(pair))))
            .ok()
            .map(Self)
    }

    /// Signs a claim: the DER of the key proof.
    ///
    /// # Errors
    /// When the claim breaks a rule, or the system's random numbers fail.
    pub fn prove(&self, claim: &Claim<'_>) -> Result<Vec<u8>, ProveError> {
        let body = claim.to_der()?;
        let signature = self.sign(&signed_octets(&body)).ok_or(ProveError::Signing)?;
        Ok(sealed::join(&body, &signature).map_err(DecodeError::der("KeyProof"))?)
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.0 {
            Pair::Ecdsa(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&provider::RSA_PSS_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

/// Why no key proof was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// It would not follow the spec.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The key failed to sign.
    #[error("the staged certificate's key failed to sign")]
    Signing,
}

const STRUCTURE: &str = "KeyProofBody";
/// The spaces are those of RFC 8446 section 4.4.3, so that no signature made for TLS can be taken for a key proof.
const CONTEXT: &[u8] = b"                                                                mecai-key-proof-v1\0";

fn signed_octets(body: &[u8]) -> Vec<u8> {
    [CONTEXT, body].concat()
}

/// How a key of this kind signs key proofs (spec section 12).
fn verification(spki: &[u8], info: &SubjectPublicKeyInfo<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
    match PublicKey::from_spki(spki).ok()?.algorithm() {
        Some(Algorithm::P256) => Some(&provider::ECDSA_P256_SHA256_ASN1),
        Some(Algorithm::P384) => Some(&provider::ECDSA_P384_SHA384_ASN1),
        Some(Algorithm::Ed25519) => Some(&provider::ED25519),
        None if info.algorithm.algorithm.to_id_string() == RSA_ENCRYPTION => Some(&provider::RSA_PSS_2048_8192_SHA256),
        None => None,
    }
}

impl Claim<'_> {
    fn to_der(self) -> Result<Vec<u8>, DecodeError> {
        let encode = || -> der::Result<Vec<u8>> {
            let wire = BodyWire {
                host: Utf8StringRef::new(self.host)?,
                port: self.port,
                handshake_key: OctetStringRef::new(&self.handshake_key)?,
                certificate: OctetStringRef::new(&self.certificate)?,
                not_before: self.not_before.to_der()?,
                not_after: self.not_after.to_der()?,
            };
            wire.to_der()
        };
        let der = encode().map_err(DecodeError::der(STRUCTURE))?;
        BodyWire::from_der(&der).map_err(DecodeError::der(STRUCTURE))?.check()?;
        Ok(der)
    }
}

#[derive(Clone, Debug, Sequence)]
struct BodyWire<'a> {
    host: Utf8StringRef<'a>,
    port: u16,
    handshake_key: &'a OctetStringRef,
    certificate: &'a OctetStringRef,
    not_before: GeneralizedTime,
    not_after: GeneralizedTime,
}

impl<'a> BodyWire<'a> {
    /// The rules that DER types do not express.
    fn check(&self) -> Result<Claim<'a>, DecodeError> {
        let rule = |text| DecodeError::rule(STRUCTURE, text);
        let claim = Claim {
            host: self.host.as_str(),
            port: self.port,
            handshake_key: self
                .handshake_key
                .as_bytes()
                .try_into()
                .map_err(|_| rule("handshakeKey has not 32 octets"))?,
            certificate: self.certificate.as_bytes().try_into().map_err(|_| rule("certificate has not 32 octets"))?,
            not_before: self.not_before.into(),
            not_after: self.not_after.into(),
        };
        if !host::is_host(claim.host) {
            return Err(rule("host is neither a lower-case A-label name nor a canonical address"));
        }
        if claim.port == 0 {
            return Err(rule("port is 0"));
        }
        if claim.not_after < claim.not_before {
            return Err(rule("notAfter is before notBefore"));
        }
        if claim.not_after.since(claim.not_before) > LIFETIME_MAX {
            return Err(rule("notAfter is more than 86400 seconds after notBefore"));
        }
        Ok(claim)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use data_encoding::BASE64;

    use super::*;

    fn claim() -> Claim<'static> {
        Claim {
            host: "www.shop.example",
            port: 443,
            handshake_key: [0x11; 32],
            certificate: [0x22; 32],
            not_before: UnixTime(1_795_478_400),
            not_after: UnixTime(1_795_478_400 + LIFETIME_MAX),
        }
    }

    /// Keys made by `openssl genpkey -outform DER`, and their SubjectPublicKeyInfo by `openssl pkey -pubout`.
    fn keys() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        include_str!("../tests/data/key_proof_keys.txt")
            .lines()
            .map(|line| {
                let mut words = line.split(' ');
                let name = words.next().unwrap();
                let mut octets = || BASE64.decode(words.next().unwrap().as_bytes()).unwrap();
                (name, octets(), octets())
            })
            .collect()
    }

    #[test]
    fn every_kind_of_key_proves_its_own_claim_only() {
        let keys = keys();
        assert_eq!(keys.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), ["p256", "p384", "ed25519", "rsa2048"]);
        for (name, private, spki) in &keys {
            let der = StagedKey::from_pkcs8(private).unwrap().prove(&claim()).unwrap();
            let proof = KeyProof::from_der(&der).unwrap();
            assert_eq!(*proof.claim(), claim(), "{name}");
            assert_eq!(proof.verify(spki), Ok(()), "{name}");
            for (other, _, spki) in keys.iter().filter(|(other, ..)| other != name) {
                assert_eq!(proof.verify(spki), Err(KeyProofError::BadSignature), "{name} {other}");
            }
        }
    }

    #[test]
    fn no_flipped_bit_passes() {
        for (name, private, spki) in keys() {
            let der = StagedKey::from_pkcs8(&private).unwrap().prove(&claim()).unwrap();
            for bit in 0..der.len() * 8 {
                let mut flipped = der.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let passes = KeyProof::from_der(&flipped).is_ok_and(|proof| proof.verify(&spki).is_ok());
                assert!(!passes, "{name} bit {bit}");
            }
        }
    }

    #[test]
    fn a_signature_for_tls_is_none() {
        let (_, private, spki) = keys().remove(0);
        let key = StagedKey::from_pkcs8(&private).unwrap();
        let body = claim().to_der().unwrap();
        for context in [&b""[..], b"mecai-key-proof-v1\0", &CONTEXT[..64], &CONTEXT[1..]] {
            let signature = key.sign(&[context, &body].concat()).unwrap();
            let der = sealed::join(&body, &signature).unwrap();
            assert_eq!(KeyProof::from_der(&der).unwrap().verify(&spki), Err(KeyProofError::BadSignature));
        }
        assert_eq!(CONTEXT[..64], [0x20; 64]);
        assert_eq!(&CONTEXT[64..], b"mecai-key-proof-v1\0");
    }

    #[test]
    fn an_unknown_key_is_told_apart() {
        let (_, private, spki) = keys().remove(0);
        let der = StagedKey::from_pkcs8(&private).unwrap().prove(&claim()).unwrap();
        let proof = KeyProof::from_der(&der).unwrap();
        let mut secp256k1 = spki.clone();
        secp256k1[22] ^= 1;
        for spki in [&secp256k1[..], b"", &[&spki[..], b"\0"].concat()] {
            assert_eq!(proof.verify(spki), Err(KeyProofError::UnknownAlgorithm));
        }
    }

    #[test]
    fn claims_outside_the_rules_are_neither_made_nor_read() {
        let late = UnixTime(claim().not_after.0 + 1);
        let early = UnixTime(claim().not_before.0 - 1);
        for (claim, why) in [
            (Claim { host: "*.shop.example", ..claim() }, "host is neither"),
            (Claim { host: "WWW.shop.example", ..claim() }, "host is neither"),
            (Claim { port: 0, ..claim() }, "port is 0"),
            (Claim { not_after: late, ..claim() }, "more than 86400 seconds"),
            (Claim { not_after: early, ..claim() }, "before notBefore"),
        ] {
            let error = claim.to_der().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
