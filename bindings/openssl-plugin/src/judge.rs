//! The seam between OpenSSL and the core: what a handshake showed goes in, a verdict comes out.

mod list;
mod memory;

use std::net::IpAddr;
use std::path::PathBuf;

use mecai::AuthorityId;
use mecai::Sha256;
use mecai::authority_list::{Authority, ListKeys};
use mecai::chain::Chain;
use mecai::extension::{self, AnswerError};
use mecai::failover::{self, Offered};
use mecai::host::Reference;
use mecai::pick::{Pick, PickSecret};
use mecai::policy::{AddressRule, Mode, Policy};
use mecai::report::{Event, Report};
use mecai::time::UnixTime;
use mecai::verdict::{AlternateCause, Outcome, Verdict};
use mecai::verify::{self, Client, Handshake, OwnVerification};
use once_cell::race::OnceBox;
use ring::digest;

use self::list::WatchedList;
use self::memory::Memory;
use crate::clock::now;
use crate::handshake::connection::WishedMode;
use crate::handshake::references::Identity;
use crate::handshake::session::Reason;
use crate::installation::config;
use crate::log::Log;
use crate::openssl::certificates::Certificates;

/// What judges the client handshakes of an installation. Any number of threads may use it at once.
pub(crate) struct Judge {
    /// The mode of connections that the program wishes no other for; none is `off`.
    mode: Option<Mode>,
    /// By mode: `require`, `opportunistic`, `observe`. They differ in nothing else.
    rules: [Rules; 3],
    disclose: bool,
    reports: bool,
    memory: Memory,
    files: OnceBox<Files>,
    /// Where [`Files`] come from.
    authorities: PathBuf,
    keys: ListKeys,
    /// Whether endorsements that were verified are remembered.
    remembers: bool,
}

/// What is demanded in one mode.
struct Rules {
    policy: Policy,
    /// Stands for the policy: sessions that were judged by another are not resumed.
    fingerprint: Sha256,
}

/// What is read when the first context is made: many processes load the module and never use TLS.
struct Files {
    list: WatchedList,
    secret: Option<PickSecret>,
}

/// What a handshake showed.
pub(crate) struct Shown<'a> {
    /// What the program's own verification said.
    pub(crate) own: OwnVerification<'a>,
    pub(crate) mode: Mode,
    pub(crate) meant: &'a Identity<'a>,
    pub(crate) peer: Option<IpAddr>,
    /// The port that was meant, if the program stated one. Behind proxies and in containers the socket's is another.
    pub(crate) port: Option<u16>,
    pub(crate) answer: Option<&'a [u8]>,
    pub(crate) now: UnixTime,
}

impl Shown<'_> {
    /// The name that the verdict is about.
    pub(crate) fn name(&self) -> Option<Reference<'_>> {
        self.meant.name()
    }

    fn handshake(&self, remembered: bool) -> Handshake<'_> {
        Handshake {
            own: self.own,
            references: &self.meant.references,
            sni: self.meant.sni,
            peer: self.peer,
            port: self.port,
            answer: self.answer,
            remembered,
            now: self.now,
        }
    }
}

impl Judge {
    /// Touches no file yet.
    pub(crate) fn new(settings: config::Client) -> Self {
        let config::Client { mode, policy, authorities, keys, disclose, state, reports } = settings;
        let rules = [Mode::Require, Mode::Opportunistic, Mode::Observe].map(|mode| {
            let policy = Policy { mode, ..policy.clone() };
            let mut fingerprint = [0; 32];
            let text = format!("{policy:?} {keys:?}");
            fingerprint.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
            Rules { policy, fingerprint }
        });
        let (memory, files, remembers) = (Memory::new(state), OnceBox::new(), false);
        Self { mode, rules, disclose, reports, memory, files, authorities, keys, remembers }
    }

    /// The same, which does not verify an endorsement again that it verified lately.
    pub(crate) fn remembering(self) -> Self {
        Self { remembers: true, ..self }
    }

    /// Reads the list and the secret, if that has not been done: while the program still may, before it changes its
    /// user or its root directory.
    pub(crate) fn prepare(&self, log: &Log) {
        self.files(log);
    }

    /// Why there is no authority list, if that has been found out.
    pub(crate) fn list_problem(&self) -> Option<String> {
        self.files.get()?.list.problem()
    }

    /// The mode of a connection; none if nothing is asked and nothing is judged.
    pub(crate) fn mode(&self, wished: WishedMode) -> Option<Mode> {
        match wished {
            WishedMode::OfContext => self.mode,
            WishedMode::Off => None,
            WishedMode::Mode(mode) => Some(mode),
        }
    }

    /// Stands for the policy in this mode: sessions that were judged by another are not resumed.
    pub(crate) fn fingerprint(&self, mode: Mode) -> &Sha256 {
        &self.rules(mode).fingerprint
    }

    /// Whether the ClientHello names the picked authorities.
    pub(crate) fn discloses(&self) -> bool {
        self.disclose
    }

    /// Whether the peer's address plays a part.
    pub(crate) fn compares_addresses(&self) -> bool {
        self.policy().addresses != AddressRule::Ignore
    }

    /// Judges a handshake by the server's own certificate.
    pub(crate) fn judge(&self, log: &Log, shown: &Shown<'_>) -> Verdict {
        let verdict = self.with_client(log, shown, |client| verify::verify(client, &shown.handshake(false)));
        // Only where it matters is the host's file looked at.
        let may_be_remembered = shown.mode == Mode::Opportunistic && verdict.outcome() == Outcome::Unvouched;
        if may_be_remembered && self.is_remembered(log, shown.name(), shown.now) {
            return self.with_client(log, shown, |client| verify::verify(client, &shown.handshake(true)));
        }
        verdict
    }

    /// Whether a client asks for alternates.
    pub(crate) fn fails_over(&self) -> bool {
        self.policy().failover
    }

    /// Whether the alternate is to be looked at after this verdict.
    pub(crate) fn is_failover_due(&self, verdict: &Verdict, shown: &Shown<'_>) -> bool {
        failover::is_due(&self.rules(shown.mode).policy, &shown.handshake(false), verdict)
    }

    /// Judges the alternate, which OpenSSL has verified, or why it did not come to that.
    pub(crate) fn fail_over(
        &self,
        log: &Log,
        shown: &Shown<'_>,
        verdict: Verdict,
        alternate: Result<(&Offered<'_>, &Chain), AlternateCause>,
    ) -> Verdict {
        self.with_client(log, shown, |client| failover::verify(client, &shown.handshake(false), verdict, alternate))
    }

    /// What is demanded but for the mode.
    fn policy(&self) -> &Policy {
        &self.rules[0].policy
    }

    fn rules(&self, mode: Mode) -> &Rules {
        match mode {
            Mode::Require => &self.rules[0],
            Mode::Opportunistic => &self.rules[1],
            Mode::Observe => &self.rules[2],
        }
    }

    fn with_client<T>(&self, log: &Log, shown: &Shown<'_>, work: impl FnOnce(&Client<'_>) -> T) -> T {
        let files = self.files(log);
        let current = files.list.current(log);
        work(&Client {
            policy: &self.rules(shown.mode).policy,
            list: current.list.as_ref(),
            secret: files.secret.as_ref(),
        })
    }

    /// Keeps what outlives the handshake: the promise of a site, the evidence of an alarm. `served` gives the chain as
    /// the server sent it. Gives the report that is due, if somebody `asks` for it.
    pub(crate) fn keep(
        &self,
        log: &Log,
        shown: &Shown<'_>,
        verdict: &Verdict,
        asks: bool,
        served: impl FnOnce() -> Certificates,
    ) -> Option<Report> {
        if let Some(stay) = verdict.admission().and_then(|admission| admission.stay)
            && shown.mode == Mode::Opportunistic
        {
            self.memory.remember(&shown.meant.title(), stay, shown.now, log);
        }
        let code = verdict.report().filter(|_| self.reports || asks)?;
        let served = served();
        let chain: Vec<&[u8]> = served.iter().collect();
        let report = Report::new(&Event {
            answer: shown.answer,
            chain: &chain,
            code,
            host: &shown.meant.title(),
            at: shown.now,
            peer: shown.peer,
            port: shown.port,
            region: self.policy().region.as_deref(),
        });
        if self.reports {
            self.memory.spool(&report, log);
        }
        asks.then_some(report)
    }

    /// The ids of the operators that own a part of a chain, by the list as it is now; none without a list.
    pub(crate) fn owners(&self, log: &Log, chain: &Chain) -> Option<Vec<String>> {
        let current = self.files(log).list.current(log);
        let list = current.list.as_ref().ok()?;
        let owners = list.known_owners(chain);
        let operators = list.operators().iter().enumerate().filter(|(place, _)| owners.contains(*place));
        let mut ids: Vec<String> = operators.map(|(_, operator)| operator.id.clone()).collect();
        ids.sort_unstable();
        Some(ids)
    }

    /// The refusal of an answer that breaks its syntax, where whatever else the handshake shows could not save it.
    pub(crate) fn refuse_broken(&self, mode: Mode, meant: &Identity<'_>, error: AnswerError) -> Option<Verdict> {
        verify::refuse_broken(&self.rules(mode).policy, &meant.handshake(), error)
    }

    /// Whether a session that was marked for this reason may still be resumed with this server.
    pub(crate) fn resumes(&self, log: &Log, mode: Mode, reason: Reason, meant: &Identity<'_>) -> bool {
        match (reason, mode) {
            (Reason::Accepted | Reason::Exempt, _) | (Reason::Unvouched, Mode::Observe) => true,
            (Reason::Unvouched, Mode::Require) => false,
            (Reason::Unvouched, Mode::Opportunistic) => !self.is_remembered(log, meant.name(), now()),
        }
    }

    /// The extension that names the authorities of the pick; none if there is no pick, or it does not fit.
    pub(crate) fn candidates(&self, log: &Log, meant: &Identity<'_>) -> Option<Vec<u8>> {
        let files = self.files(log);
        let secret = files.secret.as_ref()?;
        let current = files.list.current(log);
        let list = current.list.as_ref().ok()?;
        let now = now();
        let name = meant.name()?.to_string();
        let region = self.policy().region.as_deref();
        let pick = Pick::draw(list, secret, &name, self.policy().quorum.candidates(), region, now);
        let operators = pick.operators().iter().filter_map(|operator| list.operators().get(*operator));
        let authorities = operators.flat_map(|operator| &operator.authorities);
        let usable = |authority: &&Authority| authority.is_valid(now) && authority.public_key.algorithm().is_some();
        let ids: Vec<AuthorityId> = authorities.filter(usable).map(|authority| *authority.public_key.id()).collect();
        extension::write_candidates(&ids)
    }

    fn files(&self, log: &Log) -> &Files {
        // Nobody waits for another here either (see `installation`).
        self.files.get_or_init(|| {
            let state = self.memory.state().cloned();
            Box::new(Files {
                secret: self.memory.secret(log),
                list: WatchedList::open(self.authorities.clone(), self.keys.clone(), state, self.remembers, log),
            })
        })
    }

    fn is_remembered(&self, log: &Log, name: Option<Reference<'_>>, now: UnixTime) -> bool {
        name.is_some_and(|name| self.memory.is_remembered(&name.to_string(), now, log))
    }
}
