//! What came of a drill: the table, the summary, and the same in JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::Error;
use super::town::Place;
use super::visitor::Kind;
use super::{Drill, LIFE_HOURS, Reached, promise};

/// Everything that is told of a drill.
#[derive(Debug, serde::Serialize)]
pub(super) struct Report {
    operator: String,
    seconds_per_hour: u64,
    sites: Vec<Site>,
    hours: Vec<Hour>,
    /// One sentence for each thing that was not as promised.
    broken: Vec<String>,
    as_promised: bool,
    seconds: u64,
    #[serde(skip)]
    places: Vec<Place>,
}

#[derive(Debug, serde::Serialize)]
struct Site {
    name: String,
    operator: String,
    alternate: Option<String>,
}

#[derive(Debug, serde::Serialize)]
struct Hour {
    hour: u64,
    /// How many sites each kind of client reached.
    reached: BTreeMap<Kind, usize>,
    /// The sites that each kind did not reach.
    refused: BTreeMap<Kind, Vec<String>>,
}

impl Report {
    /// Before the first hour.
    pub(super) fn new(told: &Drill, places: &[Place]) -> Self {
        let site = |place: &Place| Site {
            name: place.name.clone(),
            operator: place.operator.clone(),
            alternate: place.alternate.clone(),
        };
        Self {
            operator: told.operator.clone(),
            seconds_per_hour: told.seconds_per_hour,
            sites: places.iter().map(site).collect(),
            hours: Vec::new(),
            broken: Vec::new(),
            as_promised: false,
            seconds: 0,
            places: places.to_vec(),
        }
    }

    /// What stands above the table.
    pub(super) fn head(&self) -> String {
        let Self { operator, seconds_per_hour, .. } = self;
        let mut text = format!(
            "{} sites at one nginx with one agent: {} of {operator}, {} of them with an alternate of another operator, \
             and {} of the other operators.\nAn hour lasts {seconds_per_hour} s, vouchers live {LIFE_HOURS} hours. In \
             hour 0 all authorities are told to distrust {operator}.\n\nHow many sites are reached each hour by\n",
            self.places.len(),
            self.count(|site| site.is_fallen),
            self.count(|site| site.alternate.is_some()),
            self.count(|site| !site.is_fallen),
        );
        for (kind, told) in [
            (Kind::Plain, "curl as it is".to_owned()),
            (Kind::PlainWithoutRoot, format!("curl that no longer trusts the root of {operator}")),
            (Kind::NoFailover, "curl with the module, and failover = off".to_owned()),
            (Kind::Mecai, "curl with the module".to_owned()),
            (Kind::MecaiWithoutRoot, format!("curl with the module, which no longer trusts the root of {operator}")),
        ] {
            // Nothing fails to be written into a string.
            let _ = writeln!(text, "    {:<16}{told}", kind.to_string());
        }
        let heads: String = Kind::ALL.iter().map(|kind| format!("{:>16}", kind.to_string())).collect();
        text + &format!("\nhour{heads}")
    }

    /// Adds what was reached in an hour, and compares it with what was promised. `word` tells more of a client and a
    /// site, both by their places.
    pub(super) fn add(&mut self, hour: u64, reached: Reached, word: impl Fn(usize, usize) -> String) {
        let mut entry = Hour { hour, reached: BTreeMap::new(), refused: BTreeMap::new() };
        for (index, (kind, reached)) in Kind::ALL.into_iter().zip(reached).enumerate() {
            for (place, (site, is_reached)) in self.places.iter().zip(&reached).enumerate() {
                if promise::in_hour(kind, site, hour).is_some_and(|promised| promised != *is_reached) {
                    let what = if *is_reached { "is still reached" } else { "is not reached" };
                    self.broken.push(format!("hour {hour}, {kind}: {site} {what}: {}", word(index, place)));
                }
            }
            let refused = self.places.iter().zip(&reached).filter(|(_, is_reached)| !**is_reached);
            entry.refused.insert(kind, refused.map(|(site, _)| site.name.clone()).collect());
            entry.reached.insert(kind, reached.iter().filter(|is_reached| **is_reached).count());
        }
        self.hours.push(entry);
    }

    /// The table's line of the hour that was added last.
    pub(super) fn last_hour(&self) -> String {
        let Some(last) = self.hours.last() else { return String::new() };
        let counts: String = last.reached.values().map(|count| format!("{count:>16}")).collect();
        format!("{:>4}{counts}", last.hour)
    }

    /// There are no more hours.
    pub(super) fn end(&mut self, seconds: u64) {
        self.seconds = seconds;
        self.as_promised = self.broken.is_empty();
    }

    /// What stands below the table.
    pub(super) fn summary(&self) -> String {
        let mut text = "\n".to_owned();
        for sentence in &self.broken {
            let _ = writeln!(text, "✗ {sentence}");
        }
        if !self.as_promised {
            return text;
        }
        let Self { operator, seconds, .. } = self;
        let bare = self.count(|site| site.is_fallen && site.alternate.is_none());
        let covered = self.count(|site| site.alternate.is_some());
        let others = self.count(|site| !site.is_fallen);
        if covered > 0 {
            let _ = writeln!(
                text,
                "✓ Sites of {operator} with an alternate ({covered}): the module reached them in every hour; without \
                 failover they are down from hour {} on.",
                self.down_from(Kind::NoFailover, |site| site.alternate.is_some())
            );
        }
        if bare > 0 {
            let _ = writeln!(
                text,
                "✓ Sites of {operator} without an alternate ({bare}): refused from hour {} on.",
                self.down_from(Kind::Mecai, |site| site.is_fallen && site.alternate.is_none())
            );
        }
        let _ = writeln!(text, "✓ Sites of other operators ({others}): everybody reached them in every hour.");
        text + &format!("The drill went as promised, in {seconds} s.")
    }

    /// The whole of it.
    pub(super) fn to_json(&self) -> String {
        // Nothing in it can fail to be JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Whether all was as promised.
    ///
    /// # Errors
    /// [`Error::Drill`].
    pub(super) fn outcome(&self) -> Result<(), Error> {
        match self.broken.as_slice() {
            [] => Ok(()),
            [only] => Err(Error::Drill { reason: only.clone() }),
            [first, rest @ ..] => Err(Error::Drill { reason: format!("{first} (and {} more)", rest.len()) }),
        }
    }

    fn count(&self, which: impl Fn(&Place) -> bool) -> usize {
        self.places.iter().filter(|site| which(site)).count()
    }

    /// The first hour from which on this kind reaches none of these sites.
    fn down_from(&self, kind: Kind, which: impl Fn(&Place) -> bool) -> u64 {
        let names: Vec<&String> = self.places.iter().filter(|site| which(site)).map(|site| &site.name).collect();
        let is_down =
            |hour: &&Hour| names.iter().all(|name| hour.refused.get(&kind).is_some_and(|of| of.contains(name)));
        self.hours.iter().rev().take_while(is_down).last().map_or(0, |hour| hour.hour)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        drill: Drill,
    }

    /// One site with an alternate, one without, one of another operator.
    fn report() -> Report {
        let place = |number, is_fallen, alternate: Option<&str>| Place {
            name: format!("shop-0{number}.example"),
            operator: if is_fallen { "operator-a" } else { "operator-b" }.to_owned(),
            alternate: alternate.map(str::to_owned),
            is_fallen,
        };
        let places = [place(1, true, Some("operator-c")), place(2, true, None), place(3, false, None)];
        Report::new(&Line::parse_from(["drill"]).drill, &places)
    }

    /// As promised: from `hour` on, the operator's sites go down.
    fn reached(is_down: bool) -> Reached {
        let [all, others, covered] = [[true; 3], [false, false, true], [true, false, true]].map(|sites| sites.to_vec());
        let before = |after: &Vec<bool>| if is_down { after.clone() } else { all.clone() };
        vec![all.clone(), others.clone(), before(&others), before(&covered), covered.clone()]
    }

    #[test]
    fn a_drill_that_goes_as_promised_tells_when_sites_went_down() {
        let mut report = report();
        for hour in 0..=24 {
            report.add(hour, reached(hour >= 19), |_, _| "nothing".to_owned());
        }
        assert_eq!(report.last_hour().split_whitespace().collect::<Vec<_>>(), ["24", "3", "1", "1", "2", "2"]);
        report.end(7);
        let summary = report.summary();
        assert_eq!(summary.matches("from hour 19 on").count(), 2, "{summary}");
        assert!(summary.ends_with("The drill went as promised, in 7 s."), "{summary}");
        report.outcome().unwrap();
    }

    #[test]
    fn whatever_is_not_as_promised_is_told_with_the_last_word_about_it() {
        let mut report = report();
        let mut lost = reached(true);
        lost[3][0] = false;
        report.add(3, lost, |kind, site| format!("word {kind} {site}"));
        report.add(24, reached(false), |_, _| "accepted".to_owned());
        report.end(7);
        let site = "shop-01.example (of operator-a, with an alternate of operator-c)";
        assert_eq!(report.broken[0], format!("hour 3, mecai: {site} is not reached: word 3 0"));
        assert!(report.broken[1..].iter().all(|sentence| sentence.ends_with("is still reached: accepted")));
        assert_eq!(report.broken.len(), 4, "without failover two sites, with it one: {:?}", report.broken);
        assert_eq!(report.summary().matches('✗').count(), 4);
        let error = report.outcome().unwrap_err();
        assert_eq!(error.code(), "lab_drill");
        assert!(error.to_string().ends_with("word 3 0 (and 3 more)"), "{error}");
    }
}
