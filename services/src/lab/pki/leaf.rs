//! End-entity certificates: what to ask a CA for, and what one gets.

use data_encoding::BASE64;

use super::{Pointers, Validity};

/// A request for an end-entity certificate. Nothing in it is checked: the lab issues bad certificates too.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub(super) names: Vec<String>,
    pub(super) validity: Validity,
    pub(super) key_pem: Option<String>,
    pub(super) pointers: Option<Pointers>,
}

impl Leaf {
    /// A certificate for these DNS names and IP literals: valid for 90 days, on a fresh ECDSA P-256 key, with every
    /// pointer of the issuing CA.
    pub fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            validity: Validity::default(),
            key_pem: None,
            pointers: None,
        }
    }

    /// Valid for `seconds` from now on.
    #[must_use]
    pub fn lifetime(self, seconds: u64) -> Self {
        self.validity(Validity::seconds(seconds))
    }

    /// Valid as given: in the past, for instance.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// On the given private key (PKCS #8, PEM) instead of a fresh one.
    #[must_use]
    pub fn key(mut self, key_pem: impl Into<String>) -> Self {
        self.key_pem = Some(key_pem.into());
        self
    }

    /// With these pointers instead of the issuing CA's; [`Pointers::default`] has none.
    #[must_use]
    pub fn pointers(mut self, pointers: Pointers) -> Self {
        self.pointers = Some(pointers);
        self
    }
}

/// An end-entity certificate with its key and its chain.
#[derive(Clone, Debug)]
pub struct Issued {
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) key_pem: String,
    pub(super) serial: Vec<u8>,
}

impl Issued {
    /// The end-entity certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.chain[0]
    }

    /// The chain as a server sends it, DER: the end-entity certificate, then its issuers, without the root.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The chain as a server sends it, PEM.
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|der| certificate_pem(der)).collect()
    }

    /// Makes a server send one more certificate, DER, at the end of the chain: a cross-certificate.
    pub fn append(&mut self, certificate: Vec<u8>) {
        self.chain.push(certificate);
    }

    /// The private key, PKCS #8 in PEM.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The serial number: 16 octets.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }
}

/// One certificate in PEM (RFC 7468): base64 in lines of 64 characters.
pub(super) fn certificate_pem(der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for start in (0..text.len()).step_by(64) {
        pem.push_str(&text[start..text.len().min(start + 64)]);
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
