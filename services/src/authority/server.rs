//! Puts an authority together from its configuration and runs it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mecai::time::UnixTime;
use thiserror::Error;
use tokio::net::TcpListener;

use super::checks::addresses::{AddressFilter, PortFilter};
use super::checks::chain::{Roots, RootsError};
use super::checks::distrust::DistrustList;
use super::checks::dns::{Dns, ResolverSetup};
use super::checks::evidence_cache::{EvidenceCache, EvidenceLimits};
use super::checks::fetch::Fetcher;
use super::checks::handshake::Handshaker;
use super::checks::hex;
use super::checks::probe::Prober;
use super::checks::revocation::RevocationChecker;
use super::clock::Clock;
use super::config::Config;
use super::database::DatabaseError;
use super::examine::Examiner;
use super::http;
use super::issue::Issuer;
use super::journal::Journal;
use super::key::{KeyError, read_key};
use super::limits::{Limits, Rates};
use super::list::{ListInUse, ListProblem, ListSource};
use super::single_flight::SingleFlight;

/// How often the files of the authority list are looked at.
const LIST_LOOK: Duration = Duration::from_secs(2);
/// How often idle requesters and targets are forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// Why an authority does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The authority list.
    #[error(transparent)]
    List(#[from] ListProblem),
    /// The roots.
    #[error("{}: {cause}", .path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: RootsError,
    },
    /// The file of the roots.
    #[error("{}: {cause}", .path.display())]
    RootsFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The resolvers.
    #[error(transparent)]
    Resolver(#[from] ResolverSetup),
    /// OpenSSL.
    #[error("OpenSSL cannot be set up: {0}")]
    OpenSsl(#[from] openssl::error::ErrorStack),
    /// The listener.
    #[error("{address} cannot be listened on: {cause}")]
    Listen {
        /// Of the configuration.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
}

/// An authority that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    issuer: Issuer,
}

impl Server {
    /// Reads all files, opens the database, and listens.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn bind(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let issuer = issuer(config, clock)?;
        let address = issuer.examiner.config.listen;
        let failed = |cause| StartError::Listen { address, cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, issuer })
    }

    /// Where it listens; the port is the one that the system chose if the configuration says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority's id in lower-case hex.
    #[must_use]
    pub fn id(&self) -> String {
        hex(self.issuer.key.public_key().id())
    }

    /// Answers requests until `stop` is ready, then ends those under way.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let issuer = Arc::new(self.issuer);
        warn_if_not_listed(&issuer);
        let upkeep = tokio::spawn(upkeep(Arc::clone(&issuer)));
        let proxies = issuer.examiner.config.proxies.clone();
        http::serve(self.listener, issuer, proxies, stop).await;
        upkeep.abort();
        // Its share of the journal, which is closed when the last share is gone.
        let _ = upkeep.await;
    }
}

fn issuer(config: Config, clock: Arc<dyn Clock>) -> Result<Issuer, StartError> {
    let key = read_key(&config.key)?;
    let journal = Journal::open(&config.database, config.journal_days)?;
    let distrust = Arc::new(DistrustList::open(&config.database)?);
    let source = ListSource {
        path: config.authorities.clone(),
        keys: config.authorities_keys.clone(),
        operator: config.operator.clone(),
    };
    let list = Arc::new(ListInUse::open(source, &config.database)?);
    let pem =
        std::fs::read(&config.roots).map_err(|cause| StartError::RootsFile { path: config.roots.clone(), cause })?;
    let roots = Roots::from_pem(&pem).map_err(|cause| StartError::Roots { path: config.roots.clone(), cause })?;
    let seconds = |count: std::num::NonZeroU32| Duration::from_secs(count.get().into());
    let (deadlines, limits) = (config.deadlines, config.limits);
    let resolvers: Vec<SocketAddr> = config.resolvers.iter().map(|resolver| resolver.0).collect();
    let dns = Dns::new(&resolvers, seconds(deadlines.dns))?;
    let addresses = Arc::new(AddressFilter::new(config.allow.clone()));
    let fetcher = Fetcher {
        dns: dns.clone(),
        addresses: Arc::clone(&addresses),
        ports: PortFilter::new(config.fetch_ports.iter().copied()),
        deadline: seconds(deadlines.fetch),
    };
    let kept = EvidenceLimits { crl_octets: limits.crl_octets.get(), kept: Duration::from_secs(config.evidence.kept) };
    let revocation = RevocationChecker {
        evidence: EvidenceCache::new(fetcher, Arc::clone(&clock), kept),
        clock: Arc::clone(&clock),
        staple_fresh: config.evidence.staple_fresh,
        deadline: seconds(deadlines.revocation),
    };
    let handshaker = Handshaker::new(seconds(deadlines.connect), limits.handshake_octets.get())?;
    let prober = Prober::new(handshaker, seconds(deadlines.probe), limits.probes_at_once.get());
    let limits = Arc::new(Limits::new(Rates {
        requester: limits.requester_per_minute,
        host: limits.host_per_minute,
        address: limits.address_per_minute,
        at_once: limits.requests_at_once.get(),
    }));
    let ports = PortFilter::new(config.ports.iter().copied());
    let examiner = Examiner { config, clock, dns, addresses, ports, prober, roots, list, distrust, revocation, limits };
    Ok(Issuer { examiner: Arc::new(examiner), key: Arc::new(key), journal, flights: SingleFlight::default() })
}

/// Takes up a new authority list, and forgets idle requesters.
async fn upkeep(issuer: Arc<Issuer>) {
    let mut look = tokio::time::interval(LIST_LOOK);
    let mut forget = tokio::time::interval(FORGET);
    loop {
        tokio::select! {
            _ = look.tick() => refresh(&issuer),
            _ = forget.tick() => issuer.examiner.limits.forget_idle(),
        }
    }
}

fn refresh(issuer: &Issuer) {
    match issuer.examiner.list.refresh() {
        Ok(false) => {}
        Ok(true) => {
            let list = issuer.examiner.list.current();
            tracing::info!(sequence = list.sequence(), expires = %list.expires(), "a new authority list is in use");
            warn_if_not_listed(issuer);
        }
        Err(problem) => tracing::error!(%problem, "the new authority list is not used; the old one stays in use"),
    }
}

/// What this authority signs is worth nothing to clients unless the list has its key.
fn warn_if_not_listed(issuer: &Issuer) {
    let examiner = &issuer.examiner;
    let list = examiner.list.current();
    let id = issuer.key.public_key().id();
    let now = UnixTime(examiner.clock.now());
    let listed = list.authority(id).is_some_and(|(operator, authority)| {
        let operator = list.operators().get(operator);
        operator.is_some_and(|operator| operator.id == examiner.config.operator) && authority.is_valid(now)
    });
    if !listed {
        tracing::warn!(
            authority = hex(id),
            operator = examiner.config.operator,
            sequence = list.sequence(),
            "the authority list does not have this authority's key, valid now, under its operator: clients will not \
             count what it signs"
        );
    }
}
