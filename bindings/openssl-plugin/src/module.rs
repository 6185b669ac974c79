//! The entries that OpenSSL calls for a configuration module.

pub(crate) mod install;
pub(crate) mod provider;
mod section;

use std::ffi::c_int;

use crate::guard::guard;
use crate::installation::Installation;
use crate::openssl::object::Object;
use crate::openssl::{CONF, CONF_IMODULE};

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
        Installation::install(&object, |crypto| unsafe { section::of_module(crypto, module, file) });
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
