//! An OCSP responder's work (RFC 6960): from a request's octets to a response's.

use std::time::Duration;

use der::asn1::{Any, BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString, Uint};
use der::{Decode, Encode, Tag};
use rcgen::{KeyPair, RevocationReason, SigningKey};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::pki::{Ca, Validity};
use super::super::{Error, unix_now};
use super::ocsp_types::{
    AlgorithmIdentifier, BasicOcspResponse, CertId, CertStatus, Extension, OcspRequest, OcspResponse,
    OcspResponseStatus, ResponderId, ResponseBytes, ResponseData, RevokedInfo, SingleResponse,
};
use super::status::{OcspBehaviour, Standing, Updates};

const ID_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const ID_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const OCSP_BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const OCSP_NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");

impl Ca {
    /// The OCSP response for one serial number, DER, as a server staples it; made as the responder behaves now. (Of
    /// [`OcspBehaviour`], those that are ways of HTTP or give no signed response count as `Answer`.)
    ///
    /// # Errors
    /// [`Error::Issue`] with the library's reason.
    pub fn staple(&self, serial: &[u8]) -> Result<Vec<u8>, Error> {
        let response = || -> Result<Vec<u8>, Failure> {
            let id = CertId {
                hash_algorithm: AlgorithmIdentifier { algorithm: ID_SHA1, parameters: Some(Any::null()) },
                issuer_name_hash: OctetString::new(issuer_name_hash(self, &SHA1_FOR_LEGACY_USE_ONLY)?)?,
                issuer_key_hash: OctetString::new(key_hash(self.key(), &SHA1_FOR_LEGACY_USE_ONLY))?,
                serial_number: Uint::new(serial)?,
            };
            sign(self, &[id], None, self.status().ocsp())
        };
        response().map_err(Failure::into_error)
    }

    /// From now on the CA's OCSP responses are signed by a delegated responder with a certificate of its own (`true`),
    /// or by the CA's key.
    ///
    /// # Errors
    /// [`Error::Issue`] with the library's reason.
    pub fn delegate_ocsp(&self, delegate: bool) -> Result<(), Error> {
        let responder = delegate.then(|| self.issue_responder(Validity::seconds(30 * 24 * 3600))).transpose()?;
        self.status().set_delegate(responder);
        Ok(())
    }
}

/// The response to a request, both DER. Unreadable requests are answered `malformedRequest`.
pub(super) fn respond(ca: &Ca, request: &[u8], behaviour: OcspBehaviour) -> Result<Vec<u8>, Error> {
    let answer = || -> Result<Vec<u8>, Failure> {
        if behaviour == OcspBehaviour::TryLater {
            return Ok(unsigned(OcspResponseStatus::TryLater)?);
        }
        let Ok(request) = OcspRequest::from_der(request) else {
            return Ok(unsigned(OcspResponseStatus::MalformedRequest)?);
        };
        let ids: Vec<CertId> = request.tbs_request.request_list.into_iter().map(|one| one.req_cert).collect();
        // RFC 6960 section 4.4.1: the nonce of the request comes back.
        let mut extensions = request.tbs_request.request_extensions.into_iter().flatten();
        let nonce = extensions.find(|extension| extension.id == OCSP_NONCE);
        sign(ca, &ids, nonce, behaviour)
    };
    answer().map_err(Failure::into_error)
}

fn unsigned(response_status: OcspResponseStatus) -> der::Result<Vec<u8>> {
    OcspResponse { response_status, response_bytes: None }.to_der()
}

fn sign(ca: &Ca, ids: &[CertId], nonce: Option<Extension>, behaviour: OcspBehaviour) -> Result<Vec<u8>, Failure> {
    let updates = ca.status().updates(behaviour == OcspBehaviour::Expired);
    let delegate = ca.status().delegate();
    let delegate_key = delegate.as_ref().map(|issued| KeyPair::from_pem(issued.key_pem())).transpose()?;
    let named = delegate_key.as_ref().unwrap_or(ca.key());
    let stranger = if behaviour == OcspBehaviour::WrongSigner { Some(KeyPair::generate()?) } else { None };

    let single = |id: &CertId| single_response(ca, id, updates, behaviour == OcspBehaviour::Unknown);
    let tbs_response_data = ResponseData {
        responder_id: ResponderId::ByKey(OctetString::new(key_hash(named, &SHA1_FOR_LEGACY_USE_ONLY))?),
        produced_at: generalized(unix_now())?,
        responses: ids.iter().map(single).collect::<Result<_, _>>()?,
        response_extensions: nonce.map(|nonce| vec![nonce]),
    };
    let signature = stranger.as_ref().unwrap_or(named).sign(&tbs_response_data.to_der()?)?;
    let basic = BasicOcspResponse {
        tbs_response_data,
        signature_algorithm: AlgorithmIdentifier { algorithm: ECDSA_WITH_SHA256, parameters: None },
        signature: BitString::from_bytes(&signature)?,
        certs: delegate.map(|issued| Any::from_der(issued.certificate()).map(|one| vec![one])).transpose()?,
    };
    let response = ResponseBytes { response_type: OCSP_BASIC, response: OctetString::new(basic.to_der()?)? };
    Ok(OcspResponse { response_status: OcspResponseStatus::Successful, response_bytes: Some(response) }.to_der()?)
}

fn single_response(ca: &Ca, id: &CertId, updates: Updates, unknown: bool) -> Result<SingleResponse, Failure> {
    let standing =
        if unknown || !is_issuer(ca, id)? { None } else { ca.status().standing(id.serial_number.as_bytes()) };
    let cert_status = match standing {
        None => CertStatus::Unknown(Null),
        Some(Standing::Good) => CertStatus::Good(Null),
        Some(Standing::Revoked { at, reason }) => CertStatus::Revoked(RevokedInfo {
            revocation_time: generalized(at)?,
            revocation_reason: match reason {
                // RFC 5280 section 5.3.1: absent rather than unspecified.
                RevocationReason::Unspecified => None,
                reason => Some(Any::new(Tag::Enumerated, [reason as u8])?),
            },
        }),
    };
    Ok(SingleResponse {
        cert_id: id.clone(),
        cert_status,
        this_update: generalized(updates.this)?,
        next_update: Some(generalized(updates.next)?),
    })
}

/// Whether the request means a certificate of this CA (RFC 6960 section 4.1.1).
fn is_issuer(ca: &Ca, id: &CertId) -> Result<bool, Failure> {
    let algorithm = match id.hash_algorithm.algorithm {
        ID_SHA1 => &SHA1_FOR_LEGACY_USE_ONLY,
        ID_SHA256 => &SHA256,
        _ => return Ok(false),
    };
    Ok(id.issuer_name_hash.as_bytes() == issuer_name_hash(ca, algorithm)?
        && id.issuer_key_hash.as_bytes() == key_hash(ca.key(), algorithm))
}

fn issuer_name_hash(ca: &Ca, algorithm: &'static Algorithm) -> Result<Vec<u8>, Failure> {
    let (_, certificate) = X509Certificate::from_der(ca.certificate()).map_err(|error| Failure(error.to_string()))?;
    Ok(digest(algorithm, certificate.subject().as_raw()).as_ref().to_vec())
}

/// The hash over the BIT STRING's content, without tag, length and number of unused bits.
fn key_hash(key: &KeyPair, algorithm: &'static Algorithm) -> Vec<u8> {
    digest(algorithm, key.public_key_raw()).as_ref().to_vec()
}

fn generalized(unix: u64) -> der::Result<GeneralizedTime> {
    GeneralizedTime::from_unix_duration(Duration::from_secs(unix))
}

/// What a library said.
struct Failure(String);

impl Failure {
    fn into_error(self) -> Error {
        Error::Issue { what: "an OCSP response".to_owned(), reason: self.0 }
    }
}

impl From<der::Error> for Failure {
    fn from(error: der::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<rcgen::Error> for Failure {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}
