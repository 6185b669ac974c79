#![allow(clippy::unwrap_used)]
use super::*;
use crate::endorsement::{Evidence, Seen, endorse};
use crate::signature::SigningKey;
use crate::statement::Proposal;

const NOW: UnixTime = UnixTime(1_795_478_400);

struct World {
    key: SigningKey,
    statement: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
        Self { key, statement: statement("www.shop.example", &["192.0.2.1", "2001:db8::1"]) }
    }

    fn question(&self) -> Question {
        let statement = Statement::from_der(&self.statement).unwrap();
        let request = VoucherRequest { statement, protocol: Protocol::Tls };
        Question::new("https://va.a.example/", self.key.public_key(), &request, NOW.plus(30)).unwrap()
    }

    fn endorsement(&self) -> Vec<u8> {
        endorsement(&self.key, &self.statement)
    }
}

fn statement(host: &str, addresses: &[&str]) -> Vec<u8> {
    let addresses: Vec<_> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let proposal = Proposal {
        host,
        port: 443,
        addresses: &addresses,
        certificate: [7; 32],
        produced_at: NOW,
        not_after: NOW.plus(86_400),
        stay: None,
    };
    proposal.to_der().unwrap()
}

fn endorsement(key: &SigningKey, statement: &[u8]) -> Vec<u8> {
    let statement = Statement::from_der(statement).unwrap();
    endorse(key, &statement, Seen::from_indices([0]).unwrap(), Evidence::Ocsp { age: 60 }).unwrap()
}

fn good(body: &[u8]) -> Answer<'_> {
    Answer { status: 200, content_type: Some(ENDORSEMENT_TYPE), retry_after: None, body }
}

fn code(world: &World, answer: &Answer<'_>) -> &'static str {
    world.question().judge(answer, NOW).unwrap_err().code()
}

#[test]
fn requests_there_and_back() {
    let statement = statement("www.shop.example", &["192.0.2.1"]);
    for protocol in Protocol::ALL {
        let request = VoucherRequest { statement: Statement::from_der(&statement).unwrap(), protocol };
        let der = request.to_der().unwrap();
        assert!(der.len() <= REQUEST_MAX);
        let read = VoucherRequest::from_der(&der).unwrap();
        assert_eq!((read.protocol, read.statement.der()), (protocol, &statement[..]));
        assert_eq!(protocol.name().parse(), Ok(protocol));
        assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
        for end in 0..der.len() {
            assert!(VoucherRequest::from_der(&der[..end]).is_err());
        }
        assert!(VoucherRequest::from_der(&[&der[..], b"\0"].concat()).is_err());
    }
    assert!("https".parse::<Protocol>().is_err());
}

#[test]
fn what_is_wrong_with_a_request_has_its_problem() {
    let statement = statement("www.shop.example", &["192.0.2.1"]);
    let request = VoucherRequest { statement: Statement::from_der(&statement).unwrap(), protocol: Protocol::Tls };
    let der = request.to_der().unwrap();
    let problem = |at: usize, octet: u8| {
        let mut der = der.clone();
        der[at] = octet;
        Problem::of(&VoucherRequest::from_der(&der).unwrap_err())
    };
    let last = der.len() - 1;
    assert_eq!(problem(last, 5), Problem::MalformedRequest);
    let version = der.windows(3).position(|octets| octets == [2, 1, 1]).unwrap() + 2;
    assert_eq!(problem(version, 2), Problem::UnknownVersion);
    // The last second of notAfter stands before the protocol; one more makes the statement live too long.
    let not_after = der.windows(2).rposition(|octets| octets == *b"0Z").unwrap();
    assert_eq!(problem(not_after, b'1'), Problem::TooLongLived);
}

#[test]
fn a_good_endorsement_is_taken() {
    let world = World::new();
    let question = world.question();
    assert_eq!(question.url(), "https://va.a.example/v1/endorsements");
    assert_eq!(question.deadline(), NOW.plus(30));
    assert_eq!(VoucherRequest::from_der(question.body()).unwrap().statement.der(), world.statement);
    let endorsement = world.endorsement();
    assert_eq!(question.judge(&good(&endorsement), NOW.plus(30)).unwrap(), endorsement);
    let typed = Answer { content_type: Some("Application/VND.mecai.endorsement; v=1"), ..good(&endorsement) };
    assert_eq!(question.judge(&typed, NOW).unwrap(), endorsement);
}

#[test]
fn a_url_with_and_without_slashes_gives_one_endpoint() {
    for url in ["http://va.example", "http://va.example/", "http://va.example//"] {
        assert_eq!(endpoint(url), "http://va.example/v1/endorsements");
    }
    assert_eq!(endpoint("https://ca.example/va/"), "https://ca.example/va/v1/endorsements");
}

#[test]
fn what_an_authority_may_answer_instead_has_its_code() {
    let world = World::new();
    let endorsement = world.endorsement();
    let large = vec![0; ENDORSEMENT_MAX + 1];
    let html = Answer { status: 502, content_type: Some("text/html"), retry_after: None, body: b"<h1>" };
    for (answer, expected) in [
        (Answer { content_type: Some("text/plain"), ..good(&endorsement) }, "wrong_content_type"),
        (Answer { content_type: None, ..good(&endorsement) }, "wrong_content_type"),
        (good(&large), "answer_too_large"),
        (good(b""), "answer_malformed"),
        (good(b"hello"), "answer_malformed"),
        (good(&endorsement[..endorsement.len() - 1]), "answer_malformed"),
        (html, "unexpected_status"),
        (Answer { status: 204, ..html }, "unexpected_status"),
        (Answer { status: 301, ..html }, "unexpected_status"),
        (Answer { content_type: Some(PROBLEM_TYPE), ..html }, "unexpected_status"),
        (Answer { content_type: Some(PROBLEM_TYPE), body: b"{\"type\":\"urn:x\"}", ..html }, "unexpected_status"),
        (Answer { body: &large, ..html }, "answer_too_large"),
    ] {
        assert_eq!(code(&world, &answer), expected, "{answer:?}");
    }
    assert_eq!(world.question().judge(&good(&endorsement), NOW.plus(31)).unwrap_err().code(), "timeout");
    assert_eq!(Failure::unreachable("connection refused").code(), "unreachable");
}

#[test]
fn only_the_own_statement_under_the_own_key_counts() {
    let world = World::new();
    let other = World::new();
    assert_eq!(code(&world, &good(&other.endorsement())), "wrong_authority");
    let elsewhere = statement("evil.example", &["192.0.2.1", "2001:db8::1"]);
    assert_eq!(code(&world, &good(&endorsement(&world.key, &elsewhere))), "bad_signature");
    let fewer = statement("www.shop.example", &["192.0.2.1"]);
    assert_eq!(code(&world, &good(&endorsement(&world.key, &fewer))), "answer_malformed");
    let mut forged = world.endorsement();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(code(&world, &good(&forged)), "bad_signature");
}

#[test]
fn no_flipped_bit_of_an_endorsement_passes() {
    let world = World::new();
    let (question, der) = (world.question(), world.endorsement());
    for bit in 0..der.len() * 8 {
        let mut flipped = der.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(question.judge(&good(&flipped), NOW).is_err(), "bit {bit}");
    }
}

#[test]
fn every_problem_is_understood_and_its_text_made_harmless() {
    let world = World::new();
    for problem in Problem::ALL {
        let body = problem.to_json(&format!("bad\u{1b}[31m\n{}", "x".repeat(9000)), None);
        let body = &body[..body.len().min(ENDORSEMENT_MAX)];
        let cut = Answer { status: problem.status(), content_type: Some(PROBLEM_TYPE), retry_after: None, body };
        assert_eq!(code(&world, &cut), "unexpected_status");
        let body = problem.to_json(&format!("bad\u{1b}[31m\n{}", "x".repeat(5000)), None);
        let failure = world.question().judge(&Answer { body: &body, ..cut }, NOW).unwrap_err();
        assert_eq!(failure.code(), problem.code());
        let sentence = failure.to_string();
        assert!(sentence.starts_with(&format!("{}: bad [31m x", problem.title())), "{sentence}");
        assert!(sentence.len() < 700);
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let answer = |retry_after| Answer { status: 503, content_type: None, retry_after, body: b"" };
    for (text, expected) in [
        (Some("120"), Some(NOW.plus(120))),
        (Some("99999999999999999999"), Some(UnixTime(u64::MAX))),
        (Some("Tue, 24 Nov 2026 00:01:00 GMT"), Some(UnixTime(1_795_478_460))),
        (Some("-5"), None),
        (Some("soon"), None),
        (Some(""), None),
        (None, None),
    ] {
        assert_eq!(answer(text).retry_at(NOW), expected, "{text:?}");
    }
    let failure = World::new().question().judge(&answer(Some("120")), NOW).unwrap_err();
    assert_eq!((failure.code(), failure.retry_at), ("unexpected_status", Some(NOW.plus(120))));
}
