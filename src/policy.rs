//! What a client demands (spec section 8): modes, quorum, exemptions, and how it takes the peer's address.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::Sha256;
use crate::extension::CANDIDATES_MAX;
use crate::host::{self, Reference};

/// What happens to a handshake that misses the rules. `off` is not here: then nothing is asked and nothing is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused.
    Require,
    /// It is refused where the host is remembered to have promised vouchers, and let through elsewhere.
    Opportunistic,
    /// It is let through.
    Observe,
}

/// How the peer's address is compared with what the authorities saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressRule {
    /// A difference is a note and a report.
    Note,
    /// A difference, or an unknown peer, is a refusal.
    Require,
    /// Not compared.
    Ignore,
}

/// How many operators are picked, and how many of them must have endorsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    candidates: usize,
    required: usize,
}

/// A quorum that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuorumError {
    /// No candidates, or too many.
    #[error("candidates is {0}, not 1 to {CANDIDATES_MAX}")]
    Candidates(usize),
    /// None, or more than candidates.
    #[error("quorum is {required}, not 1 to candidates, which is {candidates}")]
    Required {
        /// As given.
        required: usize,
        /// As given.
        candidates: usize,
    },
}

impl Quorum {
    /// `required` of `candidates`.
    pub fn new(required: usize, candidates: usize) -> Result<Self, QuorumError> {
        if !(1..=CANDIDATES_MAX).contains(&candidates) {
            return Err(QuorumError::Candidates(candidates));
        }
        if !(1..=candidates).contains(&required) {
            return Err(QuorumError::Required { required, candidates });
        }
        Ok(Self { candidates, required })
    }

    /// How many operators are picked.
    #[must_use]
    pub fn candidates(self) -> usize {
        self.candidates
    }

    /// How many of them must have endorsed.
    #[must_use]
    pub fn required(self) -> usize {
        self.required
    }
}

/// Two of a pick of four.
impl Default for Quorum {
    fn default() -> Self {
        Self { candidates: 4, required: 2 }
    }
}

/// Everything that a client demands of a handshake.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What a miss leads to.
    pub mode: Mode,
    /// How many must have endorsed.
    pub quorum: Quorum,
    /// Narrows the pick to authorities in this region, as long as enough remain.
    pub region: Option<String>,
    /// What to make of the peer's address.
    pub addresses: AddressRule,
    /// Whom nobody needs to vouch for.
    pub exempt: Vec<Exemption>,
    /// SPKI hashes of trust anchors whose certificates need no vouchers.
    pub local_roots: Vec<Sha256>,
    /// Whether a server's alternate is asked for, and looked at when its own certificate fails.
    pub failover: bool,
}

/// `require`, two of four, no region, addresses noted, nothing exempt, with failover.
impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Require,
            quorum: Quorum::default(),
            region: None,
            addresses: AddressRule::Note,
            exempt: Vec::new(),
            local_roots: Vec::new(),
            failover: true,
        }
    }
}

/// A host, all hosts below one, or a range of addresses that need no vouchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exemption {
    /// Exactly this name.
    Name(String),
    /// Every name that ends with this, which begins with a dot.
    Suffix(String),
    /// Every address of this range, where the program meant an address. A DNS answer never leads here.
    Range(IpNet),
}

/// A text that is no exemption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a name, nor *.suffix, nor an address, nor a range of addresses in CIDR notation")]
pub struct NotAnExemption(String);

impl FromStr for Exemption {
    type Err = NotAnExemption;

    fn from_str(text: &str) -> Result<Self, NotAnExemption> {
        let name = text.to_ascii_lowercase();
        let suffix = name.strip_prefix('*').filter(|suffix| suffix.strip_prefix('.').is_some_and(is_name));
        if let Some(suffix) = suffix {
            return Ok(Self::Suffix(suffix.to_owned()));
        }
        if let Ok(range) = name.parse::<IpNet>() {
            // A range whose address has bits beyond its prefix is a slip of the pen.
            return if range.trunc() == range { Ok(Self::Range(range)) } else { Err(NotAnExemption(text.to_owned())) };
        }
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Self::Range(address.into()));
        }
        if is_name(&name) { Ok(Self::Name(name)) } else { Err(NotAnExemption(text.to_owned())) }
    }
}

impl Exemption {
    /// Whether what the program meant is exempt by this.
    #[must_use]
    pub fn covers(&self, reference: &Reference<'_>) -> bool {
        match (self, reference) {
            (Self::Name(exempt), Reference::Name(name)) => exempt.eq_ignore_ascii_case(name),
            (Self::Suffix(exempt), Reference::Name(name)) => Reference::Suffix(exempt).matches(name),
            (Self::Suffix(exempt), Reference::Suffix(suffix)) => {
                exempt.eq_ignore_ascii_case(suffix) || Reference::Suffix(exempt).matches(suffix)
            }
            (Self::Range(range), Reference::Address(address)) => range.contains(address),
            _ => false,
        }
    }
}

fn is_name(text: &str) -> bool {
    host::is_host(text) && host::address(text).is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn exemptions() {
        let covers = |exempt: &str, meant: &str| exempt.parse::<Exemption>().unwrap().covers(&Reference::parse(meant));
        assert!(covers("intra.example", "INTRA.example"));
        assert!(!covers("intra.example", "a.intra.example"));
        assert!(covers("*.intra.example", "a.b.intra.example"));
        assert!(!covers("*.intra.example", "intra.example"));
        assert!(covers("*.intra.example", ".a.intra.example"));
        assert!(covers("192.0.2.0/24", "192.0.2.7"));
        assert!(covers("2001:db8::1", "2001:db8::1"));
        assert!(!covers("192.0.2.0/24", "192.0.2.7.example"));
        for bad in ["", "*", "*.", "*intra.example", "a b", "192.0.2.1/24", "192.0.2.0/33", "-a.example"] {
            assert!(bad.parse::<Exemption>().is_err(), "{bad}");
        }
    }
}
