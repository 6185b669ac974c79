//! Step 7: operator A stays distrusted, and the shop gets a second certificate from operator E, on the same key. Stock
//! curl, Python and Node.js reach it again, in one connection each; a shop of operator A without one stays refused.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mecai::extension::{self, read_alternate};

use super::super::Error;
use super::super::directory::write_public;
use super::attacker::answer;
use super::client::{Client, Configuration, Visit};
use super::failure::{Failure, expect, unmet};
use super::program::Program;
use super::relay::{Relay, Treatment};
use super::step6_distrust::{NEIGHBOUR, REASON};
use super::vouchers::{ALTERNATE, Word, status, status_of, wait_for};
use super::{HOST, OWNER, Stage, step7_attack};

/// Who issues the second certificate.
const SECOND: &str = "operator-e";
/// Where a relay counts who connects. DNS has it as one more address of the shop, so that authorities see it there.
const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 10, 0, 4));
/// Where nobody else connects from.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 30, 0, 1));
/// Several rounds of the agent, and the pauses of agent and nginx before each looks at the store and at a new file.
const VOUCHED_WITHIN: u64 = 40;
const SERVED_WITHIN: u64 = 10;
const VERSIONS: [&str; 2] = ["1.2", "1.3"];

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let relay = Relay::start(SocketAddr::new(RELAY, stage.world.site_port()), stage.shop.address(), Treatment::Pass)?;
    stage.world.dns().add(HOST, RELAY);
    second_certificate(stage)?;
    vouched(stage)?;
    served(stage)?;
    stage
        .story
        .tell(&format!("A relay before nginx, at {RELAY}, counts the TCP connections from the client's address."));

    let client = Client::new(&stage.world, &["fallen-back"], SOURCE)?;
    let spoiled = stage.spoils(7);
    if spoiled {
        stage.story.tell("Spoiled: the clients' configuration says failover = off.");
    }
    let failover = if spoiled { "off" } else { "on" };
    let conf = client.configure(&stage.world, &stage.module, "openssl", |conf| conf.with("failover", failover))?;
    for program in programs(stage) {
        reached(stage, &client, &conf, &program, &relay)?;
    }
    reported(stage, &client)?;
    neighbour_stays_refused(stage, &client, &conf)?;
    step7_attack::run(stage, &client, &conf)?;
    closed(stage)
}

/// That the server in C, if it is one, ends well when it is told to.
fn closed(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let Some(ended) = stage.shop.stop_program().map_err(unmet("the server in C"))? else { return Ok(()) };
    expect(ended.success(), || format!("the server in C ended with {ended}"))?;
    stage.story.tick("SIGTERM: the server in C ends, exit 0.");
    Ok(())
}

/// Who visits: curl, or the example in its place, Python and Node.js.
fn programs(stage: &Stage<'_>) -> [Program; 3] {
    [stage.program(), Program::Python, Program::Node]
}

/// What the shop's administrator does: a request, a certificate, one line for the agent.
fn second_certificate(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let directory = stage.shop.directory().to_path_buf();
    let ran = stage.shop.agent().csr(HOST)?;
    expect(ran.succeeded(), || format!("mecai agent csr {HOST}: {}: {}", ran.exit(), ran.errors.trim()))?;
    write_public(&directory.join("shop.csr"), &ran.output)?;
    let chain = stage.world.operator(SECOND)?.issue_for(&ran.output)?;
    let file = directory.join("alternate.pem");
    write_public(&file, &chain)?;
    stage.shop.agent().set_alternate(HOST, &file)?;
    stage.story.tell(&format!("mecai agent csr {HOST}: {SECOND} checks the request, and issues for the key in it."));
    stage.story.tell("agent.toml gets the line `alternate = …`; nobody touches nginx.");
    Ok(())
}

/// That the agent's status shows both: the shop's own certificate distrusted, the second one vouched for.
fn vouched(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let mut last = (BTreeMap::new(), BTreeMap::new());
    let shop = &mut stage.shop;
    let found = wait_for(VOUCHED_WITHIN, || {
        last = (status(shop.agent())?, status_of(shop.agent(), ALTERNATE)?);
        let distrusts = |(operator, word): (&String, &Word)| operator == OWNER || is_distrusted(word);
        let vouches = |(operator, word): (&String, &Word)| operator == SECOND || word.good_until.is_some();
        let (primary, alternate) = &last;
        let is_told = primary.iter().all(distrusts) && alternate.iter().all(vouches);
        Ok((is_told && alternate.len() > 1).then_some(()))
    })?;
    let (primary, alternate) = last;
    expect(found.is_some(), || {
        format!(
            "mecai agent status does not show the shop's own certificate distrusted and the alternate vouched for \
             within {VOUCHED_WITHIN} s: primary {primary:?}, alternate {alternate:?}"
        )
    })?;
    let sentence = primary.values().filter(|word| is_distrusted(word)).find_map(|word| word.failing.clone());
    let (code, sentence) = sentence.unwrap_or_default();
    let count = primary.values().filter(|word| is_distrusted(word)).count();
    stage.story.tick(&format!("mecai agent status, primary: {code}, by each of {count} authorities: {sentence}"));
    let until = alternate.values().filter_map(|word| word.good_until.as_deref()).min().unwrap_or_default();
    stage.story.tick(&format!(
        "mecai agent status, alternate: {} operators vouch until {until}; {SECOND} refuses to vouch for itself ({}).",
        alternate.values().filter(|word| word.good_until.is_some()).count(),
        alternate.get(SECOND).map(Word::code).unwrap_or_default()
    ));
    Ok(())
}

fn is_distrusted(word: &Word) -> bool {
    word.failing.as_ref().is_some_and(|(code, sentence)| code == "distrusted" && sentence.contains(REASON))
}

/// That nginx shows the alternate with its vouchers, and was not told to.
fn served(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let shows = || {
        let answer = answer(stage.shop.address(), extension::ALTERNATE).ok()?;
        read_alternate(&answer).ok().filter(|alternate| alternate.bundles.count() > 0).map(|_| ())
    };
    let found = wait_for(SERVED_WITHIN, || Ok(shows()))?;
    expect(found.is_some(), || format!("nginx does not show the alternate within {SERVED_WITHIN} s"))?;
    // The server in C cannot be told.
    let Some(path) = stage.shop.nginx().map(|nginx| nginx.error_log()) else { return Ok(()) };
    let log = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    expect(!log.contains("reconfiguring"), || "nginx was told to read its configuration again".to_owned())
}

/// That this program gets the shop's page by the alternate in both versions of TLS, and in one connection each.
fn reached(
    stage: &mut Stage<'_>,
    client: &Client,
    conf: &Configuration,
    program: &Program,
    relay: &Relay,
) -> Result<(), Failure> {
    let mut last = None;
    for version in VERSIONS {
        let before = relay.accepted_from(client.source());
        let visit = client.fetch(program, conf, relay.address(), Some(version))?;
        let connections = relay.accepted_from(client.source()) - before;
        let summary = visit.summary();
        expect(visit.ran.succeeded() && visit.ran.output.contains(HOST), || {
            format!("{program} does not reach {HOST} in TLS {version}: {summary}: {}", visit.error())
        })?;
        expect(visit.code() == "accepted" && fallen_back(&visit).is_some(), || {
            format!("{program} reached {HOST} in TLS {version}, and its log does not say how: {summary}")
        })?;
        expect(connections == 1, || format!("{program} needed {connections} connections in TLS {version}, not one"))?;
        last = Some(visit);
    }
    if let Some(visit) = last {
        let told = format!("{program}, TLS 1.2 and 1.3: {}, one TCP connection each.", visit.ran.exit());
        stage.story.tick_with_log(&told, &visit);
    }
    Ok(())
}

/// The code by which the server's own certificate failed, where the log says that the alternate was used.
fn fallen_back(visit: &Visit) -> Option<&str> {
    let reason = &visit.judgement()?.reason;
    let (_, cause) = reason.split_once("; the alternate is used, as the server's own certificate fails: ")?;
    cause.split(':').next().filter(|code| is_voucherless(code))
}

/// What clients see of a certificate that nobody vouches for any more.
fn is_voucherless(code: &str) -> bool {
    matches!(code, "no_voucher" | "expired")
}

/// That whoever has fallen back keeps a report on the certificate that failed.
fn reported(stage: &mut Stage<'_>, client: &Client) -> Result<(), Failure> {
    let reports = client.reports()?;
    let own = stage.shop.issued().certificate();
    let tells = reports.iter().find(|report| {
        is_voucherless(report.code()) && report.host() == HOST && report.chain().first().is_some_and(|leaf| leaf == own)
    });
    let Some(report) = tells else {
        return Err(Failure::Unmet(format!(
            "none of {} reports of a client that has fallen back is about the shop's own certificate",
            reports.len()
        )));
    };
    stage.story.tick(&format!("The client keeps a report on the shop's own certificate: {}.", report.code()));
    Ok(())
}

fn neighbour_stays_refused(stage: &mut Stage<'_>, client: &Client, conf: &Configuration) -> Result<(), Failure> {
    let Some(address) = stage.neighbour.as_ref().map(super::Site::address) else {
        return Err(Failure::Unmet("there is no second shop of operator A".to_owned()));
    };
    let client = client.visiting(NEIGHBOUR);
    let mut said = Vec::new();
    let mut last = None;
    for program in programs(stage) {
        let visit = client.fetch(&program, conf, address, Some(VERSIONS[1]))?;
        let is_meant = visit.ran.status == Some(program.refused()) && visit.is_refused();
        expect(is_meant && is_voucherless(visit.code()), || {
            format!("{program} does not refuse {NEIGHBOUR}, which has no alternate: {}", visit.summary())
        })?;
        said.push(format!("{program} {}", visit.ran.exit()));
        last = Some(visit);
    }
    if let Some(visit) = last {
        let told = format!("{NEIGHBOUR}, of {OWNER} and without an alternate, stays refused: {}.", said.join(", "));
        stage.story.tick_with_log(&told, &visit);
    }
    Ok(())
}
