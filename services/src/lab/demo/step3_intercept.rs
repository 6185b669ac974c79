//! Step 3: operator B is hacked and issues a certificate for the shop's name to a man in the middle. He has no voucher
//! for it, replays the real ones, strips the extension: refused each time. The real certificate at an address that no
//! authority saw is a note and a report, and refused with `addresses = require`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::attacker::{Attacker, HACKED, capture};
use super::client::{Client, Configuration, Visit};
use super::failure::{Failure, expect};
use super::program::Program;
use super::relay::{Relay, Treatment};
use super::vouchers::{PRIMARY, words};
use super::{HOST, Stage};

/// curl's status for a handshake that broke off, which the example has as well.
const HANDSHAKE_FAILED: i32 = 35;
/// Where he relays to the shop: in the middle, and where no authority has ever seen the shop.
const STRIPPING: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 66, 0, 2));
const UNSEEN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 66, 0, 3));

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let client = Client::new(&stage.world, &["intercepted"], IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let spoiled = stage.spoils(3);
    if spoiled {
        stage.story.tell("Spoiled: curl's configuration says mode = observe.");
    }
    let mode = if spoiled { "observe" } else { "require" };
    let conf = client.configure(&stage.world, &stage.module, "openssl", |conf| conf.with("mode", mode))?;

    let attacker = Attacker::new(&stage.world)?;
    without_vouchers(stage, &attacker, &client, &conf)?;
    replayed(stage, &attacker, &client, &conf)?;
    stripped(stage, &client, &conf)?;
    unseen_address(stage)?;
    stage.attacker = Some(attacker);
    Ok(())
}

fn without_vouchers(
    stage: &mut Stage<'_>,
    attacker: &Attacker,
    client: &Client,
    conf: &Configuration,
) -> Result<(), Failure> {
    let agent = attacker.agent(&stage.world)?;
    let server = attacker.serve_own(&stage.world, &stage.module, &agent)?;
    let ran = agent.once(&["--json"])?;
    let words = words(&ran.output, PRIMARY)?;
    let others = words.iter().find(|(_, word)| word.code() != "wrong_certificate" || word.good_until.is_some());
    expect(words.len() == stage.world.operators().len() && others.is_none(), || {
        format!("an authority does not say that it sees another certificate at {HOST}: {others:?}")
    })?;
    stage.story.tick(&format!(
        "He asks all {} authorities to vouch for the certificate of {HACKED}: each looks itself, and refuses \
         (wrong_certificate).",
        words.len()
    ));
    let program = stage.program();
    let visit = client.fetch(&program, conf, server.address(), None)?;
    refused(stage, "A client meets him", &program, &visit, "no_voucher")
}

fn replayed(stage: &mut Stage<'_>, attacker: &Attacker, client: &Client, conf: &Configuration) -> Result<(), Failure> {
    let real = capture(stage.shop.address())?;
    let server = attacker.serve_answer(&stage.world, &real)?;
    let program = stage.program();
    let visit = client.fetch(&program, conf, server.address(), None)?;
    refused(stage, "He replays the real vouchers", &program, &visit, "wrong_certificate")?;
    let reports = client.reports()?;
    expect(
        reports.iter().any(|report| report.chain().first().is_some_and(|leaf| leaf == attacker.certificate())),
        || format!("none of {} reports holds the certificate of the man in the middle", reports.len()),
    )?;
    stage.story.tick("The client keeps a report with his certificate.");
    Ok(())
}

fn stripped(stage: &mut Stage<'_>, client: &Client, conf: &Configuration) -> Result<(), Failure> {
    let relay =
        Relay::start(SocketAddr::new(STRIPPING, stage.world.site_port()), stage.shop.address(), Treatment::Strip)?;
    let program = stage.program();
    let visit = client.fetch(&program, conf, relay.address(), Some("1.2"))?;
    let what = "He strips the extension from the way to the real server (TLS 1.2)";
    refused(stage, what, &program, &visit, "no_voucher")?;
    // In TLS 1.3 the keys depend on the whole ClientHello, so there is no certificate to judge.
    let visit = client.fetch(&program, conf, relay.address(), Some("1.3"))?;
    expect(visit.ran.status == Some(HANDSHAKE_FAILED) && visit.log.is_empty(), || {
        format!("the handshake with a stripped ClientHello did not break in TLS 1.3: {}", visit.summary())
    })?;
    stage.story.tick(&format!("The same in TLS 1.3: {program} {}: {}", visit.ran.exit(), visit.error()));
    Ok(())
}

fn unseen_address(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let relay = Relay::start(SocketAddr::new(UNSEEN, stage.world.site_port()), stage.shop.address(), Treatment::Pass)?;
    let client = Client::new(&stage.world, &["elsewhere"], IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let note = client.configure(&stage.world, &stage.module, "note", |conf| conf)?;
    let require = client.configure(&stage.world, &stage.module, "require", |conf| conf.with("addresses", "require"))?;

    // curl does not show the address of its peer.
    let program = stage.program();
    let (name, status) = match &program {
        Program::Curl => ("openssl s_client".to_owned(), 1),
        program => (program.to_string(), program.refused()),
    };
    let connect = |conf| match &program {
        Program::Curl => client.s_client(conf, relay.address()),
        program => client.fetch(program, conf, relay.address(), None),
    };
    let visit = connect(&note)?;
    let is_noted = visit.judgement().is_some_and(|judgement| judgement.notes("address_not_seen"));
    expect(visit.ran.succeeded() && visit.code() == "accepted" && is_noted, || {
        format!("{name} did not accept the real certificate at {UNSEEN} with a note: {}", visit.summary())
    })?;
    let reports = client.reports()?;
    expect(
        reports.len() == 1 && reports[0].chain().first().is_some_and(|leaf| leaf == stage.shop.issued().certificate()),
        || format!("{} reports, not one with the real certificate, tell of the address {UNSEEN}", reports.len()),
    )?;
    let told = format!(
        "The real certificate at {UNSEEN}, which no authority saw: {name} {}, with a note; one report is kept.",
        visit.ran.exit()
    );
    stage.story.tick_with_log(&told, &visit);

    let visit = connect(&require)?;
    expect(visit.ran.status == Some(status) && visit.code() == "address_not_seen", || {
        format!("{name} with addresses = require did not refuse {UNSEEN}: {}", visit.summary())
    })?;
    stage.story.tick_with_log(&format!("With addresses = require: {name} {}", visit.ran.exit()), &visit);
    Ok(())
}

fn refused(stage: &mut Stage<'_>, what: &str, program: &Program, visit: &Visit, code: &str) -> Result<(), Failure> {
    let status = program.refused();
    // The example says why by itself, besides the log.
    let tells = *program == Program::Curl || visit.error().starts_with(&format!("client: MECAI refused: {code} ("));
    expect(visit.ran.status == Some(status) && visit.is_refused() && visit.code() == code && tells, || {
        format!(
            "{what}: {program} did not refuse with exit {status} and {code}: {}: {}",
            visit.summary(),
            visit.error()
        )
    })?;
    stage.story.tick_with_log(&format!("{what}: {program} {}", visit.ran.exit()), visit);
    Ok(())
}
