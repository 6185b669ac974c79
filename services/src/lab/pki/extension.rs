//! Certificate extensions that rcgen does not write itself.

use der::asn1::{Ia5String, ObjectIdentifier};
use der::{Choice, Encode, Sequence};
use rcgen::CustomExtension;

use super::Pointers;

const AUTHORITY_INFO_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
const OCSP_NO_CHECK: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 5];
const AD_OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
const AD_CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

/// AuthorityInfoAccess (RFC 5280 section 4.2.2.1), or nothing if neither URL is given.
pub(super) fn authority_info_access(pointers: &Pointers) -> der::Result<Option<CustomExtension>> {
    let mut descriptions = Vec::new();
    for (method, url) in [(AD_OCSP, &pointers.ocsp), (AD_CA_ISSUERS, &pointers.ca_issuers)] {
        if let Some(url) = url {
            descriptions.push(AccessDescription { method, location: GeneralName::Uri(Ia5String::new(url)?) });
        }
    }
    if descriptions.is_empty() {
        return Ok(None);
    }
    Ok(Some(CustomExtension::from_oid_content(AUTHORITY_INFO_ACCESS, descriptions.to_der()?)))
}

/// id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1): trust this responder for its whole life.
pub(super) fn ocsp_no_check() -> CustomExtension {
    const NULL: [u8; 2] = [0x05, 0x00];
    CustomExtension::from_oid_content(OCSP_NO_CHECK, NULL.to_vec())
}

#[derive(Sequence)]
struct AccessDescription {
    method: ObjectIdentifier,
    location: GeneralName,
}

#[derive(Choice)]
enum GeneralName {
    #[asn1(context_specific = "6", tag_mode = "IMPLICIT", type = "IA5String")]
    Uri(Ia5String),
}
