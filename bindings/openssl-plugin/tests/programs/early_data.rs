//! Early data: none is sent on a session that was judged, nor on one that was not.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sessions::Case;
use crate::world::{HOST, Server, World, now};

/// One connection that ends when the session's ticket has arrived, or the connection has failed. The session goes to
/// the file `out`.
fn connect_early(world: &World, config: Option<&str>, server: &Server, out: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command.env("OPENSSL_CONF", config.unwrap_or("/dev/null")).args(["s_client", "-CAfile", &world.path("root.pem")]);
    command.args(["-connect", &format!("127.0.0.1:{}", server.port), "-servername", HOST, "-sess_out", out]);
    let _ = fs::remove_file(out);
    let output = fs::File::create(world.path("output")).unwrap();
    command.stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
    let mut child = command.args(arguments).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if fs::exists(out).unwrap() {
            // Without its input, s_client ends.
            drop(child.stdin.take());
        }
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(world.path("output")).unwrap());
        std::thread::sleep(Duration::from_millis(10));
    }
    fs::read_to_string(world.path("output")).unwrap()
}

/// Whether a record of application data left before the server said anything, by what `-msg` shows.
fn left_early(said: &str) -> bool {
    let before = said.lines().take_while(|line| !line.starts_with("<<<"));
    let mut is_header = false;
    before.fold(false, |left, line| {
        let is_data = is_header && line.trim_start().starts_with("17 ");
        // OpenSSL 1.1.1 has no word for a record's header.
        is_header = line.starts_with(">>>") && (line.contains("RecordHeader") || line.contains("???"));
        left || is_data
    })
}

/// Neither on a session that was not judged, nor on an admitted one while its vouchers are in force, nor afterwards.
#[test]
fn early_data_is_never_sent() {
    let case = Case::new();
    let config = case.world.write_config("client", &[]);
    let (session, next, data) = (case.world.path("session"), case.world.path("next"), case.world.path("data"));
    fs::write(&data, "early\n").unwrap();
    let arguments = ["-sess_in", &session, "-early_data", &data, "-msg"];
    let until = now().plus(6);
    let server = case.server(6, &["-early_data", "-no_anti_replay"]);
    connect_early(&case.world, None, &server, &session, &[]);
    let stock = connect_early(&case.world, None, &server, &next, &arguments);
    assert!(stock.contains("Early data was accepted") && left_early(&stock), "the server takes it: {stock}");
    for (first, is_over) in [(None, false), (Some(config.as_str()), false), (Some(&config), true)] {
        // Vouchers that have ended admit no session: the last one is that of the round before.
        if is_over {
            while now() <= until {
                std::thread::sleep(Duration::from_millis(50));
            }
        } else {
            connect_early(&case.world, first, &server, &session, &[]);
        }
        let early = connect_early(&case.world, Some(&config), &server, &next, &arguments);
        assert!(!early.contains("Early data was accepted") && !left_early(&early), "{early}");
        assert!(early.contains("Error writing early data") || early.contains("Early data was not sent"), "{early}");
        assert!(fs::exists(&session).unwrap());
    }
    assert!(case.world.log().contains("accepted"), "{}", case.world.log());
}
