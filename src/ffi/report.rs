//! Mismatch reports.

use std::sync::Arc;

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Exclusive, Noun};
use super::handshake::{Shown, mecai_handshake};
use super::input;
use super::output::{Out, Text, mecai_bytes};
use super::result::{MECAI_ERR_NONE, MECAI_ERR_REPORT, mecai_result};
use super::verdict::{Judged, mecai_verdict};
use super::verifier::{Verifier, mecai_verifier};
use crate::report::{Report, ReportError, file_name};
use crate::time::UnixTime;
use crate::verdict::Code;

/// What a client tells of a handshake that was attacked, or seems so: never who it is, nor whom it picked. A report
/// does not change; any number of threads may use it at once.
pub struct mecai_report;

pub(super) struct Written {
    pub(super) report: Report,
    json: Vec<u8>,
    file_name: Text,
    host: Text,
    code: u32,
}

impl Noun for Written {
    const NAME: &'static str = "mecai_report";
    type Handle = mecai_report;
}

impl Written {
    fn new(report: Report) -> Self {
        let json = report.to_json();
        Self {
            file_name: Text::new(file_name(&json)),
            host: Text::new(report.host()),
            code: Code::from_word(report.code()).map_or(0, Code::number),
            json,
            report,
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Self::new(MECAI_ERR_REPORT, error)
    }
}

/// The report that is due after a verdict, which mecai_verdict_notes tells: what the handshake showed, the certificates
/// as served, in DER and in the server's order, and the hour of the time `now` (seconds since 1970). The handshake is
/// as it was judged. MECAI_ERR_NONE if no report is due. The report is the caller's to free.
///
/// # Safety
/// There are so many views, each buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_report_new(
    verifier: *const mecai_verifier,
    handshake: *const mecai_handshake,
    verdict: *const mecai_verdict,
    certificates: *const mecai_bytes,
    certificate_count: usize,
    now: u64,
    report: *mut *mut mecai_report,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(report, "the report")?;
            let chain = input::buffers(certificates, certificate_count, "certificates")?;
            let verifier: Arc<Verifier> = handle::get(verifier)?;
            let object: Arc<Exclusive<Shown>> = handle::get(handshake)?;
            let judged: Arc<Judged> = handle::get(verdict)?;
            let shown = handle::lock(&object)?;
            shown.check(judged.judgement)?;
            let report = shown.with(UnixTime(now), |handshake| {
                verifier.with(|client| Report::due(client.policy, handshake, &judged.verdict, &chain))
            });
            let none = || Failure::new(MECAI_ERR_NONE, format!("no report is due: {}", judged.verdict.code()));
            place.try_give(Written::new(report.ok_or_else(none)?))
        })
    }
}

/// Reads a report, which must be exactly what a client writes; else MECAI_ERR_REPORT. The report is the caller's to
/// free.
///
/// # Safety
/// The buffer has its length, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_report_parse(
    text: *const u8,
    text_len: usize,
    report: *mut *mut mecai_report,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(report, "the report")?;
            place.try_give(Written::new(Report::from_json(input::octets(text, text_len, "the report")?)?))
        })
    }
}

/// The code of what happened, and the host that the client meant, text, which stays until the report is freed. Each
/// place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_report_get(
    report: *const mecai_report,
    code: *mut u32,
    host: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut code, mut host) = (Out::optional(code), Out::optional(host));
            let written: Arc<Written> = handle::get(report)?;
            code.set(written.code);
            host.set(written.host.view());
            Ok(())
        })
    }
}

/// The JSON of a report, in its canonical form, and the name of the file that holds it: one event, one name. Each place
/// may be NULL. What is shown stays until the report is freed.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_report_json(
    report: *const mecai_report,
    json: *mut mecai_bytes,
    file_name: *mut mecai_bytes,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut json, mut file_name) = (Out::optional(json), Out::optional(file_name));
            let written: Arc<Written> = handle::get(report)?;
            json.set(mecai_bytes::of(&written.json));
            file_name.set(written.file_name.view());
            Ok(())
        })
    }
}

/// Frees a report; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_report_free(report: *mut mecai_report) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<Written>(report)) }
}
