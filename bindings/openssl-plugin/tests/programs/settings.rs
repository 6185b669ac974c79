//! Settings that are missing, wrong or cannot be read: clients refuse, servers go on without vouchers.

use crate::world::{HOST, Vouched, World, answer, said};

#[test]
fn settings_that_cannot_be_read_refuse_clients_and_harm_no_server() {
    let world = World::new();
    let site = world.site("site", &[HOST]);
    let info = world.serverinfo("info.pem", &answer(&[world.bundle(&Vouched::for_site(&site))]));
    let good = world.server(&site, &["-www", "-serverinfo", &info]);
    for (lines, problem) in [
        (vec![("modus", "require")], "unknown key \"modus\""),
        (vec![("mode", "strict")], "mode = strict: expected require, opportunistic, observe, off"),
        (vec![("authorities", "")], "authorities is missing"),
        (vec![("log", "/no/such/directory/log")], "log = /no/such/directory/log: No such file or directory"),
    ] {
        let config = world.write_config("client", &lines);
        let curl = world.curl(&config, &good, &[]);
        assert_eq!(curl.status.code(), Some(60), "{problem}");
        let told = format!("{}{}", world.take_log(), said(&curl));
        assert!(
            told.contains("client handshakes are refused, servers show no vouchers: ") && told.contains(problem),
            "{told}"
        );
        assert!(
            told.contains(&format!("refused {HOST}: configuration: the configuration could not be read: ")),
            "{told}"
        );
    }
    for section in ["path = MODULE\nmode = require\nmode = \n", "path = MODULE\n"] {
        let config =
            world.write_section("client", &section.replace("MODULE", crate::world::module().to_str().unwrap()));
        assert_eq!(world.curl(&config, &good, &[]).status.code(), Some(60), "{section}");
    }
    // The same file on a server: it serves, and says once what is wrong.
    let config = world.write_config("server", &[("modus", "require")]);
    let server = world.server_with(&site, &["-www"], Some(&config));
    for _ in 0..3 {
        let plain = world.curl("/dev/null", &server, &[]);
        assert_eq!(plain.status.code(), Some(0), "{}", said(&plain));
    }
    assert_eq!(world.take_log().matches("unknown key \"modus\"").count(), 1);
}

#[test]
fn excepted_programs_are_left_alone() {
    let world = World::new();
    let bare = world.server(&world.site("site", &[HOST]), &["-www"]);
    let config = world.write_config("client", &[("except", "wget, curl")]);
    assert_eq!(world.curl(&config, &bare, &[]).status.code(), Some(0));
    assert_eq!(world.take_log(), "");
    assert!(said(&world.s_client(&config, &bare, &["-servername", HOST])).contains("no_voucher"));
}
