//! Reads a CRL (RFC 5280 section 5) that speaks of one issuer's certificates.

use std::collections::HashMap;

use openssl::error::ErrorStack;
use openssl::x509::{X509Crl, X509Ref};
use thiserror::Error;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

use super::evidence::{NotInForce, Revoked, Status, Window, is_strong, reason_name, unix};

/// Why a CRL is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CrlFailure {
    /// Not a CRL in DER.
    #[error("it is not a CRL in DER")]
    Malformed,
    /// Another issuer's.
    #[error("it is a CRL of another issuer")]
    OtherIssuer,
    /// Not signed by the issuer's key.
    #[error("it is not signed by the issuer's key")]
    Signature,
    /// Signed with an algorithm that does not count.
    #[error("its signature algorithm {0} does not count")]
    WeakSignature(String),
    /// The issuer's key is not for CRLs.
    #[error("the issuer's key usage does not have cRLSign")]
    KeyUsage,
    /// There is no nextUpdate.
    #[error("it has no nextUpdate")]
    NoNextUpdate,
    /// It does not cover the certificate or not every reason.
    #[error("it does not cover this certificate: {0}")]
    Scope(&'static str),
    /// A critical extension that is not understood.
    #[error("its critical extension {0} is not understood")]
    Extension(String),
    /// Not in force.
    #[error(transparent)]
    Time(#[from] NotInForce),
    /// OpenSSL failed.
    #[error("OpenSSL: {0}")]
    OpenSsl(String),
}

impl From<ErrorStack> for CrlFailure {
    fn from(cause: ErrorStack) -> Self {
        Self::OpenSsl(cause.to_string())
    }
}

/// A CRL whose issuer and signature were checked, reduced to what is asked of it: CRLs of a hundred thousand entries are
/// kept for hours.
pub struct Crl {
    window: Window,
    scope: Scope,
    /// By serial number.
    revoked: HashMap<Serial, Revoked>,
}

/// The content octets of a serial number, without leading zeros.
type Serial = Box<[u8]>;

/// Memory of one entry, about, in octets.
const ENTRY: usize = 120;

/// What the issuing distribution point says (RFC 5280 section 5.2.5).
#[derive(Debug, Default, PartialEq, Eq)]
struct Scope {
    only_user: bool,
    only_ca: bool,
    /// The URLs of the distribution point; `None` if the CRL names none.
    points: Option<Vec<String>>,
}

/// The certificate for which a CRL is asked.
pub struct Subject<'a> {
    /// The content octets of its serial number.
    pub serial: &'a [u8],
    /// Whether it is a CA certificate.
    pub is_ca: bool,
    /// All URLs of the distribution point from which the CRL came.
    pub points: &'a [String],
}

impl Crl {
    /// Reads a CRL and checks that it is `issuer`'s.
    ///
    /// # Errors
    /// [`CrlFailure`].
    pub fn read(der: &[u8], issuer: &X509Ref) -> Result<Self, CrlFailure> {
        let window = check_issuer(der, issuer)?;
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| CrlFailure::Malformed)?;
        if !rest.is_empty() {
            return Err(CrlFailure::Malformed);
        }
        let scope = read_scope(&list)?;
        let entry = |entry: &RevokedCertificate<'_>| {
            let at = u64::try_from(entry.revocation_date.timestamp()).ok();
            let reason = entry.reason_code().and_then(|(_, code)| reason_name(code.0.into()));
            (plain(entry.raw_serial()).into(), Revoked { at, reason })
        };
        let revoked = list.iter_revoked_certificates().map(entry).collect();
        Ok(Self { window, scope, revoked })
    }

    /// From when to when it is in force.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// About how much memory it takes, in octets.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.revoked.len() * ENTRY + ENTRY
    }

    /// What it says of `subject` at `now` (seconds since 1970).
    ///
    /// # Errors
    /// [`CrlFailure`] if it is not in force or does not cover the certificate.
    pub fn status(&self, subject: &Subject<'_>, now: u64) -> Result<Status, CrlFailure> {
        self.window.check(now)?;
        if self.scope.only_user && subject.is_ca {
            return Err(CrlFailure::Scope("it is for end entities only"));
        }
        if self.scope.only_ca && !subject.is_ca {
            return Err(CrlFailure::Scope("it is for CA certificates only"));
        }
        if let Some(points) = &self.scope.points
            && !points.iter().any(|point| subject.points.contains(point))
        {
            return Err(CrlFailure::Scope("it is of another distribution point"));
        }
        // A complete CRL has no entry that takes one back (removeFromCRL), so any entry counts.
        Ok(match self.revoked.get(plain(subject.serial)) {
            None => Status::Good(self.window),
            Some(revoked) => Status::Revoked(revoked.clone()),
        })
    }
}

/// From when to when the CRL is in force, if it is `issuer`'s.
fn check_issuer(der: &[u8], issuer: &X509Ref) -> Result<Window, CrlFailure> {
    check_key_usage(issuer)?;
    let crl = X509Crl::from_der(der).map_err(|_| CrlFailure::Malformed)?;
    if crl.issuer_name().to_der()? != issuer.subject_name().to_der()? {
        return Err(CrlFailure::OtherIssuer);
    }
    let key = issuer.public_key()?;
    if !matches!(crl.verify(&key), Ok(true)) {
        // OpenSSL leaves its reasons behind, where the next one to ask would take them for its own.
        drop(ErrorStack::get());
        return Err(CrlFailure::Signature);
    }
    let next_update = crl.next_update().ok_or(CrlFailure::NoNextUpdate)?;
    Ok(Window { this_update: unix(crl.last_update())?, next_update: unix(next_update)? })
}

fn plain(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|octet| **octet == 0).count();
    &serial[zeros..]
}

fn read_scope(list: &CertificateRevocationList<'_>) -> Result<Scope, CrlFailure> {
    if !is_strong(&list.signature_algorithm.algorithm) {
        return Err(CrlFailure::WeakSignature(list.signature_algorithm.algorithm.to_id_string()));
    }
    let mut scope = Scope::default();
    for extension in list.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(point) => {
                if point.indirect_crl {
                    return Err(CrlFailure::Scope("it is indirect"));
                }
                if point.only_some_reasons.is_some() {
                    return Err(CrlFailure::Scope("it is for some reasons only"));
                }
                if point.only_contains_attribute_certs {
                    return Err(CrlFailure::Scope("it is for attribute certificates only"));
                }
                scope.only_user = point.only_contains_user_certs;
                scope.only_ca = point.only_contains_ca_certs;
                scope.points = point.distribution_point.as_ref().map(urls);
            }
            ParsedExtension::CRLNumber(_) | ParsedExtension::AuthorityKeyIdentifier(_) => {}
            _ if is_delta(&extension.oid) => {
                return Err(CrlFailure::Scope("it is a delta CRL"));
            }
            parsed if extension.critical || matches!(parsed, ParsedExtension::ParseError { .. }) => {
                return Err(CrlFailure::Extension(extension.oid.to_id_string()));
            }
            _ => {}
        }
    }
    Ok(scope)
}

fn is_delta(oid: &Oid<'_>) -> bool {
    oid.to_id_string() == "2.5.29.27"
}

/// The URLs of a distribution point's name.
pub(super) fn urls(name: &DistributionPointName<'_>) -> Vec<String> {
    match name {
        DistributionPointName::FullName(names) => names
            .iter()
            .filter_map(|name| match name {
                GeneralName::URI(url) => Some((*url).to_owned()),
                _ => None,
            })
            .collect(),
        DistributionPointName::NameRelativeToCRLIssuer(_) => Vec::new(),
    }
}

/// RFC 5280 section 6.3.3 (f).
fn check_key_usage(issuer: &X509Ref) -> Result<(), CrlFailure> {
    let der = issuer.to_der()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|_| CrlFailure::KeyUsage)?;
    match parsed.key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.crl_sign() => Ok(()),
        _ => Err(CrlFailure::KeyUsage),
    }
}
