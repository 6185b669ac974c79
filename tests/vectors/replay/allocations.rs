use std::fmt::Debug;
use std::hint::black_box;

use allocation_counter::measure;
use mecai::authority_list::{AuthorityList, ListError};
use mecai::pick::PickSecret;
use mecai::policy::Policy;
use mecai::verify::Client;

/// What is allocated to remember a pick: the name and the region that it was drawn for, and the place of all of it.
const REMEMBERED_PICK: u64 = 3;

/// How often [`Counting::judge`] has the same work done.
pub(super) const TIMES: usize = 5;

/// A client that counts what judging allocates: nothing, but for a pick that is drawn for the first time.
pub(super) struct Counting<'a> {
    pub(super) policy: &'a Policy,
    pub(super) list: Result<&'a AuthorityList, &'a ListError>,
    /// The same secret twice, each with picks of its own.
    pub(super) secrets: [Option<PickSecret>; 2],
}

impl Counting<'_> {
    /// What `work` gives, which is done [`TIMES`] times: three times, and twice with a list that remembers what was verified.
    pub(super) fn judge<T: Debug>(&self, mut work: impl FnMut(&Client<'_>) -> T) -> T {
        let [first, second] = self.secrets.each_ref().map(|secret| {
            let secret = secret.as_ref();
            Client { policy: self.policy, list: self.list, secret }
        });
        // A thread that has never looked for a pick makes its own place among those that look.
        work(&first);
        let (drawing, _) = count(|| work(&second));
        let most = if second.secret.is_some() { REMEMBERED_PICK } else { 0 };
        assert!(drawing <= most, "{drawing} allocations, {most} for a pick that is drawn");
        let (allocations, judged) = count(|| work(&second));
        assert_eq!(allocations, 0, "allocations after the pick was drawn");
        let list = self.list.map(|list| list.clone().remembering());
        for remembers in [false, true] {
            let (allocations, again) =
                count(|| work(&Client { list: list.as_ref().map_err(|error| *error), ..second }));
            assert_eq!(format!("{again:?}"), format!("{judged:?}"), "endorsements are remembered: {remembers}");
            assert_eq!(allocations, 0, "allocations with a list that remembers");
        }
        judged
    }
}

/// How often `work` allocates, and what it gives.
pub(super) fn count<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let mut result = None;
    let allocations = measure(|| result = Some(work())).count_total;
    (allocations, result.unwrap())
}

#[test]
fn what_is_allocated_is_counted() {
    assert_eq!(count(|| black_box(String::from("a"))), (1, "a".to_owned()));
    assert_eq!(count(|| black_box("a")), (0, "a"));
}
