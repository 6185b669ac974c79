//! A site with a second certificate on the same key: both are vouched for, and one never holds up the other.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agent_support;

use std::fs;
use std::time::{Duration, Instant};

use agent_support::{HOST, Manner, Stand, now, until};
use mecai::Sha256;
use mecai::chain::certificate_digest;
use mecai::store::Store;
use mecai_services::agent::{Role, SiteStatus};

const ALTERNATE: &str = "alternate = \"second.pem\"";

/// A stand whose site has an alternate, and the key of both certificates.
fn stand(authorities: usize) -> (Stand, rcgen::KeyPair, Sha256, Sha256) {
    let stand = Stand::new(std::iter::repeat_n(Manner::Good, authorities));
    let key = rcgen::KeyPair::generate().unwrap();
    let primary = stand.issue("shop", &key, &[HOST]);
    let alternate = stand.issue("second", &key, &[HOST]);
    stand.configure("", ALTERNATE);
    (stand, key, primary, alternate)
}

fn row(stand: &Stand, role: Role) -> Option<SiteStatus> {
    stand.status()?.sites.into_iter().find(|site| site.role == role)
}

fn until_alternate(stand: &Stand, primary: &Sha256, expected: &[usize]) {
    let what = format!("bundles of {expected:?} for the alternate");
    until(&what, || (stand.bundles_of_alternate(primary)? == expected).then_some(()));
}

fn until_refused(stand: &Stand, code: &str) -> String {
    until(&format!("the alternate is refused: {code}"), || {
        row(stand, Role::Alternate)?.trouble.filter(|trouble| trouble.code == code)
    })
    .sentence
}

/// The answers in a serverinfo file: the numbers of their extensions.
fn serverinfo(stand: &Stand) -> Vec<(u16, Vec<u8>)> {
    let text = fs::read(stand.path("shop.serverinfo")).unwrap();
    let records = x509_parser::pem::Pem::iter_from_buffer(&text).map(|pem| pem.unwrap().contents);
    records.map(|octets| (u16::from_be_bytes([octets[4], octets[5]]), octets[8..].to_vec())).collect()
}

#[test]
fn both_are_vouched_for_by_themselves_and_written_everywhere() {
    let (stand, _, primary, alternate) = stand(3);
    fs::create_dir(stand.path("copy")).unwrap();
    stand.configure("copies = [\"copy\"]", &format!("{ALTERNATE}\nserverinfo = \"shop.serverinfo\""));
    stand.probe(&stand.server());
    let (code, out, err) = stand.run(&["once"]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(stand.bundles(), [3]);
    assert_eq!(stand.bundles_of_alternate(&primary), Some(vec![3]));
    let file = |directory: &str| fs::read(Store::new(stand.path(directory)).path(&primary)).unwrap();
    assert_eq!(file("copy"), file("store"));
    assert!(stand.stored("store", &alternate).is_none(), "it has no file of its own");

    let contents = stand.stored("store", &primary).unwrap();
    let second = contents.alternate().unwrap();
    let chain: Vec<&[u8]> = second.chain.iter().map(Vec::as_slice).collect();
    let expected = [
        (0xFF4D, mecai::extension::write_bundles(&[contents.bundles()[0].der()]).unwrap()),
        (0xFF4E, mecai::extension::write_alternate(&chain, &[second.bundles[0].der()]).unwrap()),
    ];
    assert_eq!(serverinfo(&stand), expected);

    // Without it in the configuration it goes, and so does the answer.
    stand.configure("copies = [\"copy\"]", "serverinfo = \"shop.serverinfo\"");
    assert_eq!(stand.run(&["once"]).0, 0);
    assert_eq!(stand.bundles_of_alternate(&primary), None);
    assert_eq!(serverinfo(&stand).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0xFF4D]);
}

#[test]
fn the_same_certificate_in_another_file_without_an_alternate_takes_nothing_away() {
    let (stand, key, primary, _) = stand(2);
    stand.issue("third", &key, &[HOST]);
    fs::copy(stand.path("shop.pem"), stand.path("copy.pem")).unwrap();
    let site = format!("[[site]]\nhosts = [\"{HOST}\"]\nports = [8443]\naddresses = [\"192.0.2.1\"]");
    // Whichever comes first, and an alternate more than there is room for.
    for alternates in [["", ALTERNATE], [ALTERNATE, ""], ["alternate = \"third.pem\"", ALTERNATE]] {
        stand.configure(&format!("{site}\ncertificate = \"copy.pem\"\n{}", alternates[0]), alternates[1]);
        let mut once = stand.command(&["once"]).stdout(std::process::Stdio::null()).spawn().unwrap();
        until("one round ends", || once.try_wait().unwrap());
        assert!(stand.bundles_of_alternate(&primary).is_some_and(|bundles| bundles.iter().sum::<usize>() >= 2));
    }
}

#[test]
fn a_primary_that_is_distrusted_is_seen_while_the_alternate_stands() {
    let (stand, _, primary, _) = stand(3);
    let server = stand.server();
    server.distrust(primary);
    stand.probe(&server);
    let (code, out, err) = stand.run(&["once"]);
    assert_eq!(code, 3, "{out}{err}");
    assert_eq!(stand.bundles_of_alternate(&primary), Some(vec![3]));
    assert!(out.contains(&format!("{HOST} port 443, primary: 0 of 3 operators vouch at the moment")), "{out}");
    assert!(out.contains(&format!("{HOST} port 443, alternate: 3 of 3 operators vouch until ")), "{out}");
    assert!(out.contains("The chain is distrusted: its operator was hacked (distrusted)"), "{out}");

    let (code, table, _) = stand.run(&["status"]);
    assert_eq!(code, 3, "{table}");
    for words in [format!("{HOST} port 443, primary"), format!("{HOST} port 443, alternate"), "distrusted".to_owned()] {
        assert!(table.contains(&words), "{words}: {table}");
    }
    let (code, json, _) = stand.run(&["status", "--json"]);
    assert_eq!(code, 3);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let of = |index: usize, name: &str| json["sites"][index][name].clone();
    assert_eq!((of(0, "role"), of(0, "vouching"), of(0, "failing")), ("primary".into(), 0.into(), 3.into()));
    assert_eq!((of(1, "role"), of(1, "vouching"), of(1, "failing")), ("alternate".into(), 3.into(), 0.into()));
    assert_eq!(json["sites"][0]["authorities"][0]["failing"]["code"], "distrusted");
}

#[test]
fn an_alternate_that_cannot_be_used_is_told_of_and_never_stops_the_primary() {
    let (stand, key, primary, _) = stand(2);
    let other = rcgen::KeyPair::generate().unwrap();
    stand.issue("second", &other, &[HOST]);
    stand.probe(&stand.server());
    let _agent = stand.start();
    let sentence = until_refused(&stand, "alternate_other_key");
    let hash = |key: &rcgen::KeyPair| {
        data_encoding::HEXLOWER.encode(
            ring::digest::digest(&ring::digest::SHA256, &rcgen::PublicKeyData::subject_public_key_info(key)).as_ref(),
        )
    };
    assert!(sentence.contains(&hash(&other)) && sentence.contains(&hash(&key)), "{sentence}");
    until("the primary is vouched for", || (stand.bundles() == [2]).then_some(()));
    assert_eq!(stand.bundles_of_alternate(&primary), None);
    until("it is told", || Some(stand.run(&["status"]).0).filter(|code| *code == 3));

    stand.issue("second", &key, &["other.example"]);
    assert!(until_refused(&stand, "alternate_other_names").contains(&format!("does not name {HOST}")));
    fs::copy(stand.path("shop.pem"), stand.path("second.pem")).unwrap();
    until_refused(&stand, "alternate_same");
    stand.issue_until("second", &key, &[HOST], 2_001);
    assert!(until_refused(&stand, "alternate_ended").contains("2001-01-01T00:00:00Z"));
    let chain = fs::read_to_string(stand.path("shop.pem")).unwrap();
    stand.issue("second", &key, &[HOST]);
    let alternate = fs::read_to_string(stand.path("second.pem")).unwrap();
    fs::write(stand.path("second.pem"), alternate + &chain.repeat(60)).unwrap();
    until_refused(&stand, "alternate_too_large");
    fs::write(stand.path("second.pem"), "nothing").unwrap();
    until_refused(&stand, "certificate_unreadable");

    // One that can be used is noticed within seconds.
    stand.issue("second", &key, &[HOST]);
    let changed = Instant::now();
    until_alternate(&stand, &primary, &[2]);
    assert!(changed.elapsed() < Duration::from_secs(12), "{:?}", changed.elapsed());
    until("nothing is wrong", || row(&stand, Role::Alternate).filter(|row| row.trouble.is_none()));
    let statements = |primary: &Sha256| {
        let asked = stand.authorities[0].asked().into_iter().map(|asked| asked.statement);
        asked.filter(|der| *mecai::statement::Statement::from_der(der).unwrap().certificate() == *primary).count()
    };
    assert_eq!(statements(&primary), 1, "the primary was asked for once");
}

#[test]
fn a_new_alternate_that_cannot_be_used_leaves_the_one_before_which_is_renewed() {
    let (stand, _, primary, alternate) = stand(2);
    stand.configure("lifetime = 8", ALTERNATE);
    let _agent = stand.start();
    let ends = || {
        let contents = stand.stored("store", &primary)?;
        let second = contents.alternate().filter(|second| certificate_digest(&second.chain[0]) == alternate)?;
        second.bundles.iter().map(|bundle| bundle.not_after()).max()
    };
    until("it is vouched for", ends);
    stand.issue("second", &rcgen::KeyPair::generate().unwrap(), &[HOST]);
    until_refused(&stand, "alternate_other_key");
    let changed = now();
    until("it is vouched for anew", || ends().filter(|ends| *ends > changed.plus(8)));
    let row = row(&stand, Role::Alternate).unwrap();
    assert_eq!((row.certificate, row.vouching), (Some(data_encoding::HEXLOWER.encode(&alternate)), 2));
    assert_eq!(stand.run(&["status"]).0, 3, "it is told");
}

#[test]
fn a_new_alternate_takes_no_place_without_vouchers_while_clients_need_the_one_before() {
    let (stand, key, primary, before) = stand(3);
    let server = stand.server();
    stand.probe(&server);
    assert_eq!(stand.run(&["once"]).0, 0);
    // While the site's certificate is well, it does.
    let shown = || certificate_digest(&stand.stored("store", &primary).unwrap().alternate().unwrap().chain[0]);
    let first = stand.issue("second", &key, &[HOST]);
    assert_eq!(stand.run(&["once"]).0, 0);
    assert_eq!(stand.bundles_of_alternate(&primary), Some(vec![3]));
    assert!(first == shown() && first != before);

    server.distrust(primary);
    // The server has read its file.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(stand.run(&["once"]).0, 3);
    let bundles = stand.bundles_of_alternate(&primary).unwrap();
    let _agent = stand.start();
    let new = stand.issue("second", &key, &[HOST]);
    let sentence = until_refused(&stand, "alternate_not_vouched");
    assert!(sentence.contains(&format!("`mecai agent stage {HOST} --certificate NEW --deploy 'mv NEW ")), "{sentence}");
    assert_eq!((shown(), stand.bundles_of_alternate(&primary)), (first, Some(bundles)));

    // As it says.
    let [from, to, key] = ["new.pem", "second.pem", "shop.key"].map(|name| stand.path(name).display().to_string());
    fs::rename(&to, &from).unwrap();
    let deploy = format!("mv {from} {to}");
    let (code, out, err) = stand.run(&["stage", HOST, "--certificate", &from, "--key", &key, "--deploy", &deploy]);
    assert_eq!(code, 0, "{out}{err}");
    until("it takes the place with its vouchers", || {
        let alternate = shown();
        let is_shown = alternate == new;
        assert!(is_shown || alternate == first);
        assert!(stand.bundles_of_alternate(&primary).is_some_and(|all| all.iter().sum::<usize>() >= 3));
        is_shown.then_some(())
    });
    until("nothing is wrong with it", || row(&stand, Role::Alternate).filter(|row| row.trouble.is_none()));
    until("it is no longer staged", || {
        fs::read_dir(stand.path("state/staged")).unwrap().next().is_none().then_some(())
    });
}

#[test]
fn a_renewal_on_the_same_key_keeps_the_alternate_and_one_on_another_key_drops_it() {
    let (stand, key, first, _) = stand(2);
    let server = stand.server();
    stand.probe(&server);
    let _agent = stand.start();
    until_alternate(&stand, &first, &[2]);
    let asked = || stand.authorities.iter().map(agent_support::Authority::count).sum::<usize>();
    until("both are vouched for", || (asked() == 4 && stand.bundles() == [2]).then_some(()));

    let second = stand.issue("shop", &key, &[HOST]);
    server.show(&fs::read(stand.path("shop.pem")).unwrap());
    until("the new one has the alternate and its vouchers", || {
        (stand.bundles() == [2] && stand.bundles_of_alternate(&second) == Some(vec![2])).then_some(())
    });
    assert_eq!(asked(), 6, "nobody was asked for the alternate again");

    let third = stand.issue("shop", &rcgen::KeyPair::generate().unwrap(), &[HOST]);
    server.show(&fs::read(stand.path("shop.pem")).unwrap());
    until_refused(&stand, "alternate_other_key");
    until("the newest is vouched for", || (stand.bundles() == [2]).then_some(()));
    assert_eq!(stand.bundles_of_alternate(&third), None);
    assert_eq!(stand.bundles_of_alternate(&second), Some(vec![2]), "workers may still show it");
}

#[test]
fn an_operator_with_a_part_in_both_is_warned_of() {
    let (stand, _, primary, alternate) = stand(3);
    let server = stand.server();
    server.owned(primary);
    server.owned(alternate);
    stand.authorities[1].set(Manner::Probe(server));
    assert_eq!(stand.run(&["once"]).0, 0);
    let warnings = row(&stand, Role::Alternate).unwrap().warnings;
    assert_eq!(warnings.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), ["alternate_same_operator"]);
    assert!(warnings[0].sentence.starts_with("operator-1 has a part"), "{}", warnings[0].sentence);
}

#[test]
fn the_next_process_goes_on_with_what_is_stored() {
    let (stand, _, primary, _) = stand(2);
    assert_eq!(stand.run(&["once"]).0, 0);
    let asked = stand.authorities[0].count();
    let (path, before) = (stand.path("second.pem"), stand.bundles_of_alternate(&primary));
    let pem = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let _agent = stand.start();
    until_refused(&stand, "certificate_unreadable");
    assert_eq!(stand.bundles_of_alternate(&primary), before, "a file that cannot be read takes nothing away");
    fs::write(&path, pem).unwrap();
    until("it is read", || row(&stand, Role::Alternate).filter(|row| row.trouble.is_none() && row.vouching == 2));
    assert_eq!(stand.authorities[0].count(), asked, "what is in force is not asked for again");
}
