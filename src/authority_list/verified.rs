//! Endorsements that were verified last: a client that comes to a server again is shown the same ones, for hours, and to
//! verify their signatures anew is most of what a handshake costs it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Sha256;

/// How many endorsements are remembered.
const PLACES: usize = 128;

/// What stands for endorsements whose signatures were good: the digest of everything that this follows from. Whoever looks
/// waits for nobody.
///
/// The parts of a digest are written one by one, so two that are written at once to one place may leave a mixture. To make
/// use of one, somebody would have to find octets with such a digest, which is as hard as for any other.
#[derive(Debug)]
pub(super) struct VerifiedEndorsements(Vec<Place>);

type Parts = [u64; 4];
type Place = [AtomicU64; 4];

impl VerifiedEndorsements {
    pub(super) fn new() -> Self {
        // The first octet of a digest says where it is looked for: these are found nowhere.
        let elsewhere = |place: u8| [u64::from_be_bytes([place.wrapping_add(1); 8]), 0, 0, 0];
        Self((0..=u8::MAX).take(PLACES).map(|place| elsewhere(place).map(AtomicU64::new)).collect())
    }

    /// Whether it is remembered.
    pub(super) fn contains(&self, digest: &Sha256) -> bool {
        let parts = parts(digest);
        self.place(digest)
            .is_some_and(|place| place.iter().zip(parts).all(|(kept, part)| kept.load(Ordering::Relaxed) == part))
    }

    /// Remembers it. Another one that comes to the same place takes it.
    pub(super) fn keep(&self, digest: &Sha256) {
        for (kept, part) in self.place(digest).into_iter().flatten().zip(parts(digest)) {
            kept.store(part, Ordering::Relaxed);
        }
    }

    fn place(&self, digest: &Sha256) -> Option<&Place> {
        self.0.get(usize::from(digest[0]) % PLACES)
    }
}

fn parts(digest: &Sha256) -> Parts {
    let mut parts = [0; 4];
    for (part, octets) in parts.iter_mut().zip(digest.chunks_exact(8)) {
        *part = octets.iter().fold(0, |part, octet| part << 8 | u64::from(*octet));
    }
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::authority_list::{Authority, AuthorityList};
    use crate::endorsement::{Endorsement, Evidence, Seen, endorse};
    use crate::signature::SigningKey;
    use crate::statement::{Proposal, Statement};
    use crate::time::UnixTime;

    /// A list with one authority for each key.
    fn list(keys: &[SigningKey]) -> AuthorityList {
        let operators: Vec<_> = (0..)
            .zip(keys)
            .map(|(number, key)| {
                json!({
                    "id": format!("operator-{number}"), "name": "An operator", "country": "DE",
                    "ca_keys": [format!("{number:064x}")],
                    "authorities": [{
                        "public_key": key.public_key_base64(), "url": "https://va.example/", "regions": [],
                        "valid_from": "2020-01-01T00:00:00Z", "valid_until": "2100-01-01T00:00:00Z",
                    }],
                })
            })
            .collect();
        let (issued, expires) = ("2026-11-20T00:00:00Z", "2026-12-10T00:00:00Z");
        let list = json!({
            "version": 1, "sequence": 1, "issued": issued, "expires": expires, "operators": operators,
        });
        AuthorityList::from_json(&serde_json::to_vec(&list).unwrap()).unwrap()
    }

    #[test]
    fn what_differs_from_a_remembered_endorsement_is_verified() {
        let addresses = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let at = UnixTime(1_796_126_400);
        let (host, certificate) = ("www.shop.example", [7; 32]);
        let proposal = Proposal {
            host,
            port: 443,
            addresses: &addresses,
            certificate,
            produced_at: at,
            not_after: at,
            stay: None,
        };
        let statement = proposal.to_der().unwrap();
        let statement = Statement::from_der(&statement).unwrap();
        let keys = [(); 2].map(|()| SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap());
        let list = list(&keys).remembering();
        let authorities: Vec<&Authority> = list.operators().iter().flat_map(|operator| &operator.authorities).collect();
        let right = endorse(&keys[0], &statement, Seen::from_indices([1]).unwrap(), Evidence::Ocsp { age: 5 }).unwrap();
        let has_signed = |authority: &Authority, der: &[u8], digest: &Sha256| {
            Endorsement::from_der(der, 2).is_ok_and(|endorsement| list.has_signed(authority, &endorsement, digest))
        };
        let digest = statement.digest();
        for _ in 0..2 {
            assert!(has_signed(authorities[0], &right, &digest));
            assert!(!has_signed(authorities[1], &right, &digest));
            for bit in 0..right.len() * 8 {
                let mut wrong = right.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                assert!(!has_signed(authorities[0], &wrong, &digest), "{bit}");
            }
            for bit in 0..256 {
                let mut wrong = digest;
                wrong[bit / 8] ^= 1 << (bit % 8);
                assert!(!has_signed(authorities[0], &right, &wrong), "{bit}");
            }
        }
    }

    #[test]
    fn what_is_remembered_is_not_verified_again() {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        let list = list(&[key]).remembering();
        // Octets that are no signature of anything, as if they had been found good.
        let der = [
            [0x30, 85, 0x30, 17, 0x04, 8].as_slice(),
            list.operators()[0].authorities[0].public_key.id(),
            &[0x03, 2, 6, 0x40, 0x0A, 1, 2, 0x04, 64],
            &[9; 64],
        ]
        .concat();
        let endorsement = Endorsement::from_der(&der, 2).unwrap();
        let authority = &list.operators()[0].authorities[0];
        assert!(!list.has_signed(authority, &endorsement, &[1; 32]));
        let digest = endorsement.digest(&authority.public_key, &[1; 32]).unwrap();
        list.verified.as_ref().unwrap().keep(&digest);
        assert!(list.has_signed(authority, &endorsement, &[1; 32]));
        assert!(!list.clone().remembering().has_signed(authority, &endorsement, &[1; 32]));
    }

    #[test]
    fn what_was_kept_is_found_until_its_place_is_taken() {
        let verified = VerifiedEndorsements::new();
        for octet in 0..=u8::MAX {
            assert!(!verified.contains(&[octet; 32]), "{octet}");
        }
        let digest = |last: u8| {
            let mut digest = [7; 32];
            digest[31] = last;
            digest
        };
        verified.keep(&digest(1));
        assert!(verified.contains(&digest(1)) && !verified.contains(&digest(2)));
        verified.keep(&digest(2));
        assert!(verified.contains(&digest(2)) && !verified.contains(&digest(1)));
    }
}
