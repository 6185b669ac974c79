//! The addresses of a name, as the authority's own resolvers see them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use mecai::request::Problem;
use thiserror::Error;

/// Positive answers are kept no longer than this, whatever their TTL says: a voucher speaks of now.
const CACHE_POSITIVE: Duration = Duration::from_secs(60);
/// Negative answers are kept no longer than this, so that a new name is found soon.
const CACHE_NEGATIVE: Duration = Duration::from_secs(5);
/// How long one resolver may take before the question is asked again.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DnsFailure {
    /// The name does not exist (NXDOMAIN).
    #[error("the name {host} does not exist")]
    NoSuchName {
        /// The name that was asked for.
        host: String,
    },
    /// The name exists and has neither A nor AAAA records.
    #[error("the name {host} has no address")]
    NoAddress {
        /// The name that was asked for.
        host: String,
    },
    /// No resolver gave an answer that says either.
    #[error("no resolver answered for {host}: {cause}")]
    Failed {
        /// The name that was asked for.
        host: String,
        /// What the resolver library says.
        cause: String,
    },
    /// The deadline passed.
    #[error("no resolver answered for {host} within {} s", .deadline.as_secs_f32())]
    Timeout {
        /// The name that was asked for.
        host: String,
        /// The deadline.
        deadline: Duration,
    },
}

impl DnsFailure {
    /// What an authority answers for it (spec 9).
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::NoSuchName { .. } | Self::NoAddress { .. } => Problem::NoAddress,
            Self::Failed { .. } | Self::Timeout { .. } => Problem::DnsFailed,
        }
    }
}

/// Resolvers that could not be set up.
#[derive(Debug, Error)]
#[error("the resolvers cannot be used: {0}")]
pub struct ResolverSetup(#[from] NetError);

/// Asks for the addresses of names.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
    deadline: Duration,
}

impl Dns {
    /// Asks `resolvers` (UDP, then TCP for what does not fit), or those of the system if there are none; no answer
    /// takes longer than `deadline`. The system's hosts file is never read: it is not what others see.
    ///
    /// # Errors
    /// [`ResolverSetup`] if the system's configuration cannot be read.
    pub fn new(resolvers: &[SocketAddr], deadline: Duration) -> Result<Self, ResolverSetup> {
        let mut builder = if resolvers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = resolvers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
                    .into_iter()
                    .map(|mut connection| {
                        connection.port = server.port();
                        connection
                    })
                    .collect();
                NameServerConfig::new(server.ip(), true, connections)
            });
            TokioResolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), servers.collect()),
                TokioRuntimeProvider::default(),
            )
        };
        set_options(builder.options_mut());
        Ok(Self { resolver: builder.build()?, deadline })
    }

    /// All addresses of `host`, ascending, without duplicates; IPv4-mapped ones are dropped, since a statement cannot
    /// name them (spec 1). A host that is an address is its own answer.
    ///
    /// # Errors
    /// [`DnsFailure`]; one record type that fails is no failure while the other gives addresses.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsFailure> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = Name::from_ascii(format!("{host}."))
            .map_err(|cause| DnsFailure::Failed { host: host.to_owned(), cause: cause.to_string() })?;
        let both = async { tokio::join!(self.records(&name, RecordType::A), self.records(&name, RecordType::AAAA)) };
        let (v4, v6) = tokio::time::timeout(self.deadline, both)
            .await
            .map_err(|_| DnsFailure::Timeout { host: host.to_owned(), deadline: self.deadline })?;
        merge(host, v4, v6)
    }

    async fn records(&self, name: &Name, kind: RecordType) -> Result<Vec<IpAddr>, NetError> {
        let lookup = self.resolver.lookup(name.clone(), kind).await?;
        Ok(lookup
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                _ => None,
            })
            .collect())
    }
}

fn set_options(options: &mut ResolverOpts) {
    options.timeout = ATTEMPT;
    options.attempts = 2;
    options.use_hosts_file = ResolveHosts::Never;
    options.positive_max_ttl = Some(CACHE_POSITIVE);
    options.negative_max_ttl = Some(CACHE_NEGATIVE);
    options.try_tcp_on_error = true;
}

fn merge(
    host: &str,
    v4: Result<Vec<IpAddr>, NetError>,
    v6: Result<Vec<IpAddr>, NetError>,
) -> Result<Vec<IpAddr>, DnsFailure> {
    let mut addresses = Vec::new();
    let mut missing = false;
    let mut failure = None;
    for answer in [v4, v6] {
        match answer {
            Ok(found) => addresses.extend(found),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                missing |= none.response_code == ResponseCode::NXDomain;
                if !matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain) {
                    failure.get_or_insert_with(|| format!("answer {}", none.response_code));
                }
            }
            Err(cause) => {
                failure.get_or_insert_with(|| cause.to_string());
            }
        }
    }
    addresses.retain(|address| !matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some()));
    addresses.sort_unstable();
    addresses.dedup();
    let host = host.to_owned();
    match (addresses.is_empty(), missing, failure) {
        (false, _, _) => Ok(addresses),
        (true, true, _) => Err(DnsFailure::NoSuchName { host }),
        (true, false, Some(cause)) => Err(DnsFailure::Failed { host, cause }),
        (true, false, None) => Err(DnsFailure::NoAddress { host }),
    }
}
