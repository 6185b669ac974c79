//! A server as authorities see it, by the rules of spec sections 3, 5 and 12: its certificate, and what the store holds
//! beside it.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use mecai::Sha256;
use mecai::chain::{certificate_digest, spki, spki_hash};
use mecai::key_proof::KeyProof;
use mecai::request::Problem;
use mecai::statement::Statement;
use mecai::store::Store;

use super::now;

/// Servers look at a file of the store once in so many seconds.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What it serves at the moment.
#[derive(Debug)]
pub struct Server {
    store: PathBuf,
    /// SHA-256 of the certificate of its handshakes, and the SPKI hash of its key.
    shown: Mutex<(Sha256, Sha256)>,
    distrusted: Mutex<Vec<Sha256>>,
    own: Mutex<Vec<Sha256>>,
}

impl Server {
    pub fn new(store: PathBuf, pem: &[u8]) -> Self {
        Self { store, shown: Mutex::new(read(pem)), distrusted: Mutex::default(), own: Mutex::default() }
    }

    /// Lets it use another certificate.
    pub fn show(&self, pem: &[u8]) {
        *self.shown.lock().unwrap() = read(pem);
    }

    /// Lets authorities distrust a certificate.
    pub fn distrust(&self, certificate: Sha256) {
        self.distrusted.lock().unwrap().push(certificate);
    }

    /// Lets authorities find themselves among the owners of a certificate.
    pub fn owned(&self, certificate: Sha256) {
        self.own.lock().unwrap().push(certificate);
    }

    /// What an authority says of a statement.
    pub fn judge(&self, statement: &Statement<'_>) -> Result<(), (Problem, String)> {
        if !self.shows(statement) {
            return Err((Problem::WrongCertificate, "another one was shown".to_owned()));
        }
        if self.own.lock().unwrap().contains(statement.certificate()) {
            return Err((Problem::OwnOperator, "it issued it".to_owned()));
        }
        if self.distrusted.lock().unwrap().contains(statement.certificate()) {
            return Err((Problem::Distrusted, "its operator was hacked".to_owned()));
        }
        Ok(())
    }

    fn shows(&self, statement: &Statement<'_>) -> bool {
        let (certificate, key) = *self.shown.lock().unwrap();
        if *statement.certificate() == certificate {
            return true;
        }
        // What was written just now is not read yet.
        let store = Store::new(&self.store);
        let written = std::fs::metadata(store.path(&certificate)).and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_none_or(|age| age < LOOK_EVERY) {
            return false;
        }
        let Some(contents) = store.read(&certificate).unwrap() else { return false };
        let is_it = |chain: &[Vec<u8>]| certificate_digest(&chain[0]) == *statement.certificate();
        if let Some(alternate) = contents.alternate().filter(|alternate| is_it(&alternate.chain)) {
            return spki_hash(&alternate.chain[0]) == Some(key);
        }
        contents.staged().iter().filter(|staged| is_it(&staged.chain)).any(|staged| {
            let proof = KeyProof::from_der(&staged.key_proof).unwrap();
            let claim = proof.claim();
            claim.host == statement.host()
                && claim.port == statement.port()
                && claim.handshake_key == key
                && claim.certificate == *statement.certificate()
                && (claim.not_before..=claim.not_after).contains(&now())
                && proof.verify(spki(&staged.chain[0]).unwrap()).is_ok()
        })
    }
}

/// Digest and SPKI hash of the first certificate.
fn read(pem: &[u8]) -> (Sha256, Sha256) {
    let pem = x509_parser::pem::Pem::iter_from_buffer(pem).next().unwrap().unwrap();
    (certificate_digest(&pem.contents), spki_hash(&pem.contents).unwrap())
}
