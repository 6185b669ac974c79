//! What authorities are asked to vouch for.

use std::ffi::c_char;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::authority_list::{List, mecai_authority_list};
use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::input;
use super::output::Out;
use super::policy::used_up;
use super::request::{Asking, mecai_request};
use super::result::{MECAI_ERR_LENGTH, MECAI_ERR_MISSING, MECAI_ERR_VALUE, mecai_result};
use crate::request::{Protocol, Round};
use crate::statement::Proposal;
use crate::time::UnixTime;

/// A request while it is put together. Used by one thread at a time.
pub struct mecai_request_builder;

/// TLS from the first octet. The protocol of a new builder.
pub const MECAI_PROTOCOL_TLS: u32 = 0;
/// SMTP with STARTTLS.
pub const MECAI_PROTOCOL_SMTP: u32 = 1;
/// IMAP with STARTTLS.
pub const MECAI_PROTOCOL_IMAP: u32 = 2;
/// POP3 with STLS.
pub const MECAI_PROTOCOL_POP3: u32 = 3;
/// PostgreSQL's SSLRequest.
pub const MECAI_PROTOCOL_POSTGRES: u32 = 4;

#[derive(Default)]
struct Parts {
    list: Option<Arc<List>>,
    server: Option<(String, u16)>,
    addresses: Vec<IpAddr>,
    certificate: Option<[u8; 32]>,
    protocol: Protocol,
    times: Option<Times>,
    stay: Option<u8>,
}

#[derive(Clone, Copy)]
struct Times {
    produced_at: UnixTime,
    not_after: UnixTime,
    deadline: UnixTime,
}

/// A request that is put together; none once it is built.
type Builder = Exclusive<Option<Parts>>;

impl Noun for Builder {
    const NAME: &'static str = "mecai_request_builder";
    type Handle = mecai_request_builder;
}

impl Parts {
    fn round(&self) -> Result<Round, Failure> {
        let missing = |what| Failure::new(MECAI_ERR_MISSING, format!("no {what} was set"));
        let list = self.list.as_ref().ok_or_else(|| missing("authority list"))?;
        let (host, port) = self.server.as_ref().ok_or_else(|| missing("server"))?;
        let certificate = self.certificate.ok_or_else(|| missing("certificate"))?;
        let Times { produced_at, not_after, deadline } = self.times.ok_or_else(|| missing("time"))?;
        let (port, addresses, stay) = (*port, &self.addresses, self.stay);
        let proposal = Proposal { host, port, addresses, certificate, produced_at, not_after, stay };
        Ok(Round::new(&list.list, &proposal, self.protocol, deadline)?)
    }
}

/// A new builder. It is the caller's to free.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_new(
    builder: *mut *mut mecai_request_builder,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || Out::new(builder, "the builder")?.try_give::<Builder>(Mutex::new(Some(Parts::default()))))
    }
}

/// Whose authorities are asked. The list may be freed afterwards.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_set_list(
    builder: *mut mecai_request_builder,
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

/// The server: a lower-case A-label name, or an address in its canonical text; and the port, which is not 0.
///
/// # Safety
/// `host` ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_set_server(
    builder: *mut mecai_request_builder,
    host: *const c_char,
    port: u16,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let host = input::text(host, "the host")?.to_owned();
            change(builder, |parts| parts.server = Some((host, port)))
        })
    }
}

/// An address at which the server shows the certificate: 4 or 16 octets in network order. May be called again for more:
/// 1 to 16, of any order.
///
/// # Safety
/// The buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_add_address(
    builder: *mut mecai_request_builder,
    address: *const u8,
    address_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let empty = || Failure::new(MECAI_ERR_LENGTH, "the address has 0 octets, not 4 or 16");
            let address = input::address(address, address_len)?.ok_or_else(empty)?;
            change(builder, |parts| parts.addresses.push(address))
        })
    }
}

/// The certificate, given by its SHA-256 (32 octets).
///
/// # Safety
/// The buffer has its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_set_certificate(
    builder: *mut mecai_request_builder,
    digest: *const u8,
    digest_len: usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let certificate = input::array(digest, digest_len, "the certificate's digest")?;
            change(builder, |parts| parts.certificate = Some(certificate))
        })
    }
}

/// How authorities get to TLS: MECAI_PROTOCOL_…
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_set_protocol(
    builder: *mut mecai_request_builder,
    protocol: u32,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let protocol = match protocol {
                MECAI_PROTOCOL_TLS => Protocol::Tls,
                MECAI_PROTOCOL_SMTP => Protocol::Smtp,
                MECAI_PROTOCOL_IMAP => Protocol::Imap,
                MECAI_PROTOCOL_POP3 => Protocol::Pop3,
                MECAI_PROTOCOL_POSTGRES => Protocol::Postgres,
                other => return Err(Failure::new(MECAI_ERR_VALUE, format!("{other} is no MECAI_PROTOCOL_…"))),
            };
            change(builder, |parts| parts.protocol = protocol)
        })
    }
}

/// When the statement is made, that is now, and for how many seconds it is in force, at most 86400 and not longer than
/// the certificate; and the last second in which an answer counts. Times are seconds since 1970.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_set_times(
    builder: *mut mecai_request_builder,
    produced_at: u64,
    lifetime: u64,
    deadline: u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let produced_at = UnixTime(produced_at);
            let times = Times { produced_at, not_after: produced_at.plus(lifetime), deadline: UnixTime(deadline) };
            change(builder, |parts| parts.times = Some(times))
        })
    }
}

/// For how many days the site promises to go on showing vouchers, 0 to 30; 0 takes an earlier promise back. Without
/// this call the statement says nothing of that.
///
/// # Safety
/// `error` is NULL or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_set_stay(
    builder: *mut mecai_request_builder,
    days: u8,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe { guard(error, || change(builder, |parts| parts.stay = Some(days))) }
}

/// The request: a question to every authority of the list that can vouch when the statement is made. MECAI_ERR_MISSING
/// without list, server, certificate or times, MECAI_ERR_MALFORMED or MECAI_ERR_TOO_LONG_LIVED if the statement would
/// break a rule, MECAI_ERR_NONE if there is nobody to ask. When this works, the builder is used up, and can only be
/// freed. The request is the caller's to free.
///
/// # Safety
/// The places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_request_builder_build(
    builder: *mut mecai_request_builder,
    request: *mut *mut mecai_request,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(request, "the request")?;
            let object: Arc<Builder> = handle::get(builder)?;
            let mut builder = handle::lock(&object)?;
            let round = builder.as_ref().ok_or_else(used_up)?.round()?;
            place.try_give(Asking::new(round))?;
            *builder = None;
            Ok(())
        })
    }
}

/// Frees a builder; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_request_builder_free(builder: *mut mecai_request_builder) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Builder>(builder)) }
}

fn change(builder: *mut mecai_request_builder, change: impl FnOnce(&mut Parts)) -> Result<(), Failure> {
    let object: Arc<Builder> = handle::get(builder)?;
    change(handle::lock(&object)?.as_mut().ok_or_else(used_up)?);
    Ok(())
}
