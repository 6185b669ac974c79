//! The keys of authorities and their algorithms (spec section 3). Beside `key_proof`, the only file that calls a crypto
//! provider to sign or to verify.

use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::signature::{self as provider, EcdsaKeyPair, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use crate::AuthorityId;
use crate::{Sha256, octets};

/// How an authority signs; follows from its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, `r || s`, low `s`.
    P256,
    /// ECDSA on P-384 with SHA-384, `r || s`, low `s`.
    P384,
    /// Ed25519.
    Ed25519,
}

/// An authority's public key.
#[derive(Clone, Debug)]
pub struct PublicKey {
    spki: Vec<u8>,
    spki_hash: Sha256,
    id: AuthorityId,
    /// The algorithm and the key's octets as the provider wants them; none if the algorithm is not known here.
    usable: Option<(Algorithm, Vec<u8>)>,
}

/// Octets that are not a DER SubjectPublicKeyInfo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the base64 of a DER SubjectPublicKeyInfo")]
pub struct NotAKey;

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo. A key of an unknown algorithm is read too, and verifies nothing.
    pub fn from_spki(der: &[u8]) -> Result<Self, NotAKey> {
        let (rest, spki) = SubjectPublicKeyInfo::from_der(der).map_err(|_| NotAKey)?;
        if !rest.is_empty() {
            return Err(NotAKey);
        }
        let spki_hash = octets::sha256(&[der]);
        let mut id = [0; 8];
        id.copy_from_slice(&spki_hash[..8]);
        let usable = Algorithm::of(&spki).map(|algorithm| (algorithm, spki.subject_public_key.data.to_vec()));
        Ok(Self { spki: der.to_vec(), spki_hash, id, usable })
    }

    /// Reads the base64 of a DER SubjectPublicKeyInfo, as in an authority list.
    pub fn from_base64(text: &str) -> Result<Self, NotAKey> {
        Self::from_spki(&BASE64.decode(text.as_bytes()).map_err(|_| NotAKey)?)
    }

    /// The DER of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_hash(&self) -> &Sha256 {
        &self.spki_hash
    }

    /// The first 8 octets of [`Self::spki_hash`].
    #[must_use]
    pub fn id(&self) -> &AuthorityId {
        &self.id
    }

    /// The algorithm, none if it is not known here.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.usable.as_ref().map(|(algorithm, _)| *algorithm)
    }

    /// Whether this is the one right encoding of a signature of `message` by this key.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some((algorithm, octets)) = &self.usable else { return false };
        algorithm.is_canonical(signature)
            && UnparsedPublicKey::new(algorithm.verification(), octets).verify(message, signature).is_ok()
    }
}

/// An authority's private key.
pub struct SigningKey {
    pair: Pair,
    public_key: PublicKey,
}

enum Pair {
    Ecdsa(Algorithm, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes a new P-256 key: its PKCS#8 DER.
    ///
    /// # Errors
    /// When the system's random numbers fail.
    pub fn generate() -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        EcdsaKeyPair::generate_pkcs8(&provider::ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|document| Zeroizing::new(document.as_ref().to_vec()))
            .map_err(|_| KeyFailure("the system gave no random numbers"))
    }

    /// Reads a PKCS#8 key: P-256, P-384 or Ed25519.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyFailure> {
        let random = SystemRandom::new();
        let ecdsa = |algorithm, provider| {
            EcdsaKeyPair::from_pkcs8(provider, der, &random).map(|pair| Pair::Ecdsa(algorithm, pair))
        };
        let pair = ecdsa(Algorithm::P256, &provider::ECDSA_P256_SHA256_FIXED_SIGNING)
            .or_else(|_| ecdsa(Algorithm::P384, &provider::ECDSA_P384_SHA384_FIXED_SIGNING))
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Pair::Ed25519))
            .map_err(|_| KeyFailure("not a PKCS#8 key of P-256, P-384 or Ed25519"))?;
        let spki = match &pair {
            Pair::Ecdsa(Algorithm::P384, pair) => [SPKI_P384, pair.public_key().as_ref()].concat(),
            Pair::Ecdsa(_, pair) => [SPKI_P256, pair.public_key().as_ref()].concat(),
            Pair::Ed25519(pair) => [SPKI_ED25519, pair.public_key().as_ref()].concat(),
        };
        let public_key =
            PublicKey::from_spki(&spki).map_err(|NotAKey| KeyFailure("the public key could not be derived"))?;
        Ok(Self { pair, public_key })
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The base64 of the DER SubjectPublicKeyInfo, as in an authority list.
    #[must_use]
    pub fn public_key_base64(&self) -> String {
        BASE64.encode(self.public_key.spki())
    }

    /// The signature in its one right encoding; none when the system's random numbers fail.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Pair::Ecdsa(algorithm, pair) => {
                let mut signature = pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec();
                algorithm.lower_s(&mut signature);
                Some(signature)
            }
        }
    }
}

/// A private key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyFailure(&'static str);

impl Algorithm {
    fn of(spki: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        const EC: &str = "1.2.840.10045.2.1";
        const P256: &str = "1.2.840.10045.3.1.7";
        const P384: &str = "1.3.132.0.34";
        const ED25519: &str = "1.3.101.112";
        let curve = || spki.algorithm.parameters.as_ref()?.as_oid().ok().map(|oid| oid.to_id_string());
        let octets = spki.subject_public_key.data.len();
        match spki.algorithm.algorithm.to_id_string().as_str() {
            EC => match (curve()?.as_str(), octets) {
                (P256, 65) => Some(Self::P256),
                (P384, 97) => Some(Self::P384),
                _ => None,
            },
            ED25519 if octets == 32 && spki.algorithm.parameters.is_none() => Some(Self::Ed25519),
            _ => None,
        }
    }

    fn verification(self) -> &'static dyn provider::VerificationAlgorithm {
        match self {
            Self::P256 => &provider::ECDSA_P256_SHA256_FIXED,
            Self::P384 => &provider::ECDSA_P384_SHA384_FIXED,
            Self::Ed25519 => &provider::ED25519,
        }
    }

    /// The order of the curve's group, for ECDSA.
    fn order(self) -> Option<&'static [u8]> {
        match self {
            Self::P256 => Some(&ORDER_P256),
            Self::P384 => Some(&ORDER_P384),
            Self::Ed25519 => None,
        }
    }

    /// Whether a signature has the right length and, for ECDSA, an `s` of at most half the order.
    fn is_canonical(self, signature: &[u8]) -> bool {
        match self.order() {
            None => signature.len() == 64,
            Some(order) => signature.len() == 2 * order.len() && !is_over_half(&signature[order.len()..], order),
        }
    }

    /// Replaces a high `s` by the order minus `s`, which signs the same.
    fn lower_s(self, signature: &mut [u8]) {
        let Some(order) = self.order() else { return };
        let s = &mut signature[order.len()..];
        if is_over_half(s, order) {
            let mut borrow = 0;
            for (octet, of_order) in s.iter_mut().zip(order).rev() {
                let difference = i16::from(*of_order) - i16::from(*octet) - borrow;
                borrow = i16::from(difference < 0);
                *octet = difference.rem_euclid(256) as u8;
            }
        }
    }
}

/// Whether 2 s > order (which is odd), all big-endian of one length.
fn is_over_half(s: &[u8], order: &[u8]) -> bool {
    let mut carry_down = 0;
    for (octet, of_order) in s.iter().zip(order) {
        // The octet of floor(order / 2) in this place.
        let half = carry_down | (of_order >> 1);
        carry_down = (of_order & 1) << 7;
        if *octet != half {
            return *octet > half;
        }
    }
    false
}

#[rustfmt::skip]
const ORDER_P256: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
#[rustfmt::skip]
const ORDER_P384: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

// What stands before the key's octets in a SubjectPublicKeyInfo (RFC 5480, RFC 8410).
const SPKI_P256: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const SPKI_P384: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const SPKI_ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_high_s_is_refused_and_never_made() {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        for message in 0..64_u8 {
            let signature = key.sign(&[message]).unwrap();
            assert!(key.public_key().verify(&[message], &signature));
            let mut high = signature.clone();
            let mut borrow = 0;
            for (octet, of_order) in high[32..].iter_mut().zip(ORDER_P256).rev() {
                let difference = i16::from(of_order) - i16::from(*octet) - borrow;
                borrow = i16::from(difference < 0);
                *octet = difference.rem_euclid(256) as u8;
            }
            let point = key.pair_point();
            assert!(
                UnparsedPublicKey::new(&provider::ECDSA_P256_SHA256_FIXED, point).verify(&[message], &high).is_ok()
            );
            assert!(!key.public_key().verify(&[message], &high));
        }
    }

    impl SigningKey {
        fn pair_point(&self) -> &[u8] {
            match &self.pair {
                Pair::Ecdsa(_, pair) => pair.public_key().as_ref(),
                Pair::Ed25519(pair) => pair.public_key().as_ref(),
            }
        }
    }
}
