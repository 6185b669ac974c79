//! One statement, while authorities are asked to endorse it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use mecai::AuthorityId;
use mecai::bundle::assemble_fitting;
use mecai::request::{Question, VoucherRequest};
use mecai::signature::PublicKey;
use mecai::statement::{ADDRESSES_MAX, DecodeError, Proposal, Statement};
use mecai::store::StoredBundle;
use mecai::time::UnixTime;

use super::target::{Key, Timing, Wish};
use super::trouble::Trouble;

/// One statement, while authorities are asked to endorse it.
#[derive(Debug)]
pub(super) struct Round {
    /// Tells answers of this round from those of earlier ones.
    pub(super) number: u64,
    pub(super) began: Instant,
    /// Empty while the addresses are not known yet.
    statement: Vec<u8>,
    /// Whose answer has not come yet.
    waiting: BTreeSet<AuthorityId>,
    endorsements: Vec<(AuthorityId, Vec<u8>)>,
    /// How many of them are in the store.
    stored: usize,
}

impl Round {
    /// A round in which these authorities will be asked.
    pub(super) fn new(number: u64, authorities: Vec<AuthorityId>) -> Self {
        Self {
            number,
            began: Instant::now(),
            statement: Vec::new(),
            waiting: authorities.into_iter().collect(),
            endorsements: Vec::new(),
            stored: 0,
        }
    }

    /// Makes the statement.
    ///
    /// # Errors
    /// `certificate_ended`, or `statement_impossible` for what the configuration's checks let through.
    pub(super) fn propose(
        &mut self,
        key: &Key,
        wish: &Wish,
        addresses: &[IpAddr],
        timing: Timing,
        now: UnixTime,
    ) -> Result<(), Trouble> {
        if wish.ends <= now {
            let sentence = format!("the certificate ended at {}, and it is {now}", wish.ends);
            return Err(Trouble::new("certificate_ended", sentence));
        }
        let proposal = Proposal {
            host: &key.host,
            port: key.port,
            addresses: addresses.get(..ADDRESSES_MAX).unwrap_or(addresses),
            certificate: key.certificate,
            produced_at: now,
            not_after: now.plus(timing.lifetime).min(wish.ends),
            stay: wish.stay,
        };
        let der = proposal.to_der().map_err(|error| Trouble::new("statement_impossible", error.to_string()))?;
        self.statement = der;
        Ok(())
    }

    /// The question to one authority, to be answered by `deadline`.
    pub(super) fn question(
        &self,
        url: &str,
        key: &PublicKey,
        wish: &Wish,
        deadline: UnixTime,
    ) -> Result<Question, Trouble> {
        let make = || {
            let request = VoucherRequest { statement: Statement::from_der(&self.statement)?, protocol: wish.protocol };
            Question::new(url, key, &request, deadline)
        };
        make().map_err(|error| Trouble::new("statement_impossible", error.to_string()))
    }

    /// Whose answer has not come yet.
    pub(super) fn waiting(&self) -> &BTreeSet<AuthorityId> {
        &self.waiting
    }

    /// An authority's answer has come.
    pub(super) fn answered(&mut self, authority: &AuthorityId, endorsement: Option<Vec<u8>>) {
        if self.waiting.remove(authority) {
            self.endorsements.extend(endorsement.map(|endorsement| (*authority, endorsement)));
        }
    }

    /// Whether there are endorsements that are not in the store yet.
    pub(super) fn has_news(&self) -> bool {
        self.endorsements.len() > self.stored
    }

    /// Whether every answer has come and is in the store.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && !self.has_news()
    }

    /// The bundle of what has come so far, and how many endorsements had to be left out for it to fit an answer: of the
    /// same operator (by its index) the later ones first.
    pub(super) fn bundle(
        &mut self,
        operator: impl Fn(&AuthorityId) -> Option<usize>,
    ) -> Result<(StoredBundle, usize), Trouble> {
        let endorsements = self.endorsements.iter().map(|(authority, der)| (operator(authority), der.as_slice()));
        let make = || {
            let (der, left_out) = assemble_fitting(&self.statement, endorsements)?;
            Ok((StoredBundle::from_der(&der)?, left_out))
        };
        let made = make().map_err(|error: DecodeError| Trouble::new("statement_impossible", error.to_string()))?;
        self.stored = self.endorsements.len();
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mecai::bundle::Bundle;
    use mecai::endorsement::{Evidence, Seen, endorse};
    use mecai::extension::write_bundles;
    use mecai::request::Protocol;
    use mecai::signature::SigningKey;

    use super::*;

    const NOW: UnixTime = UnixTime(1_795_478_400);

    fn round(ends: UnixTime) -> Result<Round, Trouble> {
        let key = Key { host: "www.shop.example".to_owned(), port: 443, certificate: [7; 32] };
        let wish = Wish {
            protocol: Protocol::Tls,
            addresses: Vec::new(),
            stay: None,
            ends,
            shown_from: UnixTime(0),
            hurried: false,
        };
        let mut round = Round::new(1, Vec::new());
        let addresses: Vec<IpAddr> = (0..20).map(|last| IpAddr::from([192, 0, 2, last])).collect();
        round.propose(&key, &wish, &addresses, Timing { lifetime: 100, interval: 25 }, NOW)?;
        Ok(round)
    }

    #[test]
    fn a_statement_ends_with_its_certificate() {
        let statement = |ends| round(ends).map(|round| round.statement);
        let long = statement(NOW.plus(1000)).unwrap();
        let long = Statement::from_der(&long).unwrap();
        assert_eq!((long.produced_at(), long.not_after(), long.addresses().len()), (NOW, NOW.plus(100), 16));
        let short = statement(NOW.plus(10)).unwrap();
        assert_eq!(Statement::from_der(&short).unwrap().not_after(), NOW.plus(10));
        assert_eq!(statement(NOW).unwrap_err().code, "certificate_ended");
    }

    #[test]
    fn a_bundle_fits_an_answer_and_leaves_out_second_authorities_first() {
        let mut round = round(NOW.plus(1000)).unwrap();
        // Authorities 2 n and 2 n + 1 belong to operator n.
        let mut operators = Vec::new();
        for number in 0..240 {
            let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
            let statement = round.statement.clone();
            let statement = Statement::from_der(&statement).unwrap();
            let seen = Seen::from_indices([0]).unwrap();
            let endorsement = endorse(&key, &statement, seen, Evidence::Ocsp { age: 7200 }).unwrap();
            let id = *key.public_key().id();
            operators.push((id, number / 2));
            round.waiting.insert(id);
            assert!(!round.has_news() || number > 0);
            round.answered(&id, Some(endorsement));
        }
        let operator =
            |id: &AuthorityId| operators.iter().find(|(known, _)| known == id).map(|(_, operator)| *operator);
        let (stored, left_out) = round.bundle(operator).unwrap();
        assert!(!round.has_news());
        assert!(write_bundles(&[stored.der()]).is_some(), "{} octets", stored.der().len());
        let bundle = Bundle::from_der(stored.der()).unwrap();
        assert_eq!(bundle.endorsement_count() + left_out, 240);
        assert!(bundle.endorsement_count() > 150);
        let vouching: BTreeSet<_> =
            bundle.endorsements().map(|endorsement| operator(endorsement.authority())).collect();
        assert_eq!(vouching.len(), 120);
    }
}
