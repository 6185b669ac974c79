//! A CA's revocation list (RFC 5280 section 5).

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevocationReason, RevokedCertParams, SerialNumber,
};

use super::super::Error;
use super::super::pki::{Ca, date_time};
use super::status::CrlBehaviour;

/// The CRL as of now, DER.
pub(super) fn issue(ca: &Ca, behaviour: CrlBehaviour) -> Result<Vec<u8>, Error> {
    let updates = ca.status().updates(behaviour == CrlBehaviour::Expired);
    let revoked = |(serial, at, reason): (Vec<u8>, u64, RevocationReason)| {
        Ok(RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time(at)?,
            // RFC 5280 section 5.3.1: absent rather than unspecified.
            reason_code: Some(reason).filter(|reason| *reason != RevocationReason::Unspecified),
            invalidity_date: None,
        })
    };
    let list = CertificateRevocationListParams {
        this_update: date_time(updates.this)?,
        next_update: date_time(updates.next)?,
        crl_number: SerialNumber::from(ca.status().next_crl_number()),
        issuing_distribution_point: None,
        revoked_certs: ca.status().revoked().into_iter().map(revoked).collect::<Result<_, Error>>()?,
        // The CA's, whoever signs: a wrong signer lies about it.
        key_identifier_method: KeyIdMethod::PreSpecified(ca.params().key_identifier(ca.key())),
    };
    let signed = match behaviour {
        CrlBehaviour::WrongSigner => {
            KeyPair::generate().and_then(|stranger| list.signed_by(&Issuer::from_params(ca.params(), &stranger)))
        }
        _ => list.signed_by(&Issuer::from_params(ca.params(), ca.key())),
    };
    signed
        .map(|list| list.der().to_vec())
        .map_err(|error| Error::Issue { what: "a CRL".to_owned(), reason: error.to_string() })
}
