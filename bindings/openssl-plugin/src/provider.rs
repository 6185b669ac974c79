//! The entry that OpenSSL calls for a provider: the way in for programs that load providers by name (HAProxy).
//!
//! A provider gets no parameters, so this one reads [`SETTINGS`]. It provides no algorithm.

use std::ffi::{CStr, c_int, c_void};
use std::ptr;

use crate::guard::guard;
use crate::installation::Installation;
use crate::object::Object;
use crate::section;

/// The settings of a module that is loaded as a provider: a file like openssl.cnf with the section `[mecai]`.
const SETTINGS: &CStr = c"/etc/mecai/module.cnf";
const SECTION: &CStr = c"mecai";

/// A function of a provider and its number.
#[repr(C)]
pub(crate) struct Dispatch {
    number: c_int,
    function: Option<unsafe extern "C" fn()>,
}

/// The end of a provider's functions: it has none.
static NO_FUNCTIONS: [Dispatch; 1] = [Dispatch { number: 0, function: None }];

/// Called by OpenSSL 3 when it loads the module as a provider.
///
/// # Safety
/// OpenSSL calls this, with places for both outputs.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn OSSL_provider_init(
    _core: *const c_void,
    _core_functions: *const Dispatch,
    functions: *mut *const Dispatch,
    own_context: *mut *mut c_void,
) -> c_int {
    guard(0, || {
        // SAFETY: OpenSSL gives places for both.
        unsafe {
            *functions = NO_FUNCTIONS.as_ptr();
            *own_context = ptr::null_mut();
        }
        let Some(object) = Object::calling() else { return 1 };
        Installation::install(object, |crypto| section::of_path(crypto, SETTINGS, SECTION));
        1
    })
}
