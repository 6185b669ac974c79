//! A session that an alternate admitted ends with the alternate's vouchers.

use std::time::{Duration, Instant};

use mecai::time::UnixTime;

use super::Fallen;
use crate::sessions::connect;
use crate::world::{Vouched, now};

#[test]
fn a_session_ends_with_the_vouchers_of_the_alternate_that_admitted_it() {
    let fallen = Fallen::new();
    let alternate = fallen.alternate(1);
    let config = fallen.world.write_config("client", &[]);
    let (session, roots) = (fallen.world.path("session"), fallen.world.path("roots.pem"));
    for version in ["-tls1_2", "-tls1_3"] {
        let end = now().plus(6);
        let produced_at = UnixTime(end.0 - 600);
        let vouched = Vouched { first: 2, produced_at, lifetime: 600, ..Vouched::for_site(&alternate) };
        let server = fallen.showing(&fallen.answer(&alternate, &vouched), &[]);
        let go =
            |option| connect(&fallen.world, Some(&config), &server, version, &[option, &session, "-CAfile", &roots]);
        assert!(go("-sess_out").contains("New, "), "{}", fallen.world.log());
        assert!(fallen.world.take_log().contains("the alternate is used"));
        let resumed = go("-sess_in");
        assert!(resumed.contains("Reused, ") || now() > end, "{resumed}");
        assert_eq!(fallen.world.take_log(), "", "a resumption is not judged again");
        let deadline = Instant::now() + Duration::from_secs(20);
        while now() <= end {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(100));
        }
        let after = go("-sess_in");
        assert!(!after.contains("Reused, "), "{after}");
        let log = fallen.world.take_log();
        assert!(log.contains("refused") && log.contains("the alternate fails, too: expired: "), "{log}");
    }
}
