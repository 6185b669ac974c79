//! Everything that the agent knows while it runs, and the steps by which it goes on.

mod alternates;
mod plan;
mod staging;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use mecai::AuthorityId;
use mecai::Sha256;
use mecai::authority_list::{Authority, AuthorityList};
use mecai::request::{Backoff, Cause, Failure};
use mecai::time::UnixTime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::certificate::Certificate;
use super::client::Client;
use super::clock::now;
use super::config::Config;
use super::hook::{Hooks, Job};
use super::list;
use super::queue::Queue;
use super::remember::Memory;
use super::round::Round;
use super::shelves::Shelves;
use super::stage::{AllStaged, Staged};
use super::status::Status;
use super::sweep::sweep;
use super::target::{Due, Key, OWN_OPERATOR, Target, Timing, WRONG_CERTIFICATE};
use super::trouble::Trouble;
use super::watch::Watched;
use crate::authority::checks::dns::{Dns, DnsFailure};

/// DNS answers may take so long.
const DNS_DEADLINE: Duration = Duration::from_secs(10);
/// Endorsements are stored after so many seconds at the latest, though others may still come.
const COLLECT: u64 = 5;
/// A question that waits so many seconds for its turn is given up: the statement would be too old (spec section 9).
const TURN: Duration = Duration::from_secs(120);
/// Files out of use are looked for once in so many seconds at most.
const SWEEP: u64 = 60;

/// Another agent works on the state directory.
pub(super) const AGENT_RUNNING: &str = "agent_running";

/// Something that was begun has ended.
pub(super) enum Event {
    /// The addresses of a target's host are known, or not.
    Addresses(Key, u64, Result<Vec<std::net::IpAddr>, DnsFailure>),
    /// An authority has answered, or not.
    Answer(AuthorityId, Key, u64, Result<Vec<u8>, Failure>),
    /// A command has ended.
    Hook(Job, Result<(), Trouble>),
}

/// A question that waits for its turn.
pub(super) struct Waiting {
    key: Key,
    round: u64,
    since: Instant,
}

/// Everything that the agent knows while it runs.
pub(super) struct Engine {
    pub(super) config: Config,
    pub(super) timing: Timing,
    pub(super) list: Watched<AuthorityList>,
    pub(super) certificates: BTreeMap<PathBuf, Watched<Certificate>>,
    pub(super) staged: Watched<AllStaged>,
    /// Those of them that are over.
    unstaged: Vec<Staged>,
    /// The certificates that sites have, or had lately.
    pub(super) memory: Memory,
    pub(super) shelves: Shelves,
    /// Why the alternate in the file of this certificate's site is not used.
    pub(super) refused: BTreeMap<PathBuf, Trouble>,
    pub(super) targets: BTreeMap<Key, Target>,
    /// How long authorities are left alone, whatever they would be asked.
    pub(super) pauses: HashMap<AuthorityId, Pause>,
    pub(super) hooks: Hooks,
    /// The roots for https cannot be read.
    pub(super) ca_trouble: Option<Trouble>,
    /// What the status said last, and how many endorsements did not fit the last bundle of a target.
    pub(super) known: Status,
    pub(super) unfit: BTreeMap<Key, usize>,
    pub(super) has_changed: bool,
    client: Client,
    /// Or why the system's resolvers cannot be asked.
    dns: Result<Dns, String>,
    queue: Queue<Waiting>,
    rounds: u64,
    /// Since when a certificate has endorsements that are not stored.
    news: BTreeMap<Sha256, Instant>,
    swept: UnixTime,
    /// From when on servers can show a certificate that is new beside another one.
    shown_from: BTreeMap<Sha256, UnixTime>,
    /// When something ends that the targets depend on.
    replan_at: UnixTime,
    /// With `once`: the targets whose round is still to begin.
    only: Option<BTreeSet<Key>>,
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
    /// One agent at a time works on a state directory, and so on its store.
    pub(super) lock: File,
}

/// How long an authority is left alone after a failure that is its own.
pub(super) struct Pause {
    backoff: Backoff,
    /// What it asked for itself.
    retry_at: Option<UnixTime>,
}

impl Pause {
    pub(super) fn next_attempt(&self) -> UnixTime {
        self.backoff.next_attempt()
    }
}

/// Takes the lock of a state directory, which is made if it is not there.
pub(super) fn lock(state: &Path) -> Result<File, Trouble> {
    let trouble = |what: String| Trouble::new("state_failed", what);
    let path = state.join("agent.lock");
    let open = || {
        fs::create_dir_all(state)?;
        File::options().write(true).create(true).truncate(false).open(&path)
    };
    let file = open().map_err(|cause| trouble(format!("cannot make {}: {cause}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Trouble::new(AGENT_RUNNING, format!("another agent holds {}", path.display())))
        }
        Err(TryLockError::Error(cause)) => Err(trouble(format!("cannot lock {}: {cause}", path.display()))),
    }
}

impl Engine {
    /// Reads what an earlier process left in state and store. Nothing is asked yet.
    pub(super) fn new(config: Config, lock: File) -> Self {
        let (client, ca_trouble) = Client::new(&config.ca_file, config.timeout);
        let resolvers: Vec<_> = config.resolvers.iter().map(|resolver| resolver.0).collect();
        let dns = Dns::new(&resolvers, DNS_DEADLINE).map_err(|error| error.to_string());
        // Not there for lack of rights, for instance: told when something is written.
        let _ = fs::create_dir_all(&config.store);
        // Its own, so that it can take away what another user stages.
        let _ = fs::create_dir_all(Staged::directory(&config.state()));
        let known = Status::read(&config.state()).unwrap_or_else(|trouble| {
            tracing::warn!(code = trouble.code, "{}; it is begun anew", trouble.sentence);
            None
        });
        let memory = Memory::read(&config.state()).unwrap_or_else(|trouble| {
            tracing::warn!(code = trouble.code, "{}; it is begun anew", trouble.sentence);
            Memory::default()
        });
        let (sender, events) = unbounded_channel();
        Self {
            timing: Timing { lifetime: config.lifetime, interval: config.interval() },
            list: Watched::new(list::files(&config.authorities)),
            certificates: BTreeMap::new(),
            staged: Watched::new(vec![Staged::directory(&config.state())]),
            unstaged: Vec::new(),
            memory,
            shelves: Shelves::default(),
            refused: BTreeMap::new(),
            shown_from: BTreeMap::new(),
            replan_at: UnixTime::MAX,
            targets: BTreeMap::new(),
            pauses: HashMap::new(),
            hooks: Hooks::default(),
            ca_trouble,
            known: known.unwrap_or_else(|| Status::new(now())),
            unfit: BTreeMap::new(),
            has_changed: true,
            client,
            dns,
            queue: Queue::new(config.parallelism),
            rounds: 0,
            news: BTreeMap::new(),
            swept: UnixTime(0),
            only: None,
            sender,
            events,
            config,
            lock,
        }
    }

    /// Lets every target have one round, and nothing after it.
    pub(super) fn want_one_round(&mut self, now: UnixTime) {
        self.read_files(now);
        self.only = Some(self.targets.keys().cloned().collect());
        self.targets.values_mut().for_each(Target::want_round);
    }

    /// Whether everything that was wanted by [`Self::want_one_round`] has been done.
    pub(super) fn is_done(&self) -> bool {
        let is_begun = self.only.as_ref().is_none_or(BTreeSet::is_empty);
        is_begun && self.targets.values().all(|target| target.round.is_none()) && !self.hooks.is_busy()
    }

    /// Reads every file anew, and leaves nobody alone for earlier failures.
    pub(super) fn start_over(&mut self, now: UnixTime) {
        self.list.forget_looks();
        self.certificates.values_mut().for_each(Watched::forget_looks);
        self.targets.values_mut().for_each(|target| target.forget_pauses(now));
        self.pauses.retain(|_, pause| pause.retry_at.is_some_and(|at| at > now));
    }

    /// The next thing that has ended.
    pub(super) async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next thing that has ended already.
    pub(super) fn event_at_hand(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Does everything that is due.
    pub(super) fn advance(&mut self, now: UnixTime) {
        self.read_files(now);
        self.begin_rounds(now);
        self.ask(now);
        self.store_news(now, false);
        self.write(now);
        if now.since(self.swept) >= SWEEP.min(self.timing.interval) || now < self.swept {
            self.swept = now;
            let targets: BTreeSet<Sha256> = self.targets.keys().map(|key| key.certificate).collect();
            let in_use = |certificate: &Sha256| {
                let is_kept = targets.contains(certificate) && !self.memory.is_earlier(certificate);
                is_kept && self.shelves.get(certificate).is_some()
            };
            sweep(&self.directories(), in_use, now);
        }
    }

    /// Stores what has come so far, before the process ends.
    pub(super) fn finish(&mut self, now: UnixTime) {
        self.store_news(now, true);
        self.write(now);
    }

    /// Takes note of what has ended.
    pub(super) fn handle(&mut self, event: Event, now: UnixTime) {
        self.has_changed = true;
        match event {
            Event::Addresses(key, round, result) => self.has_addresses(&key, round, result, now),
            Event::Answer(authority, key, round, result) => {
                let is_silent =
                    |failure: &Failure| matches!(failure.cause, Cause::Unreachable(_) | Cause::Timeout { .. });
                self.queue.done(&authority, !result.as_ref().is_err_and(is_silent));
                self.has_answer(authority, &key, round, result, now);
            }
            Event::Hook(job, result) => self.hooks.done(job, result, now),
        }
    }

    fn directories(&self) -> Vec<PathBuf> {
        std::iter::once(&self.config.store).chain(&self.config.copies).cloned().collect()
    }

    /// The authorities that may be asked now.
    fn askable(&self, now: UnixTime) -> Vec<AuthorityId> {
        let Some(list) = self.list.value() else { return Vec::new() };
        let may = |id: &AuthorityId| self.pauses.get(id).is_none_or(|pause| pause.backoff.may_ask(now));
        authorities(list)
            .filter(|(_, authority)| is_usable(authority, now))
            .map(|(_, authority)| *authority.public_key.id())
            .filter(may)
            .collect()
    }

    fn begin_rounds(&mut self, now: UnixTime) {
        let askable = self.askable(now);
        let collect = self.collect();
        let is_open = |round: &Round| !round.waiting().is_empty() && round.began.elapsed() < collect;
        let open = self.targets.values().filter(|target| target.round.as_ref().is_some_and(is_open)).count();
        let mut free = (self.config.parallelism / 4).max(8).saturating_sub(open);
        for (key, target) in &mut self.targets {
            if free == 0 {
                break;
            }
            if !target.is_shown(now) {
                continue;
            }
            // Wanted or not, what has no home cannot be asked for.
            let is_wanted = self.only.as_mut().is_none_or(|only| only.remove(key));
            if !is_wanted || self.shelves.homes(&key.certificate).next().is_none() {
                continue;
            }
            let bundles = self.shelves.bundles(key, now).count();
            let authorities = match target.due(now, self.timing, &askable, bundles) {
                Due::Nobody => continue,
                Due::Missing(authorities) => authorities,
                Due::Everybody(authorities) => {
                    target.begin_full_round(now, self.timing, rand::random());
                    authorities
                }
            };
            free -= 1;
            self.rounds += 1;
            self.has_changed = true;
            target.round = Some(Round::new(self.rounds, authorities));
            let (key, round, sender) = (key.clone(), self.rounds, self.sender.clone());
            let addresses = target.wish.addresses.clone();
            let dns = self.dns.clone();
            tokio::spawn(async move {
                let host = key.host.clone();
                let failed = |cause: String| Err(DnsFailure::Failed { host: key.host.clone(), cause });
                let result = match dns {
                    _ if !addresses.is_empty() => Ok(addresses),
                    Ok(dns) => {
                        let asked = tokio::spawn(async move { dns.addresses(&host).await });
                        asked.await.unwrap_or_else(|error| failed(error.to_string()))
                    }
                    Err(cause) => failed(cause),
                };
                // Nobody listens any more when the agent ends.
                let _ = sender.send(Event::Addresses(key, round, result));
            });
        }
    }

    fn has_addresses(
        &mut self,
        key: &Key,
        number: u64,
        result: Result<Vec<std::net::IpAddr>, DnsFailure>,
        now: UnixTime,
    ) {
        let Some(target) = self.targets.get_mut(key) else { return };
        let Some(round) = target.round.as_mut().filter(|round| round.number == number) else { return };
        let proposed = result
            .map_err(|failure| Trouble::new(failure.problem().code(), failure.to_string()))
            .and_then(|addresses| round.propose(key, &target.wish, &addresses, self.timing, now));
        match proposed {
            Ok(()) => {
                let since = Instant::now();
                for authority in round.waiting() {
                    self.queue.push(*authority, Waiting { key: key.clone(), round: number, since });
                }
                target.untroubled();
            }
            Err(trouble) => {
                if target.trouble.as_ref().is_none_or(|before| before.code != trouble.code) {
                    tracing::error!(code = trouble.code, host = key.host, port = key.port, "{}", trouble.sentence);
                }
                target.troubled(&trouble, now, rand::random());
                target.round = None;
            }
        }
    }

    /// Puts as many questions as may be under way.
    fn ask(&mut self, now: UnixTime) {
        while let Some((id, waiting)) = self.queue.pop() {
            match self.question(&id, &waiting, now) {
                Some(Ok(question)) => {
                    let (client, sender) = (self.client.clone(), self.sender.clone());
                    let asked = tokio::task::spawn_blocking(move || client.ask(&question));
                    tokio::spawn(async move {
                        // Whatever an authority sends, its place is given back.
                        let broken = |error| Err(Failure::unreachable(&format!("the question broke off: {error}")));
                        let result = asked.await.unwrap_or_else(broken);
                        let _ = sender.send(Event::Answer(id, waiting.key, waiting.round, result));
                    });
                }
                Some(Err(failure)) => {
                    self.queue.done(&id, true);
                    self.has_answer(id, &waiting.key, waiting.round, Err(failure), now);
                }
                None => self.queue.done(&id, true),
            }
        }
    }

    /// None if the round is over or the authority has left the list.
    fn question(
        &self,
        id: &AuthorityId,
        waiting: &Waiting,
        now: UnixTime,
    ) -> Option<Result<mecai::request::Question, Failure>> {
        let target = self.targets.get(&waiting.key)?;
        let round = target.round.as_ref().filter(|round| round.number == waiting.round)?;
        let (_, authority) = self.list.value()?.authority(id)?;
        if waiting.since.elapsed() >= TURN {
            return Some(Err(Cause::Timeout { deadline: now }.into()));
        }
        let deadline = now.plus(self.client.timeout());
        let question = round.question(&authority.url, &authority.public_key, &target.wish, deadline);
        Some(question.map_err(|trouble| Failure::unreachable(&trouble.sentence)))
    }

    fn has_answer(
        &mut self,
        authority: AuthorityId,
        key: &Key,
        round: u64,
        result: Result<Vec<u8>, Failure>,
        now: UnixTime,
    ) {
        match result {
            Ok(endorsement) => {
                self.pauses.remove(&authority);
                self.note(authority, key, round, Ok(endorsement), now);
            }
            Err(failure) => {
                self.note(authority, key, round, Err(&failure), now);
                if !failure.concerns_authority() {
                    self.pauses.remove(&authority);
                    return;
                }
                let new = || Pause { backoff: self.timing.backoff(), retry_at: None };
                let pause = self.pauses.entry(authority).or_insert_with(new);
                pause.backoff.failed(&failure, now, rand::random());
                pause.retry_at = failure.retry_at;
                // The others need not find out for themselves.
                for waiting in self.queue.drain(&authority) {
                    self.note(authority, &waiting.key, waiting.round, Err(&failure), now);
                }
            }
        }
    }

    fn note(
        &mut self,
        authority: AuthorityId,
        key: &Key,
        number: u64,
        result: Result<Vec<u8>, &Failure>,
        now: UnixTime,
    ) {
        let Some(target) = self.targets.get_mut(key) else { return };
        let Some(round) = target.round.as_mut().filter(|round| round.number == number) else { return };
        match result {
            Ok(endorsement) => {
                tracing::debug!(authority = HEXLOWER.encode(&authority), host = key.host, port = key.port, "endorsed");
                round.answered(&authority, Some(endorsement));
                self.news.entry(key.certificate).or_insert_with(Instant::now);
                target.endorsed(authority, self.timing);
            }
            Err(failure) => {
                round.answered(&authority, None);
                let before = target.asked(&authority).and_then(|asked| asked.failing.as_ref());
                if before.is_none_or(|before| before.code != failure.code()) {
                    let (code, host, port) = (failure.code(), &key.host, key.port);
                    let list = self.list.value();
                    let operator = list.and_then(|list| list.operators().get(list.authority(&authority)?.0));
                    let operator = operator.map_or("", |operator| &operator.id);
                    let is_over = code == WRONG_CERTIFICATE && self.memory.is_earlier(&key.certificate);
                    if code == OWN_OPERATOR || is_over {
                        tracing::info!(code, operator, host, port, "{failure}");
                    } else {
                        tracing::warn!(code, operator, host, port, "{failure}");
                    }
                }
                target.failed(authority, failure, now, self.timing, rand::random());
            }
        }
    }

    /// Puts endorsements on their shelves: when nobody is waited for, or some have waited long enough.
    fn store_news(&mut self, now: UnixTime, all: bool) {
        let collect = self.collect();
        let waits = |certificate: &Sha256| {
            let of_certificate = |key: &Key| key.certificate == *certificate;
            self.targets.iter().any(|(key, target)| {
                of_certificate(key) && target.round.as_ref().is_some_and(|round| !round.waiting().is_empty())
            })
        };
        let is_due = |(certificate, since): (&Sha256, &Instant)| {
            (all || since.elapsed() >= collect || !waits(certificate)).then_some(*certificate)
        };
        let due: BTreeSet<Sha256> = self.news.iter().filter_map(is_due).collect();
        self.news.retain(|certificate, _| !due.contains(certificate));
        let list = self.list.value();
        for (key, target) in &mut self.targets {
            let Some(round) = &mut target.round else { continue };
            if due.contains(&key.certificate) && round.has_news() {
                let operator = |id: &AuthorityId| list.and_then(|list| list.authority(id)).map(|(index, _)| index);
                let added = round.bundle(operator).and_then(|(bundle, unfit)| {
                    self.unfit.insert(key.clone(), unfit);
                    self.shelves.add(&bundle, now)
                });
                match added {
                    Ok(left_out) => left_out.iter().for_each(|bundle| {
                        let (host, port) = (bundle.host(), bundle.port());
                        tracing::warn!(code = "answer_left_out", host, port, "the store file has no room for a bundle");
                    }),
                    Err(trouble) => tracing::error!(code = trouble.code, host = key.host, "{}", trouble.sentence),
                }
            }
            if round.is_over() {
                target.round = None;
                self.has_changed = true;
            }
        }
    }

    /// Writes what is not written yet, and has servers read it.
    fn write(&mut self, now: UnixTime) {
        for shelf in self.shelves.iter_mut() {
            let troubles = shelf.troubles().count();
            let changed = shelf.write(now);
            self.has_changed |= shelf.troubles().count() != troubles;
            for path in changed {
                for site in self.config.sites.iter().filter(|site| site.serverinfo.as_ref() == Some(&path)) {
                    let Some(command) = &site.reload else { continue };
                    self.hooks.want(command, &site.hosts, site.certificate.display().to_string());
                }
            }
        }
        for job in self.hooks.due(now, COLLECT.min(self.timing.interval / 4)) {
            let sender = self.sender.clone();
            tokio::spawn(async move {
                let result = job.run().await;
                let _ = sender.send(Event::Hook(job, result));
            });
        }
    }

    fn collect(&self) -> Duration {
        Duration::from_secs(COLLECT).min(Duration::from_secs(self.timing.interval) / 4)
    }
}

/// The authorities of a list with the index of their operator, in the list's order.
pub(super) fn authorities(list: &AuthorityList) -> impl Iterator<Item = (usize, &Authority)> {
    let of_operator = |(index, operator)| -> _ {
        let operator: &mecai::authority_list::Operator = operator;
        operator.authorities.iter().map(move |authority| (index, authority))
    };
    list.operators().iter().enumerate().flat_map(of_operator)
}

/// Whether an authority can vouch now.
pub(super) fn is_usable(authority: &Authority, now: UnixTime) -> bool {
    authority.is_valid(now) && authority.public_key.algorithm().is_some()
}
