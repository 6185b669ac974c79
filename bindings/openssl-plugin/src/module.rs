//! The entries that OpenSSL calls for a configuration module, and the plain functions for everybody else.

use std::ffi::{CStr, c_char, c_int};

use crate::guard::guard;
use crate::installation::Installation;
use crate::object::Object;
use crate::openssl::{CONF, CONF_IMODULE, SSL};
use crate::{section, status, told};

/// The version of the module.
pub(crate) const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

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
        // SAFETY: the pointers are from the OpenSSL whose functions these are.
        Installation::install(object, |crypto| unsafe { section::of_module(crypto, module, file) });
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
/// handshake, 3 a program replaced its verify callback: a handshake went on without being judged, 4 its configuration
/// could not be read, 5 nothing can be known. Any thread may ask.
///
/// Unless `sentence` is NULL, it is set to a sentence that says more: which key is wrong. It ends with a NUL and stays.
///
/// # Safety
/// `sentence` is NULL or a place for a pointer.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mecai_openssl_status(sentence: *mut *const c_char) -> u32 {
    guard(0, || {
        let (seen, text) = status::of_process();
        // SAFETY: as the caller says.
        unsafe { tell(sentence, text) };
        seen.number()
    })
}

/// What became of the last handshake of a connection: 0 it was not judged, 1 it was refused, 2 it was let through without
/// enough vouchers, 3 it was exempt, 0x4D01 it was accepted. A resumed session has the outcome of the handshake that it
/// is of. To be asked by the thread that uses the connection.
///
/// Unless `sentence` is NULL, it is set to a sentence with the code and the values compared. It ends with a NUL and
/// stays until the connection begins another handshake or is freed.
///
/// # Safety
/// `ssl` is NULL, or a connection of the OpenSSL that the caller uses. `sentence` is NULL or a place for a pointer.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mecai_openssl_verdict(ssl: *mut SSL, sentence: *mut *const c_char) -> u32 {
    guard(0, || {
        // SAFETY: as the caller says.
        unsafe {
            tell(sentence, c"not judged");
            let (outcome, text) = told::of_connection(ssl);
            tell(sentence, text);
            outcome
        }
    })
}

/// # Safety
/// `place` is NULL or a place for a pointer.
unsafe fn tell(place: *mut *const c_char, text: &CStr) {
    if !place.is_null() {
        // SAFETY: as the caller says.
        unsafe { *place = text.as_ptr() };
    }
}

/// The version of the module, a static string that ends with a NUL.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mecai_openssl_version() -> *const c_char {
    guard(VERSION.as_ptr(), || VERSION.as_ptr())
}
