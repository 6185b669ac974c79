//! Whether a certificate can be a site's alternate: clients go over to it only on the same key (spec section 5).

use mecai::extension::{ANSWER_MAX, write_alternate};
use mecai::time::UnixTime;

use super::certificate::Certificate;
use super::trouble::Trouble;

/// The most certificates of a chain in a store file (spec section 11).
pub(super) const CHAIN_MAX: usize = 10;

/// Checks `alternate`, read from the file `name`, beside a site's certificate.
///
/// # Errors
/// `alternate_same`, `alternate_other_key`, `alternate_ended`, `alternate_other_names`, `alternate_too_large`.
pub(super) fn check<'h>(
    alternate: &Certificate,
    name: &str,
    primary: &Certificate,
    hosts: impl IntoIterator<Item = &'h String>,
    now: UnixTime,
) -> Result<(), Trouble> {
    let hex = |octets: &[u8]| data_encoding::HEXLOWER.encode(octets);
    let wrong = |code, what: String| Err(Trouble::new(code, format!("the alternate {name} {what}")));
    if alternate.digest == primary.digest {
        return wrong("alternate_same", format!("is the site's certificate itself, {}", hex(&primary.digest)));
    }
    if alternate.key != primary.key {
        let (other, key) = (hex(&alternate.key), hex(&primary.key));
        let what = format!("has another key than the site's certificate: the SPKI hashes are {other} and {key}");
        return wrong("alternate_other_key", what);
    }
    if alternate.not_after < now {
        return wrong("alternate_ended", format!("ended at {}, and it is {now}", alternate.not_after));
    }
    let missing = alternate.missing(hosts);
    if !missing.is_empty() {
        return wrong("alternate_other_names", format!("does not name {}", missing.join(", ")));
    }
    let chain: Vec<&[u8]> = alternate.chain.iter().map(Vec::as_slice).collect();
    if chain.len() > CHAIN_MAX {
        let what = format!("has a chain of {} certificates, more than {CHAIN_MAX}", chain.len());
        return wrong("alternate_too_large", what);
    }
    if write_alternate(&chain, &[]).is_none() {
        let octets: usize = chain.iter().map(|der| der.len()).sum();
        let what = format!("has a chain of {octets} octets, and an answer of {ANSWER_MAX} has no room for it");
        return wrong("alternate_too_large", what);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: UnixTime = UnixTime(1_795_478_400);

    fn certificate(digest: u8, hosts: &[&str]) -> Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>();
        let leaf = rcgen::CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap();
        Certificate { chain: vec![leaf.der().to_vec()], digest: [digest; 32], key: [9; 32], not_after: NOW }
    }

    #[test]
    fn every_reason_has_its_code_and_the_values_compared() {
        let hosts = ["www.shop.example", "shop.example"].map(str::to_owned);
        let both = hosts.each_ref().map(String::as_str);
        let primary = certificate(1, &both);
        let good = certificate(2, &both);
        let check = |alternate: &Certificate| check(alternate, "/b.pem", &primary, &hosts, NOW);
        assert_eq!(check(&good), Ok(()));
        let long = |count: usize, length| vec![vec![0; length]; count].into_iter();
        let chain = |more: std::vec::IntoIter<Vec<u8>>| good.chain.iter().cloned().chain(more).collect::<Vec<_>>();
        let hex = |octet: &str| octet.repeat(32);
        for (alternate, code, values) in [
            (primary.clone(), "alternate_same", hex("01")),
            (
                Certificate { key: [8; 32], ..good.clone() },
                "alternate_other_key",
                format!("{} and {}", hex("08"), hex("09")),
            ),
            (
                Certificate { not_after: UnixTime(NOW.0 - 1), ..good.clone() },
                "alternate_ended",
                format!("ended at {}, and it is {NOW}", UnixTime(NOW.0 - 1)),
            ),
            (certificate(2, &["www.shop.example"]), "alternate_other_names", "does not name shop.example".to_owned()),
            (
                Certificate { chain: chain(long(10, 9)), ..good.clone() },
                "alternate_too_large",
                "11 certificates".to_owned(),
            ),
            (
                Certificate { chain: chain(long(2, 8_100)), ..good.clone() },
                "alternate_too_large",
                format!("{} octets", 16_200 + good.chain[0].len()),
            ),
        ] {
            let trouble = check(&alternate).unwrap_err();
            assert_eq!(trouble.code, code);
            assert!(trouble.sentence.contains(&values) && trouble.sentence.contains("/b.pem"), "{trouble}");
        }
    }
}
