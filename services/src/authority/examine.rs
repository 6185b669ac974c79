//! All checks of one request, in the order of spec section 9.

use std::net::IpAddr;
use std::sync::Arc;

use mecai::Sha256;
use mecai::chain::{certificate_digest, spki_hash};
use mecai::endorsement::{Evidence, Seen};
use mecai::request::VoucherRequest;
use mecai::statement::Statement;
use mecai::time::UnixTime;
use mecai::verify::CLOCK_TOLERANCE;

use super::checks::addresses::{AddressFilter, PortFilter};
use super::checks::chain::{Roots, VerifiedChain, not_after};
use super::checks::distrust::{DistrustList, Subject};
use super::checks::dns::Dns;
use super::checks::probe::{Prober, seen};
use super::checks::revocation::{Basis, RevocationChecker};
use super::checks::shown::{Shown, Wanted};
use super::checks::{hex, owner};
use super::clock::Clock;
use super::config::Config;
use super::limits::Limits;
use super::list::ListInUse;
use super::refusal::Refusal;

/// What the checks found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The addresses at which the certificate was seen.
    pub seen: Seen,
    /// What the revocation check rests on.
    pub evidence: Evidence,
    /// What of the chain and the handshakes may be distrusted, for a last look before signing.
    pub subjects: Vec<Subject>,
}

/// Looks at everything that a statement claims.
pub struct Examiner {
    /// The configuration.
    pub config: Config,
    /// The authority's clock.
    pub clock: Arc<dyn Clock>,
    /// Resolves the hosts of statements.
    pub dns: Dns,
    /// Which addresses may be connected to.
    pub addresses: Arc<AddressFilter>,
    /// Which ports may be connected to.
    pub ports: PortFilter,
    /// Makes handshakes.
    pub prober: Prober,
    /// The roots that are trusted.
    pub roots: Roots,
    /// The authority list.
    pub list: Arc<ListInUse>,
    /// What is distrusted.
    pub distrust: Arc<DistrustList>,
    /// Seeks evidence that certificates are not revoked.
    pub revocation: RevocationChecker,
    /// Who may use how much.
    pub limits: Arc<Limits>,
}

impl Examiner {
    /// The checks that need no network.
    ///
    /// # Errors
    /// The first that fails.
    pub fn check_request(&self, request: &VoucherRequest<'_>) -> Result<(), Refusal> {
        let statement = &request.statement;
        if !self.config.protocols.contains(&request.protocol) {
            return Err(Refusal::Protocol(request.protocol));
        }
        self.ports.check(statement.port())?;
        if self.config.refuses(statement.host()) {
            return Err(Refusal::Host(statement.host().to_owned()));
        }
        let (produced_at, now) = (statement.produced_at(), UnixTime(self.clock.now()));
        if produced_at.since(now).max(now.since(produced_at)) > CLOCK_TOLERANCE {
            return Err(Refusal::Clock { produced_at, now });
        }
        let (lifetime, limit) = (statement.not_after().since(produced_at), self.config.max_lifetime);
        if lifetime > limit {
            return Err(Refusal::TooLongLived { lifetime, limit });
        }
        self.limits.host(statement.host(), statement.port())?;
        Ok(())
    }

    /// The checks that look at the network.
    ///
    /// # Errors
    /// The first that fails.
    pub async fn look(&self, request: &VoucherRequest<'_>) -> Result<Found, Refusal> {
        let (statement, protocol) = (&request.statement, request.protocol);
        let addresses = self.addresses(statement).await?;
        let host = statement.host();
        let (certificate, port, now) = (*statement.certificate(), statement.port(), UnixTime(self.clock.now()));
        let sightings = self.prober.probe(&addresses, &Wanted { certificate, host, port, protocol, now }).await;
        let sightings = seen(sightings, certificate)?;
        for (address, shown) in &sightings {
            tracing::debug!(host, port, %address, way = %shown.way, version = shown.version, "the certificate was seen");
        }
        self.check_end(statement, &sightings)?;
        let (good, chains) = self.verify(host, &sightings)?;
        let mut subjects = self.check_owners(&chains)?;
        subjects.extend(handshake_keys(&sightings));
        self.distrust.check(&subjects)?;
        let evidence = self.check_revocation(statement, &chains, &sightings).await?;
        let indices = statement.addresses().enumerate().filter(|(_, address)| good.contains(address));
        let seen = Seen::from_indices(indices.map(|(index, _)| index))
            .ok_or_else(|| Refusal::Internal("no address of the statement is among those seen".to_owned()))?;
        Ok(Found { seen, evidence, subjects })
    }

    /// The addresses to probe: those of the statement that are in this authority's own DNS answer and not special.
    async fn addresses(&self, statement: &Statement<'_>) -> Result<Vec<IpAddr>, Refusal> {
        let answer = self.dns.addresses(statement.host()).await?;
        let common: Vec<IpAddr> = statement.addresses().filter(|address| answer.contains(address)).collect();
        if common.is_empty() {
            return Err(Refusal::AddressMismatch {
                host: statement.host().to_owned(),
                answer,
                statement: statement.addresses().collect(),
            });
        }
        let mut refused = None;
        let mut passed = Vec::new();
        for address in common {
            match self.addresses.check(address) {
                Ok(()) => passed.push(address),
                Err(cause) => refused = Some(cause),
            }
        }
        if let (true, Some(cause)) = (passed.is_empty(), refused) {
            return Err(cause.into());
        }
        for address in &passed {
            self.limits.address(*address)?;
        }
        Ok(passed)
    }

    /// The statement must not outlive the certificate.
    fn check_end(&self, statement: &Statement<'_>, sightings: &[(IpAddr, Shown)]) -> Result<(), Refusal> {
        let leaf = sightings.iter().find_map(|(_, shown)| shown.chain.first());
        let certificate = not_after(leaf.map_or(&[], Vec::as_slice))?;
        if statement.not_after() > certificate {
            return Err(Refusal::OutlivesCertificate { not_after: statement.not_after(), certificate });
        }
        Ok(())
    }

    /// Servers behind one name may present different intermediates: those whose chain is good are seen, and all their
    /// chains are judged further.
    fn verify(&self, host: &str, sightings: &[(IpAddr, Shown)]) -> Result<(Vec<IpAddr>, Vec<VerifiedChain>), Refusal> {
        let now = self.clock.now();
        let mut good = Vec::new();
        let mut chains: Vec<VerifiedChain> = Vec::new();
        let mut failure = None;
        for (address, shown) in sightings {
            match self.roots.verify(&shown.chain, host, now) {
                Ok(chain) => {
                    good.push(*address);
                    if !chains.contains(&chain) {
                        chains.push(chain);
                    }
                }
                Err(cause) => failure = failure.or(Some(cause)),
            }
        }
        match failure {
            Some(cause) if good.is_empty() => Err(cause.into()),
            _ => Ok((good, chains)),
        }
    }

    /// Everything of the chains that may be distrusted, provided that the own operator owns none of it.
    fn check_owners(&self, chains: &[VerifiedChain]) -> Result<Vec<Subject>, Refusal> {
        let list = self.list.current();
        let now = UnixTime(self.clock.now());
        if now > list.expires() {
            let expires = list.expires();
            return Err(Refusal::Internal(format!("the authority list expired {expires}; it is {now} now")));
        }
        let mut subjects = Vec::new();
        for chain in chains {
            let owners = owner::check(&list, &chain.digests()?, &self.config.operator)?;
            subjects.extend(owners.into_iter().map(Subject::Operator));
            for certificate in chain.certificates() {
                subjects.push(Subject::Certificate(certificate_digest(certificate)));
                subjects.extend(spki_hash(certificate).map(Subject::Key));
            }
        }
        Ok(subjects)
    }

    async fn check_revocation(
        &self,
        statement: &Statement<'_>,
        chains: &[VerifiedChain],
        sightings: &[(IpAddr, Shown)],
    ) -> Result<Evidence, Refusal> {
        let mut staples: Vec<Vec<u8>> = sightings.iter().filter_map(|(_, shown)| shown.ocsp.clone()).collect();
        staples.sort_unstable();
        staples.dedup();
        let produced_at = statement.produced_at();
        let mut evidence = None;
        for chain in chains {
            let basis = self.revocation.check(chain, &staples, produced_at.0).await;
            let basis = basis.inspect_err(|failure| {
                if let Some(key) = failure.compromised_key() {
                    self.remember_compromised(key, statement.certificate());
                }
            })?;
            // The end entity is the same in all chains, so the first says it.
            evidence.get_or_insert(basis);
        }
        let age = |this_update: u64| {
            let age = produced_at.since(UnixTime(this_update));
            u32::try_from(age).map_err(|_| Refusal::Internal(format!("evidence of age {age} s was not refused")))
        };
        Ok(match evidence {
            Some(Basis::Ocsp(this_update)) => Evidence::Ocsp { age: age(this_update)? },
            Some(Basis::Crl(this_update)) => Evidence::Crl { age: age(this_update)? },
            Some(Basis::ShortLived) => Evidence::ShortLived,
            None => return Err(Refusal::Internal("there was no chain to check".to_owned())),
        })
    }

    /// A key that others may hold is good under no certificate.
    fn remember_compromised(&self, key: Sha256, certificate: &Sha256) {
        let reason = format!("revoked for key compromise, seen in the chain of the certificate {}", hex(certificate));
        if let Err(cause) = self.distrust.add(&Subject::Key(key), &reason, UnixTime(self.clock.now())) {
            tracing::error!(%cause, key = hex(&key), "a compromised key could not be remembered");
        }
    }
}

/// The keys of the handshakes that showed the certificate: the chain of a staged one does not have them. Whoever stole
/// such a key could show what was staged beside it.
fn handshake_keys(sightings: &[(IpAddr, Shown)]) -> impl Iterator<Item = Subject> {
    sightings.iter().filter_map(|(_, shown)| shown.handshake_key).map(Subject::Key)
}
