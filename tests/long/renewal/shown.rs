//! A certificate as a file has it.

use std::path::Path;

use data_encoding::HEXLOWER;
use mecai::chain::{certificate_digest, spki_hash};
use openssl::x509::X509;

/// The first certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// How clients name it: its SHA-256.
    pub digest: String,
    pub key: mecai::Sha256,
    /// DER of the name of the CA that issued it.
    pub issuer: Vec<u8>,
}

impl Shown {
    pub fn read(chain: &Path) -> Self {
        let pem = std::fs::read(chain).unwrap();
        let certificate = X509::from_pem(&pem).unwrap();
        let der = certificate.to_der().unwrap();
        Self {
            digest: HEXLOWER.encode(&certificate_digest(&der)),
            key: spki_hash(&der).unwrap(),
            issuer: certificate.issuer_name().to_der().unwrap(),
        }
    }
}
