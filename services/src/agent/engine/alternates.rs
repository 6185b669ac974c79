//! The second certificate of a site: the one in its file, or the one that is shown already while that one is better.

use mecai::Sha256;
use mecai::time::UnixTime;

use super::super::alternate;
use super::super::certificate::Certificate;
use super::super::config::Site;
use super::super::target::{Key, SHOWN_AFTER};
use super::super::trouble::Trouble;
use super::Engine;
use super::plan::Plan;

/// A new alternate that waits for vouchers is looked at again after so many seconds.
const LOOK: u64 = 60;

impl Engine {
    /// Adds the second certificate of a site, or notes why it cannot be used. One that is shown already stays until
    /// another one can take its place.
    pub(super) fn plan_alternate(&mut self, plan: &mut Plan, site: &Site, primary: &Certificate, now: UnixTime) {
        if site.alternate.is_none() {
            self.refused.remove(&site.certificate);
            plan.show_beside(primary, None);
            return;
        }
        let shown = self.shown_alternate(&primary.digest, now);
        let shown = shown.filter(|shown| self.check_alternate(site, primary, shown, now).is_ok());
        let alternate = match self.new_alternate(site, primary, shown.as_ref(), now) {
            Ok(new) => {
                self.refused.remove(&site.certificate);
                new.or(shown)
            }
            Err(trouble) => {
                if self.refused.get(&site.certificate).is_none_or(|before| before.code != trouble.code) {
                    let kept = if shown.is_some() { "the one before stays" } else { "it is not shown" };
                    tracing::error!(code = trouble.code, "{}; {kept}", trouble.sentence);
                }
                self.refused.insert(site.certificate.clone(), trouble);
                shown
            }
        };
        let Some(alternate) = alternate else {
            plan.show_beside(primary, None);
            return;
        };
        self.replan_at = self.replan_at.min(alternate.not_after.plus(1));
        // Another process may have written it long ago.
        let before = self.shelves.get(&primary.digest).and_then(|shelf| shelf.alternate());
        let new = if before == Some(alternate.digest) { UnixTime(0) } else { now.plus(SHOWN_AFTER) };
        let shown_from = *self.shown_from.entry(alternate.digest).or_insert(new);
        plan.want(site, &alternate.digest, alternate.not_after, shown_from);
        plan.show_beside(primary, Some(alternate.chain));
    }

    /// The one in the site's file if it can be shown now; none if it cannot be read, which is told of elsewhere.
    fn new_alternate(
        &mut self,
        site: &Site,
        primary: &Certificate,
        shown: Option<&Certificate>,
        now: UnixTime,
    ) -> Result<Option<Certificate>, Trouble> {
        let new = site.alternate.as_ref().and_then(|path| self.certificate(path));
        let Some(new) = new.cloned() else { return Ok(None) };
        self.check_alternate(site, primary, &new, now)?;
        if let Some(shown) = shown.filter(|shown| shown.digest != new.digest) {
            self.check_swap(site, primary, shown, &new, now)?;
        }
        Ok(Some(new))
    }

    fn check_alternate(
        &self,
        site: &Site,
        primary: &Certificate,
        alternate: &Certificate,
        now: UnixTime,
    ) -> Result<(), Trouble> {
        let name = site.alternate.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let sites = self.config.sites.iter().filter(|other| other.certificate == site.certificate);
        alternate::check(alternate, &name, primary, sites.flat_map(|site| &site.hosts), now)
    }

    /// Authorities vouch for an alternate when they see it, so that a new one begins without vouchers. That must not be
    /// while the one before is all that clients can accept.
    fn check_swap(
        &mut self,
        site: &Site,
        primary: &Certificate,
        shown: &Certificate,
        new: &Certificate,
        now: UnixTime,
    ) -> Result<(), Trouble> {
        let sites = self.config.sites.iter().filter(|other| other.certificate == site.certificate);
        let places: Vec<(String, u16)> =
            sites.flat_map(Site::places).map(|(host, port)| (host.to_owned(), port)).collect();
        let borrowed = places.iter().map(|(host, port)| (host.as_str(), *port));
        if self.known.is_vouched(&primary.digest, borrowed)
            || !self.are_in_force(&primary.digest, &shown.digest, &places, now).contains(&true)
            // Staged, it has them in its own file.
            || !self.are_in_force(&new.digest, &new.digest, &places, now).contains(&false)
        {
            return Ok(());
        }
        self.replan_at = self.replan_at.min(now.plus(LOOK));
        let path = site.alternate.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let host = site.hosts.first().map_or("", String::as_str);
        let sentence = format!(
            "the alternate {path} is new, and neither it nor the site's certificate is vouched for: have it vouched \
             for by `mecai agent stage {host} --certificate NEW --deploy 'mv NEW {path}'`"
        );
        Err(Trouble::new("alternate_not_vouched", sentence))
    }

    /// Whether the shelf of `home` has vouchers of a certificate, by place.
    fn are_in_force(
        &mut self,
        home: &Sha256,
        certificate: &Sha256,
        places: &[(String, u16)],
        now: UnixTime,
    ) -> Vec<bool> {
        let directories = self.directories();
        let Ok(shelf) = self.shelves.open(home, &directories, now) else { return vec![false; places.len()] };
        let has = |(host, port): &(String, u16)| {
            let key = Key { host: host.clone(), port: *port, certificate: *certificate };
            shelf.bundles(&key, now).next().is_some()
        };
        places.iter().map(has).collect()
    }

    /// What stands beside a certificate, if it is one.
    fn shown_alternate(&mut self, primary: &Sha256, now: UnixTime) -> Option<Certificate> {
        let directories = self.directories();
        let shelf = self.shelves.open(primary, &directories, now).ok()?;
        Certificate::from_chain(shelf.alternate_chain()?.to_vec()).ok()
    }
}
