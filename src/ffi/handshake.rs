//! What a handshake showed.

use std::ffi::c_char;
use std::mem;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::authority_list::{List, mecai_authority_list};
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::input;
use super::output::{Out, mecai_bytes};
use super::result::{MECAI_ERR_LENGTH, MECAI_ERR_NONE, MECAI_ERR_VALUE, mecai_result};
use crate::chain::Chain;
use crate::host::Reference;
use crate::time::UnixTime;
use crate::verify::{self, OwnVerification};

/// What a handshake showed, as far as it is known. Used by one thread at a time.
pub struct mecai_handshake;

/// The program's own verification refused the chain. So it is with a new handshake.
pub const MECAI_OWN_REFUSED: u32 = 0;
/// It refused the chain because this leads to no root that it trusts: the alternate may still be accepted.
pub const MECAI_OWN_NO_TRUSTED_ROOT: u32 = 1;
/// It accepted the chain by a DANE match: the handshake is exempt.
pub const MECAI_OWN_DANE: u32 = 2;

/// The most names that mecai_handshake_add_reference takes.
pub const MECAI_REFERENCES_MAX: usize = 16;

/// Everything is a copy of what C passed.
#[derive(Default)]
pub(super) struct Shown {
    own: Own,
    references: Vec<String>,
    sni: Option<String>,
    peer: Option<IpAddr>,
    port: Option<u16>,
    pub(super) vouchers: Option<Vec<u8>>,
    remembered: bool,
    /// Of the handshake before, to be used again.
    buffer: Vec<u8>,
    /// Stands for what came of it last; none since something was set.
    judgement: Option<Judgement>,
}

/// Tells the verdicts of one judgement, and of the alternate after it, from all others of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judgement(u64);

/// What the program's own verification said.
#[derive(Default)]
enum Own {
    #[default]
    Refused,
    NoTrustedRoot,
    Dane,
    Accepted(Chain),
}

impl Noun for Exclusive<Shown> {
    const NAME: &'static str = "mecai_handshake";
    type Handle = mecai_handshake;
}

impl Shown {
    /// A new judgement.
    pub(super) fn judge(&mut self) -> Judgement {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let judgement = Judgement(LAST.fetch_add(1, Ordering::Relaxed));
        self.judgement = Some(judgement);
        judgement
    }

    /// Whether a verdict is the last one on this handshake, which has not changed since.
    pub(super) fn check(&self, judgement: Judgement) -> Result<(), Failure> {
        let other = || Failure::new(MECAI_ERR_VALUE, "the verdict is not the last one on this handshake");
        if self.judgement == Some(judgement) { Ok(()) } else { Err(other()) }
    }

    /// Works on this as the core has it; without an allocation.
    pub(super) fn with<T>(&self, now: UnixTime, work: impl FnOnce(&verify::Handshake<'_>) -> T) -> T {
        let mut references = [Reference::Name(""); MECAI_REFERENCES_MAX];
        for (place, text) in references.iter_mut().zip(&self.references) {
            *place = Reference::parse(text);
        }
        work(&verify::Handshake {
            own: match &self.own {
                Own::Refused => OwnVerification::Refused,
                Own::NoTrustedRoot => OwnVerification::NoTrustedRoot,
                Own::Dane => OwnVerification::Dane,
                Own::Accepted(chain) => OwnVerification::Accepted(chain),
            },
            references: references.get(..self.references.len()).unwrap_or_default(),
            sni: self.sni.as_deref(),
            peer: self.peer,
            port: self.port,
            answer: self.vouchers.as_deref(),
            remembered: self.remembered,
            now,
        })
    }
}

/// A new handshake, of which nothing is known; as it is, it is refused. It is the caller's to free. It may be used again:
/// what is set after it was judged begins the next handshake, of which nothing else is known (but for
/// mecai_handshake_set_remembered, which completes the one that was judged).
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_new(
    handshake: *mut *mut mecai_handshake,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            Out::new(handshake, "the handshake")?.try_give::<Exclusive<Shown>>(Mutex::new(Shown::default()))
        })
    }
}

/// The chain that the program's own verification accepted: certificates in DER, end entity first, trust anchor last, 1 to
/// 32. If it cannot be read, the call fails, and the handshake has no accepted chain.
///
/// # Safety
/// There are so many views, and each buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_set_chain(
    handshake: *mut mecai_handshake,
    certificates: *const mecai_bytes,
    count: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            change(handshake, |shown| {
                shown.own = Own::Refused;
                shown.own = Own::Accepted(Chain::from_der(input::buffers(certificates, count, "certificates")?)?);
                Ok(())
            })
        })
    }
}

/// Who issued the certificate that the program's own verification accepted, where its chain is not at hand: the id of an
/// operator of the list, and the SHA-256 of the certificate (32 octets). MECAI_ERR_NONE if the list has no such operator;
/// after any failure the handshake has no accepted chain. What other operators own of the chain is not known then: their endorsements
/// count.
///
/// # Safety
/// `operator_id` ends with a NUL, and the buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_set_issuer(
    handshake: *mut mecai_handshake,
    list: *const mecai_authority_list,
    operator_id: *const c_char,
    digest: *const u8,
    digest_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            change(handshake, |shown| {
                shown.own = Own::Refused;
                let list = handle::get::<List>(list)?;
                let id = input::text(operator_id, "the operator's id")?;
                let digest = input::array(digest, digest_len, "the certificate's digest")?;
                let operator = list.list.operators().iter().find(|operator| operator.id == id);
                let missing = || Failure::new(MECAI_ERR_NONE, format!("the list has no operator {id:?}"));
                shown.own = Own::Accepted(Chain::issued_by(operator.ok_or_else(missing)?, digest));
                Ok(())
            })
        })
    }
}

/// What the program's own verification said, where it accepted no chain in the common way: MECAI_OWN_…
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_set_own(
    handshake: *mut mecai_handshake,
    own: u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            change(handshake, |shown| {
                shown.own = Own::Refused;
                shown.own = match own {
                    MECAI_OWN_REFUSED => Own::Refused,
                    MECAI_OWN_NO_TRUSTED_ROOT => Own::NoTrustedRoot,
                    MECAI_OWN_DANE => Own::Dane,
                    other => return Err(Failure::new(MECAI_ERR_VALUE, format!("{other} is no MECAI_OWN_…"))),
                };
                Ok(())
            })
        })
    }
}

/// A name that the program means to reach, as it configured it for verification: a host name, an address, or a name that
/// begins with a dot for every host that ends with it. May be called again for more, at most MECAI_REFERENCES_MAX. NULL
/// forgets all.
///
/// # Safety
/// `reference` is NULL or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_add_reference(
    handshake: *mut mecai_handshake,
    reference: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let reference = input::optional_text(reference, "the reference")?;
            change(handshake, |shown| {
                match reference {
                    None => shown.references.clear(),
                    Some(_) if shown.references.len() >= MECAI_REFERENCES_MAX => {
                        let sentence = format!("there are {MECAI_REFERENCES_MAX} references already");
                        return Err(Failure::new(MECAI_ERR_LENGTH, sentence));
                    }
                    Some(reference) => shown.references.push(reference.to_owned()),
                }
                Ok(())
            })
        })
    }
}

/// The SNI that the client sent; NULL for none.
///
/// # Safety
/// `sni` is NULL or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_set_sni(
    handshake: *mut mecai_handshake,
    sni: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let sni = input::optional_text(sni, "the SNI")?;
            change(handshake, |shown| {
                shown.sni = sni.map(str::to_owned);
                Ok(())
            })
        })
    }
}

/// The peer's address, 4 or 16 octets in network order, or none of length 0; and the port that the program meant, which
/// is then compared, or 0 if it is not to be.
///
/// # Safety
/// The buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_set_peer(
    handshake: *mut mecai_handshake,
    address: *const u8,
    address_len: usize,
    port: u16,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let peer = input::address(address, address_len)?;
            change(handshake, |shown| {
                shown.peer = peer;
                shown.port = Some(port).filter(|port| *port != 0);
                Ok(())
            })
        })
    }
}

/// The server's answer to the extension MECAI_EXTENSION_VOUCHERS; NULL for none.
///
/// # Safety
/// The buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_set_vouchers(
    handshake: *mut mecai_handshake,
    answer: *const u8,
    answer_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let vouchers = (!answer.is_null()).then(|| input::octets(answer, answer_len, "the answer")).transpose()?;
            change(handshake, |shown| {
                let mut buffer = shown.vouchers.take().unwrap_or_else(|| mem::take(&mut shown.buffer));
                shown.vouchers = vouchers.map(|vouchers| {
                    buffer.clear();
                    buffer.extend_from_slice(vouchers);
                    buffer
                });
                Ok(())
            })
        })
    }
}

/// Whether the host has promised to go on showing vouchers and is remembered for it (mode opportunistic).
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_handshake_set_remembered(
    handshake: *mut mecai_handshake,
    remembered: bool,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let object: Arc<Exclusive<Shown>> = handle::get(handshake)?;
            handle::lock(&object)?.remembered = remembered;
            Ok(())
        })
    }
}

/// Frees a handshake; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_handshake_free(handshake: *mut mecai_handshake) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Exclusive<Shown>>(handshake)) }
}

fn change(
    handshake: *mut mecai_handshake,
    change: impl FnOnce(&mut Shown) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let object: Arc<Exclusive<Shown>> = handle::get(handshake)?;
    let mut shown = handle::lock(&object)?;
    if shown.judgement.is_some() {
        // The buffer of the answer is used again.
        let mut buffer = shown.vouchers.take().unwrap_or_default();
        buffer.clear();
        *shown = Shown { buffer, ..Shown::default() };
    }
    change(&mut shown)
}
