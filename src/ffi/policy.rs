//! What a client demands.

use std::ffi::c_char;
use std::sync::{Arc, Mutex};

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::input;
use super::output::Out;
use super::result::{MECAI_ERR_MISSING, MECAI_ERR_VALUE, mecai_result};
use crate::policy::{AddressRule, Mode, Policy, Quorum};

/// A policy while it is put together. Used by one thread at a time.
pub struct mecai_policy_builder;

/// What a client demands of a handshake. A policy does not change; any number of threads may use it at once.
pub struct mecai_policy;

/// A handshake that misses the rules is let through: outcome MECAI_UNVOUCHED.
pub const MECAI_MODE_OBSERVE: u32 = 2;
/// It is refused where the host is remembered to have promised vouchers, and let through elsewhere.
pub const MECAI_MODE_OPPORTUNISTIC: u32 = 3;
/// It is refused. The mode of a new builder.
pub const MECAI_MODE_REQUIRE: u32 = 4;

/// A peer at an address that no counted authority saw is a note. The rule of a new builder.
pub const MECAI_ADDRESSES_NOTE: u32 = 1;
/// It is refused; so is a peer whose address is not known.
pub const MECAI_ADDRESSES_REQUIRE: u32 = 2;
/// Addresses are not compared.
pub const MECAI_ADDRESSES_IGNORE: u32 = 3;

/// A policy that is put together; none once it is built.
type Builder = Exclusive<Option<Policy>>;

impl Noun for Builder {
    const NAME: &'static str = "mecai_policy_builder";
    type Handle = mecai_policy_builder;
}

impl Noun for Policy {
    const NAME: &'static str = "mecai_policy";
    type Handle = mecai_policy;
}

/// A new builder: mode require, a quorum of 2 of 4 candidates, no region, addresses noted, nothing exempt, failover on.
/// It is the caller's to free.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_new(
    builder: *mut *mut mecai_policy_builder,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || Out::new(builder, "the builder")?.try_give::<Builder>(Mutex::new(Some(Policy::default()))))
    }
}

/// What happens to a handshake that misses the rules: MECAI_MODE_…
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_set_mode(
    builder: *mut mecai_policy_builder,
    mode: u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            change(builder, |policy| {
                policy.mode = match mode {
                    MECAI_MODE_OBSERVE => Mode::Observe,
                    MECAI_MODE_OPPORTUNISTIC => Mode::Opportunistic,
                    MECAI_MODE_REQUIRE => Mode::Require,
                    other => return Err(Failure::new(MECAI_ERR_VALUE, format!("{other} is no MECAI_MODE_…"))),
                };
                Ok(())
            })
        })
    }
}

/// How many operators are picked (1 to 31), and how many of them must have endorsed (1 to `candidates`).
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_set_quorum(
    builder: *mut mecai_policy_builder,
    quorum: usize,
    candidates: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            change(builder, |policy| {
                policy.quorum =
                    Quorum::new(quorum, candidates).map_err(|error| Failure::new(MECAI_ERR_VALUE, error))?;
                Ok(())
            })
        })
    }
}

/// Narrows the pick to authorities in this region, as long as enough of them remain; NULL for all.
///
/// # Safety
/// `region` is NULL or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_set_region(
    builder: *mut mecai_policy_builder,
    region: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let region = input::optional_text(region, "the region")?;
            change(builder, |policy| {
                policy.region = region.map(str::to_owned);
                Ok(())
            })
        })
    }
}

/// How the peer's address is compared with what the authorities saw: MECAI_ADDRESSES_…
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_set_addresses(
    builder: *mut mecai_policy_builder,
    rule: u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            change(builder, |policy| {
                policy.addresses = match rule {
                    MECAI_ADDRESSES_NOTE => AddressRule::Note,
                    MECAI_ADDRESSES_REQUIRE => AddressRule::Require,
                    MECAI_ADDRESSES_IGNORE => AddressRule::Ignore,
                    other => return Err(Failure::new(MECAI_ERR_VALUE, format!("{other} is no MECAI_ADDRESSES_…"))),
                };
                Ok(())
            })
        })
    }
}

/// Whom nobody needs to vouch for: "name.example", "*.name.example" for every name below, or an address or CIDR such as
/// "192.0.2.0/24", which covers only what is meant by address. May be called again for more.
///
/// # Safety
/// `exemption` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_add_exemption(
    builder: *mut mecai_policy_builder,
    exemption: *const c_char,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let exemption = input::text(exemption, "the exemption")?;
            let exemption = exemption.parse().map_err(|error| Failure::new(MECAI_ERR_VALUE, error))?;
            change(builder, |policy| {
                policy.exempt.push(exemption);
                Ok(())
            })
        })
    }
}

/// A trust anchor whose certificates need no vouchers, given by the SHA-256 of its SubjectPublicKeyInfo (32 octets). May
/// be called again for more.
///
/// # Safety
/// The buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_add_local_root(
    builder: *mut mecai_policy_builder,
    spki_hash: *const u8,
    spki_hash_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let root = input::array(spki_hash, spki_hash_len, "the SPKI hash")?;
            change(builder, |policy| {
                policy.local_roots.push(root);
                Ok(())
            })
        })
    }
}

/// Whether a server's alternate is looked at when its own certificate fails.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_set_failover(
    builder: *mut mecai_policy_builder,
    failover: bool,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            change(builder, |policy| {
                policy.failover = failover;
                Ok(())
            })
        })
    }
}

/// The policy. When this works, the builder is used up, and can only be freed. The policy is the caller's to free; what
/// was made with it goes on using it.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_policy_builder_build(
    builder: *mut mecai_policy_builder,
    policy: *mut *mut mecai_policy,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(policy, "the policy")?;
            let object: Arc<Builder> = handle::get(builder)?;
            let mut builder = handle::lock(&object)?;
            place.try_give(builder.clone().ok_or_else(used_up)?)?;
            *builder = None;
            Ok(())
        })
    }
}

/// Frees a builder; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_policy_builder_free(builder: *mut mecai_policy_builder) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Builder>(builder)) }
}

/// Frees a policy; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_policy_free(policy: *mut mecai_policy) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Policy>(policy)) }
}

/// The failure of a builder that has been built.
pub(super) fn used_up() -> Failure {
    Failure::new(MECAI_ERR_MISSING, "this builder has been built: make a new one")
}

fn change(
    builder: *mut mecai_policy_builder,
    change: impl FnOnce(&mut Policy) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let object: Arc<Builder> = handle::get(builder)?;
    change(handle::lock(&object)?.as_mut().ok_or_else(used_up)?)
}
