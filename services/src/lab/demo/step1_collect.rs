//! Step 1: nginx shows a certificate of operator A, and the agent collects vouchers from the eleven others. A refuses
//! to vouch for itself.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::BASE64;
use mecai::signature::SigningKey;

use super::super::{Error, Site, SitePlan, World};
use super::failure::{Failure, expect, unmet};
use super::vouchers::{Held, Word, held, status, wait_for};
use super::{HOST, OWNER, Stage};

/// All authorities answer within so many seconds, or the step has failed.
const ANSWERS_WITHIN: u64 = 20;
/// Where nginx without the module writes its process id, below the site's directory.
pub(super) const PLAIN: &str = "nginx-plain";
/// Where the agent writes what nginx without the module serves, below the site's directory.
pub(super) const SERVERINFO: &str = "serverinfo.pem";
/// Whose authority signs with a key that is not in the list, if this step is spoiled.
const FOREIGN: &str = "operator-d";

/// nginx with the module; the agent comes later.
pub(super) fn open_shop(world: &World, module: &Path, lifetime: u64) -> Result<Site, Error> {
    let directory = world.make_directory(&["sites", HOST])?;
    let pid = directory.join(PLAIN).join("nginx.pid");
    // That nginx starts in step 2; until then there is nothing to reload.
    let reload = format!("test ! -s '{0}' || kill -HUP \"$(cat '{0}')\"", pid.display());
    let plan = SitePlan { serverinfo: Some((directory.join(SERVERINFO), reload)), ..SitePlan::default() };
    Site::start(world, HOST, OWNER, 0, module, Some(lifetime), plan)
}

pub(super) fn run(stage: &mut Stage<'_>) -> Result<(), Failure> {
    if stage.spoils(1) {
        stage.story.tell(&format!("Spoiled: the authority of {FOREIGN} signs with a key that is not in the list."));
        stage.world.authority(FOREIGN)?.sign_with(&new_key()?)?;
    }
    let address = stage.shop.address();
    stage.story.tell(&format!("nginx, with the module, shows a certificate of {OWNER} at {address}."));
    stage.shop.agent().up()?;
    stage.story.tell("The agent asks all twelve authorities; each looks at DNS, at nginx, and at OCSP or CRL itself.");
    let (bundle, words) = collected(stage, ANSWERS_WITHIN)?;
    stage.story.tick(&format!(
        "{} operators vouch until {}: {}",
        bundle.operators.len(),
        bundle.not_after,
        names(&bundle)
    ));
    let refusal = words.get(OWNER).and_then(|word| word.failing.as_ref());
    let Some((code, sentence)) = refusal else {
        return Err(Failure::Unmet(format!("the agent's status does not say that {OWNER} refuses")));
    };
    expect(code == "own_operator", || format!("{OWNER} refuses with {code} instead of own_operator: {sentence}"))?;
    stage.story.tick(&format!("{OWNER} refuses to vouch for itself: {code}: {sentence}"));
    Ok(())
}

/// Waits until every authority has answered; gives the freshest bundle that all operators but the owner have endorsed,
/// and what the agent says of each.
pub(super) fn collected(stage: &mut Stage<'_>, seconds: u64) -> Result<(Held, BTreeMap<String, Word>), Failure> {
    let others: Vec<String> =
        stage.world.operators().iter().map(|operator| operator.id().to_owned()).filter(|id| id != OWNER).collect();
    let (world, shop) = (&stage.world, &mut stage.shop);
    let found = wait_for(seconds, || {
        let words = status(shop.agent())?;
        if words.len() <= others.len() || words.values().any(|word| word.good_until.is_none() && word.failing.is_none())
        {
            return Ok(None);
        }
        // Whoever missed a round has his endorsement in another bundle; the next round brings all together.
        let whole = held(world, shop)?.into_iter().find(|bundle| bundle.operators == others);
        Ok(whole.map(|bundle| (bundle, words)))
    })?;
    if let Some(found) = found {
        return Ok(found);
    }
    let words = status(stage.shop.agent())?;
    let missing: Vec<String> = words
        .iter()
        .filter(|(operator, _)| *operator != OWNER)
        .filter_map(|(operator, word)| word.failing.as_ref().map(|(code, sentence)| (operator, code, sentence)))
        .map(|(operator, code, sentence)| format!("{operator}: {code}: {sentence}"))
        .collect();
    let missing = if missing.is_empty() { "the agent names no failure".to_owned() } else { missing.join("; ") };
    Err(Failure::Unmet(format!("not all {} others have vouched within {seconds} s: {missing}", others.len())))
}

fn names(bundle: &Held) -> String {
    let letters: Vec<&str> = bundle.operators.iter().filter_map(|id| id.rsplit('-').next()).collect();
    letters.join(" ").to_uppercase()
}

/// A private key that nobody has listed, PKCS #8 in PEM.
pub(super) fn new_key() -> Result<String, Failure> {
    let pkcs8 = SigningKey::generate().map_err(unmet("a new key"))?;
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in BASE64.encode(&pkcs8).as_bytes().chunks(64) {
        pem.extend(line.iter().map(|octet| char::from(*octet)));
        pem.push('\n');
    }
    Ok(pem + "-----END PRIVATE KEY-----\n")
}
