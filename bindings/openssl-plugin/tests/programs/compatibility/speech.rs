//! What is spoken with the servers of the table, over TLS and before it.

/// A protocol, as far as `openssl s_client` has to speak it with a server.
#[derive(Clone, Copy)]
pub(crate) struct Speech {
    /// What has to be said before TLS: a word of `-starttls`.
    pub(super) starttls: Option<&'static str>,
    /// What is then said, all at once. The server answers and closes.
    pub(super) says: &'static [u8],
    /// What is in its answer.
    pub(super) answer: &'static str,
}

pub(crate) const HTTP: Speech =
    Speech { starttls: None, says: b"GET /index.html HTTP/1.0\r\nHost: www.shop.example\r\n\r\n", answer: " 200 " };

pub(crate) const SMTP: Speech = Speech { starttls: Some("smtp"), says: b"QUIT\r\n", answer: "221 " };

pub(crate) const IMAP: Speech = Speech { starttls: Some("imap"), says: b"b LOGOUT\r\n", answer: "b OK" };

pub(crate) const POP3: Speech = Speech { starttls: Some("pop3"), says: b"QUIT\r\n", answer: "+OK Logging out" };

/// Somebody unknown comes: those who are known are given a random number.
pub(crate) const POSTGRES: Speech = Speech {
    starttls: Some("postgres"),
    says: b"\0\0\0\x15\0\x03\0\0user\0nobody\0\0",
    answer: "role \"nobody\" does not exist",
};

/// A client of the name `t` connects (MQTT 3.1.1) and disconnects. The answer has four octets: CONNACK, all is well.
pub(crate) const MQTT: Speech =
    Speech { starttls: None, says: b"\x10\x0d\0\x04MQTT\x04\x02\0\x0a\0\x01t\xe0\0", answer: " \x02\0\0" };
