//! Step 6: the authorities are told to distrust operator A. Within one voucher life every client refuses the shop, and
//! the agent's status shows the reason from each authority.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use mecai::time::UnixTime;

use super::super::parallel::in_parallel;
use super::super::{Site, SitePlan, unix_now};
use super::client::{Client, Configuration, Visit};
use super::failure::{Failure, expect};
use super::step1_collect::collected;
use super::step2_connect::{answering, servers};
use super::vouchers::{status, wait_for};
use super::{OWNER, Stage};

/// Another shop with a certificate of the same operator, and its place in the world.
pub(super) const NEIGHBOUR: &str = "www.bakery.example";
const NEIGHBOUR_INDEX: u8 = 4;
pub(super) const REASON: &str = "issued certificates for names of others";

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), Failure> {
    recover(stage)?;
    open_neighbour(stage)?;
    let told_at = distrust(stage)?;
    reasons(stage, told_at)?;
    everybody_refuses(stage, told_at)
}

/// Everything is up again, and every client accepts.
fn recover(stage: &mut Stage<'_>) -> Result<(), Failure> {
    stage.world.revocation_up()?;
    stage.world.authorities_up()?;
    let (bundle, _) = collected(stage, stage.told.lifetime)?;
    answering(stage)?;
    let (name, address) = servers(stage)[0];
    let results = visit_all(stage, address)?;
    let refusal = results.iter().find(|visit| !visit.ran.succeeded() || visit.code() != "accepted");
    expect(refusal.is_none(), || {
        format!("a client does not accept {name}: curl {}", refusal.map(Visit::summary).unwrap_or_default())
    })?;
    stage.story.tick(&format!(
        "Everything is up again: {} operators vouch, and all {} clients accept.",
        bundle.operators.len(),
        results.len()
    ));
    Ok(())
}

/// A second shop of operator A, which the visitor reaches as well.
fn open_neighbour(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let life = stage.told.lifetime;
    let (index, plan) = (NEIGHBOUR_INDEX, SitePlan::default());
    let mut shop = Site::start(&stage.world, NEIGHBOUR, OWNER, index, &stage.module, Some(life), plan)?;
    shop.agent().up()?;
    let client = stage.visitor.visiting(NEIGHBOUR);
    let mut last = None;
    let reached = wait_for(life, || {
        let visit = client.curl(&stage.visitor_conf, shop.address())?;
        let is_reached = visit.ran.succeeded() && visit.code() == "accepted";
        last = Some(visit);
        Ok(is_reached.then_some(()))
    })?;
    expect(reached.is_some(), || {
        format!("curl does not reach {NEIGHBOUR}: {}", last.as_ref().map(Visit::summary).unwrap_or_default())
    })?;
    stage.story.tick(&format!("{NEIGHBOUR}, another shop with a certificate of {OWNER}, opens: curl exit 0."));
    stage.neighbour = Some(shop);
    Ok(())
}

/// Tells every authority, while it runs; gives the second in which the last one had been told.
fn distrust(stage: &mut Stage<'_>) -> Result<UnixTime, Failure> {
    let mut whom = OWNER;
    if stage.spoils(6) {
        whom = "operator-b";
        stage.story.tell(&format!("Spoiled: they are told to distrust {whom} instead."));
    }
    let authorities: Vec<_> = stage.world.authorities().iter().collect();
    let results = in_parallel(&authorities, |_, authority| {
        let ran = authority.distrust(["add", "--operator", whom, "--reason", REASON])?;
        expect(ran.succeeded(), || format!("mecai authority distrust add: {}: {}", ran.exit(), ran.errors.trim()))
    });
    results.into_iter().collect::<Result<(), Failure>>()?;
    stage.story.tell(&format!("mecai authority distrust add --operator {whom}: all twelve are told, while they run."));
    Ok(now())
}

/// That the agent shows the reason from each authority.
fn reasons(stage: &mut Stage<'_>, told_at: UnixTime) -> Result<(), Failure> {
    let life = stage.told.lifetime;
    let shop = &mut stage.shop;
    let mut last = BTreeMap::new();
    let words = wait_for(told_at.plus(life).since(now()), || {
        last = status(shop.agent())?;
        last.remove(OWNER);
        let is_told = |failing: &(String, String)| failing.0 == "distrusted" && failing.1.contains(REASON);
        Ok(last.values().all(|word| word.failing.as_ref().is_some_and(is_told)).then(|| last.clone()))
    })?;
    let Some(words) = words else {
        let other = last.iter().find(|(_, word)| word.code() != "distrusted");
        let other = other.map(|(operator, word)| format!("{operator}: {:?}", word.failing)).unwrap_or_default();
        return Err(Failure::Unmet(format!(
            "mecai agent status does not show `distrusted` from each authority within {life} s: {other}"
        )));
    };
    let (_, sentence) = words.values().next().and_then(|word| word.failing.clone()).unwrap_or_default();
    stage.story.tick(&format!("mecai agent status: distrusted, by each of {} authorities: {sentence}", words.len()));
    Ok(())
}

/// That every client refuses once one voucher life has passed.
fn everybody_refuses(stage: &mut Stage<'_>, told_at: UnixTime) -> Result<(), Failure> {
    let life = stage.told.lifetime;
    // A voucher's last second is part of its life.
    let end = told_at.plus(life);
    while now() <= end {
        thread::sleep(Duration::from_millis(50));
    }
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for (name, address) in servers(stage) {
        for visit in visit_all(stage, address)? {
            let is_refused = visit.ran.status == Some(60) && matches!(visit.code(), "expired" | "no_voucher");
            expect(is_refused, || format!("a client still accepts {name}, {life} s later: curl {}", visit.summary()))?;
            *codes.entry(visit.code().to_owned()).or_default() += 1;
        }
    }
    let codes: Vec<String> = codes.into_iter().map(|(code, count)| format!("{code} {count} times")).collect();
    let clients = stage.clients.len();
    stage.story.tick(&format!(
        "{life} s later all {clients} clients refuse both servers (curl exit 60): {}.",
        codes.join(", ")
    ));
    Ok(())
}

fn visit_all(stage: &Stage<'_>, address: std::net::SocketAddr) -> Result<Vec<Visit>, Failure> {
    let configured: Vec<(&Client, Configuration)> = stage
        .clients
        .iter()
        .map(|client| Ok((client, client.configure(&stage.world, &stage.module, "default", |conf| conf)?)))
        .collect::<Result<_, Failure>>()?;
    in_parallel(&configured, |_, (client, conf)| client.curl(conf, address)).into_iter().collect()
}

fn now() -> UnixTime {
    UnixTime(unix_now())
}
