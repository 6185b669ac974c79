//! Where a certificate says that its revocation status can be had.

use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::crl::urls;

/// At most so many locations of each kind are tried.
const TRIED_MAX: usize = 3;
/// The id of OCSP among access methods (RFC 5280 section 4.2.2.1).
const ID_AD_OCSP: &str = "1.3.6.1.5.5.7.48.1";

/// A certificate that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the certificate cannot be read: {0}")]
pub struct Unreadable(pub String);

/// The locations in one certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers {
    /// OCSP responders.
    pub ocsp: Vec<String>,
    /// Distribution points of CRLs for all reasons by the issuer itself, each with its URLs.
    pub crl: Vec<Vec<String>>,
    /// Whether the certificate names OCSP or a CRL at all, usable or not.
    pub named: bool,
    /// `notAfter - notBefore` in seconds.
    pub validity: u64,
}

impl Pointers {
    /// Reads them from a certificate in DER.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(der: &[u8]) -> Result<Self, Unreadable> {
        let (_, certificate) =
            x509_parser::parse_x509_certificate(der).map_err(|cause| Unreadable(cause.to_string()))?;
        let mut pointers = Self { validity: validity(&certificate), ..Self::default() };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::AuthorityInfoAccess(access) => {
                    for description in &access.accessdescs {
                        if description.access_method.to_id_string() != ID_AD_OCSP {
                            continue;
                        }
                        pointers.named = true;
                        if let GeneralName::URI(url) = description.access_location {
                            pointers.ocsp.push(url.to_owned());
                        }
                    }
                }
                ParsedExtension::CRLDistributionPoints(points) => {
                    pointers.named = true;
                    // RFC 5280 section 4.2.1.13: others' CRLs and those for some reasons say too little.
                    let usable = points
                        .iter()
                        .filter(|point| point.reasons.is_none() && point.crl_issuer.is_none())
                        .filter_map(|point| point.distribution_point.as_ref())
                        .map(urls)
                        .filter(|urls| !urls.is_empty());
                    pointers.crl.extend(usable);
                }
                _ => {}
            }
        }
        pointers.ocsp.truncate(TRIED_MAX);
        pointers.crl.truncate(TRIED_MAX);
        for point in &mut pointers.crl {
            point.truncate(TRIED_MAX);
        }
        Ok(pointers)
    }
}

fn validity(certificate: &X509Certificate<'_>) -> u64 {
    let validity = certificate.validity();
    let seconds = validity.not_after.timestamp() - validity.not_before.timestamp();
    u64::try_from(seconds).unwrap_or(0)
}
