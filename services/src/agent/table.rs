//! The status for people.

use comfy_table::ContentArrangement;
use mecai::time::UnixTime;

use super::status::{AuthorityStatus, SiteStatus, Status};
use super::trouble::Failing;
use crate::output;

/// A table of sites and authorities, and below it what is wrong elsewhere.
pub(super) fn status(status: &Status) -> String {
    let mut table = output::table(["SITE", "OPERATOR", "AUTHORITY", "GOOD UNTIL", "FAILING"]);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for site in &status.sites {
        let place = place(site, &status.sites);
        if site.authorities.is_empty() {
            table.add_row([place.as_str(), "-", "-", "-", "no authority was asked yet"]);
        }
        for (index, authority) in site.authorities.iter().enumerate() {
            let place = if index == 0 { place.as_str() } else { "" };
            let good_until = authority.good_until.as_deref().unwrap_or("-");
            table.add_row([place, &authority.operator, &authority.url, good_until, &failing(authority)]);
        }
    }
    let mut text = output::indented(&table, "");
    text.push('\n');
    for site in &status.sites {
        text.push_str(&format!("{}\n", summary(site, &status.sites)));
    }
    match &status.list {
        Some(list) => text.push_str(&format!("Authority list {}, good until {}\n", list.sequence, list.expires)),
        None => text.push_str("There is no authority list\n"),
    }
    for trouble in &status.troubles {
        text.push_str(&format!("{}\n", sentence(trouble)));
    }
    text.push_str(&format!("As of {}\n", status.written));
    text
}

/// One line about a site, and one for each thing that is wrong there.
fn summary(site: &SiteStatus, sites: &[SiteStatus]) -> String {
    let until = match &site.good_until {
        Some(until) => format!("until {until}"),
        None => "at the moment".to_owned(),
    };
    let place = place(site, sites);
    let mut text = format!("{place}: {} of {} operators vouch {until}", site.vouching, site.operators);
    for failing in site.trouble.iter().chain(&site.warnings) {
        text.push_str(&format!("\n  {}", sentence(failing)));
    }
    text
}

/// The summary, and every authority that fails.
pub(super) fn round(site: &SiteStatus, sites: &[SiteStatus]) -> String {
    let mut text = summary(site, sites);
    for authority in site.authorities.iter().filter(|authority| authority.failing.is_some()) {
        text.push_str(&format!("\n  {} ({}): {}", authority.operator, authority.url, failing(authority)));
    }
    text
}

/// Host and port, and of several certificates which one.
fn place(site: &SiteStatus, sites: &[SiteStatus]) -> String {
    let is_other = |other: &SiteStatus| (&other.host, other.port) == (&site.host, site.port) && other.role != site.role;
    let place = format!("{} port {}", site.host, site.port);
    if sites.iter().any(is_other) { format!("{place}, {}", site.role) } else { place }
}

fn failing(authority: &AuthorityStatus) -> String {
    let Some(failing) = &authority.failing else { return String::new() };
    let next = authority.next_attempt.as_ref().map(|at| format!("; asked again at {at}")).unwrap_or_default();
    format!("{}{next}", sentence(failing))
}

fn sentence(failing: &Failing) -> String {
    let Failing { code, sentence, since, last } = failing;
    let is_old = since.parse::<UnixTime>().ok() != last.parse::<UnixTime>().ok();
    let since = if is_old { format!(", since {since}") } else { String::new() };
    format!("{sentence} ({code}{since})")
}
