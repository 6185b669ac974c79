//! What is shown to authorities: the coming certificate, and a proof of its key for every host, port and key with which
//! servers may be answering (spec section 12).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use data_encoding::HEXLOWER;
use mecai::Sha256;
use mecai::extension::write_staged;
use mecai::key_proof::{Claim, KeyProof};
use mecai::statement::LIFETIME_MAX;
use mecai::store::{FILE_MAX, STAGED_ANSWER_MAX, StoredStaged};
use mecai::time::UnixTime;
use mecai::verify::CLOCK_TOLERANCE;

use super::super::alternate::CHAIN_MAX;
use super::super::certificate::Certificate;
use super::super::key::Key;
use super::super::remember::Memory;
use super::super::site::Whole;
use super::super::trouble::Trouble;
use super::file::Staged;

/// What one file of the store has room for (spec section 11).
const STAGED_MAX: usize = 255;

/// The coming certificate of a site, and what to say of it beforehand.
pub(super) struct Prepared {
    /// Without proofs when nothing else can be shown by servers.
    pub(super) staged: Staged,
    /// Where it is to be vouched for.
    pub(super) places: BTreeSet<(String, u16)>,
    pub(super) warnings: Vec<String>,
}

/// Reads certificate and key, and proves the key.
///
/// # Errors
/// `certificate_unreadable`, `certificate_ended`, `key_unreadable`, `key_unusable`, `staged_other_key`,
/// `staged_other_names`, `staged_in_place`, `staged_too_large`, `state_failed`.
pub(super) fn prepare(
    site: &Whole,
    certificate_file: &Path,
    key_file: &Path,
    state: &Path,
    now: UnixTime,
) -> Result<Prepared, Trouble> {
    let certificate = Certificate::read(certificate_file)?;
    let name = certificate_file.display();
    if certificate.not_after < now {
        let sentence = format!("the certificate {name} ended at {}, and it is {now}", certificate.not_after);
        return Err(Trouble::new("certificate_ended", sentence));
    }
    let key = Key::read(key_file)?;
    if key.hash != certificate.key {
        let (of_certificate, of_key) = (HEXLOWER.encode(&certificate.key), HEXLOWER.encode(&key.hash));
        let sentence = format!(
            "{} is not the key of {name}: the SPKI hashes are {of_key} and {of_certificate}",
            key_file.display()
        );
        return Err(Trouble::new("staged_other_key", sentence));
    }
    let staged_key = key.staged(key_file)?;
    let mut warnings = Vec::new();
    let missing = certificate.missing(site.hosts());
    let places: BTreeSet<(&str, u16)> = site.places().into_iter().filter(|(host, _)| !missing.contains(host)).collect();
    if places.is_empty() {
        let sentence = format!("the certificate {name} names no host of the site: {}", missing.join(", "));
        return Err(Trouble::new("staged_other_names", sentence));
    }
    if !missing.is_empty() {
        warnings
            .push(format!("the certificate {name} does not name {}, which stay without vouchers", missing.join(", ")));
    }
    warnings.extend(lost_alternate(site, &certificate));

    let present = Certificate::read(&site.certificate);
    let is_in_place = present.as_ref().is_ok_and(|present| present.digest == certificate.digest);
    if is_in_place && site.sections.iter().any(|site| site.serverinfo.is_some()) {
        let sentence = format!(
            "{} holds the staged certificate already, and a server shows what is in serverinfo only when it reads that \
             file too: let it read one that the deploy command replaces",
            site.certificate.display()
        );
        return Err(Trouble::new("staged_in_place", sentence));
    }
    let memory = Memory::read(state)?;
    let remembered = memory.of(&site.certificate).filter(|known| known.certificate != certificate.digest);
    let mut handshake_keys: BTreeSet<Sha256> = remembered.map(|known| known.key).collect();
    match present {
        Ok(present) if !is_in_place => drop(handshake_keys.insert(present.key)),
        Err(trouble) if handshake_keys.is_empty() => return Err(trouble),
        _ => {}
    }
    if handshake_keys.is_empty() {
        warnings.push(format!(
            "no certificate before this one is known of {}: servers are taken to use it already",
            site.certificate.display()
        ));
    }
    let not_before = UnixTime(now.0.saturating_sub(CLOCK_TOLERANCE));
    let mut proofs = Vec::new();
    for handshake_key in &handshake_keys {
        for (host, port) in &places {
            let claim = Claim {
                host,
                port: *port,
                handshake_key: *handshake_key,
                certificate: certificate.digest,
                not_before,
                not_after: not_before.plus(LIFETIME_MAX).min(certificate.not_after),
            };
            proofs.push(staged_key.prove(&claim).map_err(|error| Trouble::new("key_unusable", error.to_string()))?);
        }
    }
    let unusable = |problem| Trouble::new("staged_unreadable", problem);
    let staged = Staged::new(site.certificate.clone(), certificate, proofs).map_err(unusable)?;
    for key in &handshake_keys {
        check_size(&staged.beside(key).collect::<Vec<_>>(), needs_one_answer(site))?;
    }
    let places = places.into_iter().map(|(host, port)| (host.to_owned(), port)).collect();
    Ok(Prepared { staged, places, warnings })
}

/// The alternate is of use on the site's key only.
fn lost_alternate(site: &Whole, certificate: &Certificate) -> Option<String> {
    let path = site.alternate()?;
    let alternate = Certificate::read(path).ok().filter(|alternate| alternate.key != certificate.key)?;
    Some(format!(
        "the alternate {} is on another key than the staged certificate and will not be shown with it: the SPKI hashes \
         are {} and {}",
        path.display(),
        HEXLOWER.encode(&alternate.key),
        HEXLOWER.encode(&certificate.key)
    ))
}

/// A serverinfo file has the answer to clients that name no host, and whoever asks by address names none.
fn needs_one_answer(site: &Whole) -> bool {
    let has_address = |host: &&String| host.parse::<std::net::IpAddr>().is_ok();
    site.sections.iter().any(|site| site.serverinfo.is_some()) || site.hosts().iter().any(has_address)
}

/// One file has to hold it all, and at most half of that for the bundles' sake.
fn check_size(beside: &[StoredStaged], in_one_answer: bool) -> Result<(), Trouble> {
    let octets: usize =
        beside.iter().flat_map(|staged| staged.chain.iter().chain([&staged.key_proof])).map(Vec::len).sum();
    let too_large = |what: String| {
        let count = beside.len();
        Err(Trouble::new(
            "staged_too_large",
            format!("{count} hosts and ports times the chain are {octets} octets: {what}"),
        ))
    };
    if beside.iter().any(|staged| staged.chain.len() > CHAIN_MAX) {
        return too_large(format!("the chain has more than {CHAIN_MAX} certificates"));
    }
    if beside.len() > STAGED_MAX || octets > FILE_MAX / 2 {
        return too_large(format!("a store file has room for {STAGED_MAX} of {} octets", FILE_MAX / 2));
    }
    let mut answers: BTreeMap<&str, Vec<&StoredStaged>> = BTreeMap::new();
    for staged in beside {
        let proof = KeyProof::from_der(&staged.key_proof).ok();
        let host = proof.as_ref().filter(|_| !in_one_answer).map_or("", |proof| proof.claim().host);
        answers.entry(host).or_default().push(staged);
    }
    if answers.values().any(|answer| !fits(answer)) {
        let whose = if in_one_answer { "serverinfo, and a server that is asked by address," } else { "a server" };
        return too_large(format!("{whose} shows at most {STAGED_ANSWER_MAX} in one answer"));
    }
    Ok(())
}

/// Whether one answer has room for all of these.
fn fits(staged: &[&StoredStaged]) -> bool {
    let chains: Vec<Vec<&[u8]>> =
        staged.iter().map(|staged| staged.chain.iter().map(Vec::as_slice).collect()).collect();
    let answer: Vec<(&[&[u8]], &[u8])> =
        chains.iter().zip(staged).map(|(chain, staged)| (&chain[..], staged.key_proof.as_slice())).collect();
    write_staged(&answer).is_some_and(|answer| answer.len() <= STAGED_ANSWER_MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mecai::key_proof::StagedKey;
    use mecai::signature::SigningKey;

    use super::*;

    /// A chain of 3,500 octets, staged for so many hosts with so many ports.
    fn staged(hosts: u16, ports: u16) -> Vec<StoredStaged> {
        let key = StagedKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        let place = |host: u16, port: u16| {
            let claim = Claim {
                host: &format!("host-{host}.example"),
                port,
                handshake_key: [1; 32],
                certificate: [2; 32],
                not_before: UnixTime(0),
                not_after: UnixTime(LIFETIME_MAX),
            };
            StoredStaged { chain: vec![vec![0; 1500], vec![0; 2000]], key_proof: key.prove(&claim).unwrap() }
        };
        (0..hosts)
            .flat_map(|host| (1..=ports).map(move |port| (host, port)))
            .map(|(host, port)| place(host, port))
            .collect()
    }

    #[test]
    fn what_a_server_would_leave_out_is_too_large() {
        assert!(check_size(&staged(10, 1), false).is_ok(), "each host has an answer of its own");
        assert_eq!(check_size(&staged(10, 1), true).unwrap_err().code, "staged_too_large");
        assert!(check_size(&staged(2, 8), false).is_ok());
        let trouble = check_size(&staged(2, 10), false).unwrap_err();
        assert!(trouble.sentence.contains("a server shows at most 32768 in one answer"), "{}", trouble.sentence);
    }
}
