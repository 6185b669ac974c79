//! A verified chain, reduced to what judging it needs: digests and keys (spec section 6, "Owners of a chain").

use crate::authority_list::Operator;
use crate::element::{Elements, SEQUENCE};
use crate::{Sha256, octets};

/// The most certificates in a chain that is judged.
pub const CHAIN_MAX: usize = 32;

/// A chain that the program's own verification accepted, end entity first, trust anchor last.
#[derive(Clone, Debug)]
pub struct Chain {
    certificate: Sha256,
    spki_hashes: Vec<Sha256>,
}

/// A chain that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No certificate, or more than [`CHAIN_MAX`].
    #[error("a chain of {0} certificates")]
    Length(usize),
    /// Not a certificate.
    #[error("certificate {0} of the chain is not DER of a certificate")]
    NotACertificate(usize),
}

impl Chain {
    /// Reads the certificates, in DER, end entity first.
    pub fn from_der<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ChainError> {
        let mut certificate = None;
        let mut spki_hashes = Vec::new();
        for (index, der) in certificates.into_iter().enumerate() {
            certificate.get_or_insert_with(|| octets::sha256(&[der]));
            spki_hashes.push(spki_hash(der).ok_or(ChainError::NotACertificate(index))?);
        }
        match certificate {
            Some(certificate) if spki_hashes.len() <= CHAIN_MAX => Ok(Self { certificate, spki_hashes }),
            _ => Err(ChainError::Length(spki_hashes.len())),
        }
    }

    /// A chain of which no more is known than whose it is: the certificate's digest, and the operator that issued it, whose
    /// first CA key stands for its trust anchor.
    #[must_use]
    pub fn issued_by(operator: &Operator, certificate: Sha256) -> Self {
        Self {
            certificate,
            spki_hashes: std::iter::once(certificate).chain(operator.ca_keys.first().copied()).collect(),
        }
    }

    /// SHA-256 of the end-entity certificate.
    #[must_use]
    pub fn certificate(&self) -> &Sha256 {
        &self.certificate
    }

    /// The SPKI hash of the trust anchor.
    #[must_use]
    pub fn anchor(&self) -> &Sha256 {
        self.spki_hashes.last().unwrap_or(&self.certificate)
    }

    /// The SPKI hashes of the CA certificates, trust anchor first. A chain of one certificate is its own anchor.
    pub fn ca_keys(&self) -> impl Iterator<Item = &Sha256> {
        let end_entities = usize::from(self.spki_hashes.len() > 1);
        self.spki_hashes.iter().skip(end_entities).rev()
    }
}

/// SHA-256 of a certificate, in DER.
#[must_use]
pub fn certificate_digest(certificate: &[u8]) -> Sha256 {
    octets::sha256(&[certificate])
}

/// The SPKI hash of a certificate in DER; none if that is not where a certificate (RFC 5280, section 4.1) has it.
#[must_use]
pub fn spki_hash(certificate: &[u8]) -> Option<Sha256> {
    spki(certificate).map(|spki| octets::sha256(&[spki]))
}

/// The octets of the SubjectPublicKeyInfo of a certificate in DER.
#[must_use]
pub fn spki(certificate: &[u8]) -> Option<&[u8]> {
    let tbs = Elements::new(Elements::new(certificate).last(SEQUENCE)?.contents).next(SEQUENCE)?;
    let mut fields = Elements::new(tbs.contents);
    // version [0] EXPLICIT is absent in version 1; then serialNumber, signature, issuer, validity, subject.
    let before = if fields.any()?.der.first() == Some(&0xA0) { 5 } else { 4 };
    for _ in 0..before {
        fields.any()?;
    }
    fields.next(SEQUENCE).map(|spki| spki.der)
}
