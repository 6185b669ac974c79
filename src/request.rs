//! Asking an authority to vouch (spec section 9): the request, the question as a state without I/O, and what comes back.
//!
//! Who asks carries the octets: [`Question`] says what to send and judges what came, [`Round`] has one for each
//! authority of a list, [`Backoff`] says when to ask again.
//! Who answers reads a [`VoucherRequest`], and refuses with a [`Problem`].

mod backoff;
mod failure;
mod problem;
mod round;

use std::str::FromStr;
use std::time::UNIX_EPOCH;

use der::asn1::AnyRef;
use der::{Decode, Encode, Enumerated, Reader, SliceReader, Tag, Tagged};
use serde::{Deserialize, Serialize};

pub use self::backoff::{Backoff, RETRY_AFTER_MAX};
pub use self::failure::{Cause, Failure};
pub use self::problem::{PROBLEM_TYPE, Problem};
pub use self::round::{Asked, RepliedAlready, Round, RoundError};
use crate::endorsement::Endorsement;
use crate::signature::PublicKey;
use crate::statement::{DecodeError, Statement, check_version};
use crate::time::UnixTime;
use crate::{AuthorityId, Sha256};

/// The most octets of a request.
pub const REQUEST_MAX: usize = 4_096;
/// The most octets of an answer; who reads one reads at most one octet more.
pub const ENDORSEMENT_MAX: usize = 8_192;
/// The HTTP method of a question.
pub const METHOD: &str = "POST";
/// The path below an authority's URL, after exactly one slash.
pub const PATH: &str = "v1/endorsements";
/// Content-Type of a request.
pub const REQUEST_TYPE: &str = "application/vnd.mecai.voucher-request";
/// Content-Type of an endorsement.
pub const ENDORSEMENT_TYPE: &str = "application/vnd.mecai.endorsement";

/// How an authority's probe gets to TLS; it is not vouched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Enumerated, Serialize, Deserialize)]
#[asn1(type = "ENUMERATED")]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Protocol {
    /// TLS from the first octet.
    #[default]
    Tls = 0,
    /// SMTP with STARTTLS (RFC 3207).
    Smtp = 1,
    /// IMAP with STARTTLS (RFC 9051).
    Imap = 2,
    /// POP3 with STLS (RFC 2595).
    Pop3 = 3,
    /// PostgreSQL's SSLRequest.
    Postgres = 4,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Tls, Self::Smtp, Self::Imap, Self::Pop3, Self::Postgres];

    /// The word in configurations and sentences.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Postgres => "postgres",
        }
    }
}

/// A word that names no protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of the protocols tls, smtp, imap, pop3, postgres")]
pub struct NotAProtocol(String);

impl FromStr for Protocol {
    type Err = NotAProtocol;

    fn from_str(text: &str) -> Result<Self, NotAProtocol> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == text).ok_or_else(|| NotAProtocol(failure::clean(text)))
    }
}

/// A request to an authority, read in place.
#[derive(Clone, Debug)]
pub struct VoucherRequest<'a> {
    /// What is to be vouched for.
    pub statement: Statement<'a>,
    /// How to get to TLS.
    pub protocol: Protocol,
}

impl<'a> VoucherRequest<'a> {
    /// Reads the DER of one request, all of `der`; [`Problem::of`] says how to answer an error.
    pub fn from_der(der: &'a [u8]) -> Result<Self, DecodeError> {
        let error = DecodeError::der(REQUEST);
        let request = AnyRef::from_der(der).map_err(&error)?;
        if request.tag() != Tag::Sequence {
            return Err(DecodeError::rule(REQUEST, "not a SEQUENCE"));
        }
        let mut reader = SliceReader::new(request.value()).map_err(&error)?;
        let statement = reader.tlv_bytes().map_err(&error)?;
        // Nothing is known of what stands beside a statement of another version.
        check_version(statement)?;
        let protocol = AnyRef::decode(&mut reader).map_err(&error)?;
        protocol.tag().assert_eq(Tag::Enumerated).map_err(&error)?;
        reader.finish().map_err(&error)?;
        let statement = Statement::from_der(statement)?;
        Ok(Self { statement, protocol: protocol.decode_as().map_err(&error)? })
    }

    /// The DER of the request.
    pub fn to_der(&self) -> Result<Vec<u8>, DecodeError> {
        let encode = || -> der::Result<Vec<u8>> {
            let contents = [self.statement.der(), &self.protocol.to_der()?].concat();
            AnyRef::new(Tag::Sequence, &contents)?.to_der()
        };
        encode().map_err(DecodeError::der(REQUEST))
    }
}

/// One question to one authority: what to send, until when, and how to judge what comes back.
///
/// The answer counts as that of any client would judge it: by this authority, signed by its key in the list, over the
/// very statement that was proposed.
#[derive(Clone, Debug)]
pub struct Question {
    url: String,
    body: Vec<u8>,
    key: PublicKey,
    statement: Sha256,
    addresses: usize,
    deadline: UnixTime,
}

impl Question {
    /// Puts `request` to the authority with this URL and this key. An answer after `deadline`, or after the statement
    /// ended, no longer counts.
    pub fn new(
        url: &str,
        key: &PublicKey,
        request: &VoucherRequest<'_>,
        deadline: UnixTime,
    ) -> Result<Self, DecodeError> {
        let statement = &request.statement;
        Ok(Self {
            url: endpoint(url),
            body: request.to_der()?,
            key: key.clone(),
            statement: statement.digest(),
            addresses: statement.addresses().len(),
            deadline: deadline.min(statement.not_after()),
        })
    }

    /// The authority that is asked.
    #[must_use]
    pub fn authority(&self) -> &AuthorityId {
        self.key.id()
    }

    /// Where to send it, by [`METHOD`] with the Content-Type [`REQUEST_TYPE`], without following redirects.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to send.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The last second in which an answer counts.
    #[must_use]
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }

    /// The failure of a question that has no answer at its deadline.
    #[must_use]
    pub fn timed_out(&self) -> Failure {
        Cause::Timeout { deadline: self.deadline }.into()
    }

    /// Judges an answer that was complete at `now`: the DER of a good endorsement, or why there is none.
    pub fn judge(&self, answer: &Answer<'_>, now: UnixTime) -> Result<Vec<u8>, Failure> {
        if now > self.deadline {
            return Err(self.timed_out());
        }
        let fail = |cause| Failure { cause, retry_at: answer.retry_at(now) };
        if answer.body.len() > ENDORSEMENT_MAX {
            return Err(fail(Cause::AnswerTooLarge));
        }
        if answer.status != 200 {
            return Err(fail(answer.refusal()));
        }
        if !answer.has_type(ENDORSEMENT_TYPE) {
            return Err(fail(Cause::WrongContentType(failure::clean(answer.content_type.unwrap_or_default()))));
        }
        self.check(answer.body).map_err(fail)?;
        Ok(answer.body.to_vec())
    }

    fn check(&self, endorsement: &[u8]) -> Result<(), Cause> {
        let endorsement = Endorsement::from_der(endorsement, self.addresses)
            .map_err(|error| Cause::AnswerMalformed(error.to_string()))?;
        if endorsement.authority() != self.key.id() {
            return Err(Cause::WrongAuthority { found: *endorsement.authority(), expected: *self.key.id() });
        }
        if !endorsement.is_signed_by(&self.key, &self.statement) {
            return Err(Cause::BadSignature(*self.key.id()));
        }
        Ok(())
    }
}

/// An HTTP answer: its status, two of its headers, and its body.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The header Content-Type.
    pub content_type: Option<&'a str>,
    /// The header Retry-After.
    pub retry_after: Option<&'a str>,
    /// The body; of one that has more than [`ENDORSEMENT_MAX`] octets at least the first of those too many.
    pub body: &'a [u8],
}

impl Answer<'_> {
    fn has_type(&self, expected: &str) -> bool {
        let media_type = self.content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case(expected)
    }

    /// Seconds or an HTTP date (RFC 9110 section 10.2.3).
    fn retry_at(&self, now: UnixTime) -> Option<UnixTime> {
        let text = self.retry_after?.trim();
        if !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
            return Some(now.plus(text.parse().unwrap_or(u64::MAX)));
        }
        let date = httpdate::parse_http_date(text).ok()?;
        Some(UnixTime(date.duration_since(UNIX_EPOCH).ok()?.as_secs()))
    }

    fn refusal(&self) -> Cause {
        let document = if self.has_type(PROBLEM_TYPE) { problem::Document::read(self.body) } else { None };
        let detail = document.as_ref().map(|document| failure::clean(&document.detail)).unwrap_or_default();
        match document.and_then(|document| document.problem()) {
            Some(problem) => Cause::Refused { problem, detail },
            None => {
                let said = if detail.is_empty() { detail } else { format!(": {detail}") };
                Cause::UnexpectedStatus { status: self.status, said }
            }
        }
    }
}

const REQUEST: &str = "VoucherRequest";

fn endpoint(url: &str) -> String {
    format!("{}/{PATH}", url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests;
