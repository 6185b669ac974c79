use mecai::chain::{Chain, spki};
use mecai::failover::{Offered, is_due, verify};
use mecai::text::Text;
use mecai::verdict::{AlternateCause, Cause, Failover, Verdict};
use mecai::verify::Handshake;
use serde::Deserialize;

use super::allocations::{Counting, TIMES, count};
use super::verify::{File, judge};
use super::{Hex, load, run};

/// A server's alternate, and what the program's own verification made of either chain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    pub(super) asked: bool,
    pub(super) no_trusted_root: bool,
    tlsa: bool,
    answer: Option<Hex>,
    verification: Option<String>,
    chain: Option<String>,
}

/// What came of the alternate.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    alternate: Option<String>,
    cause: Option<String>,
    reported_as: Option<String>,
}

#[test]
fn every_alternate_gets_its_verdict() {
    let file: File = load("failover.json");
    run(
        &file.cases,
        |case| &case.name,
        |case| {
            assert!(case.failover.is_some());
            assert_eq!(judge(&file, case), case.expect);
        },
    );
}

impl Given {
    /// The verdict on the handshake, after that on the server's own certificate. That a program uses TLSA records, its
    /// TLS library knows and not the core.
    pub(super) fn judge(&self, file: &File, client: &Counting<'_>, handshake: &Handshake<'_>, own: Own<'_>) -> Verdict {
        let Own { leaf, verdict } = own;
        let Some(answer) = self.answer.as_ref().filter(|_| !self.tlsa && is_due(client.policy, handshake, &verdict))
        else {
            return verdict;
        };
        let key = spki(leaf).unwrap();
        let (allocations, read) = count(|| Offered::read(&answer.0, key));
        assert_eq!(allocations, 0, "allocations while the alternate is read");
        let validated = read.and_then(|offered| Ok((offered, self.validate(file)?)));
        let alternate = validated.as_ref().map(|(offered, chain)| (offered, chain)).map_err(Clone::clone);
        // The verdict is passed on, and with it what the program's own verification said.
        let mut passed = vec![(verdict, alternate); TIMES];
        let judged = client.judge(|client| {
            let (verdict, alternate) = passed.pop().unwrap();
            verify(client, handshake, verdict, alternate)
        });
        assert!(judged.failover().is_some(), "an alternate that is due has its say");
        judged
    }

    /// What the program's own verification says of the alternate.
    fn validate(&self, file: &File) -> Result<Chain, AlternateCause> {
        match self.verification.as_deref() {
            Some("accepted") => {
                let verified = &file.chains[self.chain.as_ref().unwrap()];
                let chain = Chain::from_der(verified.iter().map(|der| der.0.as_slice()));
                chain.map_err(|error| AlternateCause::Rules(Cause::ChainUnreadable(error)))
            }
            Some("wrong_name") => Err(AlternateCause::WrongName { meant: Text::of("another") }),
            Some(error @ ("refused" | "no_trusted_root")) => Err(AlternateCause::NotTrusted(error.to_owned())),
            other => panic!("verification {other:?}"),
        }
    }
}

/// The server's own certificate, and the verdict on it.
pub(super) struct Own<'a> {
    pub(super) leaf: &'a [u8],
    pub(super) verdict: Verdict,
}

impl Told {
    pub(super) fn by(verdict: &Verdict) -> Self {
        let (alternate, cause) = match verdict.failover() {
            None => (None, None),
            Some(Failover::Used(cause)) => (Some(verdict.code()), Some(cause.code())),
            Some(Failover::Failed(cause)) => (Some(cause.code()), None),
        };
        let [alternate, cause, reported_as] =
            [alternate, cause, verdict.report()].map(|code| code.map(|code| code.to_string()));
        Self { alternate, cause, reported_as }
    }

    /// The code of an alternate that was looked at.
    pub(super) fn alternate(&self) -> Option<&str> {
        self.alternate.as_deref()
    }
}
