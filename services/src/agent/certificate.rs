//! The certificate of a site, from the PEM file that its server reads.

use std::path::Path;

use mecai::Sha256;
use mecai::chain::{certificate_digest, spki_hash};
use mecai::time::UnixTime;
use rustls_pki_types::{CertificateDer, ServerName};
use x509_parser::pem::Pem;

use super::trouble::Trouble;

/// What the agent needs to know of a server's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// It and those that the server sends with it, in DER.
    pub(super) chain: Vec<Vec<u8>>,
    /// SHA-256 of its DER.
    pub(super) digest: Sha256,
    /// The SPKI hash of its key.
    pub(super) key: Sha256,
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

    /// Whether it is for this host: by its subjectAltName only, as clients see it (RFC 9525).
    pub(super) fn names(&self, host: &str) -> bool {
        let Some(first) = self.chain.first() else { return false };
        let der = CertificateDer::from(first.as_slice());
        let Ok(name) = ServerName::try_from(host) else { return false };
        webpki::EndEntityCert::try_from(&der).is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(&name).is_ok())
    }

    /// The hosts that it does not name.
    pub(super) fn missing<'h>(&self, hosts: impl IntoIterator<Item = &'h String>) -> Vec<&'h str> {
        hosts.into_iter().map(String::as_str).filter(|host| !self.names(host)).collect()
    }

    /// From a chain in DER, its own certificate first.
    pub(super) fn from_chain(chain: Vec<Vec<u8>>) -> Result<Self, String> {
        let mut not_after = None;
        for (der, number) in chain.iter().zip(1..) {
            let (_, certificate) = x509_parser::parse_x509_certificate(der)
                .map_err(|cause| format!("the certificate in place {number} is none: {cause}"))?;
            if number == 1 && certificate.is_ca() {
                return Err("the first certificate is that of a CA: the server's own must come first".to_owned());
            }
            not_after.get_or_insert(u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0));
        }
        let (Some(first), Some(not_after)) = (chain.first(), not_after) else {
            return Err("there is no certificate in the file".to_owned());
        };
        let digest = certificate_digest(first);
        let key = spki_hash(first).ok_or("the first certificate has no key where a certificate has it")?;
        Ok(Self { chain, digest, key, not_after: UnixTime(not_after) })
    }

    fn from_pem(octets: &[u8]) -> Result<Self, String> {
        let mut chain = Vec::new();
        for pem in Pem::iter_from_buffer(octets) {
            let pem = pem.map_err(|cause| format!("it is not PEM: {cause}"))?;
            if pem.label == "CERTIFICATE" {
                chain.push(pem.contents);
            }
        }
        Self::from_chain(chain)
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
        assert_eq!(read.chain, [leaf.der().to_vec(), ca.der().to_vec()]);
        assert_eq!(Some(read.key), spki_hash(ca.der()), "they share their key");
        assert_eq!(read.not_after, "4096-01-01T00:00:00Z".parse().unwrap());

        for (text, expected) in [
            (format!("{}{}", ca.pem(), leaf.pem()), "that of a CA"),
            (key.serialize_pem(), "there is no certificate"),
            (leaf.pem()[..200].to_owned(), "it is not PEM"),
            (leaf.pem().replace("MII", "AAA"), "the certificate in place 1 is none"),
        ] {
            let problem = Certificate::from_pem(text.as_bytes()).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn hosts_are_looked_for_among_its_names() {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["www.shop.example", "*.wild.example", "192.0.2.7", "2001:db8::7"].map(str::to_owned);
        let leaf = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let read = Certificate::from_pem(leaf.pem().as_bytes()).unwrap();
        let hosts = ["www.shop.example", "a.wild.example", "192.0.2.7", "2001:db8::7"].map(str::to_owned);
        assert_eq!(read.missing(&hosts), [] as [&str; 0]);
        let hosts = ["shop.example", "a.b.wild.example", "wild.example", "192.0.2.8", "2001:db8::8"].map(str::to_owned);
        assert_eq!(read.missing(&hosts), hosts.each_ref().map(String::as_str));
    }
}
