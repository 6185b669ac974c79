//! A CA: its key, its certificate, and what it issues.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CrlDistributionPoint, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use ring::digest::{SHA256, digest};

use super::super::Error;
use super::super::revocation::Status;
use super::extension::{authority_info_access, ocsp_no_check};
use super::leaf::certificate_pem;
use super::{Issued, Leaf, Pointers, Validity, date_time, random_serial};

/// Whom a CA certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Common name.
    pub name: String,
    /// Organisation: the operator.
    pub organization: String,
    /// Country: two letters.
    pub country: String,
}

/// A certificate authority's key and certificate (ECDSA P-256), root or intermediate, and the status of everything
/// that it has issued.
#[derive(Debug)]
pub struct Ca {
    params: CertificateParams,
    key: KeyPair,
    certificate: Vec<u8>,
    serial: Vec<u8>,
    /// What a server sends after the end-entity certificate: this CA's certificate and those above it but the root's.
    path: Vec<Vec<u8>>,
    pointers: Pointers,
    status: Status,
}

impl Ca {
    /// A self-signed root. The certificates that it issues carry `pointers`.
    ///
    /// # Errors
    /// [`Error::Issue`] with the library's reason.
    pub fn root(subject: &Subject, validity: Validity, pointers: Pointers) -> Result<Self, Error> {
        let what = || format!("the root {}", subject.name);
        let key = fresh_key()?;
        let params = ca_params(subject, validity, BasicConstraints::Unconstrained)?;
        let certificate = params.self_signed(&key).map_err(failed(&what))?.der().to_vec();
        Ok(Self::from_parts(params, key, certificate, Vec::new(), pointers))
    }

    /// An intermediate on a fresh key, signed by this CA. What it issues carries `pointers`; its own certificate
    /// carries this CA's.
    ///
    /// # Errors
    /// [`Error::Issue`] with the library's reason.
    pub fn intermediate(&self, subject: &Subject, validity: Validity, pointers: Pointers) -> Result<Self, Error> {
        let what = || format!("the intermediate {}", subject.name);
        let key = fresh_key()?;
        let mut params = ca_params(subject, validity, BasicConstraints::Constrained(0))?;
        add_pointers(&mut params, &self.pointers).map_err(failed(&what))?;
        let certificate = self.sign(&mut params, &key).map_err(failed(&what))?;
        let mut path = vec![certificate.clone()];
        path.extend_from_slice(&self.path);
        Ok(Self::from_parts(params, key, certificate, path, pointers))
    }

    /// A certificate, signed by this CA, for the name and key of `other`, usually a root of another operator. DER.
    ///
    /// # Errors
    /// [`Error::Issue`] with the library's reason.
    pub fn cross_sign(&self, other: &Self, validity: Validity) -> Result<Vec<u8>, Error> {
        let what = || "a cross-certificate".to_owned();
        let mut params = other.params.clone();
        params.not_before = date_time(validity.not_before)?;
        params.not_after = date_time(validity.not_after)?;
        params.serial_number = Some(random_serial());
        params.custom_extensions.clear();
        params.crl_distribution_points.clear();
        add_pointers(&mut params, &self.pointers).map_err(failed(&what))?;
        self.sign(&mut params, &other.key).map_err(failed(&what))
    }

    /// An end-entity certificate as asked for.
    ///
    /// # Errors
    /// [`Error::Issue`] when a name cannot be written into a certificate or the given key cannot be read.
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued, Error> {
        let what = || format!("a certificate for {}", leaf.names.join(", "));
        let key = match &leaf.key_pem {
            Some(pem) => KeyPair::from_pem(pem).map_err(failed(&what))?,
            None => fresh_key()?,
        };
        let mut params = CertificateParams::new(leaf.names.clone()).map_err(failed(&what))?;
        params.distinguished_name = DistinguishedName::new();
        // A common name holds 64 characters at most (RFC 5280 appendix A.1, ub-common-name).
        if let Some(name) = leaf.names.first().filter(|name| name.len() <= 64) {
            params.distinguished_name.push(DnType::CommonName, name.as_str());
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.finish_end_entity(&mut params, leaf.validity)?;
        add_pointers(&mut params, leaf.pointers.as_ref().unwrap_or(&self.pointers)).map_err(failed(&what))?;
        self.sign_end_entity(params, key, &what)
    }

    /// The chain, PEM, of an end-entity certificate for the key and the names of a certificate signing request (PKCS#10,
    /// PEM), valid for 90 days. The request's signature is checked: who asks has the key.
    ///
    /// # Errors
    /// [`Error::Issue`] when it cannot be read, is not signed by its own key, or asks for an extension that is unknown
    /// here.
    pub fn issue_for(&self, request: &str) -> Result<String, Error> {
        let what = || "what a certificate signing request asks for".to_owned();
        let CertificateSigningRequestParams { mut params, public_key } =
            CertificateSigningRequestParams::from_pem(request).map_err(failed(&what))?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.finish_end_entity(&mut params, Validity::default())?;
        add_pointers(&mut params, &self.pointers).map_err(failed(&what))?;
        let certificate = self.sign(&mut params, &public_key).map_err(failed(&what))?;
        Ok(std::iter::once(&certificate).chain(&self.path).map(|der| certificate_pem(der)).collect())
    }

    /// A delegated OCSP responder's certificate (RFC 6960 section 4.2.2.2): it may sign for this CA.
    pub(in crate::lab) fn issue_responder(&self, validity: Validity) -> Result<Issued, Error> {
        let what = || "a certificate for a delegated OCSP responder".to_owned();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "OCSP responder");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        params.custom_extensions.push(ocsp_no_check());
        self.finish_end_entity(&mut params, validity)?;
        self.sign_end_entity(params, fresh_key()?, &what)
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate, PEM.
    pub fn certificate_pem(&self) -> String {
        certificate_pem(&self.certificate)
    }

    /// The serial number of its own certificate.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The private key, PKCS #8 in PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn spki_sha256(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &self.key.subject_public_key_info()).as_ref());
        hash
    }

    /// What the certificates that it issues say about where their status is.
    pub fn pointers(&self) -> &Pointers {
        &self.pointers
    }

    /// What its revocation server says, which can be changed at any time.
    pub fn status(&self) -> &Status {
        &self.status
    }

    pub(in crate::lab) fn key(&self) -> &KeyPair {
        &self.key
    }

    pub(in crate::lab) fn params(&self) -> &CertificateParams {
        &self.params
    }

    fn from_parts(
        params: CertificateParams,
        key: KeyPair,
        certificate: Vec<u8>,
        path: Vec<Vec<u8>>,
        pointers: Pointers,
    ) -> Self {
        let serial = params.serial_number.as_ref().map(rcgen::SerialNumber::to_bytes).unwrap_or_default();
        Self { params, key, certificate, serial, path, pointers, status: Status::default() }
    }

    fn finish_end_entity(&self, params: &mut CertificateParams, validity: Validity) -> Result<(), Error> {
        params.not_before = date_time(validity.not_before)?;
        params.not_after = date_time(validity.not_after)?;
        params.serial_number = Some(random_serial());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        Ok(())
    }

    fn sign_end_entity(
        &self,
        mut params: CertificateParams,
        key: KeyPair,
        what: &dyn Fn() -> String,
    ) -> Result<Issued, Error> {
        let mut chain = vec![self.sign(&mut params, &key).map_err(failed(what))?];
        chain.extend_from_slice(&self.path);
        let serial = params.serial_number.map(|serial| serial.to_bytes()).unwrap_or_default();
        Ok(Issued { chain, key_pem: key.serialize_pem(), serial })
    }

    /// Signs, and writes the serial number into the books that OCSP and CRL answer from.
    fn sign(&self, params: &mut CertificateParams, key: &impl PublicKeyData) -> Result<Vec<u8>, rcgen::Error> {
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(key, &issuer)?.der().to_vec();
        if let Some(serial) = &params.serial_number {
            self.status.record(serial.to_bytes());
        }
        Ok(certificate)
    }
}

fn ca_params(subject: &Subject, validity: Validity, depth: BasicConstraints) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, subject.country.as_str());
    params.distinguished_name.push(DnType::OrganizationName, subject.organization.as_str());
    params.distinguished_name.push(DnType::CommonName, subject.name.as_str());
    params.not_before = date_time(validity.not_before)?;
    params.not_after = date_time(validity.not_after)?;
    params.serial_number = Some(random_serial());
    params.is_ca = IsCa::Ca(depth);
    // digitalSignature, as the CA's own key signs OCSP responses (RFC 5280 section 4.2.1.3).
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn add_pointers(params: &mut CertificateParams, pointers: &Pointers) -> der::Result<()> {
    params.custom_extensions.extend(authority_info_access(pointers)?);
    if let Some(url) = &pointers.crl {
        params.crl_distribution_points.push(CrlDistributionPoint { uris: vec![url.clone()] });
    }
    Ok(())
}

fn fresh_key() -> Result<KeyPair, Error> {
    KeyPair::generate().map_err(failed(&|| "a key".to_owned()))
}

fn failed<E: std::fmt::Display>(what: &dyn Fn() -> String) -> impl FnOnce(E) -> Error {
    move |reason| Error::Issue { what: what(), reason: reason.to_string() }
}
