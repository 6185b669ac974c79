//! The rules of acceptance (spec section 8): a list, a policy, a secret and what a handshake showed, to a verdict.

use std::net::IpAddr;

use crate::authority_list::{AuthorityList, ListError, OperatorSet};
use crate::bundle::Bundle;
use crate::chain::{Chain, ChainError};
use crate::endorsement::Endorsement;
use crate::extension::{self, AnswerError, Vectors};
use crate::host::{Reference, plain_address};
use crate::pick::{Pick, PickSecret};
use crate::policy::{AddressRule, Exemption, Mode, Policy};
use crate::statement::Statement;
use crate::text::Text;
use crate::time::UnixTime;
use crate::verdict::{Admission, Cause, Exempt, Finding, Note, Notes, Outcome, Stay, Verdict};

/// How far a time may lie ahead of this clock, in seconds.
pub const CLOCK_TOLERANCE: u64 = 300;

/// What a client is, before any handshake. It may be used from many threads at once.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// What it demands.
    pub policy: &'a Policy,
    /// Whom it may believe, or why it has no list.
    pub list: Result<&'a AuthorityList, &'a ListError>,
    /// What its picks are drawn by; none if there is no usable one.
    pub secret: Option<&'a PickSecret>,
}

/// What a handshake showed.
#[derive(Clone, Copy)]
pub struct Handshake<'a> {
    /// What the program's own verification said.
    pub own: OwnVerification<'a>,
    /// What the program meant, as it configured it for verification.
    pub references: &'a [Reference<'a>],
    /// The SNI that the client sent.
    pub sni: Option<&'a str>,
    /// The peer's address, if known.
    pub peer: Option<IpAddr>,
    /// The port, if the caller states it.
    pub port: Option<u16>,
    /// The server's answer to `mecai_vouchers`.
    pub answer: Option<&'a [u8]>,
    /// Whether the host has promised to go on showing vouchers and is remembered for it ([`Mode::Opportunistic`]).
    pub remembered: bool,
    /// The time.
    pub now: UnixTime,
}

/// What the program's own verification of the chain said.
#[derive(Clone, Copy)]
pub enum OwnVerification<'a> {
    /// It refused the chain.
    Refused,
    /// It refused the chain because this leads to no root that it trusts.
    NoTrustedRoot,
    /// It accepted the chain by a DANE match.
    Dane,
    /// It accepted this chain.
    Accepted(&'a Chain),
    /// It accepted what cannot be read here: BER that is no DER, too many certificates, or a key without any.
    Unreadable(ChainError),
}

impl<'a> Handshake<'a> {
    /// The name that the pick is drawn for and that a host is remembered by: the SNI if it is among the reference
    /// identities, else the first of them; the SNI where the program set none.
    #[must_use]
    pub fn name(&self) -> Option<Reference<'a>> {
        let sni = self.sni.map(Reference::parse);
        match (sni, self.references.first()) {
            (Some(sni @ Reference::Name(name)), Some(_)) if self.references.iter().any(|meant| meant.matches(name)) => {
                Some(sni)
            }
            (_, Some(first)) => Some(*first),
            (sni, None) => sni,
        }
    }

    fn is_meant(&self, host: &str) -> bool {
        if self.references.is_empty() {
            self.name().is_some_and(|name| name.matches(host))
        } else {
            self.references.iter().any(|meant| meant.matches(host))
        }
    }
}

/// Judges a handshake. This allocates nothing, but where a pick is drawn that is not remembered.
pub fn verify(client: &Client<'_>, handshake: &Handshake<'_>) -> Verdict {
    let mut notes = Notes::default();
    let (outcome, finding, alarm) = match judge(client, handshake, &mut notes) {
        Ok(Finding::Exempt(exempt)) => (Outcome::Exempt, Finding::Exempt(exempt), false),
        Ok(finding) => (Outcome::Accepted, finding, false),
        Err(Miss { cause, alarm }) => {
            let let_through = match client.policy.mode {
                Mode::Require => false,
                Mode::Opportunistic => !handshake.remembered,
                Mode::Observe => true,
            };
            let refused = !let_through || matches!(cause, Cause::ChainNotTrusted | Cause::NoTrustedRoot);
            (if refused { Outcome::Refused } else { Outcome::Unvouched }, Finding::Missed(cause), alarm)
        }
    };
    Verdict { outcome, finding, alarm, notes, failover: None }
}

/// Judges an answer that breaks its syntax, before the chain is known (spec section 5, "Alerts"): the refusal, if the
/// policy refuses for that and nothing that it exempts could still be found. None: the whole handshake is to be judged.
pub fn refuse_broken(policy: &Policy, handshake: &Handshake<'_>, error: AnswerError) -> Option<Verdict> {
    let may_be_exempt = !policy.local_roots.is_empty() || exemption(policy, handshake, handshake.name()?).is_some();
    (policy.mode == Mode::Require && !may_be_exempt).then(|| Verdict {
        outcome: Outcome::Refused,
        finding: Finding::Missed(Cause::Answer(error)),
        alarm: false,
        notes: Notes::default(),
        failover: None,
    })
}

/// What check 13 says of each endorsement of a bundle, in their order: the index of its operator if it is good, else why
/// not. For those who explain a verdict; which operators were picked plays no part. None if no chain was accepted, or
/// its trust anchor is not listed.
pub fn check_endorsements(
    list: &AuthorityList,
    handshake: &Handshake<'_>,
    bundle: &Bundle<'_>,
) -> Option<Vec<Result<usize, Cause>>> {
    let OwnVerification::Accepted(chain) = handshake.own else { return None };
    let case = Case { list, chain, owners: list.owners(chain)?, handshake };
    Some(bundle.endorsements().map(|endorsement| case.check(bundle.statement(), &endorsement)).collect())
}

/// Why the rules are missed.
pub(crate) struct Miss {
    pub(crate) cause: Cause,
    alarm: bool,
}

impl From<Cause> for Miss {
    fn from(cause: Cause) -> Self {
        Self { cause, alarm: false }
    }
}

fn judge(client: &Client<'_>, handshake: &Handshake<'_>, notes: &mut Notes) -> Result<Finding, Miss> {
    let now = handshake.now;
    let chain = match handshake.own {
        OwnVerification::Refused => return Err(Cause::ChainNotTrusted.into()),
        OwnVerification::NoTrustedRoot => return Err(Cause::NoTrustedRoot.into()),
        OwnVerification::Dane => return Ok(Finding::Exempt(Exempt::Dane)),
        OwnVerification::Accepted(chain) => Ok(chain),
        OwnVerification::Unreadable(error) => Err(error),
    };
    if chain.is_ok_and(|chain| client.policy.local_roots.contains(chain.anchor())) {
        return Ok(Finding::Exempt(Exempt::LocalRoot));
    }
    let name = handshake.name().ok_or(Cause::NoReferenceIdentity)?;
    if let Some(exempt) = exemption(client.policy, handshake, name) {
        return Ok(Finding::Exempt(exempt));
    }
    let list = list_in_force(client, now)?;
    let chain = chain.map_err(Cause::ChainUnreadable)?;
    let owners = list.owners(chain).ok_or(Cause::RootNotListed { anchor: *chain.anchor() })?;
    let bundles = extension::read_bundles(handshake.answer.ok_or(Cause::NoVoucher)?).map_err(Cause::Answer)?;
    let case = Case { list, chain, owners, handshake };
    case.admit(client, name, bundles, notes).map(Finding::Admitted)
}

/// The authority list, if it may be used (checks 7 to 9).
pub(crate) fn list_in_force<'a>(client: &Client<'a>, now: UnixTime) -> Result<&'a AuthorityList, Cause> {
    let list = client.list.map_err(|error| Cause::List(error.clone()))?;
    if now > list.expires() {
        return Err(Cause::ListExpired { expires: list.expires(), now });
    }
    if list.issued() > now.plus(CLOCK_TOLERANCE) {
        return Err(Cause::ListNotYetIssued { issued: list.issued(), now });
    }
    Ok(list)
}

fn exemption(policy: &Policy, handshake: &Handshake<'_>, name: Reference<'_>) -> Option<Exempt> {
    let is_exempt =
        |reference: &Reference<'_>| policy.exempt.iter().any(|exemption: &Exemption| exemption.covers(reference));
    let all =
        if handshake.references.is_empty() { is_exempt(&name) } else { handshake.references.iter().all(is_exempt) };
    all.then_some(if matches!(name, Reference::Address(_)) { Exempt::Address } else { Exempt::Name })
}

fn check_address(rule: AddressRule, peer: Option<IpAddr>, seen: bool, notes: &mut Notes) -> Result<(), Cause> {
    match (rule, peer) {
        (AddressRule::Ignore, _) => Ok(()),
        (AddressRule::Require, None) => Err(Cause::PeerUnknown),
        (AddressRule::Note, None) => {
            notes.add(Note::PeerUnknown);
            Ok(())
        }
        (_, Some(_)) if seen => Ok(()),
        (AddressRule::Require, Some(peer)) => Err(Cause::AddressNotSeen { peer }),
        (AddressRule::Note, Some(_)) => {
            notes.add(Note::AddressNotSeen);
            Ok(())
        }
    }
}

/// The operators whose endorsements are demanded, and of how many of them (spec section 7).
struct Asked {
    operators: OperatorSet,
    required: usize,
}

impl Asked {
    fn by(client: &Client<'_>, case: &Case<'_>, name: Reference<'_>, notes: &mut Notes) -> Self {
        let (policy, list, now) = (client.policy, case.list, case.handshake.now);
        let Some(secret) = client.secret else {
            notes.add(Note::NoSecret);
            let mut operators = OperatorSet::default();
            for (index, operator) in list.operators().iter().enumerate() {
                if operator.is_active(now) && !case.owners.contains(index) {
                    operators.insert(index);
                }
            }
            return Self { operators, required: policy.quorum.required().max(operators.len() / 2 + 1) };
        };
        let region = policy.region.as_deref();
        let draw = |name: &str| Pick::draw(list, secret, name, policy.quorum.candidates(), region, now);
        let pick = match name {
            Reference::Name(name) | Reference::Suffix(name) => draw(name),
            Reference::Address(address) => draw(Text::of(address).as_str()),
        };
        if pick.region_widened() {
            notes.add(Note::RegionWidened);
        }
        Self { operators: pick.to_set(), required: policy.quorum.required() }
    }
}

/// One handshake against one list, once everything before the vouchers is in order.
pub(crate) struct Case<'a> {
    pub(crate) list: &'a AuthorityList,
    pub(crate) chain: &'a Chain,
    /// Whose endorsements do not count.
    pub(crate) owners: OperatorSet,
    pub(crate) handshake: &'a Handshake<'a>,
}

/// What was counted on the way to the quorum.
#[derive(Default)]
struct Count {
    operators: OperatorSet,
    peer_seen: bool,
    admission: Option<Admission>,
}

impl Case<'_> {
    /// Whether these bundles admit the handshake (checks 13 and 14).
    pub(crate) fn admit(
        &self,
        client: &Client<'_>,
        name: Reference<'_>,
        bundles: Vectors<'_>,
        notes: &mut Notes,
    ) -> Result<Admission, Miss> {
        let rule = client.policy.addresses;
        let peer = self.handshake.peer.map(plain_address).filter(|_| rule != AddressRule::Ignore);
        let asked = Asked::by(client, self, name, notes);
        let count = self.count(bundles, &asked, peer);
        let Some(admission) = count.admission.filter(|_| count.operators.len() >= asked.required) else {
            return Err(self.most_telling(bundles, &asked));
        };
        if self.handshake.port.is_none() {
            notes.add(Note::PortNotCompared);
        }
        check_address(rule, peer, count.peer_seen, notes)?;
        Ok(Admission { operators: count.operators.len(), required: asked.required, ..admission })
    }

    /// Counts good endorsements of those asked, until the quorum is reached and the peer's address found. Everything
    /// that costs no signature is checked first: what fails here is looked at again only if the handshake is refused.
    /// `peer` is none if it is not known, or not to be compared.
    fn count(&self, bundles: Vectors<'_>, asked: &Asked, peer: Option<IpAddr>) -> Count {
        let mut count = Count::default();
        let mut sent = 0;
        for bundle in bundles.filter_map(|octets| Bundle::from_der(octets).ok()) {
            sent += bundle.endorsement_count();
            let statement = bundle.statement();
            if count.is_complete(asked, peer) || self.check_statement(statement).is_err() {
                continue;
            }
            let digest = statement.digest();
            let index = peer.and_then(|peer| statement.addresses().position(|address| address == peer));
            for endorsement in bundle.endorsements() {
                if count.is_complete(asked, peer) {
                    break;
                }
                let Some((operator, authority)) = self.list.authority(endorsement.authority()) else { continue };
                let sees_peer = index.is_some_and(|index| endorsement.seen().contains(index));
                let adds = !count.operators.contains(operator) && count.operators.len() < asked.required;
                let needed = adds || (sees_peer && !count.peer_seen);
                let may_count = needed
                    && asked.operators.contains(operator)
                    && !self.owners.contains(operator)
                    && authority.is_valid(self.handshake.now);
                if may_count && self.list.has_signed(authority, &endorsement, &digest) {
                    count.operators.insert(operator);
                    count.peer_seen |= sees_peer;
                    count.admit(statement);
                }
            }
        }
        if let Some(admission) = &mut count.admission {
            admission.sent = sent;
        }
        count
    }

    /// The steps from the clock to the port (spec section 8, check 13, steps f to j).
    fn check_statement(&self, statement: &Statement<'_>) -> Result<(), Cause> {
        let (handshake, now) = (self.handshake, self.handshake.now);
        let (produced_at, not_after) = (statement.produced_at(), statement.not_after());
        if produced_at > now.plus(CLOCK_TOLERANCE) {
            return Err(Cause::ClockBehind { produced_at, now });
        }
        if now > not_after {
            return Err(Cause::Expired { not_after, now });
        }
        if statement.certificate() != self.chain.certificate() {
            return Err(Cause::WrongCertificate { stated: *statement.certificate(), shown: *self.chain.certificate() });
        }
        if !handshake.is_meant(statement.host()) {
            let meant = handshake.name().map_or_else(|| Text::of(""), Text::of);
            return Err(Cause::WrongHost { stated: Text::of(statement.host()), meant });
        }
        match handshake.port {
            Some(meant) if meant != statement.port() => Err(Cause::WrongPort { stated: statement.port(), meant }),
            _ => Ok(()),
        }
    }

    /// All steps of one endorsement, in order; its operator if it is good.
    fn check(&self, statement: &Statement<'_>, endorsement: &Endorsement<'_>) -> Result<usize, Cause> {
        let now = self.handshake.now;
        let id = *endorsement.authority();
        let (operator, authority) = self.list.authority(&id).ok_or(Cause::UnknownAuthority { authority: id })?;
        if authority.public_key.algorithm().is_none() {
            return Err(Cause::UnknownAlgorithm { authority: id });
        }
        if !authority.is_valid(now) {
            let (valid_from, valid_until) = (authority.valid_from, authority.valid_until);
            return Err(Cause::AuthorityNotValid { authority: id, valid_from, valid_until, now });
        }
        if !self.list.has_signed(authority, endorsement, &statement.digest()) {
            return Err(Cause::BadSignature { authority: id });
        }
        self.check_statement(statement)?;
        if self.owners.contains(operator) {
            let id = self.list.operators().get(operator).map_or("", |operator| &operator.id);
            return Err(Cause::OwnOperator { operator: Text::of(id) });
        }
        Ok(operator)
    }

    /// Goes through every endorsement that was sent: the cause of the one that got furthest, and whether it is an
    /// alarm. Which operators were asked plays no part.
    fn most_telling(&self, bundles: Vectors<'_>, asked: &Asked) -> Miss {
        let mut furthest: Option<Cause> = None;
        let mut good = OperatorSet::default();
        let mut tell = |cause: Cause| {
            if furthest.as_ref().is_none_or(|before| before.code() < cause.code()) {
                furthest = Some(cause);
            }
        };
        for octets in bundles {
            match Bundle::from_der(octets) {
                Err(error) => tell(Cause::Bundle(error)),
                Ok(bundle) => {
                    for endorsement in bundle.endorsements() {
                        match self.check(bundle.statement(), &endorsement) {
                            Ok(operator) => _ = good.insert(operator),
                            Err(cause) => tell(cause),
                        }
                    }
                }
            }
        }
        if !good.is_empty() {
            tell(Cause::SuspiciousCertificate { operators: good.len(), required: asked.required });
        }
        // `read_bundles` gives at least one bundle, and a bundle has at least one endorsement.
        let cause = furthest.unwrap_or(Cause::NoVoucher);
        let alarm = cause.code() > crate::verdict::Code::Expired;
        Miss { cause, alarm }
    }
}

impl Count {
    /// Whether no endorsement could add anything: the quorum is reached, and the peer's address found, if there is one.
    fn is_complete(&self, asked: &Asked, peer: Option<IpAddr>) -> bool {
        self.operators.len() >= asked.required && (self.peer_seen || peer.is_none())
    }

    fn admit(&mut self, statement: &Statement<'_>) {
        let (produced_at, not_after) = (statement.produced_at(), statement.not_after());
        let admission = self.admission.get_or_insert(Admission {
            operators: 0,
            required: 0,
            sent: 0,
            newest: produced_at,
            until: not_after,
            stay: None,
        });
        admission.newest = admission.newest.max(produced_at);
        admission.until = admission.until.min(not_after);
        let is_newer = admission.stay.as_ref().is_none_or(|stay| stay.produced_at < produced_at);
        if let Some(days) = statement.stay().filter(|_| is_newer) {
            admission.stay = Some(Stay { produced_at, days });
        }
    }
}
