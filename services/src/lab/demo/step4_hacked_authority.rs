//! Step 4: the man in the middle also holds the key of operator C's authority, and endorses his own certificate. With
//! the default, nobody accepts it, and everybody keeps the proof against C. With one of two, those accept whose pick
//! holds C, however often he drops them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use mecai::bundle::{Bundle, assemble};
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::extension::write_bundles;
use mecai::pick::{Pick, PickSecret};
use mecai::report::Report;
use mecai::signature::{PublicKey, SigningKey};
use mecai::state::State;
use mecai::statement::{LIFETIME_MAX, Proposal, Statement};
use mecai::time::UnixTime;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use super::super::parallel::in_parallel;
use super::super::{Error, SiteServer, unix_now};
use super::attacker::{Attacker, capture};
use super::client::{Client, Configuration};
use super::failure::{Failure, expect, unmet};
use super::program::Program;
use super::relay::{Relay, Treatment};
use super::step1_collect::new_key;
use super::vouchers::list;
use super::{HOST, MACHINE_ID, OPERATORS, Stage};

/// Whose authority's key he holds.
const ROBBED: &str = "operator-c";
/// One of two: the original idea.
const CANDIDATES: usize = 2;
const DROPPING: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 66, 0, 4));

/// A client, its two configurations, and what is known of it.
struct Victim<'c> {
    client: &'c Client,
    default: Configuration,
    weak: Configuration,
}

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let Some(attacker) = stage.attacker.take() else {
        return Err(Failure::Unmet("there is no man in the middle".to_owned()));
    };
    let server = serve(stage, &attacker)?;
    make_clients(stage)?;
    let victims: Vec<Victim<'_>> = stage
        .clients
        .iter()
        .map(|client| {
            let default = client.configure(&stage.world, &stage.module, "default", |conf| conf)?;
            let weak = client.configure(&stage.world, &stage.module, "weak", |conf| {
                conf.with("candidates", CANDIDATES).with("quorum", 1)
            })?;
            Ok(Victim { client, default, weak })
        })
        .collect::<Result<_, Error>>()?;

    let mut ticks = Vec::new();
    ticks.push(all_refuse(stage, &victims, &attacker, &server)?);
    let (accepting, tick) = some_accept(&stage.program(), &victims, &server)?;
    ticks.push(tick);
    ticks.push(as_foretold(stage, &victims, &accepting)?);
    ticks.push(all_stay(stage, &victims, &accepting, &server)?);
    drop(victims);
    ticks.iter().for_each(|tick| stage.story.tick(tick));
    Ok(())
}

/// How many of so many clients may accept: those whose pick of two holds one certain of twelve operators. Four standard
/// deviations of the binomial distribution on each side: one run in 16,000 falls outside. For 200 clients 13 to 54; for
/// 20, where the mean is 3.3 and the deviation 1.7, at most 10, and none at all is not ruled out (one run in 38).
fn bounds(clients: usize) -> RangeInclusive<usize> {
    let probability = CANDIDATES as f64 / OPERATORS as f64;
    let mean = clients as f64 * probability;
    let four = 4.0 * (mean * (1.0 - probability)).sqrt();
    // Both are between 0 and the number of clients.
    (mean - four).max(0.0).ceil() as usize..=(mean + four).min(clients as f64).floor() as usize
}

/// His answer: his own certificate endorsed with the robbed key for a whole day, and the real vouchers besides.
fn serve(stage: &mut Stage<'_>, attacker: &Attacker) -> Result<SiteServer, Failure> {
    let key_file = stage.world.authority(ROBBED)?.key();
    let mut pem = fs::read_to_string(key_file).map_err(Error::file("read", key_file))?;
    if stage.spoils(4) {
        stage.story.tell(&format!("Spoiled: the key in his hands is not that of {ROBBED}'s authority."));
        pem = new_key()?;
    }
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(unmet("the robbed key"))?;
    let key = SigningKey::from_pkcs8(pkcs8.secret_pkcs8_der()).map_err(unmet("the robbed key"))?;
    let now = UnixTime(unix_now());
    let proposal = Proposal {
        host: HOST,
        port: stage.world.site_port(),
        addresses: &[stage.shop.address().ip()],
        certificate: attacker.digest(),
        produced_at: now,
        not_after: now.plus(LIFETIME_MAX),
        stay: None,
    };
    let der = proposal.to_der().map_err(unmet("his statement"))?;
    let statement = Statement::from_der(&der).map_err(unmet("his statement"))?;
    let seen = Seen::from_indices([0]).ok_or_else(|| Failure::Unmet("an empty statement".to_owned()))?;
    let endorsement = endorse(&key, &statement, seen, Evidence::Ocsp { age: 0 }).map_err(unmet("his endorsement"))?;
    let forged = assemble(&der, &[&endorsement]).map_err(unmet("his bundle"))?;
    let real = capture(stage.shop.address())?;
    let mut bundles = vec![forged.as_slice()];
    bundles.extend(mecai::extension::read_bundles(&real).map_err(unmet("the real answer"))?);
    let answer = write_bundles(&bundles).ok_or_else(|| Failure::Unmet("his answer does not fit".to_owned()))?;
    stage.story.tell("With it he endorses his own certificate, and shows the real vouchers too.");
    attacker.serve_answer(&stage.world, &answer)
}

fn make_clients(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let count = stage.told.clients;
    for number in 0..count {
        // Every client has an address of its own, by which he tells them apart.
        let source = IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::new(127, 20, 0, 1).to_bits() + u32::from(number)));
        let name = format!("{:04}", number + 1);
        stage.clients.push(Client::new(&stage.world, &["clients", &name], source)?);
    }
    stage
        .story
        .tell(&format!("{count} clients, each with a state directory of its own, meet him by {}.", stage.program()));
    Ok(())
}

fn all_refuse(
    stage: &Stage<'_>,
    victims: &[Victim<'_>],
    attacker: &Attacker,
    server: &SiteServer,
) -> Result<String, Failure> {
    let list = list(&stage.world)?;
    let robbed = list.operators().iter().find(|operator| operator.id == ROBBED);
    let robbed = robbed.and_then(|operator| operator.authorities.first());
    let key = &robbed.ok_or_else(|| Failure::Unmet(format!("{ROBBED} has no authority in the list")))?.public_key;
    let program = stage.program();
    let results = in_parallel(victims, |_, victim| {
        let visit = victim.client.fetch(&program, &victim.default, server.address(), None)?;
        expect(visit.ran.status == Some(60) && visit.is_refused(), || {
            format!("a client with the default did not refuse: {}", visit.summary())
        })?;
        let reports = victim.client.reports()?;
        let proves = |report: &Report| proof(report, key, &attacker.digest(), attacker.certificate());
        expect(reports.iter().any(proves), || {
            format!(
                "none of the {} reports of a client carries a signature of {ROBBED}: {}",
                reports.len(),
                visit.summary()
            )
        })?;
        Ok(visit.code().to_owned())
    });
    let codes = results.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    let code = codes.first().cloned().unwrap_or_default();
    Ok(format!(
        "Default (two of a pick of four): 0 of {} accept ({program} exit 60, {code}); every one keeps a report with the \
         signature of {ROBBED} on his certificate, verified.",
        victims.len()
    ))
}

/// Whether a report holds this certificate, and an endorsement of it that verifies with this authority's key.
fn proof(report: &Report, key: &PublicKey, digest: &mecai::Sha256, certificate: &[u8]) -> bool {
    let is_his = report.chain().first().is_some_and(|leaf| leaf == certificate);
    let endorses = |bundle: &Vec<u8>| {
        Bundle::from_der(bundle).is_ok_and(|bundle| {
            let statement = bundle.statement();
            statement.certificate() == digest
                && bundle
                    .endorsements()
                    .any(|one| one.authority() == key.id() && one.is_signed_by(key, &statement.digest()))
        })
    };
    is_his && report.bundles().iter().any(endorses)
}

fn some_accept(program: &Program, victims: &[Victim<'_>], server: &SiteServer) -> Result<(Vec<bool>, String), Failure> {
    let results = in_parallel(victims, |_, victim| {
        let visit = victim.client.fetch(program, &victim.weak, server.address(), None)?;
        match (visit.ran.status, visit.judgement().map(|judgement| judgement.outcome.as_str())) {
            (Some(0), Some("accepted")) => Ok(true),
            (Some(60), Some("refused")) => Ok(false),
            _ => Err(Failure::Unmet(format!("a client neither accepted nor refused: {}", visit.summary()))),
        }
    });
    let accepting = results.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    let count = accepting.iter().filter(|accepts| **accepts).count();
    let bounds = bounds(victims.len());
    expect(bounds.contains(&count), || {
        format!(
            "with one of two, {count} of {} clients accept, not {} to {}",
            victims.len(),
            bounds.start(),
            bounds.end()
        )
    })?;
    let tick = format!(
        "candidates = 2, quorum = 1: {count} of {} accept ({} to {}: 2 of 12, four sigma).",
        victims.len(),
        bounds.start(),
        bounds.end()
    );
    Ok((accepting, tick))
}

/// That those accept whose pick holds C, and no others: worked out by the core from each client's secret, which only
/// the lab can look at.
fn as_foretold(stage: &Stage<'_>, victims: &[Victim<'_>], accepting: &[bool]) -> Result<String, Failure> {
    let list = list(&stage.world)?;
    let robbed = list.operators().iter().position(|operator| operator.id == ROBBED);
    let machine_id = fs::read_to_string(MACHINE_ID).map_err(unmet(MACHINE_ID))?;
    for (victim, accepts) in victims.iter().zip(accepting) {
        let secret = State::new(victim.client.state()).secret().map_err(unmet("a client's secret"))?;
        let secret = PickSecret::new(&secret, &machine_id);
        let pick = Pick::draw(&list, &secret, HOST, CANDIDATES, None, UnixTime(unix_now()));
        let holds = robbed.is_some_and(|robbed| pick.operators().contains(&robbed));
        expect(holds == *accepts, || {
            let directory = victim.client.state();
            format!("the pick of {} holds {ROBBED}: {holds}; it accepts: {accepts}", directory.display())
        })?;
    }
    Ok(format!("They are exactly those whose secret pick holds {ROBBED}."))
}

fn all_stay(
    stage: &Stage<'_>,
    victims: &[Victim<'_>],
    accepting: &[bool],
    server: &SiteServer,
) -> Result<String, Failure> {
    let relay =
        Relay::start(SocketAddr::new(DROPPING, stage.world.site_port()), server.address(), Treatment::DropEveryOther)?;
    let repeats = usize::from(stage.told.repeats);
    let program = stage.program();
    let results = in_parallel(victims, |index, victim| {
        for _ in 0..repeats {
            let [dropped, repeated] = victim.client.fetch_twice(&program, &victim.weak, relay.address())?;
            let expected = if accepting[index] { "0" } else { "60" };
            expect(dropped != "0" && repeated == expected, || {
                format!(
                    "a client ended with exit {repeated} after a dropped connection (exit {dropped}), before with {expected}"
                )
            })?;
        }
        Ok(())
    });
    results.into_iter().collect::<Result<(), Failure>>()?;
    let (dropped, wanted) = (relay.dropped(), repeats * victims.len());
    expect(dropped == wanted, || format!("he dropped {dropped} connections instead of {wanted}"))?;
    Ok(format!(
        "Each keeps its outcome over {repeats} connections that he drops ({dropped} in all) and {repeats} repeated ones."
    ))
}

#[cfg(test)]
mod tests {
    use super::bounds;

    #[test]
    fn bounds_are_four_deviations_from_the_mean() {
        assert_eq!(bounds(200), 13..=54);
        assert_eq!(bounds(20), 0..=10);
        assert_eq!(bounds(2), 0..=2);
    }
}
