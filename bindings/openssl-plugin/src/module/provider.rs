//! The entry that OpenSSL calls for a provider: the way in for programs that load providers by name (HAProxy).
//!
//! A provider gets no parameters, so this one reads [`SETTINGS`]. It provides no algorithm: all that it answers is what
//! `openssl list -providers` asks.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::{mem, ptr};

use crate::api::VERSION;
use crate::guard::guard;
use crate::installation::Installation;
use crate::module::section;
use crate::openssl::object::Object;

/// The settings of a module that is loaded as a provider: a file like openssl.cnf with the section `[mecai]`.
const SETTINGS: &CStr = c"/etc/mecai/module.cnf";
const SECTION: &CStr = c"mecai";

/// A function of a provider and its number.
#[repr(C)]
pub(crate) struct Dispatch {
    number: c_int,
    function: Option<Function>,
}

impl Dispatch {
    const fn new(number: c_int, function: Function) -> Self {
        Self { number, function: Some(function) }
    }
}

const GETTABLE_PARAMS: c_int = 1025;
const GET_PARAMS: c_int = 1026;

/// The functions of this provider; the last one is the mark of their end.
static FUNCTIONS: [Dispatch; 3] = [
    // SAFETY: OpenSSL calls a function by the type that belongs to its number; that is the function's own.
    Dispatch::new(GETTABLE_PARAMS, unsafe { mem::transmute::<Gettable, Function>(gettable_params) }),
    // SAFETY: as above.
    Dispatch::new(GET_PARAMS, unsafe { mem::transmute::<Get, Function>(get_params) }),
    Dispatch { number: 0, function: None },
];

type Function = unsafe extern "C" fn();
type Gettable = unsafe extern "C" fn(*const c_void) -> *const Param;
type Get = unsafe extern "C" fn(*const c_void, *mut Param) -> c_int;

/// OpenSSL's OSSL_PARAM: a name, and a place for its value.
#[repr(C)]
pub(crate) struct Param {
    key: *const c_char,
    data_type: c_uint,
    data: *mut c_void,
    data_size: usize,
    return_size: usize,
}

const INTEGER: c_uint = 1;
const UTF8_PTR: c_uint = 6;

impl Param {
    const fn describes(key: *const c_char, data_type: c_uint) -> Self {
        Self { key, data_type, data: ptr::null_mut(), data_size: 0, return_size: 0 }
    }
}

/// What can be asked; the last one is the mark of the end.
struct Params([Param; 4]);

// SAFETY: what the pointers point to is constant, and OpenSSL only reads it.
unsafe impl Sync for Params {}

static PARAMS: Params = Params([
    Param::describes(c"name".as_ptr(), UTF8_PTR),
    Param::describes(c"version".as_ptr(), UTF8_PTR),
    Param::describes(c"status".as_ptr(), INTEGER),
    Param::describes(ptr::null(), 0),
]);

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
            *functions = FUNCTIONS.as_ptr();
            *own_context = ptr::null_mut();
        }
        let Some(object) = Object::calling() else { return 1 };
        Installation::install(&object, |crypto| section::of_path(crypto, SETTINGS, SECTION));
        1
    })
}

/// Called by OpenSSL to learn what can be asked.
pub(crate) unsafe extern "C" fn gettable_params(_own_context: *const c_void) -> *const Param {
    guard(ptr::null(), || PARAMS.0.as_ptr())
}

/// Called by OpenSSL to ask.
pub(crate) unsafe extern "C" fn get_params(_own_context: *const c_void, mut params: *mut Param) -> c_int {
    guard(0, || {
        // SAFETY: OpenSSL passes an array that ends with an entry without a key, and a place for each value.
        unsafe {
            while !params.is_null() && !(*params).key.is_null() {
                match CStr::from_ptr((*params).key).to_bytes() {
                    b"name" => set_text(&mut *params, c"MECAI: vouchers for TLS"),
                    b"version" => set_text(&mut *params, VERSION),
                    // That it runs.
                    b"status" => set_number(&mut *params, 1),
                    _ => {}
                }
                params = params.add(1);
            }
        }
        1
    })
}

/// # Safety
/// The place fits the type that the parameter says.
unsafe fn set_text(param: &mut Param, text: &'static CStr) {
    if param.data_type == UTF8_PTR && !param.data.is_null() {
        // SAFETY: as the caller says; the text is static.
        unsafe { *param.data.cast::<*const c_char>() = text.as_ptr() };
        param.return_size = text.count_bytes();
    }
}

/// # Safety
/// The place fits the type and size that the parameter says.
unsafe fn set_number(param: &mut Param, number: c_int) {
    if param.data_type == INTEGER && param.data_size == size_of::<c_int>() && !param.data.is_null() {
        // SAFETY: as the caller says.
        unsafe { *param.data.cast::<c_int>() = number };
        param.return_size = size_of::<c_int>();
    }
}
