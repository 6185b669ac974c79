//! Step 2: untouched curl connects, told by `OPENSSL_CONF` alone, and the log says why it accepted. nginx without the
//! module, with the agent's serverinfo file: the same.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::{SiteServer, SiteView};
use super::attacker::capture;
use super::client::Visit;
use super::failure::{Failure, expect};
use super::program::Program;
use super::step1_collect::{PLAIN, SERVERINFO, collected};
use super::vouchers::wait_for;
use super::{HOST, Stage};

const VERSIONS: [&str; 2] = ["1.3", "1.2"];
/// A new file of the store is served after so many seconds at most.
const SERVED_WITHIN: u64 = 10;

/// nginx without the module.
const PLAIN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 10, 0, 2));

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), Failure> {
    if stage.spoils(2) {
        stage.story.tell("Spoiled: curl's configuration says mode = off.");
        stage.visitor_conf =
            stage.visitor.configure(&stage.world, &stage.module, "openssl", |conf| conf.with("mode", "off"))?;
    }
    answering(stage)?;
    let module_address = stage.shop.address();
    let program = stage.program();
    for version in VERSIONS {
        let visit = stage.visitor.fetch(&program, &stage.visitor_conf, module_address, Some(version))?;
        let name = servers(stage)[0].0;
        accepts(stage, &program, &format!("{name}, TLS {version}"), &visit)?;
    }

    let directory = stage.shop.directory().to_path_buf();
    let lines = format!("    ssl_conf_command ServerInfoFile \"{}\";", directory.join(SERVERINFO).display());
    let page = format!("Welcome to {HOST}");
    let view = SiteView { page: &page, lines, openssl_conf: None };
    let entry = stage.shop.entry().clone();
    let plain = SiteServer::start(&stage.world, &entry, PLAIN_ADDRESS, &directory.join(PLAIN), &view)?;
    stage.world.dns().add(HOST, PLAIN_ADDRESS);
    let plain_address = plain.address();
    stage.plain = Some(plain);
    for version in VERSIONS {
        let visit = stage.visitor.fetch(&program, &stage.visitor_conf, plain_address, Some(version))?;
        let name = format!("nginx without the module, with the serverinfo file, TLS {version}");
        accepts(stage, &program, &name, &visit)?;
    }
    collected(stage, stage.told.lifetime).map(drop)
}

/// Waits until nginx with the module has looked at the store again (spec section 11): 10 s at most.
pub(super) fn answering(stage: &Stage<'_>) -> Result<(), Failure> {
    let mut last = None;
    let found = wait_for(SERVED_WITHIN, || match capture(stage.shop.address()) {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) => {
            last = Some(failure);
            Ok(None)
        }
    })?;
    match (found, last) {
        (None, Some(failure)) => Err(failure),
        _ => Ok(()),
    }
}

/// Both servers of the shop: with and without the module.
pub(super) fn servers(stage: &Stage<'_>) -> Vec<(&'static str, SocketAddr)> {
    let plain = stage.plain.as_ref().map(|plain| ("nginx with the serverinfo file", plain.address()));
    let name = if stage.told.examples.is_some() { "the server in C" } else { "nginx with the module" };
    [Some((name, stage.shop.address())), plain].into_iter().flatten().collect()
}

/// That the program got the shop's page, and logged how many have vouched and how old that is.
fn accepts(stage: &mut Stage<'_>, program: &Program, server: &str, visit: &Visit) -> Result<(), Failure> {
    let summary = visit.summary();
    expect(visit.ran.succeeded() && visit.ran.output.contains(HOST), || {
        format!("{program} did not get the page of {server}: {summary}: {}", visit.ran.errors.trim())
    })?;
    let reason = visit.judgement().filter(|judgement| judgement.outcome == "accepted");
    let tells =
        |reason: &str| ["vouched for by ", " endorsements sent)", " s old)"].iter().all(|part| reason.contains(part));
    expect(reason.is_some_and(|judgement| tells(&judgement.reason)), || {
        format!("{program} got the page of {server}, and its log does not say who vouched: {summary}")
    })?;
    stage.story.tick_with_log(&format!("{server}: {program} {}", visit.ran.exit()), visit);
    Ok(())
}
