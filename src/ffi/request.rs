//! One round of questions to authorities, without I/O.

use std::sync::{Arc, Mutex};

use super::authority_list::beyond;
use super::bundle::{Read, mecai_bundle};
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::output::{Out, Text, mecai_bytes};
use super::result::{MECAI_ERR_NONE, MECAI_ERR_NOT_VOUCHED, MECAI_ERR_VALUE, mecai_result};
use crate::AuthorityId;
use crate::request::{self, Asked, ENDORSEMENT_MAX, METHOD, REQUEST_TYPE, RepliedAlready, Round, RoundError};

/// One statement, and a question to each authority that can vouch for it. The program sends the questions and gives the
/// answers, each once. Used by one thread at a time: who asks from several threads reads the questions first.
pub struct mecai_request;

/// The most octets of an endorsement: of an answer's body the program reads at most one octet more.
pub const MECAI_ENDORSEMENT_MAX: usize = 8192;

// The header has the number itself.
const _: () = assert!(MECAI_ENDORSEMENT_MAX == ENDORSEMENT_MAX);

pub(super) struct Asking {
    method: Text,
    content_type: Text,
    urls: Vec<Text>,
    ids: Vec<AuthorityId>,
    pub(super) round: Exclusive<Told>,
}

/// A round, and its failures as they are told: each is made once, and stays.
pub(super) struct Told {
    round: Round,
    failures: Vec<Option<(Text, Text)>>,
}

impl Noun for Asking {
    const NAME: &'static str = "mecai_request";
    type Handle = mecai_request;
}

impl From<RoundError> for Failure {
    fn from(error: RoundError) -> Self {
        match error {
            RoundError::Statement(error) => error.into(),
            RoundError::Nobody { .. } => Self::new(MECAI_ERR_NONE, error),
        }
    }
}

impl From<RepliedAlready> for Failure {
    fn from(error: RepliedAlready) -> Self {
        Self::new(MECAI_ERR_VALUE, error)
    }
}

impl Asking {
    pub(super) fn new(round: Round) -> Self {
        Self {
            method: Text::new(METHOD),
            content_type: Text::new(REQUEST_TYPE),
            urls: round.asked().iter().map(|asked| Text::new(asked.question().url())).collect(),
            ids: round.asked().iter().map(|asked| *asked.question().authority()).collect(),
            round: Mutex::new(Told { failures: vec![None; round.asked().len()], round }),
        }
    }
}

impl Told {
    fn asked(&self, index: usize) -> Result<&Asked, Failure> {
        let asked = self.round.asked();
        asked.get(index).ok_or_else(|| beyond("authorities", index, asked.len()))
    }

    /// Takes a reply; one that is no endorsement is kept as the failure that it is.
    pub(super) fn take(
        &mut self,
        index: usize,
        reply: impl FnOnce(&mut Round) -> Result<Result<(), &request::Failure>, RepliedAlready>,
    ) -> Result<(), Failure> {
        self.asked(index)?;
        let Err(failure) = reply(&mut self.round)? else { return Ok(()) };
        let (code, sentence) = (failure.code(), Text::new(failure));
        let told = Failure::new(MECAI_ERR_NOT_VOUCHED, format!("{failure} ({code})"));
        if let Some(place) = self.failures.get_mut(index) {
            *place = Some((Text::new(code), sentence));
        }
        Err(told)
    }
}

/// How many authorities are asked, how many have endorsed so far, and of how many there is no reply yet. Each place may
/// be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_counts(
    request: *const mecai_request,
    authorities: *mut usize,
    endorsements: *mut usize,
    waiting: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut authorities, mut endorsements, mut waiting) =
                (Out::optional(authorities), Out::optional(endorsements), Out::optional(waiting));
            let asking: Arc<Asking> = handle::get(request)?;
            let told = handle::lock(&asking.round)?;
            let asked = told.round.asked();
            authorities.set(asked.len());
            endorsements.set(asked.iter().filter(|asked| asked.endorsement().is_some()).count());
            waiting.set(asked.iter().filter(|asked| asked.is_waiting()).count());
            Ok(())
        })
    }
}

/// The authority with an index: the index of its operator in the list, and its id (8 octets, which stay until the
/// request is freed). Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_authority(
    request: *const mecai_request,
    index: usize,
    operator_index: *mut usize,
    authority: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut operator, mut authority) = (Out::optional(operator_index), Out::optional(authority));
            let asking: Arc<Asking> = handle::get(request)?;
            let told = handle::lock(&asking.round)?;
            let asked = told.asked(index)?;
            operator.set(asked.operator());
            authority.set(asking.ids.get(index).map_or(mecai_bytes::NONE, |id| mecai_bytes::of(id)));
            Ok(())
        })
    }
}

/// What to send to the authority with an index: the URL, the HTTP method, the Content-Type and the body; and the last
/// second in which an answer counts (seconds since 1970). Redirects are not followed. Each place may be NULL. What is
/// shown stays until the request is freed.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_question(
    request: *const mecai_request,
    index: usize,
    url: *mut mecai_bytes,
    method: *mut mecai_bytes,
    content_type: *mut mecai_bytes,
    body: *mut mecai_bytes,
    deadline: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut url, mut method) = (Out::optional(url), Out::optional(method));
            let (mut content_type, mut body) = (Out::optional(content_type), Out::optional(body));
            let mut deadline = Out::optional(deadline);
            let asking: Arc<Asking> = handle::get(request)?;
            let told = handle::lock(&asking.round)?;
            let question = told.asked(index)?.question();
            url.set(asking.urls.get(index).map_or(mecai_bytes::NONE, Text::view));
            method.set(asking.method.view());
            content_type.set(asking.content_type.view());
            body.set(mecai_bytes::of(question.body()));
            deadline.set(question.deadline().0);
            Ok(())
        })
    }
}

/// Why the authority with an index did not vouch: the code, a word that never changes, and a sentence; whether it is
/// better left alone for other questions, too; and before when it asked not to be asked again (seconds since 1970), 0
/// if it did not. Each place may be NULL. The texts stay until the request is freed. MECAI_ERR_NONE if it has vouched,
/// or not replied yet.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_failure(
    request: *const mecai_request,
    index: usize,
    code: *mut mecai_bytes,
    sentence: *mut mecai_bytes,
    concerns_authority: *mut bool,
    retry_at: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut code, mut sentence) = (Out::optional(code), Out::optional(sentence));
            let (mut concerns, mut retry_at) = (Out::optional(concerns_authority), Out::optional(retry_at));
            let asking: Arc<Asking> = handle::get(request)?;
            let told = handle::lock(&asking.round)?;
            let failure = told.asked(index)?.failure().zip(told.failures.get(index).and_then(Option::as_ref));
            let none = || Failure::new(MECAI_ERR_NONE, format!("the authority with index {index} has not failed"));
            let (failure, (word, text)) = failure.ok_or_else(none)?;
            code.set(word.view());
            sentence.set(text.view());
            concerns.set(failure.concerns_authority());
            retry_at.set(failure.retry_at.map_or(0, |at| at.0));
            Ok(())
        })
    }
}

/// The bundle of the endorsements that have come so far, the caller's to free; and how many had to be left out for it to
/// fit a server's answer: `left_out` may be NULL. MECAI_ERR_NONE if there are none yet.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_bundle(
    request: *const mecai_request,
    bundle: *mut *mut mecai_bundle,
    left_out: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut place, mut left_out) = (Out::new(bundle, "the bundle")?, Out::optional(left_out));
            let asking: Arc<Asking> = handle::get(request)?;
            let made = handle::lock(&asking.round)?.round.bundle()?;
            let (der, count) =
                made.ok_or_else(|| Failure::new(MECAI_ERR_NONE, "no authority has endorsed the statement yet"))?;
            place.try_give(Read::new(&der)?)?;
            left_out.set(count);
            Ok(())
        })
    }
}

/// Frees a request; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_request_free(request: *mut mecai_request) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Asking>(request)) }
}
