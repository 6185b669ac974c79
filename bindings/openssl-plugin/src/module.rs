//! The entries that OpenSSL calls for a configuration module, and the plain functions for everybody else.

use std::ffi::{CStr, c_char, c_int};

use crate::guard::guard;
use crate::installation::Installation;
use crate::object::Object;
use crate::openssl::{CONF, CONF_IMODULE, Crypto};
use crate::section;
use crate::status::Seen;

/// Called by OpenSSL when it loads the section that names the module. Always succeeds: OpenSSL would go on without the
/// module, silently.
///
/// # Safety
/// OpenSSL calls this, with pointers of its own that are valid for the call.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn OPENSSL_init(module: *mut CONF_IMODULE, file: *const CONF) -> c_int {
    guard(1, || {
        // Which OpenSSL called is found before either pointer is touched: a program may have several.
        let Some(object) = Object::calling() else { return 1 };
        let Ok(crypto) = Crypto::of(&object) else { return 1 };
        // SAFETY: the pointers are from the OpenSSL whose functions these are.
        let section = unsafe { section::of_module(&crypto, module, file) };
        Installation::install(object, crypto, section);
        1
    })
}

/// Called by OpenSSL when it forgets the module. Nothing ends: the callbacks stay registered.
///
/// # Safety
/// OpenSSL calls this.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn OPENSSL_finish(_module: *mut CONF_IMODULE) {
    guard((), || {});
}

/// What has been seen of the module in this process: 0 it is not installed, 1 it is installed, 2 it has judged a
/// handshake, 3 a program replaced its verify callback: a handshake went on without being judged. Any thread may ask.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mecai_openssl_status() -> u32 {
    guard(0, || Installation::all().map(|installation| installation.status.seen()).max().map_or(0, Seen::number))
}

/// The version of the module, a static string that ends with a NUL.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mecai_openssl_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("a version holds no NUL"),
    };
    guard(VERSION.as_ptr(), || VERSION.as_ptr())
}
