//! A server's alternate, and what comes of it.

use std::ffi::c_char;
use std::sync::{Arc, Mutex};

use super::authority_list::beyond;
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::handshake::{Shown, mecai_handshake};
use super::input;
use super::output::{Out, Text, mecai_bytes};
use super::result::{MECAI_ERR_CHAIN, mecai_result};
use super::verdict::{Judged, mecai_verdict};
use super::verifier::{Outcome, Verifier, mecai_verifier, tell};
use crate::chain::{Chain, ChainError, certificate_digest};
use crate::failover::{self, Offered};
use crate::time::UnixTime;
use crate::verdict::{AlternateCause, Cause};

/// A second certificate that a server has offered, and what the program's own verification said of it. Any number of
/// threads may look into it at once; what it is told, by one thread at a time.
pub struct mecai_alternate;

/// Everything is a copy of what C passed.
pub(super) struct Second {
    answer: Vec<u8>,
    handshake_key: Vec<u8>,
    /// Why it cannot be used.
    trouble: Option<(u32, Text)>,
    own: Exclusive<Own>,
}

/// What the program's own verification said.
enum Own {
    NotTrusted(String),
    WrongName(crate::text::Text),
    Unreadable(ChainError),
    Accepted(Chain),
}

impl Noun for Second {
    const NAME: &'static str = "mecai_alternate";
    type Handle = mecai_alternate;
}

impl Second {
    fn new(answer: &[u8], handshake_key: &[u8]) -> Self {
        let trouble = Offered::read(answer, handshake_key).err();
        Self {
            answer: answer.to_vec(),
            handshake_key: handshake_key.to_vec(),
            trouble: trouble.map(|cause| (cause.code().number(), Text::new(&cause))),
            own: Mutex::new(Own::unverified()),
        }
    }

    fn offered(&self) -> Result<Offered<'_>, AlternateCause> {
        Offered::read(&self.answer, &self.handshake_key)
    }

    /// Sets what the program's own verification said; the alternate is not verified until `set` has said something.
    fn set_own(
        handle: *mut mecai_alternate,
        set: impl FnOnce(&Self, &mut Own) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let second: Arc<Self> = handle::get(handle)?;
        let mut own = handle::lock(&second.own)?;
        *own = Own::unverified();
        set(&second, &mut own)
    }
}

impl Own {
    fn unverified() -> Self {
        Self::NotTrusted("the program has not verified it".to_owned())
    }

    fn chain(&self) -> Result<&Chain, AlternateCause> {
        match self {
            Self::NotTrusted(reason) => Err(AlternateCause::NotTrusted(reason.clone())),
            Self::WrongName(meant) => Err(AlternateCause::WrongName { meant: *meant }),
            Self::Unreadable(error) => Err(AlternateCause::Rules(Cause::ChainUnreadable(*error))),
            Self::Accepted(chain) => Ok(chain),
        }
    }
}

/// Reads a server's answer to MECAI_EXTENSION_ALTERNATE, of a handshake on this key, given by its SubjectPublicKeyInfo
/// in DER. One that cannot be used is an alternate, too: mecai_alternate_get says why, it has no certificates, and
/// mecai_verifier_fail_over has that in its verdict. The alternate is the caller's to free.
///
/// The program then verifies the certificates as it does the server's own, at the same time and for the same name, and
/// says what came of that by mecai_alternate_set_chain, _set_not_trusted or _set_wrong_name: until then it is refused.
///
/// # Safety
/// Each buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_alternate_read(
    answer: *const u8,
    answer_len: usize,
    handshake_key: *const u8,
    handshake_key_len: usize,
    alternate: *mut *mut mecai_alternate,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(alternate, "the alternate")?;
            let answer = input::octets(answer, answer_len, "the answer")?;
            let handshake_key = input::octets(handshake_key, handshake_key_len, "the key of the handshake")?;
            place.try_give(Second::new(answer, handshake_key))
        })
    }
}

/// How many certificates were offered; and where the alternate cannot be used the code of that, else 0, and a sentence
/// with the values compared, which stays until the alternate is freed. Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_alternate_get(
    alternate: *const mecai_alternate,
    certificate_count: *mut usize,
    code: *mut u32,
    sentence: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut count, mut code, mut sentence) =
                (Out::optional(certificate_count), Out::optional(code), Out::optional(sentence));
            let second: Arc<Second> = handle::get(alternate)?;
            count.set(second.offered().map_or(0, |offered| offered.chain().count()));
            let trouble = second.trouble.as_ref().map(|(number, text)| (*number, text.view()));
            let (number, text) = trouble.unwrap_or((0, mecai_bytes::EMPTY_TEXT));
            code.set(number);
            sentence.set(text);
            Ok(())
        })
    }
}

/// The certificate with an index, end entity first: its DER, which stays until the alternate is freed.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_alternate_certificate(
    alternate: *const mecai_alternate,
    index: usize,
    certificate: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut certificate = Out::new(certificate, "the certificate")?;
            let second: Arc<Second> = handle::get(alternate)?;
            let offered = second.offered();
            let chain = || offered.iter().flat_map(Offered::chain);
            let der = chain().nth(index).ok_or_else(|| beyond("certificates", index, chain().count()))?;
            certificate.set(mecai_bytes::of(der));
            Ok(())
        })
    }
}

/// The chain that the program's own verification of the alternate accepted: certificates in DER, end entity first,
/// trust anchor last, 1 to 32. If it cannot be read, the call fails, and the alternate is refused for that.
///
/// # Safety
/// There are so many views, and each buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_alternate_set_chain(
    alternate: *mut mecai_alternate,
    certificates: *const mecai_bytes,
    count: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            Second::set_own(alternate, |second, own| {
                let chain = Chain::from_der(input::buffers(certificates, count, "certificates")?);
                let chain = chain.inspect_err(|error| *own = Own::Unreadable(*error))?;
                let offered = second.offered().ok().and_then(|offered| offered.chain().next());
                if offered.is_some_and(|der| certificate_digest(der) != *chain.certificate()) {
                    return Err(Failure::new(MECAI_ERR_CHAIN, "the chain is of another certificate than was offered"));
                }
                *own = Own::Accepted(chain);
                Ok(())
            })
        })
    }
}

/// That the program's own verification refused the alternate's chain, for this reason, in a few words.
///
/// # Safety
/// `reason` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_alternate_set_not_trusted(
    alternate: *mut mecai_alternate,
    reason: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            Second::set_own(alternate, |_, own| {
                *own = Own::NotTrusted(input::text(reason, "the reason")?.to_owned());
                Ok(())
            })
        })
    }
}

/// That the alternate is for another name than this one, which the program meant.
///
/// # Safety
/// `meant` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_alternate_set_wrong_name(
    alternate: *mut mecai_alternate,
    meant: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            Second::set_own(alternate, |_, own| {
                *own = Own::WrongName(crate::text::Text::of(input::text(meant, "the name")?));
                Ok(())
            })
        })
    }
}

/// Frees an alternate; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_alternate_free(alternate: *mut mecai_alternate) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Second>(alternate)) }
}

/// Whether the server's alternate is to be looked at after this verdict on its own certificate: the policy wants
/// failover, and the cause lies with the CA. A program that uses TLSA records looks at no alternate.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_is_failover_due(
    verifier: *const mecai_verifier,
    handshake: *const mecai_handshake,
    verdict: *const mecai_verdict,
    now: u64,
    due: *mut bool,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut due = Out::new(due, "the answer")?;
            let verifier: Arc<Verifier> = handle::get(verifier)?;
            let object: Arc<Exclusive<Shown>> = handle::get(handshake)?;
            let judged: Arc<Judged> = handle::get(verdict)?;
            let shown = handle::lock(&object)?;
            shown.check(judged.judgement)?;
            due.set(shown.with(UnixTime(now), |handshake| {
                verifier.with(|client| failover::is_due(client.policy, handshake, &judged.verdict))
            }));
            Ok(())
        })
    }
}

/// Judges the alternate at the time `now` (seconds since 1970), after the verdict `own` on the server's own
/// certificate; the handshake is as it was for that. The verdict is that with the alternate, if it is accepted: then
/// the program goes on with the alternate's certificate. Else, and where failover is not due, it is the verdict that
/// there was, and says why the alternate failed.
///
/// `outcome` becomes MECAI_REFUSED at once, and another one only if that is the verdict. Where `verdict` is not NULL it
/// receives the whole verdict, the caller's to free.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_verifier_fail_over(
    verifier: *const mecai_verifier,
    handshake: *const mecai_handshake,
    own: *const mecai_verdict,
    alternate: *const mecai_alternate,
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
            let judged: Arc<Judged> = handle::get(own)?;
            let second: Arc<Second> = handle::get(alternate)?;
            let (shown, own) = (handle::lock(&object)?, handle::lock(&second.own)?);
            shown.check(judged.judgement)?;
            let judgement = judged.judgement;
            let offered = second.offered();
            let offered = offered.as_ref().map_err(Clone::clone);
            let alternate = offered.and_then(|offered| Ok((offered, own.chain()?)));
            shown.with(UnixTime(now), |handshake| {
                let judged =
                    verifier.with(|client| failover::verify(client, handshake, judged.verdict.clone(), alternate));
                tell(judged, judgement, handshake, &mut place, &mut verdict)
            })
        })
    }
}
