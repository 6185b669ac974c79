//! `mecai agent run`: what it does over time, and what comes over it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent_support;

use std::fs;
use std::time::{Duration, Instant};

use agent_support::{HOST, Manner, Running, Stand, exists, now, until};
use mecai::request::Problem;
use mecai::store::Store;
use mecai::time::UnixTime;

/// Waits for bundles with so many endorsements each.
fn until_bundles(stand: &Stand, expected: &[usize]) {
    until(&format!("bundles of {expected:?}"), || (stand.bundles() == expected).then_some(()));
}

fn until_logged(agent: &Running, text: &str) {
    until(&format!("{text:?} in the log"), || agent.log().contains(text).then_some(()));
}

#[test]
fn a_slow_authority_delays_no_other_and_comes_later() {
    let stand = Stand::new([Manner::Good, Manner::Late(Duration::from_secs(9)), Manner::Good, Manner::Close]);
    stand.configure("lifetime = 3600\ntimeout = 20", "");
    let began = Instant::now();
    let _agent = stand.start();
    until_bundles(&stand, &[2]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    until_bundles(&stand, &[3]);
}

#[test]
fn who_was_out_of_reach_is_asked_again_with_a_new_statement() {
    let stand = Stand::new([Manner::Good, Manner::Close, Manner::Good]);
    stand.configure("lifetime = 1440", "");
    let _agent = stand.start();
    until_bundles(&stand, &[2]);
    stand.authorities[1].set(Manner::Good);
    until_bundles(&stand, &[1, 2]);
    assert_eq!((stand.authorities[0].count(), stand.authorities[2].count()), (1, 1), "only it was asked again");
    let statements = stand.authorities[1].asked();
    assert_ne!(statements.last().unwrap().statement, stand.authorities[0].asked()[0].statement);
    until("it is shown", || stand.codes().iter().all(|code| code == "ok").then_some(()));
}

#[test]
fn vouchers_are_renewed_before_they_end() {
    let stand = Stand::new([Manner::Good, Manner::Good]);
    stand.configure("lifetime = 8", "");
    let agent = stand.start();
    until_bundles(&stand, &[2]);
    let first = stand.authorities[0].asked()[0].at;
    while first.elapsed() < Duration::from_secs(12) {
        let contents = stand.stored("store", &stand.certificate()).unwrap();
        let ends = contents.bundles()[0].not_after();
        assert!(now() <= ends, "good until {ends}, and it is {}", now());
        std::thread::sleep(Duration::from_millis(50));
    }
    let rounds = stand.authorities[0].count();
    assert!((4..=9).contains(&rounds), "{rounds} rounds in 12 s");
    assert_eq!(agent.stop().0, 0);
}

#[test]
fn in_an_outage_vouchers_stay_until_they_end() {
    let stand = Stand::new([Manner::Good, Manner::Good]);
    stand.configure("lifetime = 8", "");
    let _agent = stand.start();
    until_bundles(&stand, &[2]);
    stand.authorities.iter().for_each(|authority| authority.set(Manner::Close));
    let path = Store::new(stand.path("store")).path(&stand.certificate());
    until("all authorities fail", || stand.codes().iter().all(|code| code == "unreachable").then_some(()));
    let last = stand.stored("store", &stand.certificate()).unwrap().bundles()[0].not_after();
    until("the vouchers end", || {
        assert!(path.exists());
        (now() > last).then_some(())
    });
    let (code, out, _) = stand.run(&["status"]);
    assert_eq!(code, 5, "{out}");
    stand.authorities[1].set(Manner::Good);
    until_bundles(&stand, &[1]);
}

#[test]
fn sigterm_ends_it_at_once_and_keeps_what_has_come() {
    let stand = Stand::new([Manner::Good, Manner::Late(Duration::from_secs(60))]);
    let agent = stand.start();
    until("both are asked", || stand.authorities.iter().all(|authority| authority.count() == 1).then_some(()));
    until_logged(&agent, "endorsed");
    assert_eq!(stand.bundles(), [] as [usize; 0], "the other is waited for");
    let (code, took) = agent.stop();
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(stand.bundles(), [1]);
}

#[test]
fn a_new_process_asks_nobody_who_vouches_already() {
    let stand = Stand::new([Manner::Good, Manner::Close]);
    let agent = stand.start();
    until("the round is over", || (stand.codes() == ["ok", "unreachable"]).then_some(()));
    assert_eq!(agent.stop().0, 0);
    let before = stand.status().unwrap();
    let since = before.sites[0].authorities[1].failing.clone().unwrap().since;
    stand.authorities[1].set(Manner::Good);
    let _agent = stand.start();
    until_bundles_any(&stand, 2);
    assert_eq!((stand.authorities[0].count(), stand.authorities[1].count()), (1, 2));
    assert!(since.parse::<UnixTime>().unwrap() <= now());
}

/// Waits for so many endorsements, in whatever bundles.
fn until_bundles_any(stand: &Stand, endorsements: usize) {
    until(&format!("{endorsements} endorsements"), || {
        (stand.bundles().iter().sum::<usize>() == endorsements).then_some(())
    });
}

#[test]
fn a_new_certificate_is_vouched_for_at_once_and_the_old_file_goes_when_it_ends() {
    let stand = Stand::new([Manner::Good, Manner::Good]);
    let server = stand.server();
    stand.probe(&server);
    stand.configure("lifetime = 12", "");
    let _agent = stand.start();
    until_bundles(&stand, &[2]);
    let old = stand.certificate();
    let new = stand.write_certificate();
    server.show(&fs::read(stand.path("shop.pem")).unwrap());
    let swapped = Instant::now();
    until_bundles(&stand, &[2]);
    assert!(swapped.elapsed() < Duration::from_secs(4), "{:?}", swapped.elapsed());
    let ends = stand.stored("store", &old).unwrap().bundles()[0].not_after();
    let path = Store::new(stand.path("store")).path(&old);
    until("the old file goes", || {
        let is_gone = !path.exists();
        assert!(!is_gone || now() > ends, "it went at {}, and its vouchers are good until {ends}", now());
        is_gone.then_some(())
    });
    assert!(stand.stored("store", &new).is_some());
}

#[test]
fn a_certificate_that_cannot_be_read_changes_nothing() {
    let stand = Stand::new([Manner::Good]);
    let mut agent = stand.start();
    until_bundles(&stand, &[1]);
    let old = stand.certificate();
    fs::write(stand.path("shop.pem"), "-----BEGIN CERTIFICATE-----\nMII").unwrap();
    until_logged(&agent, "what was read before stays in use");
    until("it is shown", || stand.site().filter(|site| site.trouble.is_some()));
    assert_eq!(stand.site().unwrap().trouble.unwrap().code, "certificate_unreadable");
    assert!(stand.stored("store", &old).is_some() && agent.is_running());
    stand.write_certificate();
    until_bundles(&stand, &[1]);
    until("it is shown", || stand.site().filter(|site| site.trouble.is_none()));
}

#[test]
fn a_new_list_is_used_without_a_restart() {
    let mut stand = Stand::new([Manner::Good]);
    let agent = stand.start();
    until_bundles(&stand, &[1]);
    fs::write(stand.path("list.json"), "{}").unwrap();
    until_logged(&agent, "list_unsigned");
    stand.authorities.push(agent_support::Authority::start(Manner::Good));
    stand.write_list();
    until_bundles(&stand, &[1, 1]);
    assert_eq!(stand.authorities[0].count(), 1);
    until("the list is shown", || stand.status().unwrap().list.filter(|list| list.sequence == 2));
}

#[test]
fn sighup_asks_again_at_once() {
    let stand = Stand::new([Manner::Good, Manner::Refuse(Problem::NoAddress, "no such name")]);
    let agent = stand.start();
    until("the round is over", || (stand.codes() == ["ok", "no_address"]).then_some(()));
    let next: UnixTime = stand.authority_status(1).next_attempt.unwrap().parse().unwrap();
    assert!(next.since(now()) > 20, "not soon: {next}");
    stand.authorities[1].set(Manner::Good);
    agent.signal(libc::SIGHUP);
    let asked = Instant::now();
    until_bundles(&stand, &[1, 1]);
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}

#[test]
fn a_wrong_configuration_changes_nothing_and_a_right_one_is_used() {
    let stand = Stand::new([Manner::Good]);
    let mut agent = stand.start();
    until_bundles(&stand, &[1]);
    stand.configure("colour = 1", "");
    until_logged(&agent, "unknown field `colour`");
    assert!(agent.is_running());
    stand.configure("", "ports = [443, 8443]");
    until_bundles(&stand, &[1, 1]);
    assert_eq!(stand.authorities[0].count(), 2, "the vouchers for port 443 are good");
    stand.configure("", "ports = [443, 8443]\nstay = 7");
    until("both are asked for again", || (stand.authorities[0].count() == 4).then_some(()));
}

#[test]
fn copies_are_written_and_one_that_fails_is_tried_again() {
    let stand = Stand::new([Manner::Good]);
    stand.configure("copies = [\"chroot/store\"]", "");
    let _agent = stand.start();
    until_bundles(&stand, &[1]);
    until("it is shown", || stand.status().unwrap().troubles.into_iter().find(|it| it.code == "store_not_written"));
    fs::create_dir_all(stand.path("chroot/store")).unwrap();
    let name = Store::new("").path(&stand.certificate());
    let [original, copy] = ["store", "chroot/store"].map(|directory| stand.path(directory).join(&name));
    until("the copy is there", || exists(&copy));
    assert_eq!(fs::read(original).unwrap(), fs::read(copy).unwrap());
    until("it is over", || stand.status().unwrap().troubles.is_empty().then_some(()));
}

#[test]
fn serverinfo_is_written_and_the_server_told() {
    let stand = Stand::new([Manner::Good, Manner::Close]);
    let out = stand.path("reloaded");
    let command = format!(
        "printf '%s|%s|%s\\n' \"$MECAI_EVENT\" \"$MECAI_HOSTS\" \"$MECAI_CERTIFICATE\" >> {}; test -e {}",
        out.display(),
        stand.path("may-reload").display()
    );
    stand.configure("lifetime = 1440", &format!("serverinfo = \"shop.serverinfo\"\nreload = '''{command}'''"));
    let agent = stand.start();
    until("a file without vouchers", || exists(&stand.path("shop.serverinfo")));
    until("the command runs", || exists(&out));
    until_logged(&agent, "reload_failed");
    until("it is shown", || stand.status().unwrap().troubles.into_iter().find(|it| it.code == "reload_failed"));
    let lines = || fs::read_to_string(&out).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(), [format!("voucher|{HOST}|{}", stand.path("shop.pem").display())]);

    // The file holds what a handshake without SNI answers.
    let text = || fs::read_to_string(stand.path("shop.serverinfo")).unwrap();
    let answer = |text: &str| {
        let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        data_encoding::BASE64.decode(base64.as_bytes()).unwrap()
    };
    let contents = stand.stored("store", &stand.certificate()).unwrap();
    let expected = mecai::extension::write_bundles(&[contents.bundles()[0].der()]).unwrap();
    let octets = answer(&text());
    assert_eq!(octets[..6], [0, 0, 0x11, 0x80, 0xFF, 0x4D]);
    assert_eq!(octets[8..], expected);

    let before = text();
    fs::write(stand.path("may-reload"), "").unwrap();
    stand.authorities[1].set(Manner::Good);
    until_bundles(&stand, &[1, 1]);
    until("serverinfo has both", || (text() != before).then_some(()));
    drop(agent);
    // The next process reloads again only for new vouchers; the failure was this process's.
    assert!(mecai::extension::read_bundles(&answer(&text())[8..]).unwrap().count() == 2);
}

#[test]
fn missing_operators_are_warned_of() {
    let stand = Stand::new([Manner::Good, Manner::Good, Manner::Close, Manner::Close]);
    stand.configure("lifetime = 8", "");
    let agent = stand.start();
    let warning =
        until("the warning", || stand.site()?.warnings.into_iter().find(|warning| warning.code == "operators_missing"));
    assert!(warning.sentence.contains("2 of 4 operators") && warning.sentence.contains("operator-3"), "{warning:?}");
    assert!(agent.log().contains("operators_missing"));
    stand.authorities[2].set(Manner::Good);
    until("a quarter may be missing", || stand.site().filter(|site| site.warnings.is_empty()));
}

#[test]
fn vouchers_that_do_not_fit_an_answer_are_warned_of() {
    let stand = Stand::new([Manner::Good]);
    let hosts: Vec<String> = (0..100).map(|number| format!("h{number:02}.shop.example")).collect();
    let text = fs::read_to_string(stand.path("agent.toml")).unwrap();
    fs::write(stand.path("agent.toml"), text.replace(&format!("[\"{HOST}\"]"), &format!("{hosts:?}"))).unwrap();
    let agent = stand.start();
    until_logged(&agent, "answer_left_out");
    let left_out = until("it is shown", || {
        let sites = stand.status()?.sites;
        let warned = sites.iter().filter(|site| site.warnings.iter().any(|it| it.code == "answer_left_out")).count();
        (sites.iter().all(|site| site.vouching == 1) && warned > 0).then_some(warned)
    });
    assert!(left_out < 60, "{left_out}");
}

#[test]
fn many_dead_authorities_delay_no_live_one() {
    let dead = std::iter::repeat_n(Manner::Late(Duration::from_secs(60)), 12);
    let stand = Stand::new(dead.chain([Manner::Good, Manner::Good]));
    stand.configure("lifetime = 3600\ntimeout = 30\nparallelism = 32", "ports = [1, 2, 3, 4, 5, 6, 7, 8]");
    let began = Instant::now();
    let _agent = stand.start();
    until_bundles(&stand, &[2; 8]);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let dead: Vec<usize> = stand.authorities[..12].iter().map(agent_support::Authority::count).collect();
    assert_eq!(dead, [1; 12], "one question each, not one for every port");
}
