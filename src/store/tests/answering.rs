//! What a server answers, built from what is stored.

use super::*;

#[test]
fn by_name_in_any_case_and_without_one() {
    let answers = Answers::build(
        &contents(vec![
            bundle("a.example", 443, NOW, [1]),
            bundle("a.example", 8443, NOW, [1]),
            bundle("b.example", 443, NOW, [1]),
        ]),
        NOW,
    );
    let show = |name| shown(answers.get(Part::Vouchers, name).map(|answer| &answer[..]));
    let row = |host: &str, port| (host.to_owned(), port, NOW.0);
    assert_eq!(show(Some("A.Example")), [row("a.example", 443), row("a.example", 8443)]);
    assert_eq!(show(Some("b.example")), [row("b.example", 443)]);
    for other in ["c.example", "", "a.example.", "a.exampl", "bücher.example"] {
        assert_eq!(answers.get(Part::Vouchers, Some(other)), None, "{other}");
    }
    assert_eq!(show(None).len(), 3);
    assert_eq!(Answers::none(NOW).get(Part::Vouchers, None), None);
}

#[test]
fn an_alternate_is_shown_by_name_and_without_vouchers_too() {
    let answers = Answers::build(&full(), NOW);
    let hosts = |name| {
        let alternate = read_alternate(answers.get(Part::Alternate, name).unwrap()).unwrap();
        assert_eq!(alternate.chain.collect::<Vec<_>>(), [&b"the second certificate"[..], b"its issuer"]);
        alternate.bundles.map(|der| StoredBundle::from_der(der).unwrap().host().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(hosts(Some("WWW.shop.example")), ["www.shop.example"]);
    assert_eq!(hosts(None), ["www.shop.example"]);
    assert_eq!(hosts(Some("shop.example")), [""; 0], "authorities have to see it first");
    assert_eq!(contents(Vec::new()).alternate(), None);
    assert_eq!(Answers::build(&contents(Vec::new()), NOW).get(Part::Alternate, None), None);
    let later = Answers::build(&full(), NOW.plus(86_401));
    assert_eq!(read_alternate(later.get(Part::Alternate, None).unwrap()).unwrap().bundles.count(), 0);
}

#[test]
fn an_alternate_that_is_too_large_is_not_shown() {
    let alternate = StoredAlternate { chain: vec![vec![0; ANSWER_MAX]], bundles: Vec::new() };
    let contents = Contents::new(CERTIFICATE, Vec::new(), Some(alternate), Vec::new()).unwrap();
    assert_eq!(Answers::build(&contents, NOW).get(Part::Alternate, None), None);
}

#[test]
fn staged_certificates_are_shown_for_their_host_while_the_proof_is_in_force() {
    let answers = Answers::build(&full(), NOW);
    let count = |answers: &Answers, name| {
        answers.get(Part::Staged, name).map_or(0, |answer| read_staged(answer).unwrap().count())
    };
    assert_eq!(count(&answers, Some("www.shop.example")), 1);
    assert_eq!(count(&answers, None), 1);
    assert_eq!(count(&answers, Some("shop.example")), 0);
    assert_eq!(answers.good_until(), NOW.plus(3600));
    assert_eq!(count(&Answers::build(&full(), NOW.plus(3601)), None), 0);
}

#[test]
fn staged_certificates_leave_room_for_what_else_is_asked_for() {
    let many = vec![full().staged()[0].clone(); 255];
    let contents = Contents::new(CERTIFICATE, Vec::new(), None, many).unwrap();
    let answers = Answers::build(&contents, NOW);
    let answer = answers.get(Part::Staged, None).unwrap();
    assert!((30_000..=2 * ANSWER_MAX).contains(&answer.len()), "{}", answer.len());
    assert!(read_staged(answer).unwrap().count() > 100);
}

#[test]
fn every_part_has_an_extension_of_its_own() {
    assert_eq!(Part::ALL.map(Part::extension), [0xFF4D, 0xFF4E, 0xFF4F]);
    assert_eq!(Part::ALL.map(|part| Part::of(part.extension())), Part::ALL.map(Some));
    assert_eq!(Part::of(0xFF50), None);
}

#[test]
fn expired_bundles_are_left_out_to_the_second() {
    let stored = contents(vec![bundle("a.example", 443, NOW, [1]), bundle("a.example", 443, NOW.plus(10), [2])]);
    let answers = Answers::build(&stored, NOW.plus(10));
    assert_eq!(answers.good_until(), NOW.plus(86_400));
    assert!(!answers.is_stale(NOW.plus(86_400)));
    assert!(answers.is_stale(NOW.plus(86_401)));
    assert!(answers.is_stale(NOW));
    let later = Answers::build(&stored, NOW.plus(86_401));
    assert_eq!(
        shown(later.get(Part::Vouchers, None).map(|answer| &answer[..])),
        [("a.example".to_owned(), 443, NOW.0 + 10)]
    );
    let last = Answers::build(&stored, NOW.plus(86_411));
    assert_eq!((last.get(Part::Vouchers, None), last.get(Part::Vouchers, Some("a.example"))), (None, None));
}

#[test]
fn what_does_not_fit_goes_in_the_order_of_the_spec() {
    // 20 authorities take about 2,000 octets, so eight such bundles fit.
    let by = |first: u16| first..first + 20;
    let mut bundles = Vec::new();
    for host in ["a.example", "b.example", "c.example"] {
        for port in [443, 8443] {
            bundles.push(bundle(host, port, NOW.plus(100), by(0)));
            bundles.push(bundle(host, port, NOW.plus(u64::from(port == 443)), by(20)));
        }
    }
    let answers = Answers::build(&contents(bundles), NOW.plus(100));
    let everything = shown(answers.get(Part::Vouchers, None).map(|answer| &answer[..]));
    assert_eq!(everything.len(), 8);
    // The four oldest went, the last in order first; the two younger ones of port 443 that stayed are the first.
    let gone: Vec<_> =
        answers.left_out().iter().map(|gone| (gone.host.as_str(), gone.port, gone.produced_at.0 - NOW.0)).collect();
    assert_eq!(gone, [("a.example", 8443, 0), ("b.example", 8443, 0), ("c.example", 443, 1), ("c.example", 8443, 0)]);
    assert!(answers.left_out().iter().all(|gone| !gone.named));
    assert!(answers.left_out()[0].to_string().contains("a.example port 8443"));
    for host in ["a.example", "b.example", "c.example"] {
        assert_eq!(shown(answers.get(Part::Vouchers, Some(host)).map(|answer| &answer[..])).len(), 4);
    }
    // Nothing older is left to give: other ports go, then other hosts.
    let firsts = |ports: &[u16], hosts: &[&str]| {
        let place = |host| ports.iter().map(move |port| bundle(host, *port, NOW, 0..40));
        let stored = contents(hosts.iter().flat_map(|host| place(*host)).collect());
        let answers = Answers::build(&stored, NOW);
        let rows = shown(answers.get(Part::Vouchers, None).map(|answer| &answer[..]));
        rows.into_iter().map(|(host, port, _)| format!("{host}:{port}")).collect::<Vec<_>>()
    };
    assert_eq!(firsts(&[25, 443], &["a.b", "c.d", "e.f"]), ["a.b:25", "a.b:443", "c.d:25", "e.f:25"]);
    assert_eq!(firsts(&[443], &["a.b", "c.d", "e.f", "g.h", "i.j"]), ["a.b:443", "c.d:443", "e.f:443", "g.h:443"]);
}

#[test]
fn one_bundle_that_is_too_large_is_told() {
    let answers = Answers::build(&contents(vec![bundle("a.example", 443, NOW, 0..255)]), NOW);
    assert_eq!(answers.get(Part::Vouchers, None), None);
    assert_eq!(answers.left_out().len(), 1);
    assert!(answers.left_out()[0].named);
    let fits = Answers::build(&contents(vec![bundle("a.example", 443, NOW, 0..170)]), NOW);
    assert!(fits.get(Part::Vouchers, None).unwrap().len() <= ANSWER_MAX);
}

#[test]
fn serverinfo_has_the_octets_that_openssl_wants() {
    let text = serverinfo(&[(Part::Vouchers, b"\0\x05\0\x03abc")]).unwrap();
    let expected = "AAARgP9NAAcABQADYWJj";
    assert_eq!(
        text,
        format!("-----BEGIN SERVERINFOV2 FOR MECAI-----\n{expected}\n-----END SERVERINFOV2 FOR MECAI-----\n")
    );
    assert!(serverinfo(&[(Part::Vouchers, &[0; 1000])]).unwrap().lines().all(|line| line.len() <= 64));
    assert!(serverinfo(&[(Part::Vouchers, &[0; 65_536])]).is_none());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vouchers.pem");
    write_serverinfo(&path, &text).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert_eq!(write_serverinfo(directory.path(), &text).unwrap_err().code(), "store_not_written");
}
