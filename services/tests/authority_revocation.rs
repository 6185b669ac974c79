//! Revocation evidence from real OCSP responders and CRLs, in every state that they can be in.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod authority_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use authority_support::{HOST, Stand, now};
use mecai::request::Problem;
use mecai_services::authority::checks::addresses::{AddressFilter, PortFilter};
use mecai_services::authority::checks::chain::{Roots, VerifiedChain};
use mecai_services::authority::checks::dns::Dns;
use mecai_services::authority::checks::evidence_cache::{EvidenceCache, EvidenceLimits};
use mecai_services::authority::checks::fetch::Fetcher;
use mecai_services::authority::checks::revocation::{Basis, RevocationChecker, RevocationFailure};
use mecai_services::authority::clock::Clock;
use mecai_services::lab::{
    CrlBehaviour, Freshness, Issued, Leaf, OcspBehaviour, Operator, Pointers, RevocationReason, Status,
};

/// A clock that stands where it is put.
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Bench {
    stand: Stand,
    issued: Issued,
    clock: Arc<Hand>,
}

impl Bench {
    fn new(leaf: &Leaf) -> Self {
        let stand = Stand::new(1);
        let issued = stand.operator(0).issue(leaf).unwrap();
        Self { stand, issued, clock: Arc::new(Hand(AtomicU64::new(now()))) }
    }

    fn operator(&self) -> &Operator {
        self.stand.operator(0)
    }

    /// Of the end entity.
    fn leaf(&self) -> &Status {
        self.operator().intermediate().status()
    }

    /// Of the intermediate.
    fn ca(&self) -> &Status {
        self.operator().root().status()
    }

    fn chain(&self) -> VerifiedChain {
        let roots = Roots::from_pem(&std::fs::read(self.stand.world.roots()).unwrap()).unwrap();
        roots.verify(self.issued.chain(), HOST, self.clock.now()).unwrap()
    }

    /// A checker with an empty cache.
    fn checker(&self, kept: u64, staple_fresh: u64) -> RevocationChecker {
        let fetcher = Fetcher {
            dns: Dns::new(&[self.stand.world.dns().address()], Duration::from_secs(1)).unwrap(),
            addresses: Arc::new(AddressFilter::new(vec!["127.0.0.0/8".parse().unwrap()])),
            ports: PortFilter::new([self.operator().revocation().address().port()]),
            deadline: Duration::from_millis(500),
        };
        let clock: Arc<dyn Clock> = self.clock.clone();
        let limits = EvidenceLimits { crl_octets: 1 << 20, kept: Duration::from_secs(kept) };
        RevocationChecker {
            evidence: EvidenceCache::new(fetcher, Arc::clone(&clock), limits),
            clock,
            staple_fresh,
            deadline: Duration::from_secs(10),
        }
    }

    async fn check(&self, staples: &[Vec<u8>]) -> Result<Basis, RevocationFailure> {
        self.checker(0, 3_600).check(&self.chain(), staples, self.clock.now()).await
    }

    fn staple(&self) -> Vec<u8> {
        self.operator().intermediate().staple(self.issued.serial()).unwrap()
    }
}

fn bench() -> Bench {
    Bench::new(&Leaf::new([HOST]))
}

fn assert_near(time: u64, expected: u64) {
    assert!(time.abs_diff(expected) <= 3, "{time} is not {expected}");
}

#[tokio::test]
async fn ocsp_is_asked_first_and_a_crl_for_want_of_it() {
    let bench = bench();
    let Ok(Basis::Ocsp(this_update)) = bench.check(&[]).await else { panic!("no OCSP") };
    assert_near(this_update, now());
    assert_eq!((bench.leaf().ocsp_requests(), bench.leaf().crl_requests()), (1, 0));
    for behaviour in [
        OcspBehaviour::TryLater,
        OcspBehaviour::Garbage,
        OcspBehaviour::Expired,
        OcspBehaviour::WrongSigner,
        OcspBehaviour::Hang,
    ] {
        bench.leaf().set_ocsp(behaviour);
        let before = bench.leaf().crl_requests();
        let basis = bench.check(&[]).await;
        assert!(matches!(basis, Ok(Basis::Crl(_))), "{behaviour:?}: {basis:?}");
        assert_eq!(bench.leaf().crl_requests(), before + 1);
    }
}

#[tokio::test]
async fn a_delegated_responder_counts() {
    let bench = bench();
    bench.operator().intermediate().delegate_ocsp(true).unwrap();
    bench.operator().root().delegate_ocsp(true).unwrap();
    assert!(matches!(bench.check(&[]).await, Ok(Basis::Ocsp(_))));
}

#[tokio::test]
async fn without_evidence_nothing_is_vouched_for_and_every_attempt_is_told() {
    let bench = bench();
    bench.leaf().set_ocsp(OcspBehaviour::TryLater);
    for (behaviour, word) in [
        (CrlBehaviour::Missing, "status 404"),
        (CrlBehaviour::Garbage, "not a CRL"),
        (CrlBehaviour::Expired, "nextUpdate"),
        (CrlBehaviour::WrongSigner, "not signed by the issuer"),
        (CrlBehaviour::Hang, "not answered within"),
    ] {
        bench.leaf().set_crl(behaviour);
        let failure = bench.check(&[]).await.unwrap_err();
        assert_eq!(failure.problem(), Problem::RevocationUnknown, "{behaviour:?}");
        let sentence = failure.to_string();
        assert!(sentence.contains(word) && sentence.contains("tryLater"), "{behaviour:?}: {sentence}");
    }
    bench.operator().revocation().down();
    assert_eq!(bench.check(&[]).await.unwrap_err().problem(), Problem::RevocationUnknown);
    bench.operator().revocation().up().unwrap();
    bench.leaf().set_ocsp(OcspBehaviour::Answer);
    assert!(bench.check(&[]).await.is_ok());
}

#[tokio::test]
async fn revoked_is_revoked_wherever_it_is_told() {
    let bench = bench();
    let staple_before = bench.staple();
    bench.leaf().revoke(bench.issued.serial(), RevocationReason::KeyCompromise);
    let by_ocsp = bench.check(&[]).await.unwrap_err();
    let by_staple = bench.check(&[bench.staple()]).await.unwrap_err();
    bench.leaf().set_ocsp(OcspBehaviour::TryLater);
    let by_crl = bench.check(&[]).await.unwrap_err();
    let spki = mecai::chain::spki_hash(bench.issued.certificate());
    for failure in [by_ocsp, by_staple, by_crl] {
        assert_eq!(failure.problem(), Problem::Revoked);
        assert!(failure.to_string().contains("keyCompromise"), "{failure}");
        assert_eq!(failure.compromised_key(), spki);
    }
    // The staple from before is fresh enough to be taken as it is; an older one is not, see below.
    assert!(bench.check(&[staple_before]).await.is_ok());

    bench.leaf().restore(bench.issued.serial());
    bench.leaf().revoke(bench.issued.serial(), RevocationReason::Superseded);
    assert_eq!(bench.check(&[]).await.unwrap_err().compromised_key(), None);
}

#[tokio::test]
async fn a_revoked_intermediate_is_found() {
    let bench = bench();
    let intermediate = bench.operator().intermediate().serial().to_vec();
    bench.ca().revoke(&intermediate, RevocationReason::CaCompromise);
    let failure = bench.check(&[bench.staple()]).await.unwrap_err();
    assert_eq!(failure.problem(), Problem::Revoked);
    assert!(failure.to_string().starts_with("the CA certificate "), "{failure}");
    bench.ca().restore(&intermediate);
    bench.ca().set_ocsp(OcspBehaviour::TryLater);
    assert!(bench.check(&[]).await.is_ok());
    bench.ca().set_crl(CrlBehaviour::Missing);
    assert_eq!(bench.check(&[]).await.unwrap_err().problem(), Problem::RevocationUnknown);
}

/// A certificate that its CA has no record of: made with a stolen key.
#[tokio::test]
async fn an_unknown_certificate_is_not_saved_by_a_crl() {
    let bench = bench();
    bench.leaf().set_ocsp(OcspBehaviour::Unknown);
    let failure = bench.check(&[]).await.unwrap_err();
    assert_eq!(failure.problem(), Problem::RevocationUnknown);
    assert!(failure.to_string().contains("does not know this certificate"), "{failure}");
    assert_eq!(bench.leaf().crl_requests(), 0);
}

#[tokio::test]
async fn a_fresh_staple_is_enough_and_an_old_one_is_not_taken_before_asking() {
    let bench = bench();
    let staple = bench.staple();
    assert!(matches!(bench.check(&[staple]).await, Ok(Basis::Ocsp(_))));
    assert_eq!((bench.leaf().ocsp_requests(), bench.leaf().crl_requests()), (0, 0));

    // A stolen key: the thief staples a response from before the revocation, which is still in force.
    bench.leaf().set_freshness(Freshness { age: 7_200, validity: 86_400 });
    let old = bench.staple();
    bench.leaf().set_freshness(Freshness::default());
    bench.leaf().revoke(bench.issued.serial(), RevocationReason::KeyCompromise);
    assert_eq!(bench.check(std::slice::from_ref(&old)).await.unwrap_err().problem(), Problem::Revoked);
    bench.leaf().restore(bench.issued.serial());

    // With responder and CRL down, it is still evidence.
    bench.leaf().set_ocsp(OcspBehaviour::TryLater);
    bench.leaf().set_crl(CrlBehaviour::Missing);
    let Ok(Basis::Ocsp(this_update)) = bench.check(&[old]).await else { panic!("the staple does not count") };
    assert_near(this_update, now() - 7_200);
    let garbage = bench.check(&[vec![1, 2, 3]]).await.unwrap_err();
    assert!(garbage.to_string().contains("the stapled response: it is not an OCSP response"), "{garbage}");
}

#[tokio::test]
async fn evidence_for_an_end_entity_has_an_age_limit_that_a_ca_has_not() {
    let bench = bench();
    let ten_days = 864_000;
    bench.leaf().set_freshness(Freshness { age: ten_days - 60, validity: 2 * ten_days });
    bench.ca().set_freshness(Freshness { age: 3 * ten_days, validity: 6 * ten_days });
    assert!(matches!(bench.check(&[]).await, Ok(Basis::Ocsp(_))));
    bench.leaf().set_freshness(Freshness { age: ten_days + 60, validity: 2 * ten_days });
    let failure = bench.check(&[]).await.unwrap_err();
    assert_eq!(failure.problem(), Problem::EvidenceTooOld);
    let RevocationFailure::TooOld { age, .. } = failure else { panic!("{failure}") };
    assert_near(age, ten_days + 60);
}

#[tokio::test]
async fn a_short_life_needs_no_evidence_unless_the_certificate_names_some() {
    let none = Pointers::default();
    for (seconds, pointers, outcome) in [
        // The lab backdates notBefore by 60 s.
        (604_800 - 60, Some(none.clone()), Ok(Basis::ShortLived)),
        (604_800 - 59, Some(none), Err(Problem::RevocationUnknown)),
        (3_600, None, Err(Problem::RevocationUnknown)),
        (
            3_600,
            Some(Pointers { ocsp: Some("ldap://nowhere/".to_owned()), ..Pointers::default() }),
            Err(Problem::RevocationUnknown),
        ),
    ] {
        let mut leaf = Leaf::new([HOST]).lifetime(seconds);
        if let Some(pointers) = pointers {
            leaf = leaf.pointers(pointers);
        }
        let bench = Bench::new(&leaf);
        bench.leaf().set_ocsp(OcspBehaviour::TryLater);
        bench.leaf().set_crl(CrlBehaviour::Missing);
        assert_eq!(bench.check(&[]).await.map_err(|failure| failure.problem()), outcome, "{seconds}");
    }
}

#[tokio::test]
async fn evidence_is_kept_for_a_while_and_never_past_its_end() {
    let bench = bench();
    bench.leaf().set_freshness(Freshness { age: 0, validity: 1_000 });
    let checker = bench.checker(3_600, 0);
    let chain = bench.chain();
    let check = async || checker.check(&chain, &[], bench.clock.now()).await;
    for _ in 0..5 {
        check().await.unwrap();
    }
    assert_eq!((bench.leaf().ocsp_requests(), bench.ca().ocsp_requests()), (1, 1));
    // The clock passes nextUpdate: what is kept counts no more, although it is still there.
    bench.clock.0.store(now() + 1_010, Ordering::SeqCst);
    bench.leaf().set_crl(CrlBehaviour::Missing);
    let failure = check().await.unwrap_err();
    assert!(failure.to_string().contains("nextUpdate"), "{failure}");
}

#[tokio::test]
async fn many_checks_at_once_ask_once() {
    let bench = bench();
    let (checker, chain) = (Arc::new(bench.checker(3_600, 0)), bench.chain());
    let checks = (0..50).map(|_| {
        let (checker, chain) = (Arc::clone(&checker), chain.clone());
        let at = bench.clock.now();
        tokio::spawn(async move { checker.check(&chain, &[], at).await })
    });
    for check in checks.collect::<Vec<_>>() {
        check.await.unwrap().unwrap();
    }
    assert_eq!((bench.leaf().ocsp_requests(), bench.ca().ocsp_requests()), (1, 1));
}

/// A responder that fails is not asked again for every request.
#[tokio::test]
async fn a_dead_responder_is_asked_once_in_a_while() {
    let bench = bench();
    bench.leaf().set_ocsp(OcspBehaviour::TryLater);
    let (checker, chain) = (bench.checker(0, 0), bench.chain());
    for _ in 0..5 {
        assert!(matches!(checker.check(&chain, &[], bench.clock.now()).await, Ok(Basis::Crl(_))));
    }
    assert_eq!(bench.leaf().ocsp_requests(), 1);
}

#[tokio::test]
async fn the_whole_check_has_a_deadline() {
    let bench = bench();
    bench.leaf().set_ocsp(OcspBehaviour::Hang);
    bench.leaf().set_crl(CrlBehaviour::Hang);
    let checker = RevocationChecker { deadline: Duration::from_millis(700), ..bench.checker(0, 0) };
    let started = Instant::now();
    let failure = checker.check(&bench.chain(), &[], bench.clock.now()).await.unwrap_err();
    assert_eq!(failure.problem(), Problem::RevocationUnknown);
    assert!(failure.to_string().contains("did not end within 0.7 s"), "{failure}");
    assert!(started.elapsed() < Duration::from_millis(1_500));
}
