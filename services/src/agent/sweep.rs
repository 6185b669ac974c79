//! The files of certificates that are no longer in use.

use std::path::PathBuf;

use mecai::Sha256;
use mecai::key_proof::KeyProof;
use mecai::store::{Contents, Store, StoredStaged};
use mecai::time::UnixTime;

use super::shelf::read_or_set_aside;

/// Removes the files of certificates that are no longer in use, once nothing in them is in force: neither bundles of
/// theirs or of the alternate, nor proofs of staged certificates.
pub(super) fn sweep(directories: &[PathBuf], in_use: impl Fn(&Sha256) -> bool, now: UnixTime) {
    for directory in directories {
        let store = Store::new(directory);
        let Ok(certificates) = store.certificates() else { continue };
        for certificate in certificates.iter().filter(|certificate| !in_use(certificate)) {
            if !read_or_set_aside(&store, certificate).is_some_and(|contents| is_over(&contents, now)) {
                continue;
            }
            match store.remove(certificate) {
                Ok(()) => tracing::info!("{} is removed: its vouchers have ended", store.path(certificate).display()),
                Err(error) => tracing::error!(code = error.code(), "{error}"),
            }
        }
    }
}

fn is_over(contents: &Contents, now: UnixTime) -> bool {
    let of_alternate = contents.alternate().into_iter().flat_map(|alternate| &alternate.bundles);
    let proof_is_over = |staged: &StoredStaged| {
        KeyProof::from_der(&staged.key_proof).map_or(true, |proof| proof.claim().not_after < now)
    };
    contents.bundles().iter().chain(of_alternate).all(|bundle| bundle.not_after() < now)
        && contents.staged().iter().all(proof_is_over)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mecai::bundle::assemble;
    use mecai::chain::certificate_digest;
    use mecai::endorsement::{Evidence, Seen, endorse};
    use mecai::key_proof::{Claim, StagedKey};
    use mecai::signature::SigningKey;
    use mecai::statement::{Proposal, Statement};
    use mecai::store::{StoredAlternate, StoredBundle};

    use super::*;

    const NOW: UnixTime = UnixTime(1_795_478_400);
    const CERTIFICATE: Sha256 = [7; 32];

    fn bundle(certificate: Sha256, lifetime: u64) -> StoredBundle {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        let proposal = Proposal {
            host: "www.shop.example",
            port: 443,
            addresses: &["192.0.2.1".parse().unwrap()],
            certificate,
            produced_at: NOW,
            not_after: NOW.plus(lifetime),
            stay: None,
        };
        let der = proposal.to_der().unwrap();
        let statement = Statement::from_der(&der).unwrap();
        let endorsement = endorse(&key, &statement, Seen::from_indices([0]).unwrap(), Evidence::ShortLived).unwrap();
        StoredBundle::from_der(&assemble(&der, &[&endorsement]).unwrap()).unwrap()
    }

    fn staged(lifetime: u64) -> StoredStaged {
        let key = StagedKey::from_pkcs8(&rcgen::KeyPair::generate().unwrap().serialize_der()).unwrap();
        let claim = Claim {
            host: "www.shop.example",
            port: 443,
            handshake_key: [1; 32],
            certificate: certificate_digest(b"next"),
            not_before: NOW,
            not_after: NOW.plus(lifetime),
        };
        StoredStaged { chain: vec![b"next".to_vec()], key_proof: key.prove(&claim).unwrap() }
    }

    #[test]
    fn a_file_goes_when_nothing_in_it_is_in_force() {
        let second = vec![b"second".to_vec()];
        let alternate = |lifetime| StoredAlternate {
            chain: second.clone(),
            bundles: vec![bundle(certificate_digest(b"second"), lifetime)],
        };
        let own = || vec![bundle(CERTIFICATE, 10)];
        let unvouched = StoredAlternate { chain: second.clone(), bundles: Vec::new() };
        for (bundles, alternate, staged, ends) in [
            (own(), None, Vec::new(), 10),
            (own(), Some(unvouched), Vec::new(), 10),
            (own(), Some(alternate(5)), Vec::new(), 10),
            (own(), Some(alternate(20)), Vec::new(), 20),
            (own(), None, vec![staged(5), staged(30)], 30),
            (Vec::new(), Some(alternate(20)), vec![staged(30)], 30),
        ] {
            let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let paths = directories.each_ref().map(|directory| directory.path().to_path_buf());
            let contents = Contents::new(CERTIFICATE, bundles, alternate, staged).unwrap();
            let stores = paths.each_ref().map(Store::new);
            for store in &stores {
                store.write(&contents).unwrap();
            }
            let are_there = || stores.each_ref().map(|store| store.path(&CERTIFICATE).exists());
            sweep(&paths, |certificate| *certificate == CERTIFICATE, NOW.plus(ends + 1));
            sweep(&paths, |_| false, NOW.plus(ends));
            assert_eq!(are_there(), [true, true]);
            sweep(&paths, |_| false, NOW.plus(ends + 1));
            assert_eq!(are_there(), [false, false]);
        }
    }
}
