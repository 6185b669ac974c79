//! The codes of verdicts, in words.

use std::ffi::{CStr, c_char};

use super::guard::guard_or;
use crate::verdict::Code;

/// The word of a code, as documentation and logs have it: "accepted", "no_voucher", … A number that is no code gives
/// "unknown". The text is static, ends with a NUL, and is not to be freed. Any thread may call this.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_code_str(code: u32) -> *const c_char {
    guard_or(UNKNOWN.as_ptr(), || told(code, Code::as_c_str))
}

/// One sentence: what a code means. A number that is no code gives "unknown". The text is static, ends with a NUL, and
/// is not to be freed. Any thread may call this.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_code_meaning(code: u32) -> *const c_char {
    guard_or(UNKNOWN.as_ptr(), || told(code, Code::meaning_c_str))
}

/// One sentence: what a person can do. A number that is no code gives "unknown". The text is static, ends with a NUL,
/// and is not to be freed. Any thread may call this.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_code_advice(code: u32) -> *const c_char {
    guard_or(UNKNOWN.as_ptr(), || told(code, Code::advice_c_str))
}

const UNKNOWN: &CStr = c"unknown";

fn told(code: u32, text: impl FnOnce(Code) -> &'static CStr) -> *const c_char {
    Code::from_number(code).map_or(UNKNOWN, text).as_ptr()
}
