//! Judging handshakes.

use std::ffi::c_char;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::authority_list::{List, mecai_authority_list};
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::handshake::{Judgement, Shown, mecai_handshake};
use super::input;
use super::output::Out;
use super::policy::{mecai_policy, used_up};
use super::result::{MECAI_ERR_MISSING, MECAI_ERR_NULL, MECAI_ERR_VALUE, mecai_result};
use super::state::mecai_state;
use super::verdict::{Judged, MECAI_REFUSED, mecai_verdict, number};
use crate::authority_list::ListError;
use crate::pick::{PickSecret, machine_id};
use crate::policy::Policy;
use crate::state::State;
use crate::time::UnixTime;
use crate::verdict::Verdict;
use crate::verify::{self, Client, Handshake};

/// A verifier while it is put together. Used by one thread at a time.
pub struct mecai_verifier_builder;

/// Judges handshakes by a policy, an authority list and a secret. Any number of threads may use it at once.
pub struct mecai_verifier;

pub(super) struct Verifier {
    policy: Arc<Policy>,
    list: ArcSwap<List>,
    secret: Option<PickSecret>,
}

#[derive(Default)]
struct Parts {
    policy: Option<Arc<Policy>>,
    list: Option<Arc<List>>,
    secret: Option<PickSecret>,
}

/// A verifier that is put together; none once it is built.
type Builder = Exclusive<Option<Parts>>;

impl Noun for Builder {
    const NAME: &'static str = "mecai_verifier_builder";
    type Handle = mecai_verifier_builder;
}

impl Noun for Verifier {
    const NAME: &'static str = "mecai_verifier";
    type Handle = mecai_verifier;
}

impl Verifier {
    /// Works with the client as the core has it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Client<'_>) -> T) -> T {
        let list = self.list.load();
        work(&Client { policy: &self.policy, list: Ok(&list.list), secret: self.secret.as_ref() })
    }
}

/// A new builder, which needs a policy and a list. It is the caller's to free.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_builder_new(
    builder: *mut *mut mecai_verifier_builder,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || Out::new(builder, "the builder")?.try_give::<Builder>(Mutex::new(Some(Parts::default()))))
    }
}

/// What is demanded. The policy may be freed afterwards.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_builder_set_policy(
    builder: *mut mecai_verifier_builder,
    policy: *const mecai_policy,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let policy = handle::get::<Policy>(policy)?;
            change(builder, |parts| parts.policy = Some(policy))
        })
    }
}

/// Who may be believed. The list may be freed afterwards.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_builder_set_list(
    builder: *mut mecai_verifier_builder,
    list: *const mecai_authority_list,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let list = handle::get::<List>(list)?;
            change(builder, |parts| parts.list = Some(list))
        })
    }
}

/// What the picks are drawn by: 32 random octets that are kept for this user and shown to nobody, and the text of
/// /etc/machine-id, so that copies of an image draw other picks. Without a secret, more than half of all operators must
/// have endorsed. MECAI_ERR_VALUE for an id that is not that of a machine.
///
/// # Safety
/// The buffer has its length, and `machine` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_builder_set_secret(
    builder: *mut mecai_verifier_builder,
    secret: *const u8,
    secret_len: usize,
    machine: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let secret = zeroize::Zeroizing::new(input::array::<32>(secret, secret_len, "the secret")?);
            let machine = machine_of(machine)?;
            change(builder, |parts| parts.secret = Some(PickSecret::new(&secret, machine)))
        })
    }
}

/// The same by the secret in a state directory, which is made if there is none yet. MECAI_ERR_STATE if it cannot be
/// used. The state may be freed afterwards.
///
/// # Safety
/// `machine` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_builder_set_state(
    builder: *mut mecai_verifier_builder,
    state: *const mecai_state,
    machine: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let state = handle::get::<State>(state)?;
            let machine = machine_of(machine)?;
            let secret = PickSecret::new(&*state.secret()?, machine);
            change(builder, |parts| parts.secret = Some(secret))
        })
    }
}

/// The verifier. MECAI_ERR_MISSING without a policy or a list. Once both are set, the builder is used up by this call, and
/// can only be freed. The verifier is the caller's to free.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_builder_build(
    builder: *mut mecai_verifier_builder,
    verifier: *mut *mut mecai_verifier,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(verifier, "the verifier")?;
            let object: Arc<Builder> = handle::get(builder)?;
            let mut builder = handle::lock(&object)?;
            let missing = |what| Failure::new(MECAI_ERR_MISSING, format!("no {what} was set"));
            let parts = builder.as_ref().ok_or_else(used_up)?;
            let policy = parts.policy.clone().ok_or_else(|| missing("policy"))?;
            let list = parts.list.clone().ok_or_else(|| missing("authority list"))?;
            let secret = builder.take().and_then(|parts| parts.secret);
            place.try_give(Verifier { policy, list: ArcSwap::new(list), secret })
        })
    }
}

/// Frees a builder; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_verifier_builder_free(builder: *mut mecai_verifier_builder) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Builder>(builder)) }
}

/// Puts a newer list in place of the verifier's, for every handshake that is judged from now on; threads that judge
/// meanwhile wait for nothing. MECAI_ERR_LIST_ROLLED_BACK if its sequence is lower. The list may be freed afterwards.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_replace_list(
    verifier: *const mecai_verifier,
    list: *const mecai_authority_list,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let list = handle::get::<List>(list)?;
            let verifier = handle::get::<Verifier>(verifier)?;
            let mut rolled_back = None;
            verifier.list.rcu(|current| {
                let (sequence, highest) = (list.list.sequence(), current.list.sequence());
                rolled_back = (sequence < highest).then_some(ListError::RolledBack { sequence, highest });
                Arc::clone(if rolled_back.is_some() { current } else { &list })
            });
            rolled_back.map_or(Ok(()), |error| Err(error.into()))
        })
    }
}

/// Judges a handshake at the time `now` (seconds since 1970). `outcome` becomes MECAI_REFUSED at once, and another one
/// only if that is the verdict. Where `verdict` is not NULL it receives the whole verdict, the caller's to free.
///
/// Nothing is allocated unless a verdict is wanted, or the picks of a name are drawn for the first time.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_verify(
    verifier: *const mecai_verifier,
    handshake: *const mecai_handshake,
    now: u64,
    outcome: *mut u32,
    verdict: *mut *mut mecai_verdict,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Outcome::new(outcome)?;
            let mut verdict = Out::optional(verdict);
            let verifier: Arc<Verifier> = handle::get(verifier)?;
            let object: Arc<Exclusive<Shown>> = handle::get(handshake)?;
            let mut shown = handle::lock(&object)?;
            let judgement = shown.judge();
            verifier.with(|client| {
                shown.with(UnixTime(now), |handshake| {
                    tell(verify::verify(client, handshake), judgement, handshake, &mut place, &mut verdict)
                })
            })
        })
    }
}

/// Frees a verifier; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_verifier_free(verifier: *mut mecai_verifier) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Verifier>(verifier)) }
}

/// The place of an outcome, which says refused until something else is known.
pub(super) struct Outcome(Out<u32>);

impl Outcome {
    /// # Safety
    /// `place` is NULL, or may be written to until this is gone.
    pub(super) unsafe fn new(place: *mut u32) -> Result<Self, Failure> {
        if place.is_null() {
            return Err(Failure::new(MECAI_ERR_NULL, "the place for the outcome is NULL"));
        }
        // SAFETY: as the caller says.
        let mut outcome = Self(unsafe { Out::optional(place) });
        outcome.0.set(MECAI_REFUSED);
        Ok(outcome)
    }

    pub(super) fn set(&mut self, outcome: u32) {
        self.0.set(outcome);
    }
}

/// # Safety
/// `text` is NULL, or ends with a NUL and stays for `'a`.
unsafe fn machine_of<'a>(text: *const c_char) -> Result<&'a str, Failure> {
    // SAFETY: as the caller says.
    let text = unsafe { input::text(text, "the machine's id")? };
    machine_id(text).map_err(|error| Failure::new(MECAI_ERR_VALUE, format!("the machine's id {error}")))
}

/// Gives a verdict where it is wanted, and only then its outcome.
pub(super) fn tell(
    judged: Verdict,
    judgement: Judgement,
    handshake: &Handshake<'_>,
    outcome: &mut Outcome,
    verdict: &mut Out<*mut mecai_verdict>,
) -> Result<(), Failure> {
    let told = number(judged.outcome());
    if verdict.is_wanted() {
        verdict.try_give(Judged::new(judged, judgement, handshake.name()))?;
    }
    outcome.set(told);
    Ok(())
}

fn change(builder: *mut mecai_verifier_builder, change: impl FnOnce(&mut Parts)) -> Result<(), Failure> {
    let object: Arc<Builder> = handle::get(builder)?;
    change(handle::lock(&object)?.as_mut().ok_or_else(used_up)?);
    Ok(())
}
