//! DTLS: clients are judged, and resume, as in TLS.

use crate::world::{HOST, Server, Vouched, World, answer, said};

#[test]
fn a_client_of_datagrams_is_judged_and_resumes_only_what_was_admitted() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let (config, session) = (world.write_config("client", &[]), world.path("session"));
    let connect = |config: &str, server: &Server, key: &str| {
        said(&world.s_client(config, server, &["-dtls1_2", "-servername", HOST, key, &session]))
    };
    let info = world.serverinfo("info.pem", &answer(&[world.bundle(&Vouched::for_site(&site))]));
    let good = world.server(&site, &["-dtls1_2", "-serverinfo", &info]);
    let first = connect(&config, &good, "-sess_out");
    assert!(first.contains("Verification: OK") && first.contains("New, TLSv1.2"), "{first}");
    assert!(world.take_log().contains("accepted"));
    let again = connect(&config, &good, "-sess_in");
    assert!(again.contains("Verification: OK") && again.contains("Reused, TLSv1.2"), "{again}");
    assert_eq!(world.take_log(), "");

    let bare = world.server(&site, &["-dtls1_2"]);
    let stock = connect("/dev/null", &bare, "-sess_out");
    assert!(stock.contains("Verification: OK"), "{stock}");
    let refused = connect(&config, &bare, "-sess_in");
    assert!(refused.contains("application verification failure") && !refused.contains("Reused"), "{refused}");
    assert!(world.take_log().contains("no_voucher"));
    // The server would have resumed it.
    let resumed = connect("/dev/null", &bare, "-sess_in");
    assert!(resumed.contains("Reused, TLSv1.2"), "{resumed}");
}
