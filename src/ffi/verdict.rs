//! What came of a handshake.

use std::sync::Arc;

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Noun};
use super::handshake::Judgement;
use super::output::{Out, Text, mecai_bytes};
use super::result::{MECAI_ERR_NONE, MECAI_ERR_VALUE, mecai_result};
use crate::host::Reference;
use crate::verdict::{Cause, Code, Failover, Note, Outcome, Verdict};

/// The verdict on one handshake. It never tells which operators were picked. It does not change; any number of threads
/// may use it at once.
pub struct mecai_verdict;

/// The handshake must end.
pub const MECAI_REFUSED: u32 = 1;
/// The rules were missed, and the mode lets it through.
pub const MECAI_UNVOUCHED: u32 = 2;
/// It was not judged, by configuration.
pub const MECAI_EXEMPT: u32 = 3;
/// Enough operators of the pick have vouched. A number that neither zeroed nor forgotten memory holds.
pub const MECAI_ACCEPTED: u32 = 0x4D01;

/// The peer's address is not known, so it was not compared.
pub const MECAI_NOTE_PEER_UNKNOWN: u32 = 1;
/// The caller stated no port, so it was not compared.
pub const MECAI_NOTE_PORT_NOT_COMPARED: u32 = 2;
/// No counted authority saw the peer's address.
pub const MECAI_NOTE_ADDRESS_NOT_SEEN: u32 = 4;
/// The configured region is too small and was not applied.
pub const MECAI_NOTE_REGION_WIDENED: u32 = 8;
/// There is no secret: the rule of the majority took the place of the pick.
pub const MECAI_NOTE_NO_SECRET: u32 = 16;

/// The host that is vouched for: text.
pub const MECAI_VALUE_STATED_HOST: u32 = 1;
/// The host that the program meant: text.
pub const MECAI_VALUE_MEANT_HOST: u32 = 2;
/// The certificate that is vouched for: its SHA-256, 32 octets.
pub const MECAI_VALUE_STATED_CERTIFICATE: u32 = 3;
/// The certificate that the server showed: its SHA-256, 32 octets.
pub const MECAI_VALUE_SHOWN_CERTIFICATE: u32 = 4;
/// The SPKI hash of the chain's trust anchor: 32 octets.
pub const MECAI_VALUE_ANCHOR: u32 = 5;
/// The authority that endorsed: its id, 8 octets.
pub const MECAI_VALUE_AUTHORITY: u32 = 6;
/// The operator that endorsed and owns a part of the chain: its id, text.
pub const MECAI_VALUE_OPERATOR: u32 = 7;
/// The peer's address: 4 or 16 octets.
pub const MECAI_VALUE_PEER: u32 = 8;
/// The name that the pick was drawn for and that the host is remembered by: text. Of every verdict on a handshake that
/// named a server.
pub const MECAI_VALUE_NAME: u32 = 9;

/// The port that is vouched for.
pub const MECAI_NUMBER_STATED_PORT: u32 = 1;
/// The port that the program meant.
pub const MECAI_NUMBER_MEANT_PORT: u32 = 2;
/// When the statement, or the list, was made (seconds since 1970).
pub const MECAI_NUMBER_MADE: u32 = 3;
/// The last second of the voucher, the list or the authority (seconds since 1970).
pub const MECAI_NUMBER_ENDS: u32 = 4;
/// The first second of the authority (seconds since 1970).
pub const MECAI_NUMBER_BEGINS: u32 = 5;
/// The time that it was compared with (seconds since 1970).
pub const MECAI_NUMBER_NOW: u32 = 6;
/// Operators whose endorsements were counted.
pub const MECAI_NUMBER_OPERATORS: u32 = 7;
/// Operators whose endorsements were required.
pub const MECAI_NUMBER_REQUIRED: u32 = 8;
/// Endorsements that the server sent.
pub const MECAI_NUMBER_SENT: u32 = 9;
/// Until when a session of an accepted handshake may be resumed (seconds since 1970).
pub const MECAI_NUMBER_UNTIL: u32 = 10;
/// The days for which the host promised to go on showing vouchers.
pub const MECAI_NUMBER_STAY_DAYS: u32 = 11;
/// When it promised that (seconds since 1970).
pub const MECAI_NUMBER_STAY_MADE: u32 = 12;

/// The alternate was not looked at.
pub const MECAI_FAILOVER_NONE: u32 = 0;
/// It is what was accepted; the code says why the server's own certificate failed.
pub const MECAI_FAILOVER_USED: u32 = 1;
/// It failed, too, with this code.
pub const MECAI_FAILOVER_FAILED: u32 = 2;

pub(super) struct Judged {
    pub(super) judgement: Judgement,
    pub(super) verdict: Verdict,
    sentence: Text,
    /// Of the cause that goes with the failover, where there was one.
    failover: Option<Text>,
    texts: Vec<(u32, Text)>,
    octets: Vec<(u32, Vec<u8>)>,
    numbers: Vec<(u32, u64)>,
}

impl Noun for Judged {
    const NAME: &'static str = "mecai_verdict";
    type Handle = mecai_verdict;
}

impl Judged {
    /// The verdict of this judgement, on a handshake with this name.
    pub(super) fn new(verdict: Verdict, judgement: Judgement, name: Option<Reference<'_>>) -> Self {
        let mut judged = Self {
            judgement,
            sentence: Text::new(&verdict),
            failover: verdict.failover().map(|failover| match failover {
                Failover::Used(cause) => Text::new(cause),
                Failover::Failed(cause) => Text::new(cause),
            }),
            texts: name.map(|name| (MECAI_VALUE_NAME, Text::new(name))).into_iter().collect(),
            octets: Vec::new(),
            numbers: Vec::new(),
            verdict: verdict.clone(),
        };
        judged.count(&verdict);
        if let Some(cause) = verdict.cause() {
            judged.compare(cause);
        }
        judged
    }

    /// The name that the verdict is about; empty if there was none.
    pub(super) fn name(&self) -> &str {
        find(&self.texts, MECAI_VALUE_NAME).map_or("", Text::as_str)
    }

    fn count(&mut self, verdict: &Verdict) {
        let Some(admission) = verdict.admission() else { return };
        self.numbers.extend([
            (MECAI_NUMBER_OPERATORS, admission.operators as u64),
            (MECAI_NUMBER_REQUIRED, admission.required as u64),
            (MECAI_NUMBER_SENT, admission.sent as u64),
            (MECAI_NUMBER_MADE, admission.newest.0),
            (MECAI_NUMBER_UNTIL, admission.until.0),
        ]);
        if let Some(stay) = admission.stay {
            self.numbers.push((MECAI_NUMBER_STAY_DAYS, u64::from(stay.days)));
            self.numbers.push((MECAI_NUMBER_STAY_MADE, stay.produced_at.0));
        }
    }

    /// The values that were compared.
    fn compare(&mut self, cause: &Cause) {
        let (texts, octets, numbers) = (&mut self.texts, &mut self.octets, &mut self.numbers);
        match cause {
            Cause::ListExpired { expires, now } => {
                numbers.extend([(MECAI_NUMBER_ENDS, expires.0), (MECAI_NUMBER_NOW, now.0)]);
            }
            Cause::ListNotYetIssued { issued: made, now } | Cause::ClockBehind { produced_at: made, now } => {
                numbers.extend([(MECAI_NUMBER_MADE, made.0), (MECAI_NUMBER_NOW, now.0)]);
            }
            Cause::RootNotListed { anchor } => octets.push((MECAI_VALUE_ANCHOR, anchor.to_vec())),
            Cause::UnknownAuthority { authority }
            | Cause::UnknownAlgorithm { authority }
            | Cause::BadSignature { authority } => octets.push((MECAI_VALUE_AUTHORITY, authority.to_vec())),
            Cause::AuthorityNotValid { authority, valid_from, valid_until, now } => {
                octets.push((MECAI_VALUE_AUTHORITY, authority.to_vec()));
                numbers.extend([
                    (MECAI_NUMBER_BEGINS, valid_from.0),
                    (MECAI_NUMBER_ENDS, valid_until.0),
                    (MECAI_NUMBER_NOW, now.0),
                ]);
            }
            Cause::Expired { not_after, now } => {
                numbers.extend([(MECAI_NUMBER_ENDS, not_after.0), (MECAI_NUMBER_NOW, now.0)]);
            }
            Cause::WrongCertificate { stated, shown } => octets.extend([
                (MECAI_VALUE_STATED_CERTIFICATE, stated.to_vec()),
                (MECAI_VALUE_SHOWN_CERTIFICATE, shown.to_vec()),
            ]),
            Cause::WrongHost { stated, meant } => {
                texts.extend([(MECAI_VALUE_STATED_HOST, Text::new(stated)), (MECAI_VALUE_MEANT_HOST, Text::new(meant))])
            }
            Cause::WrongPort { stated, meant } => numbers
                .extend([(MECAI_NUMBER_STATED_PORT, u64::from(*stated)), (MECAI_NUMBER_MEANT_PORT, u64::from(*meant))]),
            Cause::OwnOperator { operator } => texts.push((MECAI_VALUE_OPERATOR, Text::new(operator))),
            Cause::SuspiciousCertificate { operators, required } => {
                numbers.extend([(MECAI_NUMBER_OPERATORS, *operators as u64), (MECAI_NUMBER_REQUIRED, *required as u64)])
            }
            Cause::AddressNotSeen { peer } => octets.push((
                MECAI_VALUE_PEER,
                match peer {
                    std::net::IpAddr::V4(peer) => peer.octets().to_vec(),
                    std::net::IpAddr::V6(peer) => peer.octets().to_vec(),
                },
            )),
            Cause::ChainNotTrusted
            | Cause::NoTrustedRoot
            | Cause::Configuration(_)
            | Cause::List(_)
            | Cause::NoReferenceIdentity
            | Cause::ChainUnreadable(_)
            | Cause::NoVoucher
            | Cause::Answer(_)
            | Cause::Bundle(_)
            | Cause::PeerUnknown => {}
        }
    }
}

/// The number of an outcome.
pub(super) fn number(outcome: Outcome) -> u32 {
    match outcome {
        Outcome::Refused => MECAI_REFUSED,
        Outcome::Unvouched => MECAI_UNVOUCHED,
        Outcome::Exempt => MECAI_EXEMPT,
        Outcome::Accepted => MECAI_ACCEPTED,
    }
}

/// The outcome; the code, a number that never changes; and one sentence with the values compared, which stays until the
/// verdict is freed. Each place may be NULL; that of the outcome becomes MECAI_REFUSED if the call fails.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verdict_get(
    verdict: *const mecai_verdict,
    outcome: *mut u32,
    code: *mut u32,
    sentence: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut outcome, mut code, mut sentence) =
                (Out::optional(outcome), Out::optional(code), Out::optional(sentence));
            outcome.set(MECAI_REFUSED);
            let judged: Arc<Judged> = handle::get(verdict)?;
            outcome.set(number(judged.verdict.outcome()));
            code.set(judged.verdict.code().number());
            sentence.set(judged.sentence.view());
            Ok(())
        })
    }
}

/// Whether somebody holds vouchers that do not belong here, so that the evidence is worth a report; what decided nothing
/// and is worth knowing, MECAI_NOTE_… added up; and the code of the report that is due, 0 if none is. Each place may be
/// NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verdict_notes(
    verdict: *const mecai_verdict,
    alarm: *mut bool,
    notes: *mut u32,
    report: *mut u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut alarm, mut notes, mut report) =
                (Out::optional(alarm), Out::optional(notes), Out::optional(report));
            let judged: Arc<Judged> = handle::get(verdict)?;
            alarm.set(judged.verdict.alarm());
            notes.set(judged.verdict.notes().iter().map(bit).sum());
            report.set(judged.verdict.report().map_or(0, Code::number));
            Ok(())
        })
    }
}

/// A value that was compared, or counted: MECAI_VALUE_…, octets or text, which stay until the verdict is freed.
/// MECAI_ERR_NONE if this verdict has none.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verdict_value(
    verdict: *const mecai_verdict,
    which: u32,
    value: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut value = Out::new(value, "the value")?;
            let judged: Arc<Judged> = handle::get(verdict)?;
            let text = find(&judged.texts, which).map(Text::view);
            let octets = || find(&judged.octets, which).map(|octets| mecai_bytes::of(octets));
            let is_one = (MECAI_VALUE_STATED_HOST..=MECAI_VALUE_NAME).contains(&which);
            value.set(text.or_else(octets).ok_or_else(|| absent(which, is_one, "MECAI_VALUE"))?);
            Ok(())
        })
    }
}

/// A number that was compared, or counted: MECAI_NUMBER_… MECAI_ERR_NONE if this verdict has none.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verdict_number(
    verdict: *const mecai_verdict,
    which: u32,
    value: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut value = Out::new(value, "the number")?;
            let judged: Arc<Judged> = handle::get(verdict)?;
            let is_one = (MECAI_NUMBER_STATED_PORT..=MECAI_NUMBER_STAY_MADE).contains(&which);
            value.set(*find(&judged.numbers, which).ok_or_else(|| absent(which, is_one, "MECAI_NUMBER"))?);
            Ok(())
        })
    }
}

/// What came of the server's alternate, MECAI_FAILOVER_…, and the code that goes with it, 0 for none. Each place may be
/// NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verdict_failover(
    verdict: *const mecai_verdict,
    failover: *mut u32,
    code: *mut u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut failover, mut code) = (Out::optional(failover), Out::optional(code));
            let judged: Arc<Judged> = handle::get(verdict)?;
            let (came, why) = match judged.verdict.failover() {
                None => (MECAI_FAILOVER_NONE, 0),
                Some(Failover::Used(cause)) => (MECAI_FAILOVER_USED, cause.code().number()),
                Some(Failover::Failed(cause)) => (MECAI_FAILOVER_FAILED, cause.code().number()),
            };
            failover.set(came);
            code.set(why);
            Ok(())
        })
    }
}

/// The sentence of the code that mecai_verdict_failover gives, with the values compared; it stays until the verdict is
/// freed. MECAI_ERR_NONE if the alternate was not looked at.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verdict_failover_sentence(
    verdict: *const mecai_verdict,
    sentence: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut sentence = Out::new(sentence, "the sentence")?;
            let judged: Arc<Judged> = handle::get(verdict)?;
            let none = || Failure::new(MECAI_ERR_NONE, "this verdict tells of no alternate");
            sentence.set(judged.failover.as_ref().map(Text::view).ok_or_else(none)?);
            Ok(())
        })
    }
}

/// Frees a verdict; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_verdict_free(verdict: *mut mecai_verdict) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Judged>(verdict)) }
}

fn bit(note: Note) -> u32 {
    match note {
        Note::PeerUnknown => MECAI_NOTE_PEER_UNKNOWN,
        Note::PortNotCompared => MECAI_NOTE_PORT_NOT_COMPARED,
        Note::AddressNotSeen => MECAI_NOTE_ADDRESS_NOT_SEEN,
        Note::RegionWidened => MECAI_NOTE_REGION_WIDENED,
        Note::NoSecret => MECAI_NOTE_NO_SECRET,
    }
}

fn find<T>(values: &[(u32, T)], which: u32) -> Option<&T> {
    values.iter().find(|(value, _)| *value == which).map(|(_, value)| value)
}

fn absent(which: u32, is_one: bool, family: &str) -> Failure {
    if is_one {
        Failure::new(MECAI_ERR_NONE, format!("this verdict has no {family}_… {which}"))
    } else {
        Failure::new(MECAI_ERR_VALUE, format!("{which} is no {family}_…"))
    }
}
