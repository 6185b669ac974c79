//! What the agent knows, as its status has it; and back again when it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use data_encoding::HEXLOWER;
use mecai::authority_list::AuthorityList;
use mecai::bundle::Bundle;
use mecai::time::UnixTime;
use mecai::{AuthorityId, Sha256};

use super::engine::{Engine, authorities, is_usable};
use super::stage::Staged;
use super::status::{AuthorityStatus, ListStatus, Role, STAGED_NOT_DEPLOYED, SiteStatus, Status};
use super::target::{Key, OWN_OPERATOR, Target, Timing};
use super::trouble::{Failing, Trouble};
use super::watch::Watched;

/// A certificate that is staged for longer than so many seconds is warned of.
const DEPLOYED_WITHIN: u64 = 3_600;

impl Status {
    /// Lets a target go on from what was known of it.
    pub(super) fn recall(&self, key: &Key, target: &mut Target, timing: Timing) {
        let time = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        for known in self.site(key).iter().flat_map(|site| &site.authorities) {
            let id = HEXLOWER.decode(known.authority.as_bytes()).ok().and_then(|id| AuthorityId::try_from(id).ok());
            if let (Some(id), Some(failing)) = (id, &known.failing) {
                target.failed_before(id, failing.clone(), time(&known.retry_after), timing);
            }
        }
    }

    fn site(&self, key: &Key) -> Option<&SiteStatus> {
        let certificate = HEXLOWER.encode(&key.certificate);
        self.sites.iter().find(|site| {
            (&site.host, site.port, &site.certificate) == (&key.host, key.port, &Some(certificate.clone()))
        })
    }
}

impl Engine {
    /// The status as of now. What goes on failing keeps its beginning; what is new to warn of is logged.
    pub(super) fn snapshot(&self, now: UnixTime) -> Status {
        let mut status = Status::new(now);
        status.list =
            self.list.value().map(|list| ListStatus { sequence: list.sequence(), expires: list.expires().to_string() });
        for trouble in self.troubles(now) {
            let same = |known: &&Failing| known.code == trouble.code && known.sentence == trouble.sentence;
            let before = self.known.troubles.iter().find(same);
            status.troubles.push(Failing::after(before, trouble.code, trouble.sentence, now));
        }
        for site in &self.config.sites {
            for (host, port) in site.places() {
                let primary = self.site(&site.certificate, Role::Primary, host, port, now);
                let alternate = site.alternate.as_ref().map(|path| {
                    // While another one stays in its place, the row is of that.
                    let digest = |file: &Path| self.certificate(file).map(|certificate| certificate.digest);
                    let shelf = digest(&site.certificate).and_then(|digest| self.shelves.get(&digest));
                    let shown = shelf.and_then(|shelf| shelf.alternate()).or_else(|| digest(path));
                    let mut alternate = self.row(path, Role::Alternate, host, port, shown, now);
                    if let (Some(refused), None) = (self.refused.get(&site.certificate), &alternate.trouble) {
                        alternate.refuse(refused, self.known(&alternate), now);
                    }
                    let known = self.known(&alternate);
                    let warning = same_operator(&primary, &alternate);
                    alternate.warnings.extend(warning.map(|warning| warn(known, warning, host, port, now)));
                    alternate
                });
                status.sites.extend(std::iter::once(primary).chain(alternate));
            }
        }
        for staged in self.staged() {
            let (digest, file) =
                (staged.certificate.digest, Staged::path(&self.config.state(), &staged.certificate.digest));
            for (host, port) in staged.places() {
                // With its file in place already it is the primary's row.
                if status.of(&digest, [(host, port)]).all(|known| known.is_none()) {
                    let mut row = self.row(&file, Role::Staged, host, port, Some(digest), now);
                    let known = self.known(&row);
                    let warning = not_deployed(staged, now);
                    row.warnings.extend(warning.map(|warning| warn(known, warning, host, port, now)));
                    status.sites.push(row);
                }
            }
        }
        for site in &self.config.sites {
            for known in self.memory.of(&site.certificate).filter(|known| known.replaced.is_some()) {
                for (host, port) in site.places() {
                    if status.of(&known.certificate, [(host, port)]).all(|known| known.is_none()) {
                        let (file, digest) = (&site.certificate, Some(known.certificate));
                        status.sites.push(self.row(file, Role::Earlier, host, port, digest, now));
                    }
                }
            }
        }
        status
    }

    fn troubles(&self, now: UnixTime) -> Vec<Trouble> {
        let mut troubles: Vec<Trouble> = self.list.trouble().into_iter().cloned().collect();
        if let Some(list) = self.list.value() {
            troubles.extend(expired(list, now));
            if authorities(list).any(|(_, authority)| authority.url.starts_with("https:")) {
                troubles.extend(self.ca_trouble.clone());
            }
        }
        troubles
            .extend(self.staged.value().into_iter().flat_map(|all| &all.damaged).chain(self.staged.trouble()).cloned());
        troubles.extend(self.shelves.iter().flat_map(|shelf| shelf.troubles()).cloned());
        troubles.extend(self.hooks.troubles().cloned());
        troubles
    }

    /// What was known of the same place and certificate file before.
    fn known(&self, site: &SiteStatus) -> Option<&SiteStatus> {
        let of = |site: &'_ SiteStatus| (site.role, site.port);
        self.known.sites.iter().find(|known| {
            of(known) == of(site) && known.host == site.host && known.certificate_file == site.certificate_file
        })
    }

    fn site(&self, file: &Path, role: Role, host: &str, port: u16, now: UnixTime) -> SiteStatus {
        let digest = self.certificate(file).map(|certificate| certificate.digest);
        self.row(file, role, host, port, digest, now)
    }

    fn row(&self, file: &Path, role: Role, host: &str, port: u16, digest: Option<Sha256>, now: UnixTime) -> SiteStatus {
        let mut status = SiteStatus {
            host: host.to_owned(),
            port,
            role,
            certificate_file: file.to_owned(),
            certificate: digest.map(|digest| HEXLOWER.encode(&digest)),
            operators: 0,
            vouching: 0,
            failing: 0,
            good_until: None,
            next_round: None,
            trouble: None,
            warnings: Vec::new(),
            authorities: Vec::new(),
        };
        let unreadable = self.certificates.get(file).filter(|_| role != Role::Earlier).and_then(Watched::trouble);
        let known = self.known(&status);
        status.trouble = unreadable.map(|trouble| {
            let before = known.and_then(|known| known.trouble.as_ref()).filter(|before| before.code == trouble.code);
            Failing::after(before, trouble.code, trouble.sentence.clone(), now)
        });
        let Some(certificate) = digest else { return status };
        let key = Key { host: host.to_owned(), port, certificate };
        let Some(target) = self.targets.get(&key) else { return status };
        status.trouble = target.trouble.clone().or(status.trouble);
        status.next_round = Some(target.next_round().max(now).to_string());
        let good_until = self.good_until(&key, now);
        status.good_until = good_until.values().max().map(UnixTime::to_string);
        if let Some(list) = self.list.value() {
            self.add_authorities(&mut status, list, target, &good_until, now);
        }
        // That authorities no longer see an earlier one is nothing to warn of.
        let warnings = if role == Role::Earlier { Vec::new() } else { self.warnings(&key, &status, now) };
        for warning in warnings {
            status.warnings.push(warn(known, warning, host, port, now));
        }
        status
    }

    /// Until when each authority vouches.
    fn good_until(&self, key: &Key, now: UnixTime) -> BTreeMap<AuthorityId, UnixTime> {
        let mut good_until = BTreeMap::new();
        for stored in self.shelves.bundles(key, now) {
            let Ok(bundle) = Bundle::from_der(stored.der()) else { continue };
            for endorsement in bundle.endorsements() {
                good_until.insert(*endorsement.authority(), stored.not_after());
            }
        }
        good_until
    }

    fn add_authorities(
        &self,
        status: &mut SiteStatus,
        list: &AuthorityList,
        target: &Target,
        good_until: &BTreeMap<AuthorityId, UnixTime>,
        now: UnixTime,
    ) {
        for operator in list.operators() {
            let (mut can, mut vouches, mut fails) = (false, false, true);
            for authority in operator.authorities.iter().filter(|authority| is_usable(authority, now)) {
                let id = authority.public_key.id();
                let asked = target.asked(id);
                let failing = asked.and_then(|asked| asked.failing.clone());
                let pause = self.pauses.get(id).map_or(UnixTime(0), |pause| pause.next_attempt());
                let next = asked.map_or(UnixTime(0), |asked| asked.next_attempt()).max(pause);
                let is_own = failing.as_ref().is_some_and(|failing| failing.code == OWN_OPERATOR);
                can |= !is_own;
                vouches |= good_until.contains_key(id);
                fails &= failing.is_some();
                status.authorities.push(AuthorityStatus {
                    operator: operator.id.clone(),
                    authority: HEXLOWER.encode(id),
                    url: authority.url.clone(),
                    good_until: good_until.get(id).map(UnixTime::to_string),
                    next_attempt: failing.as_ref().map(|_| next.max(now).to_string()),
                    retry_after: asked.and_then(|asked| asked.retry_after).map(|at| at.min(UnixTime::MAX).to_string()),
                    failing,
                });
            }
            status.operators += usize::from(can);
            status.vouching += usize::from(can && vouches);
            status.failing += usize::from(can && fails);
        }
    }

    fn warnings(&self, key: &Key, status: &SiteStatus, now: UnixTime) -> Vec<Trouble> {
        let mut warnings = Vec::new();
        let long = self.timing.lifetime / 4;
        let missing = missing(status, UnixTime(now.0.saturating_sub(long)));
        if missing.len() * 4 > status.operators {
            let names = missing.iter().copied().collect::<Vec<_>>().join(", ");
            let sentence = format!(
                "{} of {} operators have not vouched for {long} s or more, over a quarter: {names}",
                missing.len(),
                status.operators
            );
            warnings.push(Trouble::new("operators_missing", sentence));
        }
        let unfit = self.unfit.get(key).filter(|unfit| **unfit > 0);
        let unfit = unfit.map(|unfit| format!("{unfit} endorsements do not fit into an answer of 16384 octets"));
        let homes = self.shelves.homes(&key.certificate);
        let left_out: BTreeSet<String> =
            homes.flat_map(|shelf| shelf.left_out_of(key)).map(|out| out.to_string()).collect();
        let sentences: Vec<String> = unfit.into_iter().chain(left_out).collect();
        if !sentences.is_empty() {
            warnings.push(Trouble::new("answer_left_out", sentences.join("; ")));
        }
        warnings
    }
}

impl SiteStatus {
    /// It cannot be used beside the primary, whatever it has.
    fn refuse(&mut self, trouble: &Trouble, known: Option<&Self>, now: UnixTime) {
        let before = known.and_then(|known| known.trouble.as_ref()).filter(|before| before.code == trouble.code);
        self.trouble = Some(Failing::after(before, trouble.code, trouble.sentence.clone(), now));
    }
}

/// A warning, which goes on from what was known before, or is logged.
fn warn(known: Option<&SiteStatus>, warning: Trouble, host: &str, port: u16, now: UnixTime) -> Failing {
    let before = known.and_then(|known| known.warnings.iter().find(|before| before.code == warning.code));
    if before.is_none() {
        tracing::warn!(code = warning.code, host, port, "{}", warning.sentence);
    }
    Failing::after(before, warning.code, warning.sentence, now)
}

/// Whoever stages deploys within minutes: later something went wrong, and the certificate in use comes to its end.
fn not_deployed(staged: &Staged, now: UnixTime) -> Option<Trouble> {
    let since = staged.since();
    let sentence = || format!("staged at {since}, it is not the certificate of {}", staged.site.display());
    (now.since(since) > DEPLOYED_WITHIN).then(|| Trouble::new(STAGED_NOT_DEPLOYED, sentence()))
}

/// A second certificate helps only when the operator that falls has no part in it: both refuse to vouch for their own.
fn same_operator(primary: &SiteStatus, alternate: &SiteStatus) -> Option<Trouble> {
    let own = |site: &'_ SiteStatus| -> BTreeSet<String> {
        let is_own =
            |known: &&AuthorityStatus| known.failing.as_ref().is_some_and(|failing| failing.code == OWN_OPERATOR);
        site.authorities.iter().filter(is_own).map(|known| known.operator.clone()).collect()
    };
    let both: Vec<String> = own(primary).intersection(&own(alternate)).cloned().collect();
    (!both.is_empty()).then(|| {
        let sentence =
            format!("{} has a part in the certificate and in its alternate: both fall with it", both.join(", "));
        Trouble::new("alternate_same_operator", sentence)
    })
}

/// The operators all of whose authorities have been failing since `long_ago` or before.
fn missing(status: &SiteStatus, long_ago: UnixTime) -> BTreeSet<&str> {
    let mut missing = BTreeSet::new();
    let mut others = BTreeSet::new();
    for authority in &status.authorities {
        let is_missing = authority.failing.as_ref().is_some_and(|failing| {
            failing.code != OWN_OPERATOR && failing.since.parse().is_ok_and(|since: UnixTime| since <= long_ago)
        });
        if is_missing {
            missing.insert(&*authority.operator)
        } else {
            others.insert(&*authority.operator)
        };
    }
    missing.difference(&others).copied().collect()
}

fn expired(list: &AuthorityList, now: UnixTime) -> Option<Trouble> {
    let sentence = || {
        format!(
            "the authority list {} expired at {}, and it is {now}: clients refuse by it, authorities are asked all the same",
            list.sequence(),
            list.expires()
        )
    };
    (now > list.expires()).then(|| Trouble::new("list_expired", sentence()))
}
