//! The way to TLS in protocols that begin without it: SMTP (RFC 3207), IMAP (RFC 9051), POP3 (RFC 2595), PostgreSQL. What
//! is said there is not authenticated, and counts for nothing but that a handshake can begin.
//!
//! A [`Dialogue`] does no I/O: it says what to send, and is told what came. It ends where the handshake begins; an octet
//! that a server has sent beyond its last answer would otherwise be taken for one that TLS protects, so it ends the
//! dialogue as a failure.

use std::net::IpAddr;

use mecai::request::Protocol;
use thiserror::Error;

use self::lines::Lines;

mod imap;
mod lines;
mod pop3;
mod postgres;
mod smtp;

/// What to do next on the way to TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send these octets, and ask again.
    Send(Vec<u8>),
    /// Wait for octets, tell them to [`Dialogue::hear`], and ask again.
    Receive,
    /// Begin the TLS handshake.
    Handshake,
}

/// Why there is no way to TLS.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialogueFailure {
    /// It greets in another protocol, or sends its clients away.
    #[error("the server greets with {said:?}, which is no invitation to speak {}", .protocol.name())]
    Greeting {
        /// The protocol that was expected.
        protocol: Protocol,
        /// What it said.
        said: String,
    },
    /// It does not list STARTTLS.
    #[error("the server does not offer STARTTLS, but: {0}")]
    NotOffered(String),
    /// It does not want to.
    #[error("the server answers {command} with {said:?}")]
    Refused {
        /// What it was asked.
        command: &'static str,
        /// What it said.
        said: String,
    },
    /// It hung up.
    #[error("the server closed the connection before TLS began")]
    Closed,
    /// It talks out of turn.
    #[error("the server sent {0} octets more than its answer, before TLS began")]
    Surplus(usize),
    /// It talks without end.
    #[error("the server sent more than {0} octets before TLS began")]
    TooLong(usize),
}

/// A dialogue with a server, up to the handshake.
#[derive(Debug)]
pub(crate) struct Dialogue {
    protocol: Protocol,
    own: IpAddr,
    stage: Stage,
    lines: Lines,
    abilities: smtp::Abilities,
}

/// What is waited for, or to be said. Each protocol has those that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The server's first words.
    Greeting,
    /// To say who we are.
    Hello,
    /// What it is able to do.
    Abilities,
    /// To ask for TLS.
    Question,
    /// Its consent.
    Consent,
    /// The handshake.
    Ready,
}

impl Stage {
    /// Whether it is for the server to speak.
    fn is_the_servers(self) -> bool {
        matches!(self, Self::Greeting | Self::Abilities | Self::Consent)
    }
}

impl Dialogue {
    /// A dialogue that comes from the address `own`, which SMTP wants to hear.
    pub(crate) fn new(protocol: Protocol, own: IpAddr) -> Self {
        let stage = match protocol {
            Protocol::Tls => Stage::Ready,
            Protocol::Postgres => Stage::Question,
            Protocol::Smtp | Protocol::Imap | Protocol::Pop3 => Stage::Greeting,
        };
        Self { protocol, own, stage, lines: Lines::default(), abilities: smtp::Abilities::default() }
    }

    /// What to do next.
    pub(crate) fn next(&mut self) -> Next {
        let (octets, stage) = match self.stage {
            Stage::Ready => return Next::Handshake,
            Stage::Greeting | Stage::Abilities | Stage::Consent => return Next::Receive,
            Stage::Hello => (smtp::hello(self.own), Stage::Abilities),
            Stage::Question => (self.question().to_vec(), Stage::Consent),
        };
        self.stage = stage;
        Next::Send(octets)
    }

    /// Takes what the server has sent.
    pub(crate) fn hear(&mut self, octets: &[u8]) -> Result<(), DialogueFailure> {
        self.lines.push(octets)?;
        while self.stage.is_the_servers() {
            if self.protocol == Protocol::Postgres {
                let Some(octet) = self.lines.octet() else { return Ok(()) };
                self.stage = postgres::hear(octet)?;
                continue;
            }
            let Some(line) = self.lines.line() else { return Ok(()) };
            self.stage = match self.protocol {
                Protocol::Smtp => smtp::hear(self.stage, &line, &mut self.abilities)?,
                Protocol::Imap => imap::hear(self.stage, &line)?,
                Protocol::Pop3 => pop3::hear(self.stage, &line)?,
                Protocol::Tls | Protocol::Postgres => self.stage,
            };
        }
        match self.lines.left() {
            0 => Ok(()),
            left => Err(DialogueFailure::Surplus(left)),
        }
    }

    fn question(&self) -> &'static [u8] {
        match self.protocol {
            Protocol::Smtp => smtp::STARTTLS,
            Protocol::Imap => imap::STARTTLS,
            Protocol::Pop3 => pop3::STLS,
            Protocol::Postgres => postgres::SSL_REQUEST,
            Protocol::Tls => &[],
        }
    }
}

/// The port at which a protocol is found, unless somebody says another.
pub(crate) fn port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Tls => 443,
        Protocol::Smtp => 25,
        Protocol::Imap => 143,
        Protocol::Pop3 => 110,
        Protocol::Postgres => 5432,
    }
}

#[cfg(test)]
mod tests;
