//! Certificates that are to take the place of a site's: shown to authorities beside every one that servers may still
//! have, and vouched for beforehand.

use mecai::time::UnixTime;

use super::super::certificate::Certificate;
use super::super::config::Site;
use super::super::stage::Staged;
use super::super::target::{Key, SHOWN_AFTER, Wish};
use super::Engine;
use super::plan::Plan;

impl Engine {
    /// The certificates that are staged for sites of the configuration.
    pub(in super::super) fn staged(&self) -> impl Iterator<Item = &Staged> {
        let is_ours = |staged: &&Staged| {
            let is_of_site = self.config.sites.iter().any(|site| site.certificate == staged.site);
            is_of_site && !self.unstaged.contains(staged)
        };
        self.staged.value().into_iter().flat_map(|all| &all.staged).filter(is_ours)
    }

    /// Reads what was staged since; takes away what has ended, or is in use and vouched for. Says whether there is
    /// something new.
    pub(super) fn read_staged(&mut self, now: UnixTime) -> bool {
        let state = self.config.state();
        let all = self.staged.value().map(|all| all.staged.clone()).unwrap_or_default();
        // A file that cannot be removed is not looked at again.
        self.unstaged.retain(|staged| all.contains(staged));
        let unstaged = self.unstaged.clone();
        let mut has_new = false;
        for staged in all.iter().filter(|staged| !unstaged.contains(staged)) {
            let why = if staged.until() < now {
                "the proofs of its key have ended"
            } else if self.is_deployed(staged) {
                "it is the site's certificate and vouched for"
            } else {
                continue;
            };
            tracing::info!("{} is no longer staged: {why}", name(staged));
            staged.remove(&state);
            self.unstaged.push(staged.clone());
            has_new = true;
        }
        let known = all;
        let before = self.staged.trouble().cloned();
        has_new |= self.staged.refresh(|| {
            let all = Staged::read_all(&state)?;
            for trouble in &all.damaged {
                tracing::error!(code = trouble.code, "{}; it is left out", trouble.sentence);
            }
            for staged in all.staged.iter().filter(|staged| !known.contains(staged)) {
                tracing::info!("{} is staged for {}", name(staged), staged.site.display());
            }
            Ok(all)
        });
        self.has_changed |= self.staged.trouble() != before.as_ref();
        has_new
    }

    /// Adds what is staged.
    pub(super) fn plan_staged(&mut self, plan: &mut Plan, now: UnixTime) {
        // Kept at hand for as long as servers may show them, so that what is staged beside them comes and goes.
        plan.shelves.extend(self.memory.earlier().map(|known| known.certificate));
        let all: Vec<Staged> = self.staged().filter(|staged| now <= staged.until()).cloned().collect();
        for staged in all {
            let digest = staged.certificate.digest;
            self.replan_at = self.replan_at.min(staged.until().plus(1));
            let shown_from = *self.shown_from.entry(digest).or_insert(now.plus(SHOWN_AFTER));
            for known in self.memory.of(&staged.site).filter(|known| known.certificate != digest) {
                plan.shelves.insert(known.certificate);
                plan.staged.entry(known.certificate).or_default().extend(staged.beside(&known.key));
            }
            // Its own file is there before it is used.
            plan.shelves.insert(digest);
            let places = staged.places();
            for site in self.config.sites.iter().filter(|site| site.certificate == staged.site) {
                for (host, port) in site.places().filter(|place| places.contains(place)) {
                    let key = Key { host: host.to_owned(), port, certificate: digest };
                    let wish = Wish {
                        protocol: site.protocol,
                        addresses: site.addresses.clone(),
                        stay: site.stay,
                        ends: staged.certificate.not_after,
                        shown_from,
                        hurried: true,
                    };
                    plan.targets.insert(key, wish);
                }
                if let Some(chain) = self.kept_alternate(plan, site, &staged) {
                    plan.alternates.entry(digest).or_insert(Some(chain));
                }
            }
        }
    }

    /// The alternate that the site has now, where it has the staged key too.
    fn kept_alternate(&self, plan: &Plan, site: &Site, staged: &Staged) -> Option<Vec<Vec<u8>>> {
        let chain = plan.alternates.get(&self.certificate(&site.certificate)?.digest)?.clone()?;
        let alternate = Certificate::from_chain(chain).ok()?;
        let is_other = alternate.digest != staged.certificate.digest;
        (is_other && alternate.key == staged.certificate.key).then_some(alternate.chain)
    }

    /// Whether it is in the site's file, or in that of its alternate, and well vouched for at every host and port.
    fn is_deployed(&self, staged: &Staged) -> bool {
        let sites = self.config.sites.iter().filter(|site| site.certificate == staged.site);
        let files = sites.flat_map(|site| std::iter::once(&site.certificate).chain(&site.alternate));
        let mut present = files.filter_map(|file| self.certificate(file));
        present.any(|present| present.digest == staged.certificate.digest)
            && self.known.is_vouched(&staged.certificate.digest, staged.places())
    }
}

fn name(staged: &Staged) -> String {
    format!("the certificate {}", data_encoding::HEXLOWER.encode(&staged.certificate.digest))
}
