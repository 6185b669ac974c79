#![allow(clippy::unwrap_used)]

use super::*;
use crate::starttls::lines::DIALOGUE_MAX;

const OWN: &str = "192.0.2.7";

/// Leads a dialogue with a server that says these things, one after each question; gives what was sent to it.
fn lead(protocol: Protocol, own: &str, says: &[&str], piece: usize) -> Result<Vec<String>, DialogueFailure> {
    let mut dialogue = Dialogue::new(protocol, own.parse().unwrap());
    let mut says = says.iter();
    let mut sent = Vec::new();
    loop {
        match dialogue.next() {
            Next::Handshake => return Ok(sent),
            Next::Send(octets) => sent.push(octets.escape_ascii().to_string()),
            Next::Receive => {
                for octets in says.next().unwrap().as_bytes().chunks(piece) {
                    dialogue.hear(octets)?;
                }
            }
        }
    }
}

/// What is said at once may come in pieces.
fn in_pieces(protocol: Protocol, says: &[&str]) -> Result<Vec<String>, DialogueFailure> {
    let whole = lead(protocol, OWN, says, usize::MAX);
    if !matches!(whole, Err(DialogueFailure::Surplus(_))) {
        assert_eq!(lead(protocol, OWN, says, 1), whole);
    }
    whole
}

#[test]
fn every_protocol_gets_to_tls() {
    let smtp = ["220-mail.example\r\n220 ESMTP\r\n", "250-mail.example\r\n250-starttls\r\n250 HELP\r\n", "220 go\r\n"];
    assert_eq!(in_pieces(Protocol::Smtp, &smtp).unwrap(), [r"EHLO [192.0.2.7]\r\n", r"STARTTLS\r\n"]);
    assert_eq!(lead(Protocol::Smtp, "2001:db8::7", &smtp, 9).unwrap()[0], r"EHLO [IPv6:2001:db8::7]\r\n");
    assert_eq!(lead(Protocol::Smtp, "::ffff:192.0.2.7", &smtp, 9).unwrap()[0], r"EHLO [192.0.2.7]\r\n");
    let imap = ["* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", "* CAPABILITY IMAP4rev1\r\na OK begin\r\n"];
    assert_eq!(in_pieces(Protocol::Imap, &imap).unwrap(), [r"a STARTTLS\r\n"]);
    assert_eq!(in_pieces(Protocol::Pop3, &["+OK ready\n", "+OK\r\n"]).unwrap(), [r"STLS\r\n"]);
    assert_eq!(in_pieces(Protocol::Postgres, &["S"]).unwrap(), [r"\x00\x00\x00\x08\x04\xd2\x16/"]);
    assert!(in_pieces(Protocol::Tls, &[]).unwrap().is_empty());
}

#[test]
fn what_is_no_consent_is_told_with_what_was_said() {
    let long = format!("554 {}\r\n", "x".repeat(1000));
    for (protocol, says, sentence) in [
        (
            Protocol::Smtp,
            &["554 go away\r\n"][..],
            r#"the server greets with "554 go away", which is no invitation to speak smtp"#,
        ),
        (
            Protocol::Smtp,
            &["* OK imap\r\n"],
            r#"the server greets with "* OK imap", which is no invitation to speak smtp"#,
        ),
        (Protocol::Smtp, &["é\r\n"], r#"the server greets with "é", which is no invitation to speak smtp"#),
        (Protocol::Smtp, &["220 m\r\n", "502 what\r\n"], r#"the server answers EHLO with "502 what""#),
        (
            Protocol::Smtp,
            &["220 m\r\n", "250-m\r\n250-SIZE 5\r\n250 STARTTLSX\r\n"],
            "the server does not offer STARTTLS, but: SIZE STARTTLSX",
        ),
        (Protocol::Smtp, &["220 m\r\n", "250 m\r\n"], "the server does not offer STARTTLS, but: "),
        (
            Protocol::Smtp,
            &["220 m\r\n", "250-m\r\n250 STARTTLS\r\n", "454 later\r\n"],
            r#"the server answers STARTTLS with "454 later""#,
        ),
        (
            Protocol::Imap,
            &["* BYE full\r\n"],
            r#"the server greets with "* BYE full", which is no invitation to speak imap"#,
        ),
        (
            Protocol::Imap,
            &["* PREAUTH hello\r\n"],
            r#"the server greets with "* PREAUTH hello", which is no invitation to speak imap"#,
        ),
        (Protocol::Imap, &["* OK\r\n", "* BYE\r\n"], r#"the server answers STARTTLS with "* BYE""#),
        (Protocol::Imap, &["* OK\r\n", "a BAD \u{1b}[1m\r\n"], r#"the server answers STARTTLS with "a BAD \u{1b}[1m""#),
        (Protocol::Pop3, &["-ERR no\r\n"], r#"the server greets with "-ERR no", which is no invitation to speak pop3"#),
        (Protocol::Pop3, &["+OK\r\n", "-ERR no\r\n"], r#"the server answers STLS with "-ERR no""#),
        (Protocol::Postgres, &["N"], r#"the server answers SSLRequest with "N""#),
    ] {
        assert_eq!(in_pieces(protocol, says).unwrap_err().to_string(), sentence);
    }
    assert!(in_pieces(Protocol::Smtp, &[&long]).unwrap_err().to_string().len() < 300);
}

#[test]
fn what_a_server_says_out_of_turn_is_refused() {
    for (protocol, says) in [
        (Protocol::Smtp, &["220 m\r\n", "250-m\r\n250 STARTTLS\r\n", "220 go\r\n250 x"][..]),
        (Protocol::Imap, &["* OK\r\n", "a OK\r\n* OK"]),
        (Protocol::Pop3, &["+OK\r\n", "+OK\r\n+OK\r"]),
        (Protocol::Postgres, &["Sabcd"]),
        (Protocol::Smtp, &["220 m\r\n250 "]),
    ] {
        let failure = in_pieces(protocol, says).unwrap_err();
        assert!(matches!(failure, DialogueFailure::Surplus(4 | 5)), "{failure}");
    }
}

#[test]
fn a_server_that_talks_without_end_is_left() {
    let line = format!("220-{}\r\n", "x".repeat(100));
    for says in [line.repeat(DIALOGUE_MAX / line.len() + 1), "2".repeat(DIALOGUE_MAX + 1)] {
        assert_eq!(in_pieces(Protocol::Smtp, &[&says]), Err(DialogueFailure::TooLong(DIALOGUE_MAX)));
    }
}
