//! Reads an OCSP response (RFC 6960) for one certificate.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Sequence};
use foreign_types_shared::ForeignTypeRef;
use openssl::asn1::{Asn1GeneralizedTimeRef, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ocsp::{
    OcspBasicResponseRef, OcspCertId, OcspCertStatus, OcspFlag, OcspRequest, OcspResponse, OcspResponseStatus,
    OcspStatus,
};
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509Ref};
use thiserror::Error;
use x509_parser::oid_registry::Oid;

use super::evidence::{NotInForce, Revoked, Status, Window, is_strong, reason_name, unix};

/// The media type of an OCSP request.
pub const REQUEST_TYPE: &str = "application/ocsp-request";

/// A response without nextUpdate says that newer information can always be had: it counts for this long, in seconds.
const WITHOUT_NEXT_UPDATE: u64 = 3_600;

/// Why a response is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OcspFailure {
    /// Not an OCSP response.
    #[error("it is not an OCSP response")]
    Malformed,
    /// The responder gave no answer.
    #[error("the responder's status is {0}")]
    Unsuccessful(&'static str),
    /// Not signed by the issuer or by a responder that the issuer delegated to.
    #[error("it is not signed by the issuer or its responder: {0}")]
    Signature(String),
    /// Signed with an algorithm that does not count.
    #[error("its signature algorithm {0} does not count")]
    WeakSignature(String),
    /// It speaks of other certificates.
    #[error("it does not speak of this certificate")]
    OtherCertificate,
    /// The responder does not know the certificate.
    #[error("the responder does not know this certificate")]
    Unknown,
    /// Not in force.
    #[error(transparent)]
    Time(#[from] NotInForce),
    /// OpenSSL failed.
    #[error("OpenSSL: {0}")]
    OpenSsl(String),
}

impl From<ErrorStack> for OcspFailure {
    fn from(cause: ErrorStack) -> Self {
        Self::OpenSsl(cause.to_string())
    }
}

/// The DER of a request for the status of `certificate`, without nonce, so that responders can answer from a cache.
///
/// # Errors
/// OpenSSL's.
pub fn request(certificate: &X509Ref, issuer: &X509Ref) -> Result<Vec<u8>, ErrorStack> {
    let mut request = OcspRequest::new()?;
    // RFC 5019 section 2.1.1: every responder knows certificate ids by SHA-1; nothing rests on its strength here.
    request.add_id(OcspCertId::from_cert(MessageDigest::sha1(), certificate, issuer)?)?;
    request.to_der()
}

/// What the response `der` says of `certificate` at `now` (seconds since 1970).
///
/// # Errors
/// [`OcspFailure`].
pub fn read(der: &[u8], certificate: &X509Ref, issuer: &X509Ref, now: u64) -> Result<Status, OcspFailure> {
    let response = OcspResponse::from_der(der).map_err(|_| OcspFailure::Malformed)?;
    if response.status() != OcspResponseStatus::SUCCESSFUL {
        return Err(OcspFailure::Unsuccessful(status_name(response.status())));
    }
    let basic = response.basic().map_err(|_| OcspFailure::Malformed)?;
    check_algorithm(der)?;
    check_signature(&basic, issuer, now)?;
    let status = find(&basic, certificate, issuer)?.ok_or(OcspFailure::OtherCertificate)?;
    let this_update = unix(as_time(status.this_update))?;
    let window = Window {
        this_update,
        next_update: match status.next_update() {
            Some(time) => unix(as_time(time))?,
            None => this_update.saturating_add(WITHOUT_NEXT_UPDATE),
        },
    };
    window.check(now)?;
    match status.status {
        OcspCertStatus::GOOD => Ok(Status::Good(window)),
        OcspCertStatus::REVOKED => Ok(Status::Revoked(Revoked {
            at: status.revocation_time.map(|time| unix(as_time(time))).transpose()?,
            reason: reason_name(i64::from(status.reason.as_raw())),
        })),
        _ => Err(OcspFailure::Unknown),
    }
}

/// The signer must be the issuer, or have a certificate by the issuer for OCSP signing; the issuer is the only anchor.
fn check_signature(basic: &OcspBasicResponseRef, issuer: &X509Ref, now: u64) -> Result<(), OcspFailure> {
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(issuer.to_owned())?;
    let mut parameters = X509VerifyParam::new()?;
    parameters.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    parameters.set_time(i64::try_from(now).unwrap_or(i64::MAX));
    // Level 1 refuses responders' certificates that rest on MD5 or SHA-1 or on short keys.
    parameters.set_auth_level(1);
    store.set_param(&parameters)?;
    let mut candidates = Stack::<X509>::new()?;
    candidates.push(issuer.to_owned())?;
    basic.verify(&candidates, &store.build(), OcspFlag::empty()).map_err(|cause| {
        let reason = cause.errors().last().and_then(openssl::error::Error::reason);
        OcspFailure::Signature(reason.unwrap_or("no reason given").to_owned())
    })
}

/// A responder chooses the hash by which it names certificates.
fn find<'a>(
    basic: &'a OcspBasicResponseRef,
    certificate: &X509Ref,
    issuer: &X509Ref,
) -> Result<Option<OcspStatus<'a>>, ErrorStack> {
    for digest in [MessageDigest::sha1(), MessageDigest::sha256(), MessageDigest::sha384(), MessageDigest::sha512()] {
        let id = OcspCertId::from_cert(digest, certificate, issuer)?;
        if let Some(status) = basic.find_status(&id) {
            return Ok(Some(status));
        }
    }
    Ok(None)
}

fn as_time(time: &Asn1GeneralizedTimeRef) -> &Asn1TimeRef {
    // SAFETY: `ASN1_GENERALIZEDTIME` and `ASN1_TIME` are both `ASN1_STRING` in OpenSSL, and an ASN1_TIME may be of
    // type GeneralizedTime; the reference lives as long as the one that it is made from.
    unsafe { Asn1TimeRef::from_ptr(time.as_ptr().cast()) }
}

/// OpenSSL verifies with whatever algorithm the response names, so the name is read here (RFC 6960 section 4.2.1).
fn check_algorithm(der: &[u8]) -> Result<(), OcspFailure> {
    let outer = Outer::from_der(der).map_err(|_| OcspFailure::Malformed)?;
    let bytes = outer.bytes.ok_or(OcspFailure::Malformed)?;
    let basic = Basic::from_der(bytes.response.as_bytes()).map_err(|_| OcspFailure::Malformed)?;
    let algorithm = Oid::new(basic.algorithm.oid.as_bytes().into());
    if is_strong(&algorithm) { Ok(()) } else { Err(OcspFailure::WeakSignature(algorithm.to_id_string())) }
}

#[derive(Sequence)]
struct Outer<'a> {
    status: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    bytes: Option<ResponseBytes<'a>>,
}

#[derive(Sequence)]
struct ResponseBytes<'a> {
    kind: ObjectIdentifier,
    response: &'a OctetStringRef,
}

#[derive(Sequence)]
struct Basic<'a> {
    data: AnyRef<'a>,
    algorithm: Algorithm<'a>,
    signature: BitStringRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    certificates: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct Algorithm<'a> {
    oid: ObjectIdentifier,
    #[asn1(optional = "true")]
    parameters: Option<AnyRef<'a>>,
}

fn status_name(status: OcspResponseStatus) -> &'static str {
    match status {
        OcspResponseStatus::MALFORMED_REQUEST => "malformedRequest",
        OcspResponseStatus::INTERNAL_ERROR => "internalError",
        OcspResponseStatus::TRY_LATER => "tryLater",
        OcspResponseStatus::SIG_REQUIRED => "sigRequired",
        OcspResponseStatus::UNAUTHORIZED => "unauthorized",
        _ => "not one of RFC 6960",
    }
}
