//! A server's alternate: a second certificate, from another operator, on the key of the handshake. It may be accepted where
//! the server's own certificate fails for a cause that lies with its CA (spec section 8, "Failover").

use crate::authority_list::OperatorSet;
use crate::chain::{self, Chain, ChainError};
use crate::extension::{self, Alternate, Vectors};
use crate::host::Reference;
use crate::octets;
use crate::policy::Policy;
use crate::text::Text;
use crate::verdict::{AlternateCause, Cause, Failover, Finding, Notes, Outcome, Verdict};
use crate::verify::{Case, Client, Handshake, OwnVerification, list_in_force};

/// The most certificates of an alternate's chain.
pub const CHAIN_MAX: usize = 10;

/// An alternate as it was sent, before anything but its octets and its key was looked at.
#[derive(Clone, Debug)]
pub struct Offered<'a> {
    chain: Vectors<'a>,
    bundles: Vectors<'a>,
}

/// Whether a server's alternate is to be looked at after this verdict on its own certificate.
#[must_use]
pub fn is_due(policy: &Policy, handshake: &Handshake<'_>, verdict: &Verdict) -> bool {
    policy.failover && verdict.cause().is_some_and(Cause::lies_with_ca) && handshake.name().is_some()
}

/// Judges the alternate after a verdict on the server's own certificate; where that [is not due](is_due), the verdict
/// stays as it was. Gives the verdict on the handshake: with the alternate, if that is accepted; else as it was, saying
/// why the alternate failed.
///
/// `alternate` is what was [offered](Offered::read), with its chain, end entity first, trust anchor last, which the caller
/// has verified as the program demands it of the server's own, and checked against a reference identity; or why one of
/// these failed. Like [`verify`](crate::verify::verify) this allocates nothing.
pub fn verify(
    client: &Client<'_>,
    handshake: &Handshake<'_>,
    verdict: Verdict,
    alternate: Result<(&Offered<'_>, &Chain), AlternateCause>,
) -> Verdict {
    let (Some(cause), Some(name)) = (verdict.cause().cloned(), handshake.name()) else { return verdict };
    if !is_due(client.policy, handshake, &verdict) {
        return verdict;
    }
    let mut notes = Notes::default();
    match alternate.and_then(|(offered, chain)| admit(client, handshake, name, chain, offered, &mut notes)) {
        Ok(finding) => Verdict {
            outcome: Outcome::Accepted,
            finding,
            notes,
            failover: Some(Failover::Used(cause)),
            // Whatever was wrong with the vouchers for the server's own certificate stays worth knowing.
            alarm: verdict.alarm,
        },
        Err(failed) => Verdict { failover: Some(Failover::Failed(failed)), ..verdict },
    }
}

impl<'a> Offered<'a> {
    /// Its certificates in DER, end entity first; 1 to [`CHAIN_MAX`].
    #[must_use]
    pub fn chain(&self) -> Vectors<'a> {
        self.chain
    }

    /// Its bundles in DER, possibly none.
    #[must_use]
    pub fn bundles(&self) -> Vectors<'a> {
        self.bundles
    }

    /// Reads the answer to `mecai_alternate`, of a handshake on `handshake_key`.
    ///
    /// # Errors
    /// `alternate_too_large`, `alternate_malformed`, or `alternate_other_key`.
    pub fn read(answer: &'a [u8], handshake_key: &[u8]) -> Result<Self, AlternateCause> {
        let Alternate { chain, bundles } = extension::read_alternate(answer).map_err(AlternateCause::Answer)?;
        let count = chain.count();
        if count > CHAIN_MAX {
            return Err(AlternateCause::Chain(ChainError::Length(count)));
        }
        if let Some((place, _)) = chain.enumerate().find(|(_, der)| chain::spki(der).is_none()) {
            return Err(AlternateCause::Chain(ChainError::NotACertificate(place)));
        }
        let key = chain.into_iter().next().and_then(chain::spki).unwrap_or_default();
        if key != handshake_key {
            let (alternate, handshake) = (octets::sha256(&[key]), octets::sha256(&[handshake_key]));
            return Err(AlternateCause::OtherKey { alternate, handshake });
        }
        Ok(Self { chain, bundles })
    }
}

/// The rules that a certificate has to meet, for the alternate: the same pick, which its own owners cannot help, nor those
/// of the server's own chain where the program trusts that.
fn admit(
    client: &Client<'_>,
    handshake: &Handshake<'_>,
    name: Reference<'_>,
    chain: &Chain,
    offered: &Offered<'_>,
    notes: &mut Notes,
) -> Result<Finding, AlternateCause> {
    let missed = AlternateCause::Rules;
    let list = list_in_force(client, handshake.now).map_err(missed)?;
    let owners = list.owners(chain).ok_or_else(|| missed(Cause::RootNotListed { anchor: *chain.anchor() }))?;
    let others = match handshake.own {
        OwnVerification::Accepted(own) => list.known_owners(own),
        _ => OperatorSet::default(),
    };
    if let Some(operator) = owners.common(&others).and_then(|index| list.operators().get(index)) {
        return Err(AlternateCause::SameOperator { operator: Text::of(&operator.id) });
    }
    let case = Case { list, chain, owners: owners.union(&others), handshake };
    if offered.bundles.count() == 0 {
        return Err(missed(Cause::NoVoucher));
    }
    let admission = case.admit(client, name, offered.bundles, notes).map_err(|miss| missed(miss.cause))?;
    Ok(Finding::Admitted(admission))
}

#[cfg(test)]
mod tests;
