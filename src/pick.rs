//! Which operators a client demands endorsements of: a secret, sticky ranking (spec section 7).

use std::ops::RangeInclusive;

use ring::hmac;

mod last;

use self::last::{Asked, LastPicks};
use crate::authority_list::{AuthorityList, OperatorSet};
use crate::extension::CANDIDATES_MAX;
use crate::host::HOST_MAX;
use crate::time::UnixTime;
use crate::{Sha256, octets};

/// How long a pick stays, in seconds.
pub const EPOCH: u64 = 7_776_000;

/// With fewer operators than this in a region, the region is not applied.
const REGION_OPERATORS_MIN: usize = 8;
/// With fewer countries than this in a region, the region is not applied.
const REGION_COUNTRIES_MIN: usize = 3;

/// A user's secret on one machine. It is wiped from memory by its owner; here only keyed hash states and the
/// last picks are kept.
pub struct PickSecret {
    key: hmac::Key,
    offset: u64,
    last: LastPicks,
}

impl PickSecret {
    /// From the user's 32 random octets, and the text of the machine's id.
    #[must_use]
    pub fn new(secret: &[u8; 32], machine_id: &str) -> Self {
        let id: String = machine_id.split_whitespace().collect();
        let own = octets::hmac(&hmac::Key::new(hmac::HMAC_SHA256, secret), &[b"mecai-secret-v1", id.as_bytes()]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &own);
        let offset = octets::hmac(&key, &[b"mecai-epoch-v1"]);
        let offset = offset.iter().take(8).fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
        Self { key, offset: offset % EPOCH, last: LastPicks::default() }
    }

    fn seed(&self, domain: &[u8], now: UnixTime) -> Sha256 {
        octets::hmac(&self.key, &[b"mecai-pick-v1", &self.epoch(now).to_be_bytes(), domain])
    }

    fn epoch(&self, now: UnixTime) -> u64 {
        now.0.saturating_add(self.offset) / EPOCH
    }

    /// The times around `now` in which neither the epoch changes nor which authorities of the list are valid.
    fn steady(&self, list: &AuthorityList, now: UnixTime) -> RangeInclusive<UnixTime> {
        let start = self.epoch(now) * EPOCH;
        let end = start.saturating_add(EPOCH - 1);
        let (first, last) = list.steady(now).into_inner();
        let of_epoch = |second: u64| UnixTime(second.saturating_sub(self.offset));
        first.max(of_epoch(start))..=last.min(of_epoch(end))
    }
}

/// Why a machine has no id that a pick may rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoMachineId {
    /// The file holds nothing.
    #[error("is empty")]
    Empty,
    /// systemd's mark in an image whose machines have not started yet: the text is the same in all of them.
    #[error("says \"uninitialized\": it is that of an image, not of a machine")]
    Image,
}

/// The text of `/etc/machine-id`, if it tells this machine from others.
pub fn machine_id(text: &str) -> Result<&str, NoMachineId> {
    match text.trim() {
        "" => Err(NoMachineId::Empty),
        "uninitialized" => Err(NoMachineId::Image),
        id => Ok(id),
    }
}

/// The picked operators of one handshake, best rank first.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    order: [usize; CANDIDATES_MAX],
    len: usize,
    region_widened: bool,
}

impl Pick {
    /// Draws the pick for a name: at most `candidates` (31 at most) operators that can vouch now.
    #[must_use]
    pub fn draw(
        list: &AuthorityList,
        secret: &PickSecret,
        name: &str,
        candidates: usize,
        region: Option<&str>,
        now: UnixTime,
    ) -> Self {
        let asked = Asked { list: *list.digest(), name, candidates, region };
        secret.last.find(&asked, now).unwrap_or_else(|| {
            let pick = Self::draw_anew(list, secret, name, candidates, region, now);
            secret.last.keep(&asked, secret.steady(list, now), pick);
            pick
        })
    }

    fn draw_anew(
        list: &AuthorityList,
        secret: &PickSecret,
        name: &str,
        candidates: usize,
        region: Option<&str>,
        now: UnixTime,
    ) -> Self {
        let narrowed = region.filter(|region| is_wide_enough(list, region, now));
        let is_eligible = |operator: usize| {
            list.operators().get(operator).is_some_and(|operator| match narrowed {
                Some(region) => operator.is_active_in(region, now),
                None => operator.is_active(now),
            })
        };
        let mut lower = [0; HOST_MAX];
        let seed = secret.seed(registrable_domain(name, &mut lower), now);
        let rank = |operator: usize| {
            let id = list.operators().get(operator).map_or("", |operator| operator.id.as_str());
            octets::sha256(&[&seed, id.as_bytes()])
        };
        let mut best = Best::new(candidates.min(CANDIDATES_MAX));
        for operator in (0..list.operators().len()).filter(|operator| is_eligible(*operator)) {
            best.offer(rank(operator), operator);
        }
        let mut pick =
            Self { order: best.order, len: best.len, region_widened: region.is_some() && narrowed.is_none() };
        pick.mix_countries(list, candidates, is_eligible, rank);
        pick
    }

    /// The operators' indices in the list, best rank first.
    #[must_use]
    pub fn operators(&self) -> &[usize] {
        self.order.get(..self.len).unwrap_or_default()
    }

    /// The same as a set.
    #[must_use]
    pub fn to_set(&self) -> OperatorSet {
        let mut set = OperatorSet::default();
        for operator in self.operators() {
            set.insert(*operator);
        }
        set
    }

    /// Whether a region was configured and too small to be applied.
    #[must_use]
    pub fn region_widened(&self) -> bool {
        self.region_widened
    }

    /// If all are of one country, the last gives way to the best of another.
    fn mix_countries(
        &mut self,
        list: &AuthorityList,
        candidates: usize,
        is_eligible: impl Fn(usize) -> bool,
        rank: impl Fn(usize) -> Sha256,
    ) {
        let country = |operator: usize| list.operators().get(operator).map(|operator| operator.country.as_str());
        let Some((first, others)) = self.operators().split_first() else { return };
        if candidates < 2 || others.is_empty() || others.iter().any(|other| country(*other) != country(*first)) {
            return;
        }
        let abroad = (0..list.operators().len())
            .filter(|operator| is_eligible(*operator) && country(*operator) != country(*first))
            .min_by_key(|operator| rank(*operator));
        if let (Some(operator), Some(last)) = (abroad, self.order.get_mut(self.len - 1)) {
            *last = operator;
        }
    }
}

/// The name that stands for all hosts of one owner, in lower case; a name that has none stands for itself.
pub fn registrable_domain<'b>(name: &str, lower: &'b mut [u8; HOST_MAX]) -> &'b [u8] {
    let name = name.trim_start_matches('.');
    let name = name.as_bytes().get(..name.len().min(HOST_MAX)).unwrap_or_default();
    for (to, from) in lower.iter_mut().zip(name) {
        *to = from.to_ascii_lowercase();
    }
    let lower = lower.get(..name.len()).unwrap_or_default();
    let is_address = std::str::from_utf8(lower).is_ok_and(|name| name.parse::<std::net::IpAddr>().is_ok());
    match psl::domain(lower) {
        Some(domain) if !is_address => {
            // The domain is the end of the name.
            lower.get(lower.len() - domain.as_bytes().len()..).unwrap_or(lower)
        }
        _ => lower,
    }
}

fn is_wide_enough(list: &AuthorityList, region: &str, now: UnixTime) -> bool {
    let in_region = || list.operators().iter().filter(|operator| operator.is_active_in(region, now));
    let mut countries = [""; REGION_COUNTRIES_MIN];
    let mut known = 0;
    for operator in in_region() {
        if known < REGION_COUNTRIES_MIN && !countries.contains(&operator.country.as_str()) {
            countries[known] = &operator.country;
            known += 1;
        }
    }
    known == REGION_COUNTRIES_MIN && in_region().count() >= REGION_OPERATORS_MIN
}

/// The operators of the lowest ranks, kept sorted, without an allocation.
struct Best {
    ranks: [Sha256; CANDIDATES_MAX],
    order: [usize; CANDIDATES_MAX],
    len: usize,
    wanted: usize,
}

impl Best {
    fn new(wanted: usize) -> Self {
        Self { ranks: [[0; 32]; CANDIDATES_MAX], order: [0; CANDIDATES_MAX], len: 0, wanted }
    }

    fn offer(&mut self, rank: Sha256, operator: usize) {
        let place = self.ranks.iter().take(self.len).take_while(|other| **other < rank).count();
        if place >= self.wanted {
            return;
        }
        self.len = (self.len + 1).min(self.wanted);
        self.ranks.copy_within(place..self.len - 1, place + 1);
        self.order.copy_within(place..self.len - 1, place + 1);
        self.ranks[place] = rank;
        self.order[place] = operator;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;
    use crate::authority_list::{AuthorityEntry, ListFile, OperatorEntry};
    use crate::signature::SigningKey;

    #[test]
    fn registrable_domains() {
        for (name, domain) in [
            ("www.Shop.Example", "shop.example"),
            ("shop.example", "shop.example"),
            ("a.b.co.uk", "b.co.uk"),
            ("me.github.io", "me.github.io"),
            ("x.me.github.io", "me.github.io"),
            ("co.uk", "co.uk"),
            ("localhost", "localhost"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            (".shop.example", "shop.example"),
            ("www.example.xn--55qx5d.cn", "example.xn--55qx5d.cn"),
        ] {
            assert_eq!(registrable_domain(name, &mut [0; HOST_MAX]), domain.as_bytes(), "{name}");
        }
    }

    #[test]
    fn a_machine_without_an_id_of_its_own() {
        assert_eq!(machine_id("0123456789abcdef\n"), Ok("0123456789abcdef"));
        assert_eq!(machine_id(" \n"), Err(NoMachineId::Empty));
        assert_eq!(machine_id("uninitialized\n"), Err(NoMachineId::Image));
    }

    /// Ten operators, whose authorities begin one after the other from second 1,000 on.
    fn list(number: u64, lifetime: u64) -> AuthorityList {
        let operator = |index: u64| OperatorEntry {
            id: format!("operator-{}", index * number),
            name: "Operator".into(),
            country: ["DE", "US", "JP"][index as usize % 3].into(),
            ca_keys: vec![format!("{index:064x}")],
            authorities: vec![AuthorityEntry {
                public_key: SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap().public_key_base64(),
                url: "https://va.example/".into(),
                regions: if index < 9 { vec!["EU".into()] } else { Vec::new() },
                valid_from: UnixTime(1_000 + 10 * index).to_string(),
                valid_until: UnixTime(1_000 + 10 * index + lifetime).to_string(),
            }],
        };
        let (issued, expires) = (UnixTime(0).to_string(), UnixTime(1).to_string());
        let file =
            ListFile { version: 1, sequence: number, issued, expires, operators: (0..10).map(operator).collect() };
        AuthorityList::from_json(&serde_json::to_vec(&file).unwrap()).unwrap()
    }

    #[test]
    fn a_remembered_pick_is_the_pick_that_would_be_drawn() {
        // Those of the first list end one after the other too.
        let lists = [list(1, 60), list(2, 3 * EPOCH)];
        let fresh = || PickSecret::new(&[1; 32], "machine");
        let remembering = fresh();
        let end_of_epoch = EPOCH - remembering.offset;
        let seconds: Vec<u64> = (990..1_170).chain(end_of_epoch - 2..end_of_epoch + 2).collect();
        let asked = [
            (&lists[0], "www.shop.example", 4, None),
            (&lists[1], "www.shop.example", 4, None),
            (&lists[1], "www.shop.example", 2, None),
            (&lists[1], "www.shop.example", 2, Some("EU")),
            (&lists[1], "www.club.example", 2, Some("EU")),
            // Comes to the same place as the one before it.
            (&lists[1], "www.culb.example", 2, Some("EU")),
        ];
        let forward = asked.iter().flat_map(|asked| seconds.iter().map(move |second| (asked, second)));
        let back = asked.iter().flat_map(|asked| seconds.iter().rev().map(move |second| (asked, second)));
        let in_turn = seconds.iter().flat_map(|second| asked.iter().map(move |asked| (asked, second)));
        let (mut remembered, mut picks) = (0, HashSet::new());
        for ((list, name, candidates, region), second) in forward.chain(back).chain(in_turn) {
            let now = UnixTime(*second);
            let question = Asked { list: *list.digest(), name, candidates: *candidates, region: *region };
            remembered += usize::from(remembering.last.find(&question, now).is_some());
            let pick = Pick::draw(list, &remembering, name, *candidates, *region, now);
            let drawn = Pick::draw(list, &fresh(), name, *candidates, *region, now);
            assert_eq!(pick.operators(), drawn.operators(), "{name} {candidates} {region:?} {now}");
            assert_eq!(pick.region_widened(), drawn.region_widened(), "{name} {candidates} {region:?} {now}");
            picks.insert((list.sequence(), drawn.operators().to_vec()));
        }
        assert!(remembered > 500 && picks.len() > 30, "{remembered} were remembered, of {} picks", picks.len());
    }
}
