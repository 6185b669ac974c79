//! Which library this is.

use std::ffi::{CStr, c_char};

use super::guard::guard_or;

/// The number of the ABI: it is in the library's SONAME, and changes only when a program that was built against an
/// earlier one could break.
pub const MECAI_ABI_VERSION: u32 = 0;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

/// The version of the library, as "0.1.0". The text is static, ends with a NUL, and is not to be freed. Any thread may
/// call this.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_version() -> *const c_char {
    guard_or(VERSION.as_ptr(), || VERSION.as_ptr())
}

/// The MECAI_ABI_VERSION that the library was built with, for programs that load it themselves. Any thread may call this.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_abi_version() -> u32 {
    guard_or(MECAI_ABI_VERSION, || MECAI_ABI_VERSION)
}
