//! Settings that cannot be: each is named, and the context is as it was.

use super::{Attached, words};

/// The result and the sentence of attaching a client with these settings; afterwards the context is plain.
fn refused(attached: &Attached, settings: &[&str]) -> (u32, String) {
    let command = ["client"].iter().chain(settings).chain(&["."]).map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let lines = attached.run(&[&command, &words("shake status"), &attached.both(&[]), &words("shake")]);
    assert!(lines[1].starts_with("connected 0x0 0 not_judged: "), "{lines:#?}");
    assert_eq!(lines[2], "client 0 not attached");
    // And it can still be attached.
    assert!(lines[7].starts_with("connected 0x4d01 "), "{lines:#?}");
    let (_, rest) = lines[0].split_once(' ').unwrap();
    let (number, sentence) = rest.split_once(' ').unwrap();
    (number.parse().unwrap(), sentence.to_owned())
}

#[test]
fn every_bad_setting_is_named_and_leaves_the_context_plain() {
    let attached = Attached::new();
    let world = &attached.in_memory.world;
    let (list, key) = (world.path("list.json"), world.list_key.clone());
    let own = ["authorities", list.as_str(), "authorities_keys", &key];
    let file = world.path("root.pem");
    for (more, number, sentence) in [
        (&["path", "/mecai_openssl.so"][..], 20, "path is a key of openssl.cnf alone"),
        (&["except", "curl"], 20, "except is a key of openssl.cnf alone"),
        (&["fallback", "on"], 20, "unknown key \"fallback\" (known are mode, role, "),
        (&["mode", "Require"], 20, "mode = Require: expected require, opportunistic, observe, off"),
        (&["mode", ""], 20, "mode = : the value is empty"),
        (&["mode"], 20, "mode is given without a value"),
        (&["quorum", "5"], 20, "quorum = 5: "),
        (&["quorum", "1", "quorum", "2"], 20, "quorum is given twice"),
        (&["local_roots", "/no/such/file.pem"], 21, "local_roots = /no/such/file.pem: "),
        (&["state", "relative"], 20, "state = relative: expected a path that begins with /"),
        (&["state", &file], 21, &format!("state = {file}: picks have no secret: ")),
        (&["log", "/no/such/directory/log"], 21, "log = /no/such/directory/log: "),
        (&["log", "sylog"], 21, "log = sylog: expected off, stderr, syslog or a path"),
        (&["vouchers", "/no/such/store"], 21, "vouchers = /no/such/store: No such file or directory"),
    ] {
        let (result, said) = refused(&attached, &[&own[..], more].concat());
        assert!(result == number && said.starts_with(sentence), "{more:?}: {result} {said}");
    }
    for (settings, number, sentence) in [
        (&[][..], 20, "authorities is missing: "),
        (&own[..2], 20, "authorities_keys is missing: "),
        (&["role", "server"], 20, "vouchers is missing: "),
        (
            &["role", "server", "vouchers", &world.path("vouchers")],
            20,
            "role = server, but this context makes clients alone",
        ),
        (
            &["authorities", "/no/such/list", "authorities_keys", &key],
            21,
            "authorities = /no/such/list: there is no authority list: ",
        ),
        (&["authorities", &file, "authorities_keys", &key], 21, &format!("authorities = {file}: ")),
    ] {
        let (result, said) = refused(&attached, settings);
        assert!(result == number && said.starts_with(sentence), "{settings:?}: {result} {said}");
    }
}

#[test]
fn a_server_that_has_nothing_to_show_is_not_meant() {
    let attached = Attached::new();
    let client = attached.client(&[]);
    let command: Vec<String> = ["server".to_owned()].into_iter().chain(client[1..].to_vec()).collect();
    let lines = attached.run(&[&command, &words("status")]);
    assert_eq!(lines[0], "server 20 vouchers is missing: this context makes servers alone");
    assert_eq!(lines[2], "server 0 not attached");
}

/// The list is what is read once; a list that came to be bad later refuses, and says so.
#[test]
fn equal_settings_are_one_installation() {
    let attached = Attached::new();
    let world = &attached.in_memory.world;
    let state = world.path("state");
    let one = attached.client(&["mode", "observe", "state", &state]);
    let other: Vec<String> = {
        let mut pairs: Vec<&[String]> = one[1..one.len() - 1].chunks(2).collect();
        pairs.reverse();
        [&one[..1], &pairs.concat(), &one[one.len() - 1..]].concat()
    };
    let lines =
        attached.run(&[&one, &attached.server(), &words("shake fresh"), &other, &attached.server(), &words("shake")]);
    assert!(
        lines.iter().all(|line| line.contains(" 0 attached") || line.starts_with("connected 0x4d01 ")),
        "{lines:?}"
    );
}
