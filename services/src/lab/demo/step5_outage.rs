//! Step 5: all authorities and OCSP responders go down. The shop goes on working until its vouchers end, and not a
//! second longer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use mecai::extension::write_bundles;
use mecai::time::UnixTime;

use super::super::parallel::in_parallel;
use super::super::{SiteServer, SiteView, unix_now};
use super::attacker::serverinfo_line;
use super::client::{Client, Configuration, Visit};
use super::failure::{Failure, expect};
use super::step1_collect::collected;
use super::step2_connect::servers;
use super::vouchers::{Held, held, status, wait_for};
use super::{HOST, OWNER, Stage};

/// A server that goes on showing the last vouchers: here nobody but the client notices that they have ended.
const STALE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 10, 0, 3));
const STALE_NAME: &str = "nginx that goes on showing the last vouchers";
/// From so many seconds before the end to so many after it, clients connect without a pause.
const CLOSE: u64 = 2;

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let last = right_after_a_round(stage)?;
    if stage.spoils(5) {
        stage.story.tell("Spoiled: they do not.");
    } else {
        stage.world.authorities_down();
        stage.world.revocation_down();
    }
    let end = last.not_after;
    stage.story.tell(&format!("The last vouchers are good until {end}."));
    let stale = serve_stale(stage, &last)?;

    let mut all = servers(stage);
    all.push((STALE_NAME, stale.address()));
    for (name, address) in &all {
        let visit = stage.visitor.curl(&stage.visitor_conf, *address)?;
        expect(visit.ran.succeeded() && visit.code() == "accepted", || {
            format!("{name} does not work any more before {end}: curl {}", visit.summary())
        })?;
    }
    stage.story.tick(&format!("{} s before the end, all servers of the shop work.", end.since(now())));

    thread::sleep(Duration::from_secs(end.since(now()).saturating_sub(CLOSE)));
    let (client, conf) = (&stage.visitor, &stage.visitor_conf);
    let results = in_parallel(&all, |_, (name, address)| watch_the_end(client, conf, name, *address, end));
    for result in results {
        let (told, visit) = result?;
        stage.story.tick_with_log(&told, &visit);
    }
    drop(stale);
    nobody_answers(stage)
}

/// The vouchers of a round that has just ended, so that none is under way when everything goes down.
fn right_after_a_round(stage: &mut Stage<'_>) -> Result<Held, Failure> {
    let (before, _) = collected(stage, stage.told.lifetime)?;
    let (world, shop) = (&stage.world, &mut stage.shop);
    let fresh = wait_for(stage.told.lifetime, || {
        let bundles = held(world, shop)?;
        let is_fresh = |bundle: &Held| bundle.not_after > before.not_after && bundle.operators == before.operators;
        Ok(bundles.into_iter().find(is_fresh))
    })?;
    fresh.ok_or_else(|| {
        Failure::Unmet(format!("the agent has not renewed the vouchers that end at {} in time", before.not_after))
    })
}

fn serve_stale(stage: &Stage<'_>, last: &Held) -> Result<SiteServer, Failure> {
    let answer = write_bundles(&[&last.der]).ok_or_else(|| Failure::Unmet("the vouchers do not fit".to_owned()))?;
    let directory = stage.shop.directory().join("nginx-stale");
    let lines = serverinfo_line(&stage.shop.directory().join("serverinfo-stale.pem"), &answer)?;
    let page = format!("Welcome to {HOST}");
    let view = SiteView { page: &page, lines, openssl_conf: None };
    Ok(SiteServer::start(&stage.world, stage.shop.entry(), STALE, &directory, &view)?)
}

/// That the agent reaches no authority any more, as its status says.
fn nobody_answers(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let shop = &mut stage.shop;
    let words = wait_for(stage.told.lifetime, || {
        let mut words = status(shop.agent())?;
        words.remove(OWNER);
        Ok(words.values().all(|word| word.code() == "unreachable").then_some(words))
    })?;
    let words = words
        .ok_or_else(|| Failure::Unmet("mecai agent status does not say `unreachable` of every authority".to_owned()))?;
    stage.story.tick(&format!("mecai agent status: {} authorities unreachable.", words.len()));
    Ok(())
}

/// Connects again and again: accepted up to the last second, refused from the next one on.
fn watch_the_end(
    client: &Client,
    conf: &Configuration,
    name: &str,
    address: SocketAddr,
    end: UnixTime,
) -> Result<(String, Visit), Failure> {
    let mut accepted = None;
    let mut first_refusal = None;
    while now() <= end.plus(CLOSE) {
        let began = now();
        let visit = client.curl(conf, address)?;
        let Some(judgement) = visit.judgement() else {
            return Err(Failure::Unmet(format!("{name}: curl {}: {}", visit.summary(), visit.ran.errors.trim())));
        };
        if judgement.outcome == "accepted" {
            let at = accepted_at(&judgement.reason);
            expect(visit.ran.succeeded() && at.is_some_and(|at| at <= end) && first_refusal.is_none(), || {
                format!("{name} works after the vouchers ended at {end}: curl {}", visit.summary())
            })?;
            accepted = at;
        } else {
            // What the log compares, else the clock before and after.
            let at = between(&judgement.reason, "now is ", "").or_else(|| (began > end).then_some(began));
            let is_after = at.map_or(now() > end, |at| at > end);
            let is_meant = visit.ran.status == Some(60) && matches!(visit.code(), "expired" | "no_voucher");
            expect(is_after && is_meant, || {
                format!("{name} is refused before the vouchers ended at {end}: curl {}", visit.summary())
            })?;
            first_refusal.get_or_insert((at, visit));
        }
    }
    let refusal: Option<(Option<UnixTime>, Visit)> = first_refusal;
    let Some((at, visit)) = refusal else {
        return Err(Failure::Unmet(format!("{name} is not refused within {CLOSE} s after {end}")));
    };
    expect(accepted == Some(end), || format!("{name} was accepted last at {accepted:?}, not in the second {end}"))?;
    if name == STALE_NAME {
        expect(visit.code() == "expired" && at == Some(end.plus(1)), || {
            format!("{name} is not refused with `expired` in the second after {end}: curl {}", visit.summary())
        })?;
    }
    Ok((format!("{name}: accepted up to {end}, then curl {}", visit.ran.exit()), visit))
}

/// When an accepted handshake was judged: the newest statement, and how old it was.
fn accepted_at(reason: &str) -> Option<UnixTime> {
    let newest = between(reason, "newest statement of ", ",")?;
    let (head, _) = reason.rsplit_once(" s old)")?;
    let age: u64 = head.rsplit_once('(')?.1.parse().ok()?;
    Some(newest.plus(age))
}

/// The time between two words; to the end, or a `;`, without a second one.
fn between(text: &str, before: &str, after: &str) -> Option<UnixTime> {
    let (_, rest) = text.split_once(before)?;
    let end = if after.is_empty() { rest.split(';').next() } else { rest.split(after).next() };
    end?.trim().parse().ok()
}

fn now() -> UnixTime {
    UnixTime(unix_now())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn times_are_read_from_log_lines() {
        let reason = "vouched for by 2 operators other than the certificate's (2 required, 11 endorsements sent), newest \
                      statement of 2026-11-01T00:00:00Z, good until 2026-11-01T00:00:30Z (30 s old); notes: peer_unknown";
        let start: UnixTime = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!(accepted_at(reason), Some(start.plus(30)));
        let reason = "expired: the voucher expired at 2026-11-01T00:00:30Z, now is 2026-11-01T00:00:31Z; notes: x";
        assert_eq!(between(reason, "now is ", ""), Some(start.plus(31)));
        assert_eq!(between("no_voucher: the server sent no vouchers", "now is ", ""), None);
    }
}
