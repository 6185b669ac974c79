//! What came of a handshake: an outcome, a stable code, and one sentence with the values compared (spec section 13).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::AuthorityId;
use crate::Sha256;
use crate::authority_list::ListError;
use crate::chain::ChainError;
use crate::extension::AnswerError;
use crate::octets::Hex;
use crate::statement::DecodeError;
use crate::text::Text;
use crate::time::UnixTime;

mod alternate;
mod code;

pub use alternate::AlternateCause;
pub use code::Code;

/// What the program is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Enough operators of the pick have vouched.
    Accepted,
    /// Not judged, by configuration.
    Exempt,
    /// The rules were missed, and the mode lets it through.
    Unvouched,
    /// The handshake must end.
    Refused,
}

impl Outcome {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Exempt => "exempt",
            Self::Unvouched => "unvouched",
            Self::Refused => "refused",
        }
    }
}

/// Something worth knowing that decided nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// The peer's address is not known, so it was not compared.
    PeerUnknown,
    /// The caller stated no port, so it was not compared.
    PortNotCompared,
    /// No counted authority saw the peer's address.
    AddressNotSeen,
    /// The configured region is too small and was not applied.
    RegionWidened,
    /// No usable secret: the rule of the majority took the place of the pick.
    NoSecret,
}

impl Note {
    /// All notes, in the order in which they are told.
    pub const ALL: [Self; 5] =
        [Self::PeerUnknown, Self::PortNotCompared, Self::AddressNotSeen, Self::RegionWidened, Self::NoSecret];

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerUnknown => "peer_unknown",
            Self::PortNotCompared => "port_not_compared",
            Self::AddressNotSeen => "address_not_seen",
            Self::RegionWidened => "region_widened",
            Self::NoSecret => "no_secret",
        }
    }
}

/// Notes of one verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes(u8);

impl Notes {
    pub(crate) fn add(&mut self, note: Note) {
        self.0 |= 1 << note as u8;
    }

    /// Whether this one was made.
    #[must_use]
    pub fn contains(self, note: Note) -> bool {
        self.0 & (1 << note as u8) != 0
    }

    /// Those that were made, in the order of [`Note::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Note> {
        Note::ALL.into_iter().filter(move |note| self.contains(*note))
    }
}

/// What was counted for a handshake that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Operators whose endorsements were counted: the quorum, or more where the peer's address was looked for.
    pub operators: usize,
    /// How many were required.
    pub required: usize,
    /// Endorsements that the server sent in all.
    pub sent: usize,
    /// `producedAt` of the newest counted statement.
    pub newest: UnixTime,
    /// The earliest `notAfter` of the counted statements: how long a session may be resumed.
    pub until: UnixTime,
    /// The promise of the newest counted statement that makes one.
    pub stay: Option<Stay>,
}

/// A site's promise to go on showing vouchers. It is kept under the [name](crate::verify::Handshake::name) of the handshake,
/// whichever of several identities the statement names: the next handshake looks there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The statement's `producedAt`.
    pub produced_at: UnixTime,
    /// 0 to 30; 0 takes an earlier promise back.
    pub days: u8,
}

/// Why a handshake was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exempt {
    /// Accepted by a DANE match.
    Dane,
    /// By its trust anchor.
    LocalRoot,
    /// By name.
    Name,
    /// By address.
    Address,
}

/// The verdict on one handshake. It never tells which operators were picked.
#[derive(Clone, Debug)]
#[must_use]
pub struct Verdict {
    pub(crate) outcome: Outcome,
    pub(crate) finding: Finding,
    pub(crate) alarm: bool,
    pub(crate) notes: Notes,
    pub(crate) failover: Option<Failover>,
}

/// What came of the server's alternate, where it was looked at (spec section 8, "Failover").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failover {
    /// It is what was accepted, since the server's own certificate failed for this cause.
    Used(Cause),
    /// It failed, too: the verdict is that on the server's own certificate.
    Failed(AlternateCause),
}

#[derive(Clone, Debug)]
pub(crate) enum Finding {
    Admitted(Admission),
    Exempt(Exempt),
    Missed(Cause),
}

impl Verdict {
    /// The verdict of a client whose configuration could not be read: refused, whatever the server shows.
    pub fn configuration(problem: impl Into<Arc<str>>) -> Self {
        Self {
            outcome: Outcome::Refused,
            finding: Finding::Missed(Cause::Configuration(problem.into())),
            alarm: false,
            notes: Notes::default(),
            failover: None,
        }
    }

    /// What the program is told.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match &self.finding {
            Finding::Admitted(_) => Code::Accepted,
            Finding::Exempt(Exempt::Dane) => Code::ExemptDane,
            Finding::Exempt(Exempt::LocalRoot) => Code::ExemptLocalRoot,
            Finding::Exempt(Exempt::Name) => Code::ExemptName,
            Finding::Exempt(Exempt::Address) => Code::ExemptAddress,
            Finding::Missed(cause) => cause.code(),
        }
    }

    /// Whether somebody holds vouchers that do not belong here: the evidence is worth a report.
    #[must_use]
    pub fn alarm(&self) -> bool {
        self.alarm
    }

    /// The code of the report that is due; none if none is. For an alarm, for a server's own certificate in whose place
    /// the alternate was accepted, and for a peer at an address that nobody saw.
    #[must_use]
    pub fn report(&self) -> Option<Code> {
        match (&self.failover, self.code()) {
            (Some(Failover::Used(cause)), _) => Some(cause.code()),
            (_, code) if self.alarm || code == Code::AddressNotSeen => Some(code),
            _ => self.notes.contains(Note::AddressNotSeen).then_some(Code::AddressNotSeen),
        }
    }

    /// What came of the server's alternate; none if it was not looked at.
    #[must_use]
    pub fn failover(&self) -> Option<&Failover> {
        self.failover.as_ref()
    }

    /// What decided nothing and is worth knowing.
    #[must_use]
    pub fn notes(&self) -> Notes {
        self.notes
    }

    /// What was counted, if it was accepted.
    #[must_use]
    pub fn admission(&self) -> Option<&Admission> {
        match &self.finding {
            Finding::Admitted(admission) => Some(admission),
            _ => None,
        }
    }

    /// Why the rules were missed, if they were: refused or unvouched.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match &self.finding {
            Finding::Missed(cause) => Some(cause),
            _ => None,
        }
    }
}

/// One sentence, with the values compared.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding {
            Finding::Admitted(admission) => admission.fmt(f)?,
            Finding::Exempt(_) => f.write_str(self.code().meaning())?,
            Finding::Missed(cause) => cause.fmt(f)?,
        }
        self.failover.as_ref().map_or(Ok(()), |failover| write!(f, "; {failover}"))
    }
}

impl fmt::Display for Failover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used(cause) => {
                write!(f, "the alternate is used, as the server's own certificate fails: {}: {cause}", cause.code())
            }
            Self::Failed(cause) => write!(f, "the alternate fails, too: {}: {cause}", cause.code()),
        }
    }
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "vouched for by {} operators other than the certificate's ({} required, {} endorsements sent), newest statement of {}, good until {}",
            self.operators, self.required, self.sent, self.newest, self.until
        )
    }
}

/// Why a handshake misses the rules, with the values compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The sentences say what the values are.
pub enum Cause {
    #[error("the program's own verification refused the chain")]
    ChainNotTrusted,
    #[error("the program trusts no root that the chain leads to")]
    NoTrustedRoot,
    #[error("the configuration could not be read: {0}")]
    Configuration(Arc<str>),
    #[error("{0}")]
    List(ListError),
    #[error("the authority list expired at {expires}, now is {now}: update it")]
    ListExpired { expires: UnixTime, now: UnixTime },
    #[error("the authority list was issued at {issued}, this clock says {now}: set the clock")]
    ListNotYetIssued { issued: UnixTime, now: UnixTime },
    #[error("the program named no server that it meant: let it set a host for verification or send SNI")]
    NoReferenceIdentity,
    #[error("the chain's trust anchor (SPKI SHA-256 {}) belongs to no listed operator", Hex(.anchor))]
    RootNotListed { anchor: Sha256 },
    #[error("the chain cannot be read, so it belongs to no listed operator: {0}")]
    ChainUnreadable(ChainError),
    #[error("the server sent no vouchers")]
    NoVoucher,
    #[error("{0}")]
    Answer(AnswerError),
    #[error("the server sent {0}")]
    Bundle(DecodeError),
    #[error("endorsed by {}, an authority that is not in the list", Hex(.authority))]
    UnknownAuthority { authority: AuthorityId },
    #[error("endorsed by {}, an authority whose algorithm is not known here", Hex(.authority))]
    UnknownAlgorithm { authority: AuthorityId },
    #[error("endorsed by {}, an authority that is valid from {valid_from} until {valid_until}, now is {now}", Hex(.authority))]
    AuthorityNotValid { authority: AuthorityId, valid_from: UnixTime, valid_until: UnixTime, now: UnixTime },
    #[error("the signature of authority {} does not verify", Hex(.authority))]
    BadSignature { authority: AuthorityId },
    #[error("the statement was produced at {produced_at}, this clock says {now}: set the clock")]
    ClockBehind { produced_at: UnixTime, now: UnixTime },
    #[error("the voucher expired at {not_after}, now is {now}")]
    Expired { not_after: UnixTime, now: UnixTime },
    #[error("vouched for certificate {}, the server showed {}", Hex(.stated), Hex(.shown))]
    WrongCertificate { stated: Sha256, shown: Sha256 },
    #[error("vouched for host {stated}, the program meant {meant}")]
    WrongHost { stated: Text, meant: Text },
    #[error("vouched for port {stated}, the program meant {meant}")]
    WrongPort { stated: u16, meant: u16 },
    #[error("endorsed by operator {operator}, which owns a part of the certificate's chain")]
    OwnOperator { operator: Text },
    #[error(
        "{operators} operators vouch for this certificate, but not enough of those whose word is required ({required})"
    )]
    SuspiciousCertificate { operators: usize, required: usize },
    #[error("the peer's address is not known, and must be compared")]
    PeerUnknown,
    #[error("no authority whose endorsement was counted saw this certificate at {peer}")]
    AddressNotSeen { peer: IpAddr },
}

impl Cause {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::ChainNotTrusted | Self::NoTrustedRoot => Code::ChainNotTrusted,
            Self::Configuration(_) => Code::Configuration,
            Self::List(ListError::Missing(_)) => Code::NoList,
            Self::List(ListError::Malformed(_)) => Code::ListMalformed,
            Self::List(ListError::Unsigned { .. }) => Code::ListUnsigned,
            Self::List(ListError::RolledBack { .. }) => Code::ListRolledBack,
            Self::ListExpired { .. } => Code::ListExpired,
            Self::NoReferenceIdentity => Code::NoReferenceIdentity,
            Self::RootNotListed { .. } | Self::ChainUnreadable(_) => Code::RootNotListed,
            Self::NoVoucher => Code::NoVoucher,
            Self::Answer(AnswerError::TooLarge(_)) => Code::AnswerTooLarge,
            Self::Answer(AnswerError::Malformed { .. }) => Code::AnswerMalformed,
            Self::Bundle(DecodeError::Malformed { .. }) => Code::Malformed,
            Self::Bundle(DecodeError::UnknownVersion) => Code::UnknownVersion,
            Self::Bundle(DecodeError::TooLongLived { .. }) => Code::TooLongLived,
            Self::UnknownAuthority { .. } => Code::UnknownAuthority,
            Self::UnknownAlgorithm { .. } => Code::UnknownAlgorithm,
            Self::AuthorityNotValid { .. } => Code::AuthorityNotValid,
            Self::BadSignature { .. } => Code::BadSignature,
            Self::ClockBehind { .. } | Self::ListNotYetIssued { .. } => Code::ClockBehind,
            Self::Expired { .. } => Code::Expired,
            Self::WrongCertificate { .. } => Code::WrongCertificate,
            Self::WrongHost { .. } => Code::WrongHost,
            Self::WrongPort { .. } => Code::WrongPort,
            Self::OwnOperator { .. } => Code::OwnOperator,
            Self::SuspiciousCertificate { .. } => Code::SuspiciousCertificate,
            Self::PeerUnknown => Code::PeerUnknown,
            Self::AddressNotSeen { .. } => Code::AddressNotSeen,
        }
    }

    /// Whether the cause lies with the CA, so that the server's alternate may still be accepted; one that lies with the
    /// connection, or with this client, ends the handshake (spec section 8, "Failover").
    #[must_use]
    pub fn lies_with_ca(&self) -> bool {
        match self {
            Self::NoTrustedRoot
            | Self::RootNotListed { .. }
            | Self::NoVoucher
            | Self::Bundle(_)
            | Self::UnknownAuthority { .. }
            | Self::UnknownAlgorithm { .. }
            | Self::AuthorityNotValid { .. }
            | Self::BadSignature { .. }
            | Self::ClockBehind { .. }
            | Self::Expired { .. }
            | Self::WrongCertificate { .. }
            | Self::WrongHost { .. }
            | Self::WrongPort { .. }
            | Self::OwnOperator { .. }
            | Self::SuspiciousCertificate { .. } => true,
            Self::ChainNotTrusted
            | Self::Configuration(_)
            | Self::List(_)
            | Self::ListExpired { .. }
            | Self::ListNotYetIssued { .. }
            | Self::NoReferenceIdentity
            | Self::ChainUnreadable(_)
            | Self::Answer(_)
            | Self::PeerUnknown
            | Self::AddressNotSeen { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HOST_MAX, Reference};

    #[test]
    fn a_wrong_host_is_told_with_both_names_however_long() {
        let sentence = |stated: &str, meant: &str| {
            let meant = Text::of(Reference::parse(meant));
            Cause::WrongHost { stated: Text::of(stated), meant }.to_string()
        };
        let told = "vouched for host www.shop.example, the program meant Club.Example";
        assert_eq!(sentence("www.shop.example", "Club.Example."), told);
        assert_eq!(sentence("192.0.2.1", "[2001:DB8::1]"), "vouched for host 192.0.2.1, the program meant 2001:db8::1");
        let longest = "a".repeat(HOST_MAX);
        let told = format!("vouched for host {longest}, the program meant {}…", "b".repeat(HOST_MAX - 3));
        assert_eq!(sentence(&longest, &"b".repeat(1_000)), told);
    }
}
