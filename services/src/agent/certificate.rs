//! The certificate of a site, from the PEM file that its server reads.

use std::path::Path;

use mecai::Sha256;
use mecai::chain::certificate_digest;
use mecai::time::UnixTime;
use x509_parser::pem::Pem;

use super::trouble::Trouble;

/// What the agent needs to know of a server's own certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// SHA-256 of its DER.
    pub(super) digest: Sha256,
    /// The last second of its validity.
    pub(super) not_after: UnixTime,
}

impl Certificate {
    /// Reads the first certificate of a PEM file. Keys and whatever else stands there are passed over.
    ///
    /// # Errors
    /// `certificate_unreadable` when there is none, or it is that of a CA.
    pub(super) fn read(path: &Path) -> Result<Self, Trouble> {
        let trouble = |problem: String| {
            Trouble::new("certificate_unreadable", format!("the certificate {}: {problem}", path.display()))
        };
        let octets = std::fs::read(path).map_err(|cause| trouble(cause.to_string()))?;
        Self::from_pem(&octets).map_err(trouble)
    }

    fn from_pem(octets: &[u8]) -> Result<Self, String> {
        let first = Pem::iter_from_buffer(octets)
            .find(|pem| pem.as_ref().map_or(true, |pem| pem.label == "CERTIFICATE"))
            .ok_or("there is no certificate in the file")?
            .map_err(|cause| format!("it is not PEM: {cause}"))?;
        let certificate = first.parse_x509().map_err(|cause| format!("the first certificate is none: {cause}"))?;
        if certificate.is_ca() {
            return Err("the first certificate is that of a CA: the server's own must come first".to_owned());
        }
        let not_after = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        Ok(Self { digest: certificate_digest(&first.contents), not_after: UnixTime(not_after) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_certificate_counts() {
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf =
            rcgen::CertificateParams::new(vec!["www.shop.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap();
        let chain = format!("{}{}{}", key.serialize_pem(), leaf.pem(), ca.pem());
        let read = Certificate::from_pem(chain.as_bytes()).unwrap();
        assert_eq!(read.digest, certificate_digest(leaf.der()));
        assert_eq!(read.not_after, "4096-01-01T00:00:00Z".parse().unwrap());

        for (text, expected) in [
            (format!("{}{}", ca.pem(), leaf.pem()), "that of a CA"),
            (key.serialize_pem(), "there is no certificate"),
            (leaf.pem()[..200].to_owned(), "it is not PEM"),
            (leaf.pem().replace("MII", "AAA"), "the first certificate is none"),
        ] {
            let problem = Certificate::from_pem(text.as_bytes()).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
