//! What can go wrong, as a number. Numbers come in blocks with gaps, and stay for ever.

use std::ffi::{CStr, c_char};

use super::guard::guard_or;

/// What a function gives that can fail: MECAI_OK, or why the call did not work. MECAI_OK says nothing of a server: that
/// is the outcome, which has a place of its own.
pub type mecai_result = u32;

/// The call worked.
pub const MECAI_OK: u32 = 0;
/// A pointer is NULL that must not be.
pub const MECAI_ERR_NULL: u32 = 1;
/// A handle was freed, or never was one.
pub const MECAI_ERR_HANDLE: u32 = 2;
/// A handle is of another type.
pub const MECAI_ERR_HANDLE_TYPE: u32 = 3;
/// Another thread uses a handle that must be used by one at a time, or there are too many handles.
pub const MECAI_ERR_BUSY: u32 = 4;
/// The library has failed inside. The receiver of the call may only be freed.
pub const MECAI_ERR_PANIC: u32 = 5;
/// This build of the library does not have the function.
pub const MECAI_ERR_UNSUPPORTED: u32 = 6;
/// A text is not UTF-8.
pub const MECAI_ERR_NOT_UTF8: u32 = 10;
/// A buffer is longer than it can be, or has not the length that it must have.
pub const MECAI_ERR_LENGTH: u32 = 11;
/// An index is beyond the last element.
pub const MECAI_ERR_INDEX: u32 = 12;
/// A number or a text is none of those allowed.
pub const MECAI_ERR_VALUE: u32 = 13;
/// Something that has to be set first is not.
pub const MECAI_ERR_MISSING: u32 = 14;
/// There is nothing of what was asked for.
pub const MECAI_ERR_NONE: u32 = 15;
/// Octets are not strict DER, or break a rule of their structure.
pub const MECAI_ERR_MALFORMED: u32 = 100;
/// A statement has a version other than 1.
pub const MECAI_ERR_UNKNOWN_VERSION: u32 = 101;
/// A statement lives longer than it may.
pub const MECAI_ERR_TOO_LONG_LIVED: u32 = 102;
/// An answer to a TLS extension breaks its syntax, or is too large.
pub const MECAI_ERR_ANSWER: u32 = 103;
/// A chain cannot be read.
pub const MECAI_ERR_CHAIN: u32 = 104;
/// The authority list is not there.
pub const MECAI_ERR_LIST_MISSING: u32 = 120;
/// The authority list is malformed.
pub const MECAI_ERR_LIST_MALFORMED: u32 = 121;
/// Not enough of the configured keys have signed the authority list.
pub const MECAI_ERR_LIST_UNSIGNED: u32 = 122;
/// The authority list is older than one that was used before.
pub const MECAI_ERR_LIST_ROLLED_BACK: u32 = 123;
/// A file or directory of the store cannot be used.
pub const MECAI_ERR_STORE: u32 = 140;
/// A file or directory of the state cannot be used.
pub const MECAI_ERR_STATE: u32 = 141;
/// A mismatch report cannot be read.
pub const MECAI_ERR_REPORT: u32 = 160;
/// An authority did not vouch: the error's code says why.
pub const MECAI_ERR_NOT_VOUCHED: u32 = 180;

/// The word of a result, which never changes: "ok", "null", … A number that is none gives "unknown". The text is static,
/// ends with a NUL, and is not to be freed. Any thread may call this.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_result_str(result: u32) -> *const c_char {
    guard_or(c"panic".as_ptr(), || word(result).as_ptr())
}

fn word(result: u32) -> &'static CStr {
    WORDS.iter().find(|(known, _)| *known == result).map_or(c"unknown", |(_, word)| word)
}

const WORDS: &[(mecai_result, &CStr)] = &[
    (MECAI_OK, c"ok"),
    (MECAI_ERR_NULL, c"null"),
    (MECAI_ERR_HANDLE, c"handle"),
    (MECAI_ERR_HANDLE_TYPE, c"handle_type"),
    (MECAI_ERR_BUSY, c"busy"),
    (MECAI_ERR_PANIC, c"panic"),
    (MECAI_ERR_UNSUPPORTED, c"unsupported"),
    (MECAI_ERR_NOT_UTF8, c"not_utf8"),
    (MECAI_ERR_LENGTH, c"length"),
    (MECAI_ERR_INDEX, c"index"),
    (MECAI_ERR_VALUE, c"value"),
    (MECAI_ERR_MISSING, c"missing"),
    (MECAI_ERR_NONE, c"none"),
    (MECAI_ERR_MALFORMED, c"malformed"),
    (MECAI_ERR_UNKNOWN_VERSION, c"unknown_version"),
    (MECAI_ERR_TOO_LONG_LIVED, c"too_long_lived"),
    (MECAI_ERR_ANSWER, c"answer"),
    (MECAI_ERR_CHAIN, c"chain"),
    (MECAI_ERR_LIST_MISSING, c"list_missing"),
    (MECAI_ERR_LIST_MALFORMED, c"list_malformed"),
    (MECAI_ERR_LIST_UNSIGNED, c"list_unsigned"),
    (MECAI_ERR_LIST_ROLLED_BACK, c"list_rolled_back"),
    (MECAI_ERR_STORE, c"store"),
    (MECAI_ERR_STATE, c"state"),
    (MECAI_ERR_REPORT, c"report"),
    (MECAI_ERR_NOT_VOUCHED, c"not_vouched"),
];
