//! An operator: an organisation with CAs and a revocation server.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::pki::{Ca, Issued, Leaf, Subject, Validity};
use super::{Error, RevocationServer};

/// A world's operators come from these countries in turn, and look at the network from these regions.
const COUNTRIES: [(&str, &str); 3] = [("DE", "EU"), ("US", "NA"), ("JP", "AS")];
const ROOT_LIFE_SECONDS: u64 = 20 * 365 * 24 * 3600;
const INTERMEDIATE_LIFE_SECONDS: u64 = 5 * 365 * 24 * 3600;

/// An operator with a root, an intermediate below it, and a server that answers OCSP and CRL requests for both.
#[derive(Debug)]
pub struct Operator {
    id: String,
    name: String,
    country: &'static str,
    region: &'static str,
    root: Arc<Ca>,
    intermediate: Arc<Ca>,
    /// Intermediates that it owns below roots of others.
    foreign: Mutex<Vec<Arc<Ca>>>,
    /// The SPKI hashes of CA certificates of its that were made elsewhere.
    adopted: Mutex<Vec<[u8; 32]>>,
    revocation: RevocationServer,
}

impl Operator {
    /// The operator in place `index` of a world, from 0, with its server on a free port of `ip`.
    pub(super) fn start(index: usize, ip: IpAddr) -> Result<Self, Error> {
        let (id, name) = id_and_name(index);
        let (country, region) = COUNTRIES[index % COUNTRIES.len()];
        let revocation = RevocationServer::start(ip)?;
        let subject = |what: &str| Subject {
            name: format!("{name} {what}"),
            organization: name.clone(),
            country: country.into(),
        };
        let root = Ca::root(&subject("Root"), Validity::seconds(ROOT_LIFE_SECONDS), revocation.pointers("root"))?;
        let intermediate = root.intermediate(
            &subject("Intermediate"),
            Validity::seconds(INTERMEDIATE_LIFE_SECONDS),
            revocation.pointers("intermediate"),
        )?;
        let (root, intermediate) = (Arc::new(root), Arc::new(intermediate));
        revocation.publish("root", Arc::clone(&root));
        revocation.publish("intermediate", Arc::clone(&intermediate));
        Ok(Self {
            id,
            name,
            country,
            region,
            root,
            intermediate,
            foreign: Mutex::default(),
            adopted: Mutex::default(),
            revocation,
        })
    }

    /// `operator-a` for the first; `operator-27` after `operator-z`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `Operator A`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Two letters.
    pub fn country(&self) -> &str {
        self.country
    }

    /// Where its authority looks at the network from: EU, NA or AS.
    pub fn region(&self) -> &str {
        self.region
    }

    /// The root CA, which issues intermediates only.
    pub fn root(&self) -> &Arc<Ca> {
        &self.root
    }

    /// The CA that issues its customers' certificates.
    pub fn intermediate(&self) -> &Arc<Ca> {
        &self.intermediate
    }

    /// The server for OCSP, CRLs and CA certificates.
    pub fn revocation(&self) -> &RevocationServer {
        &self.revocation
    }

    /// An end-entity certificate by the intermediate.
    ///
    /// # Errors
    /// As [`Ca::issue`].
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued, Error> {
        self.intermediate.issue(leaf)
    }

    /// The chain, PEM, of an end-entity certificate by the intermediate, as a certificate signing request asks for it.
    ///
    /// # Errors
    /// As [`Ca::issue_for`].
    pub fn issue_for(&self, request: &str) -> Result<String, Error> {
        self.intermediate.issue_for(request)
    }

    /// A new intermediate that this operator owns, below the root of `other`: the certificates that it issues have
    /// their status at this operator's server, its own certificate at that of `other`.
    ///
    /// # Errors
    /// [`Error::Issue`] with the library's reason.
    pub fn intermediate_below(&self, other: &Self) -> Result<Arc<Ca>, Error> {
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        let path = format!("below-{}-{}", other.id, foreign.len() + 1);
        let subject = Subject {
            name: format!("{} Intermediate below {}", self.name, other.name),
            organization: self.name.clone(),
            country: self.country.to_owned(),
        };
        let validity = Validity::seconds(INTERMEDIATE_LIFE_SECONDS);
        let ca = Arc::new(other.root.intermediate(&subject, validity, self.revocation.pointers(&path))?);
        self.revocation.publish(&path, Arc::clone(&ca));
        foreign.push(Arc::clone(&ca));
        Ok(ca)
    }

    /// SHA-256 of the SubjectPublicKeyInfo of every CA key that it owns: root, intermediate, any intermediates below
    /// others' roots, and what it has adopted.
    pub fn ca_keys(&self) -> Vec<[u8; 32]> {
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        let adopted = self.adopted.lock().unwrap_or_else(PoisonError::into_inner);
        let own = [&self.root, &self.intermediate].into_iter().chain(foreign.iter()).map(|ca| ca.spki_sha256());
        own.chain(adopted.iter().copied()).collect()
    }

    /// It owns this CA key too, by its SPKI hash.
    pub(super) fn adopt(&self, spki_sha256: [u8; 32]) {
        self.adopted.lock().unwrap_or_else(PoisonError::into_inner).push(spki_sha256);
    }
}

fn id_and_name(index: usize) -> (String, String) {
    match u8::try_from(index).ok().filter(|index| *index < 26) {
        Some(letter) => {
            (format!("operator-{}", char::from(b'a' + letter)), format!("Operator {}", char::from(b'A' + letter)))
        }
        None => (format!("operator-{}", index + 1), format!("Operator {}", index + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::id_and_name;

    #[test]
    fn ids_are_letters_then_numbers() {
        let id = |index| id_and_name(index).0;
        assert_eq!([id(0), id(25), id(26), id(299)], ["operator-a", "operator-z", "operator-27", "operator-300"]);
        assert_eq!(id_and_name(11).1, "Operator L");
    }
}
