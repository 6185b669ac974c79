//! The attack on failover: a man in the middle shows a certificate for the shop that he made himself, and beside it a
//! genuine alternate for his own site evil.example, on the same key, which everybody has vouched for. Only the rule that
//! an alternate must be for the name that is meant stands in his way.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::super::directory::write_public;
use super::super::{
    Ca, Issued, Leaf, OpensslConf, Pointers, SiteAgent, SiteEntry, SitePlan, SiteServer, SiteView, Subject, Validity,
};
use super::client::{Client, Configuration};
use super::failure::{Failure, expect};
use super::program::Program;
use super::vouchers::{ALTERNATE, Word, words};
use super::{HOST, Stage};

const EVIL: &str = "evil.example";
/// Who issued the certificates of his site: its own, and the alternate.
const FIRST: &str = "operator-f";
const SECOND: &str = "operator-g";
/// His site, and where he shows its alternate beside a forged certificate.
const SITE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 66, 0, 5));
const MIDDLE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 66, 0, 6));
const VERSIONS: [&str; 2] = ["1.2", "1.3"];

pub(super) fn run(stage: &mut Stage<'_>, client: &Client, conf: &Configuration) -> Result<(), Failure> {
    let evil = Evil::open(stage)?;
    let middle = evil.forge(stage)?;
    let to = middle.address();
    let own = stage.program();
    let visit = client.visiting(EVIL).fetch(&own, conf, to, Some(VERSIONS[1]))?;
    expect(visit.ran.succeeded() && visit.code() == "accepted", || {
        format!("his alternate is not good for {EVIL}, so that the attack shows nothing: {}", visit.summary())
    })?;
    stage
        .story
        .tick(&format!("At his server {own} accepts {EVIL} by that alternate: everything but the name is right."));
    for (program, code) in [
        (own.clone(), if own == Program::Curl { "alternate_wrong_name" } else { "alternate_not_trusted" }),
        // There OpenSSL checks the name itself, as of any certificate.
        (Program::Python, "alternate_not_trusted"),
        (Program::UncheckedPython, "alternate_wrong_name"),
    ] {
        refused(stage, client, conf, &program, to, code)?;
    }
    Ok(())
}

/// His site, with everything that he has got honestly.
struct Evil {
    directory: PathBuf,
    issued: Issued,
    /// What his agent wrote: the vouchers of both certificates, and the alternate.
    serverinfo: PathBuf,
    _server: SiteServer,
}

impl Evil {
    /// Opens the site, gets the alternate by a request on its key, and has everybody vouch for both.
    fn open(stage: &mut Stage<'_>) -> Result<Self, Failure> {
        let world = &stage.world;
        let issued = world.operator(FIRST)?.issue(&Leaf::new([EVIL]))?;
        let entry = world.write_site(EVIL, &issued)?;
        let directory = world.make_directory(&["sites", EVIL])?;
        let serverinfo = directory.join("serverinfo.pem");
        let plan = SitePlan { serverinfo: Some((serverinfo.clone(), "true".to_owned())), ..SitePlan::default() };
        let mut agent = SiteAgent::make(world, vec![(entry.clone(), plan)], None, &directory)?;
        world.make_directory(&["sites", EVIL, "vouchers"])?;
        let ran = agent.csr(EVIL)?;
        expect(ran.succeeded(), || format!("mecai agent csr {EVIL}: {}: {}", ran.exit(), ran.errors.trim()))?;
        let alternate = directory.join("alternate.pem");
        write_public(&alternate, &world.operator(SECOND)?.issue_for(&ran.output)?)?;
        agent.set_alternate(EVIL, &alternate)?;
        let conf = OpensslConf::server(&stage.module, agent.store()).write(&directory.join("openssl-server.cnf"))?;
        let view = SiteView { page: "Welcome to evil.example", lines: String::new(), openssl_conf: Some(conf) };
        let server = SiteServer::start(world, &entry, SITE, &directory.join("nginx"), &view)?;
        world.dns().set(EVIL, &[SITE]);
        let count = vouched(&agent)?;
        stage.story.tick(&format!(
            "The man in the middle has a site of his own, {EVIL}, with an alternate of {SECOND}: {count} operators have \
             seen it there, and vouch for it."
        ));
        Ok(Self { directory, issued, serverinfo, _server: server })
    }

    /// nginx with a certificate for the shop's name on the key of his site, from a CA that he made himself, and all that
    /// his agent has got.
    fn forge(&self, stage: &mut Stage<'_>) -> Result<SiteServer, Failure> {
        let subject =
            Subject { name: "Operator A Root".into(), organization: "Operator A".into(), country: "DE".into() };
        let ca = Ca::root(&subject, Validity::default(), Pointers::default())?;
        let forged = ca.issue(&Leaf::new([HOST]).key(self.issued.key_pem()))?;
        let entry = SiteEntry { name: HOST.to_owned(), ..stage.world.write_site("forged", &forged)? };
        let view =
            SiteView { page: "Welcome to the man in the middle", lines: line(&self.serverinfo), openssl_conf: None };
        let server = SiteServer::start(&stage.world, &entry, MIDDLE, &self.directory.join("nginx-middle"), &view)?;
        stage.story.tell(&format!(
            "He makes a certificate for {HOST} himself, on the same key, and shows that alternate beside it."
        ));
        Ok(server)
    }
}

fn line(serverinfo: &Path) -> String {
    format!("    ssl_conf_command ServerInfoFile \"{}\";", serverinfo.display())
}

/// One round of his agent; gives how many operators vouch for the alternate: all but its own.
fn vouched(agent: &SiteAgent) -> Result<usize, Failure> {
    let ran = agent.once(&["--json"])?;
    let words = words(&ran.output, ALTERNATE)?;
    let missing = words.iter().find(|(operator, word)| *operator != SECOND && word.good_until.is_none());
    expect(ran.succeeded() && missing.is_none() && !words.is_empty(), || {
        format!("not everybody vouches for the alternate of {EVIL} ({}): {missing:?}", ran.exit())
    })?;
    Ok(words.values().filter(|word: &&Word| word.good_until.is_some()).count())
}

fn refused(
    stage: &mut Stage<'_>,
    client: &Client,
    conf: &Configuration,
    program: &Program,
    to: SocketAddr,
    code: &str,
) -> Result<(), Failure> {
    let mut last = None;
    for version in VERSIONS {
        let visit = client.fetch(program, conf, to, Some(version))?;
        let fails = format!("; the alternate fails, too: {code}: ");
        let is_meant = visit.judgement().is_some_and(|judgement| judgement.reason.contains(&fails));
        expect(visit.ran.status == Some(program.refused()) && visit.is_refused() && is_meant, || {
            format!("{program} does not refuse his {HOST} with {code} in TLS {version}: {}", visit.summary())
        })?;
        last = Some(visit);
    }
    if let Some(visit) = last {
        let told = format!("{program} meets him as {HOST}, TLS 1.2 and 1.3: {}", visit.ran.exit());
        stage.story.tick_with_log(&told, &visit);
    }
    Ok(())
}
