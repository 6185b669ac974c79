//! Vouchers as the agent would have collected them.

use std::error::Error;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use mecai::Sha256;
use mecai::bundle::assemble;
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::signature::SigningKey;
use mecai::statement::{LIFETIME_MAX, Proposal, Statement};
use mecai::store::{Contents, StoredBundle};
use mecai::time::UnixTime;

/// The first is where the servers listen.
const ADDRESSES: [&str; 2] = ["127.0.0.1", "2001:db8::10"];

/// What the store holds for a certificate that these authorities have endorsed at this host.
pub(crate) fn contents(
    certificate: Sha256,
    host: &str,
    endorsing: &[&SigningKey],
) -> Result<Contents, Box<dyn Error + Send + Sync>> {
    Ok(Contents::new(certificate, vec![bundle(certificate, host, endorsing)?], None, Vec::new())?)
}

/// The bundle of these authorities.
pub(crate) fn bundle(
    certificate: Sha256,
    host: &str,
    endorsing: &[&SigningKey],
) -> Result<StoredBundle, Box<dyn Error + Send + Sync>> {
    let addresses = ADDRESSES.map(|address| address.parse::<IpAddr>());
    let addresses = addresses.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (produced_at, not_after) = (now(), now().plus(LIFETIME_MAX));
    let proposal = Proposal { host, port: 443, addresses: &addresses, certificate, produced_at, not_after, stay: None };
    let statement = proposal.to_der()?;
    let seen = Seen::from_indices([0, 1]).ok_or("no address was seen")?;
    let parsed = Statement::from_der(&statement)?;
    let endorsements = endorsing.iter().map(|key| endorse(key, &parsed, seen, Evidence::Ocsp { age: 3600 }));
    let endorsements = endorsements.collect::<Result<Vec<_>, _>>()?;
    let endorsements: Vec<&[u8]> = endorsements.iter().map(Vec::as_slice).collect();
    Ok(StoredBundle::from_der(&assemble(&statement, &endorsements)?)?)
}

/// The time by this machine's clock.
pub(crate) fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
