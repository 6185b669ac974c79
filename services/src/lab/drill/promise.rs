//! What the design promises: which client reaches which site, and from which hour on it does not.

use super::LIFE_HOURS;
use super::town::Place;
use super::visitor::Kind;

/// Whether this kind of client reaches a site before the authorities are told.
pub(super) fn before(kind: Kind, site: &Place) -> bool {
    if !site.is_fallen || !kind.is_without_root() {
        return true;
    }
    kind.fails_over() && site.alternate.is_some()
}

/// The same in an hour after that; none where either is as promised, since vouchers that were there before end in the
/// course of their life.
pub(super) fn in_hour(kind: Kind, site: &Place, hour: u64) -> Option<bool> {
    let stays = !site.is_fallen || !kind.has_module() || kind.is_without_root();
    if stays {
        return Some(before(kind, site));
    }
    if kind.fails_over() && site.alternate.is_some() {
        return Some(true);
    }
    (hour >= LIFE_HOURS).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(is_fallen: bool, alternate: Option<&str>) -> Place {
        let alternate = alternate.map(str::to_owned);
        Place { name: "shop-01.example".to_owned(), operator: "operator-a".to_owned(), alternate, is_fallen }
    }

    #[test]
    fn sites_of_others_are_reached_by_everybody_at_any_time() {
        for kind in Kind::ALL {
            assert!(before(kind, &site(false, None)));
            assert_eq!([0, 23, 24, 30].map(|hour| in_hour(kind, &site(false, None), hour)), [Some(true); 4], "{kind}");
        }
    }

    #[test]
    fn sites_of_the_operator_go_down_as_each_client_sees_it() {
        let [bare, covered] = [site(true, None), site(true, Some("operator-b"))];
        let always = |reached| (reached, [Some(reached); 4]);
        let ending = (true, [None, None, Some(false), Some(false)]);
        for (kind, of_bare, of_covered) in [
            (Kind::Plain, always(true), always(true)),
            (Kind::PlainWithoutRoot, always(false), always(false)),
            (Kind::NoFailover, ending, ending),
            (Kind::Mecai, ending, always(true)),
            (Kind::MecaiWithoutRoot, always(false), always(true)),
        ] {
            for (site, expected) in [(&bare, of_bare), (&covered, of_covered)] {
                let told = (before(kind, site), [0, 23, 24, 30].map(|hour| in_hour(kind, site, hour)));
                assert_eq!(told, expected, "{kind}: {site}");
            }
        }
    }
}
