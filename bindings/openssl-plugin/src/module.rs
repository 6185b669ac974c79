//! The entries that OpenSSL calls for a configuration module, and the plain functions for everybody else.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

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
/// or the authority list cannot be used, 5 nothing can be known. Any thread may ask.
///
/// A sentence that says more, which key is wrong, is written to `sentence`, which has room for `size` octets, with a NUL
/// at its end; what does not fit is cut off. NULL for no sentence.
///
/// # Safety
/// `sentence` is NULL, or so many octets may be written there.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mecai_openssl_status(sentence: *mut c_char, size: usize) -> u32 {
    guard(0, || {
        let (seen, text) = status::of_process();
        // SAFETY: as the caller says.
        unsafe { write(sentence, size, &text) };
        seen.number()
    })
}

/// What became of the last handshake of a connection: 0 it was not judged, 1 it was refused, 2 it was let through without
/// enough vouchers, 3 it was exempt, 0x4D01 it was accepted. A resumed session has the outcome of the handshake that it
/// is of. To be asked by the thread that uses the connection.
///
/// A sentence with the code and the values compared is written to `sentence` as by [`mecai_openssl_status`].
///
/// # Safety
/// `ssl` is NULL, or a connection of the OpenSSL that the caller uses. `sentence` is NULL, or `size` octets may be
/// written there.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mecai_openssl_verdict(ssl: *mut SSL, sentence: *mut c_char, size: usize) -> u32 {
    guard(0, || {
        // SAFETY: as the caller says.
        unsafe {
            write(sentence, size, "not judged");
            let (outcome, text) = told::of_connection(ssl);
            write(sentence, size, &text);
            outcome
        }
    })
}

/// # Safety
/// `place` is NULL, or `size` octets may be written there.
unsafe fn write(place: *mut c_char, size: usize, text: &str) {
    let Some(room) = size.checked_sub(1).filter(|_| !place.is_null()) else { return };
    let text = text.replace('\0', "\\0");
    // Between two characters.
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    // SAFETY: as the caller says; the end is at most the last octet but one.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), place.cast(), end);
        *place.add(end) = 0;
    }
}

/// The version of the module, a static string that ends with a NUL.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn mecai_openssl_version() -> *const c_char {
    guard(VERSION.as_ptr(), || VERSION.as_ptr())
}
