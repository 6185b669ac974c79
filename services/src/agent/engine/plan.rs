//! What is to be vouched for: from the configuration and the files that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mecai::Sha256;
use mecai::statement::LIFETIME_MAX;
use mecai::store::StoredStaged;
use mecai::time::UnixTime;

use super::super::certificate::Certificate;
use super::super::config::Site;
use super::super::list;
use super::super::target::{Key, Target, Wish};
use super::super::trouble::Trouble;
use super::super::watch::Watched;
use super::{Engine, authorities};

impl Engine {
    /// Reads list and certificates that have changed, and keeps targets and shelves in step with them.
    pub(super) fn read_files(&mut self, now: UnixTime) {
        let state = self.config.state();
        let config = &self.config;
        if self.list.refresh(|| list::read(&config.authorities, &config.authorities_keys, &state))
            && let Some(list) = self.list.value()
        {
            tracing::info!("authority list {} with {} operators", list.sequence(), list.operators().len());
            let listed = authorities(list).map(|(_, authority)| *authority.public_key.id()).collect();
            self.targets.values_mut().for_each(|target| target.retain(&listed));
            self.has_changed = true;
        }
        let mut has_new = self.certificates.is_empty() || now >= self.replan_at;
        has_new |= self.read_staged(now);
        let config = &self.config;
        for path in config.sites.iter().flat_map(|site| std::iter::once(&site.certificate).chain(&site.alternate)) {
            let watched = self.certificates.entry(path.clone()).or_insert_with(|| Watched::new(vec![path.clone()]));
            let before = watched.trouble().cloned();
            has_new |= watched.refresh(|| Certificate::read(path));
            self.has_changed |= watched.trouble() != before.as_ref();
        }
        if has_new {
            self.remember(now);
            self.update_targets(now);
            self.has_changed = true;
        }
    }

    /// Notes which certificates the sites have.
    fn remember(&mut self, now: UnixTime) {
        let files: BTreeSet<&Path> = self.config.sites.iter().map(|site| &*site.certificate).collect();
        for file in &files {
            if let Some(certificate) = self.certificates.get(*file).and_then(Watched::value) {
                self.memory.note(file, certificate, now);
            }
        }
        let mut memory = std::mem::take(&mut self.memory);
        let is_vouched = |file: &Path| {
            let sites = self.config.sites.iter().filter(|site| site.certificate == file);
            self.certificate(file)
                .is_some_and(|present| self.known.is_vouched(&present.digest, sites.flat_map(Site::places)))
        };
        memory.forget(&files, is_vouched, now);
        self.memory = memory;
        if let Err(trouble) = self.memory.write(&self.config.state()) {
            tracing::error!(code = trouble.code, "{}", trouble.sentence);
        }
    }

    /// The certificate in a file.
    pub(in super::super) fn certificate(&self, path: &Path) -> Option<&Certificate> {
        self.certificates.get(path).and_then(Watched::value)
    }

    fn update_targets(&mut self, now: UnixTime) {
        // What came for a certificate that goes is stored first: a server may still use it.
        self.store_news(now, true);
        self.write(now);
        self.replan_at = UnixTime::MAX;
        let mut plan = Plan::default();
        self.plan_earlier(&mut plan, now);
        for site in &self.config.sites.clone() {
            let Some(certificate) = self.certificate(&site.certificate).cloned() else { continue };
            plan.want(site, &certificate.digest, certificate.not_after, UnixTime(0));
            plan.shelves.insert(certificate.digest);
            self.plan_alternate(&mut plan, site, &certificate, now);
        }
        self.plan_staged(&mut plan, now);
        self.shown_from.retain(|certificate, _| plan.targets.keys().any(|key| key.certificate == *certificate));
        self.update_shelves(&mut plan, now);
        self.targets.retain(|key, target| plan.targets.get(key) == Some(&target.wish));
        for (key, wish) in plan.targets {
            if !self.targets.contains_key(&key) {
                let bundles = self.shelves.bundles(&key, now);
                let mut target = Target::new(wish, self.timing, bundles, rand::random());
                self.known.recall(&key, &mut target, self.timing);
                self.targets.insert(key, target);
            }
        }
        if let Some(only) = &mut self.only {
            only.retain(|key| self.targets.contains_key(key));
        }
    }

    /// Adds the certificates that sites had: servers use them until they are told of the new one, which may be late.
    fn plan_earlier(&mut self, plan: &mut Plan, now: UnixTime) {
        for site in &self.config.sites {
            for known in self.memory.of(&site.certificate) {
                let (Some(replaced), Some(not_after)) = (known.replaced, known.not_after) else { continue };
                plan.want(site, &known.certificate, not_after, UnixTime(0));
                let forgotten = replaced.plus(LIFETIME_MAX + 1);
                // After its day it depends on the vouchers for the present one.
                let next = if forgotten > now { forgotten } else { now.plus(self.timing.interval) };
                self.replan_at = self.replan_at.min(next).min(not_after.plus(1));
            }
        }
    }

    fn update_shelves(&mut self, plan: &mut Plan, now: UnixTime) {
        let tell = |trouble: Trouble| tracing::error!(code = trouble.code, "{}", trouble.sentence);
        let directories = self.directories();
        for certificate in &plan.shelves {
            let shelf = match self.shelves.open(certificate, &directories, now) {
                Ok(shelf) => shelf,
                Err(trouble) => {
                    tell(trouble);
                    continue;
                }
            };
            let set = match plan.alternates.get(certificate) {
                Some(chain) => shelf.set_alternate(chain.as_deref(), now),
                None => Ok(()),
            };
            let staged = plan.staged.remove(certificate).unwrap_or_default();
            let set = set.and_then(|()| shelf.set_staged(staged, now));
            let is_of = |site: &&Site| {
                self.certificates
                    .get(&site.certificate)
                    .and_then(Watched::value)
                    .is_some_and(|it| it.digest == *certificate)
            };
            let sites = self.config.sites.iter().filter(is_of);
            shelf.set_serverinfos(sites.filter_map(|site| site.serverinfo.clone()).collect());
            set.unwrap_or_else(tell);
        }
        self.shelves.settle(&plan.shelves, now).unwrap_or_else(tell);
    }
}

/// What is to be vouched for, and the shelves for it.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) targets: BTreeMap<Key, Wish>,
    pub(super) shelves: BTreeSet<Sha256>,
    /// By the certificate beside which they are shown, none where nothing is to be shown.
    pub(super) alternates: BTreeMap<Sha256, Option<Vec<Vec<u8>>>>,
    /// By the certificate beside which they are shown.
    pub(super) staged: BTreeMap<Sha256, Vec<StoredStaged>>,
}

impl Plan {
    /// A certificate is to be vouched for at these hosts and ports of a site.
    pub(super) fn want(&mut self, site: &Site, certificate: &Sha256, ends: UnixTime, shown_from: UnixTime) {
        for (host, port) in site.places() {
            let key = Key { host: host.to_owned(), port, certificate: *certificate };
            let wish = Wish {
                protocol: site.protocol,
                addresses: site.addresses.clone(),
                stay: site.stay,
                ends,
                shown_from,
                hurried: false,
            };
            self.targets.insert(key, wish);
        }
    }

    /// What a certificate has beside it. It may be that of several files, and only one of them may have an alternate:
    /// a chain overrules none.
    pub(super) fn show_beside(&mut self, primary: &Certificate, chain: Option<Vec<Vec<u8>>>) {
        let chain = chain.max(self.alternates.remove(&primary.digest).flatten());
        self.alternates.insert(primary.digest, chain);
    }
}
