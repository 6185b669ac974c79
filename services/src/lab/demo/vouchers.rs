//! The vouchers of the shop: as they stand in the store, and what the agent says about them.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use mecai::authority_list::AuthorityList;
use mecai::bundle::Bundle;
use mecai::chain::certificate_digest;
use mecai::store::Store;
use mecai::time::UnixTime;

use super::super::{Error, Site, SiteAgent, World, unix_now};
use super::failure::{Failure, expect, unmet};

const POLL: Duration = Duration::from_millis(50);

/// Calls `look` until it gives something; none after `seconds`.
pub(super) fn wait_for<T>(
    seconds: u64,
    mut look: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if begun.elapsed() >= Duration::from_secs(seconds) {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// The world's list, as the core reads it.
pub(super) fn list(world: &World) -> Result<AuthorityList, Failure> {
    let path = world.list().path();
    let json = fs::read(path).map_err(Error::file("read", path))?;
    AuthorityList::from_json(&json).map_err(unmet("the authority list"))
}

/// One bundle of the shop's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) not_after: UnixTime,
    /// The operators whose endorsements are in it and signed correctly, ascending.
    pub(super) operators: Vec<String>,
    pub(super) der: Vec<u8>,
}

/// What the store holds for the shop and is in force, freshest first.
pub(super) fn held(world: &World, shop: &mut Site) -> Result<Vec<Held>, Failure> {
    let list = list(world)?;
    let certificate = certificate_digest(shop.issued().certificate());
    let contents = Store::new(shop.agent().store()).read(&certificate).map_err(unmet("the store"))?;
    let mut held = Vec::new();
    for stored in contents.iter().flat_map(|contents| contents.bundles()) {
        if stored.not_after() < UnixTime(unix_now()) {
            continue;
        }
        let bundle = Bundle::from_der(stored.der()).map_err(unmet("the store"))?;
        let digest = bundle.statement().digest();
        let mut operators = Vec::new();
        for endorsement in bundle.endorsements() {
            let (operator, authority) = list
                .authority(endorsement.authority())
                .ok_or_else(|| Failure::Unmet("the store holds an endorsement by nobody in the list".to_owned()))?;
            expect(endorsement.is_signed_by(&authority.public_key, &digest), || {
                "the store holds an endorsement with a bad signature".to_owned()
            })?;
            operators.extend(list.operators().get(operator).map(|operator| operator.id.clone()));
        }
        operators.sort();
        held.push(Held { not_after: stored.not_after(), operators, der: stored.der().to_vec() });
    }
    Ok(held)
}

/// What the agent says of one authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Until when its endorsement is good, RFC 3339; none if there is none.
    pub(super) good_until: Option<String>,
    /// The code and the sentence of its last failure, if it fails.
    pub(super) failing: Option<(String, String)>,
}

impl Word {
    /// The code of its failure; empty if it does not fail.
    pub(super) fn code(&self) -> &str {
        self.failing.as_ref().map_or("", |(code, _)| code)
    }
}

/// What the agent says of every operator's authority about a site's own certificate, by `mecai agent status --json`;
/// empty before its first round.
pub(super) fn status(agent: &SiteAgent) -> Result<BTreeMap<String, Word>, Failure> {
    status_of(agent, PRIMARY)
}

/// The same about one of a site's certificates.
pub(super) fn status_of(agent: &SiteAgent, role: &str) -> Result<BTreeMap<String, Word>, Failure> {
    let ran = agent.status(&["--json"])?;
    if ran.output.is_empty() {
        return Ok(BTreeMap::new());
    }
    words(&ran.output, role)
}

/// The words about one of a site's certificates in a status that was printed with `--json`.
pub(super) fn words(json: &str, role: &str) -> Result<BTreeMap<String, Word>, Failure> {
    let status: Status = serde_json::from_str(json).map_err(unmet("the agent's status"))?;
    let site = status.sites.into_iter().find(|site| site.role == role);
    let word = |authority: AuthorityStatus| {
        let failing = authority.failing.map(|failing| (failing.code, failing.sentence));
        (authority.operator, Word { good_until: authority.good_until, failing })
    };
    Ok(site.into_iter().flat_map(|site| site.authorities).map(word).collect())
}

/// The roles of a site's two certificates.
pub(super) const PRIMARY: &str = "primary";
pub(super) const ALTERNATE: &str = "alternate";

/// What the demo reads of the agent's `status --json`, as any other program would.
#[derive(serde::Deserialize)]
struct Status {
    sites: Vec<SiteStatus>,
}

#[derive(serde::Deserialize)]
struct SiteStatus {
    role: String,
    authorities: Vec<AuthorityStatus>,
}

#[derive(serde::Deserialize)]
struct AuthorityStatus {
    operator: String,
    good_until: Option<String>,
    failing: Option<Failing>,
}

#[derive(serde::Deserialize)]
struct Failing {
    code: String,
    sentence: String,
}
