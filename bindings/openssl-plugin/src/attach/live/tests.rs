//! Threads that take places, give them back, and look.
#![allow(clippy::unwrap_used)]

use mecai_schedule::{explore, spawn};

use super::*;

/// Data and connection of this number: addresses at which nothing is.
fn pair(number: usize) -> (*mut c_void, *mut SSL) {
    (ptr::without_provenance_mut(16 * number), ptr::without_provenance_mut(16 * number + 8))
}

/// A registry that threads of a model may share; it is small, and stays.
fn leaked() -> &'static Live {
    Box::leak(Box::new(Live::new()))
}

#[test]
fn a_connection_is_found_while_its_place_is_taken() {
    let live = Live::new();
    let ((first, ssl), (second, _)) = (pair(1), pair(2));
    assert_eq!([live.find(first), live.find(ptr::null())], [None, None]);
    let place = live.take(first, ssl).unwrap();
    assert_eq!([live.find(first), live.find(second), live.find(ptr::null())], [Some(ssl), None, None]);
    place.move_to(second);
    assert_eq!([live.find(first), live.find(second)], [None, Some(ssl)]);
    place.move_to(ptr::null_mut());
    assert_eq!([live.find(second), live.find(ptr::null())], [None, None]);
    drop(place);
    let again = live.take(first, pair(3).1).unwrap();
    assert_eq!(live.find(first), Some(pair(3).1));
    drop(again);
    assert_eq!(live.find(first), None);
}

#[test]
fn many_are_found_and_their_places_are_used_again() {
    const MANY: usize = 10_000;
    let live = Live::new();
    for _ in 0..2 {
        let places: Vec<_> = (1..=MANY).map(|number| live.take(pair(number).0, pair(number).1).unwrap()).collect();
        for number in (1..=MANY).step_by(97) {
            assert_eq!(live.find(pair(number).0), Some(pair(number).1));
        }
        drop(places);
        assert_eq!(live.find(pair(MANY).0), None);
    }
    let slots = live.slots().count();
    assert!((MANY..2 * MANY + FIRST).contains(&slots), "{slots}");
}

#[test]
fn threads_find_their_own() {
    let live = Live::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let live = &live;
            scope.spawn(move || {
                for round in 0..2_000 {
                    let (data, ssl) = pair(1 + thread * 10_000 + round);
                    let place = live.take(data, ssl).unwrap();
                    assert_eq!(live.find(data), Some(ssl));
                    drop(place);
                    assert_eq!(live.find(data), None);
                }
            });
        }
    });
}

/// Two threads take places in turn, a third one looks for what is there all the time.
fn connections_come_and_go() {
    let live = leaked();
    let (lasting, lasting_ssl) = pair(1);
    let kept = live.take(lasting, lasting_ssl).unwrap();
    let comes_and_goes = |number: usize| {
        spawn(move || {
            for number in [number, number + 1] {
                let (data, ssl) = pair(number);
                let place = live.take(data, ssl).unwrap();
                assert_eq!(live.find(data), Some(ssl));
                drop(place);
                assert_eq!(live.find(data), None);
            }
        })
    };
    let threads = [comes_and_goes(2), comes_and_goes(4)];
    assert_eq!(live.find(lasting), Some(lasting_ssl));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(live.find(lasting), Some(lasting_ssl));
    drop(kept);
    let left = live.slots().filter(|slot| !slot.take(lasting_ssl)).count();
    assert_eq!(left, 0, "no place is lost");
}

/// One place changes hands while another thread looks there.
fn a_place_changes_hands() {
    let live = leaked();
    let (first, first_ssl) = pair(1);
    drop(live.take(first, first_ssl).unwrap());
    let churn = spawn(move || {
        for number in [1, 2, 1, 2] {
            let (data, ssl) = pair(number);
            drop(live.take(data, ssl).unwrap());
        }
    });
    for number in [1, 2, 1] {
        let (data, ssl) = pair(number);
        assert!(live.find(data).is_none_or(|found| found == ssl), "what is found is of this data");
    }
    churn.join().unwrap();
}

#[test]
fn threads_find_their_own_in_many_orders() {
    explore(300, connections_come_and_go);
    explore(3_000, a_place_changes_hands);
}

#[test]
#[ignore = "part of make test-long"]
fn threads_find_their_own_in_many_more_orders() {
    explore(3_000, connections_come_and_go);
    explore(10_000, a_place_changes_hands);
}
