//! The functions of OpenSSL that the module uses, found at run time in the OpenSSL that called it.
//!
//! Only functions, never the layout of a structure, except the two that OpenSSL's public headers fix for modules:
//! `CONF_VALUE` and `ERR_STRING_DATA`. What is not in every release from 1.1.1 to 4 is optional.

// The names are OpenSSL's own, so that they can be looked up in its manual.
#![allow(non_snake_case, clippy::upper_case_acronyms)]

pub(crate) mod certificates;
pub(crate) mod error_queue;
pub(crate) mod object;

use std::ffi::{CStr, c_char, c_int, c_long, c_uchar, c_uint, c_ulong, c_void};
use std::{mem, ptr};

use self::object::{Handle, Object};

macro_rules! opaque {
    ($($name:ident)*) => {
        $(
            /// Known to OpenSSL alone.
            #[repr(C)]
            pub(crate) struct $name([u8; 0]);
        )*
    };
}

opaque! { SSL_METHOD SSL_SESSION X509 X509_STORE X509_STORE_CTX X509_VERIFY_PARAM CRYPTO_EX_DATA EVP_PKEY
OPENSSL_STACK }
#[cfg(feature = "module")]
opaque! { CONF CONF_METHOD CONF_IMODULE }

/// A connection, known to OpenSSL alone.
#[repr(C)]
pub struct SSL([u8; 0]);

/// What connections are made from, known to OpenSSL alone.
#[repr(C)]
pub struct SSL_CTX([u8; 0]);

/// One line of a configuration section.
#[cfg(feature = "module")]
#[repr(C)]
pub(crate) struct CONF_VALUE {
    pub(crate) section: *mut c_char,
    pub(crate) name: *mut c_char,
    pub(crate) value: *mut c_char,
}

/// A number and its text in an error library; OpenSSL writes the library's number into `error`.
#[repr(C)]
pub(crate) struct ERR_STRING_DATA {
    pub(crate) error: c_ulong,
    pub(crate) string: *const c_char,
}

pub(crate) const CRYPTO_EX_INDEX_SSL: c_int = 0;
pub(crate) const CRYPTO_EX_INDEX_SSL_CTX: c_int = 1;
pub(crate) const SSL_AD_DECODE_ERROR: c_int = 50;
pub(crate) const SSL_AD_ILLEGAL_PARAMETER: c_int = 47;
pub(crate) const SSL_AD_INTERNAL_ERROR: c_int = 80;
pub(crate) const SSL_AD_UNSUPPORTED_EXTENSION: c_int = 110;
pub(crate) const SSL_EXT_IGNORE_ON_RESUMPTION: c_uint = 0x0040;
pub(crate) const SSL_EXT_CLIENT_HELLO: c_uint = 0x0080;
pub(crate) const SSL_EXT_TLS1_2_SERVER_HELLO: c_uint = 0x0100;
pub(crate) const SSL_EXT_TLS1_3_CERTIFICATE: c_uint = 0x1000;
pub(crate) const SSL_OP_NO_RX_CERTIFICATE_COMPRESSION: u64 = 1 << 33;
pub(crate) const SSL_RETRY_VERIFY: c_int = 8;
pub(crate) const SSL_SECOP_SIGALG_CHECK: c_int = 13 | 5 << 16;
pub(crate) const SSL_SECOP_VERSION: c_int = 9;
pub(crate) const SSL_VERIFY_NONE: c_int = 0;
pub(crate) const TLS1_3_VERSION: c_int = 0x0304;
pub(crate) const TLS_ST_OK: c_int = 1;
pub(crate) const TLSEXT_NAMETYPE_HOST_NAME: c_int = 0;
pub(crate) const X509_CHECK_FLAG_NEVER_CHECK_SUBJECT: c_uint = 0x20;
pub(crate) const X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS: c_uint = 0x4;
pub(crate) const X509_V_ERR_APPLICATION_VERIFICATION: c_int = 50;
pub(crate) const X509_V_ERR_CERT_REJECTED: c_int = 28;
pub(crate) const X509_V_ERR_CERT_UNTRUSTED: c_int = 27;
pub(crate) const X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: c_int = 18;
pub(crate) const X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: c_int = 19;
pub(crate) const X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT: c_int = 2;
pub(crate) const X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: c_int = 20;
pub(crate) const X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: c_int = 21;
pub(crate) const X509_V_OK: c_int = 0;

pub(crate) type NewOrFree = unsafe extern "C" fn(
    parent: *mut c_void,
    value: *mut c_void,
    data: *mut CRYPTO_EX_DATA,
    index: c_int,
    number: c_long,
    argument: *mut c_void,
);
pub(crate) type Duplicate = unsafe extern "C" fn(
    to: *mut CRYPTO_EX_DATA,
    from: *const CRYPTO_EX_DATA,
    value: *mut *mut c_void,
    index: c_int,
    number: c_long,
    argument: *mut c_void,
) -> c_int;
pub(crate) type AddExtension = unsafe extern "C" fn(
    ssl: *mut SSL,
    number: c_uint,
    context: c_uint,
    out: *mut *const c_uchar,
    out_length: *mut usize,
    certificate: *mut X509,
    place: usize,
    alert: *mut c_int,
    argument: *mut c_void,
) -> c_int;
pub(crate) type FreeExtension =
    unsafe extern "C" fn(ssl: *mut SSL, number: c_uint, context: c_uint, out: *const c_uchar, argument: *mut c_void);
pub(crate) type ParseExtension = unsafe extern "C" fn(
    ssl: *mut SSL,
    number: c_uint,
    context: c_uint,
    octets: *const c_uchar,
    length: usize,
    certificate: *mut X509,
    place: usize,
    alert: *mut c_int,
    argument: *mut c_void,
) -> c_int;
pub(crate) type VerifyCertificate = unsafe extern "C" fn(store: *mut X509_STORE_CTX, argument: *mut c_void) -> c_int;
pub(crate) type VerifyEach = unsafe extern "C" fn(ok: c_int, store: *mut X509_STORE_CTX) -> c_int;
pub(crate) type Security = unsafe extern "C" fn(
    ssl: *const SSL,
    context: *const SSL_CTX,
    operation: c_int,
    bits: c_int,
    number: c_int,
    other: *mut c_void,
    argument: *mut c_void,
) -> c_int;

macro_rules! c_name {
    ($name:ident) => {
        const {
            match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("an identifier holds no NUL"),
            }
        }
    };
}

macro_rules! functions {
    (
        $(#[$table_doc:meta])* $table:ident:
        required { $($(#[$when:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)* }
        optional { $(fn $extra:ident($($extra_type:ty),* $(; $dots:tt)?) $(-> $extra_result:ty)?;)* }
    ) => {
        $(#[$table_doc])*
        pub(crate) struct $table {
            $($(#[$when])* $name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
            $(pub(crate) $extra: Option<unsafe extern "C" fn($($extra_type,)* $($dots)?) $(-> $extra_result)?>,)*
        }

        impl $table {
            /// Looks every function up by `find`; the error is the name of a required one that is not there.
            fn resolve(find: impl Fn(&CStr) -> Option<*mut c_void>) -> Result<Self, &'static str> {
                // SAFETY: OpenSSL exports under these names functions of these types, in every release that has them.
                unsafe {
                    Ok(Self {
                        $($(#[$when])* $name: mem::transmute::<*mut c_void, unsafe extern "C" fn($($type),*) $(-> $result)?>(
                            find(c_name!($name)).ok_or(stringify!($name))?,
                        ),)*
                        $($extra: find(c_name!($extra)).map(|address| mem::transmute::<
                            *mut c_void,
                            unsafe extern "C" fn($($extra_type,)* $($dots)?) $(-> $extra_result)?,
                        >(address)),)*
                    })
                }
            }

            $(
                $(#[$when])*
                /// As in OpenSSL's manual.
                #[allow(clippy::too_many_arguments)]
                pub(crate) unsafe fn $name(&self, $($argument: $type),*) $(-> $result)? {
                    // SAFETY: the caller keeps what OpenSSL's manual asks of this function.
                    unsafe { (self.$name)($($argument),*) }
                }
            )*
        }
    };
}

functions! {
    /// What libcrypto gives.
    Crypto:
    required {
        #[cfg(feature = "module")]
        fn CONF_imodule_get_value(module: *const CONF_IMODULE) -> *const c_char;
        fn CRYPTO_free(octets: *mut c_void, file: *const c_char, line: c_int);
        fn CRYPTO_get_ex_new_index(class: c_int, number: c_long, argument: *mut c_void, new: Option<NewOrFree>,
            duplicate: Option<Duplicate>, free: Option<NewOrFree>) -> c_int;
        fn CRYPTO_get_mem_functions(malloc: *mut *const c_void, realloc: *mut *const c_void, free: *mut *const c_void);
        fn ERR_get_next_error_library() -> c_int;
        fn ERR_load_strings(library: c_int, strings: *mut ERR_STRING_DATA) -> c_int;
        fn ERR_pop_to_mark() -> c_int;
        fn ERR_set_mark() -> c_int;
        #[cfg(feature = "module")]
        fn NCONF_free(file: *mut CONF);
        #[cfg(feature = "module")]
        fn NCONF_get_section(file: *const CONF, section: *const c_char) -> *mut OPENSSL_STACK;
        #[cfg(feature = "module")]
        fn NCONF_load(file: *mut CONF, path: *const c_char, line: *mut c_long) -> c_int;
        #[cfg(feature = "module")]
        fn NCONF_new(method: *mut CONF_METHOD) -> *mut CONF;
        fn OPENSSL_sk_free(stack: *mut OPENSSL_STACK);
        fn OPENSSL_sk_new_null() -> *mut OPENSSL_STACK;
        fn OPENSSL_sk_num(stack: *const OPENSSL_STACK) -> c_int;
        fn OPENSSL_sk_push(stack: *mut OPENSSL_STACK, value: *const c_void) -> c_int;
        fn OPENSSL_sk_set(stack: *mut OPENSSL_STACK, place: c_int, value: *const c_void) -> *mut c_void;
        fn OPENSSL_sk_value(stack: *const OPENSSL_STACK, place: c_int) -> *mut c_void;
        fn OpenSSL_version_num() -> c_ulong;
        fn X509_STORE_CTX_free(store: *mut X509_STORE_CTX);
        fn X509_STORE_CTX_get0_cert(store: *const X509_STORE_CTX) -> *mut X509;
        fn X509_STORE_CTX_get0_chain(store: *const X509_STORE_CTX) -> *mut OPENSSL_STACK;
        fn X509_STORE_CTX_get0_param(store: *const X509_STORE_CTX) -> *mut X509_VERIFY_PARAM;
        fn X509_STORE_CTX_get0_store(store: *const X509_STORE_CTX) -> *mut X509_STORE;
        fn X509_STORE_CTX_get0_untrusted(store: *const X509_STORE_CTX) -> *mut OPENSSL_STACK;
        fn X509_STORE_CTX_get1_chain(store: *const X509_STORE_CTX) -> *mut OPENSSL_STACK;
        fn X509_STORE_CTX_get_error(store: *const X509_STORE_CTX) -> c_int;
        fn X509_STORE_CTX_get_error_depth(store: *const X509_STORE_CTX) -> c_int;
        fn X509_STORE_CTX_get_ex_data(store: *const X509_STORE_CTX, index: c_int) -> *mut c_void;
        fn X509_STORE_CTX_get_verify_cb(store: *const X509_STORE_CTX) -> Option<VerifyEach>;
        fn X509_STORE_CTX_init(store: *mut X509_STORE_CTX, trusted: *mut X509_STORE, target: *mut X509,
            untrusted: *mut OPENSSL_STACK) -> c_int;
        fn X509_STORE_CTX_new() -> *mut X509_STORE_CTX;
        fn X509_STORE_CTX_set0_verified_chain(store: *mut X509_STORE_CTX, chain: *mut OPENSSL_STACK);
        fn X509_STORE_CTX_set_cert(store: *mut X509_STORE_CTX, certificate: *mut X509);
        fn X509_STORE_CTX_set_current_cert(store: *mut X509_STORE_CTX, certificate: *mut X509);
        fn X509_STORE_CTX_set_default(store: *mut X509_STORE_CTX, name: *const c_char) -> c_int;
        fn X509_STORE_CTX_set_error(store: *mut X509_STORE_CTX, error: c_int);
        fn X509_STORE_CTX_set_error_depth(store: *mut X509_STORE_CTX, depth: c_int);
        fn X509_STORE_CTX_set_ex_data(store: *mut X509_STORE_CTX, index: c_int, data: *mut c_void) -> c_int;
        fn X509_STORE_CTX_set_verify_cb(store: *mut X509_STORE_CTX, callback: Option<VerifyEach>);
        fn X509_VERIFY_PARAM_get0_peername(parameters: *const X509_VERIFY_PARAM) -> *const c_char;
        fn X509_VERIFY_PARAM_move_peername(to: *mut X509_VERIFY_PARAM, from: *mut X509_VERIFY_PARAM);
        fn X509_VERIFY_PARAM_set1(to: *mut X509_VERIFY_PARAM, from: *const X509_VERIFY_PARAM) -> c_int;
        fn X509_check_host(certificate: *mut X509, name: *const c_char, length: usize, flags: c_uint,
            peername: *mut *mut c_char) -> c_int;
        fn X509_check_ip(certificate: *mut X509, address: *const c_uchar, length: usize, flags: c_uint) -> c_int;
        fn X509_free(certificate: *mut X509);
        fn X509_up_ref(certificate: *mut X509) -> c_int;
        fn X509_verify_cert(store: *mut X509_STORE_CTX) -> c_int;
        fn X509_verify_cert_error_string(error: c_long) -> *const c_char;
        fn d2i_X509(certificate: *mut *mut X509, octets: *mut *const c_uchar, length: c_long) -> *mut X509;
        fn i2d_X509(certificate: *const X509, out: *mut *mut c_uchar) -> c_int;
    }
    optional {
        // Only its address is looked at.
        fn CRYPTO_malloc(usize, *const c_char, c_int) -> *mut c_void;
        // From 3.0.
        fn ERR_new();
        fn ERR_set_debug(*const c_char, c_int, *const c_char);
        fn ERR_set_error(c_int, c_int, *const c_char; ...);
        fn X509_VERIFY_PARAM_get0_host(*mut X509_VERIFY_PARAM, c_int) -> *mut c_char;
        fn X509_VERIFY_PARAM_get1_ip_asc(*mut X509_VERIFY_PARAM) -> *mut c_char;
        // Before 3.0.
        fn ERR_add_error_data(c_int; ...);
        fn ERR_put_error(c_int, c_int, c_int, *const c_char, c_int);
    }
}

functions! {
    /// What libssl gives.
    Ssl:
    required {
        fn SSL_CTX_add_custom_ext(context: *mut SSL_CTX, number: c_uint, flags: c_uint, add: Option<AddExtension>,
            free: Option<FreeExtension>, add_argument: *mut c_void, parse: Option<ParseExtension>,
            parse_argument: *mut c_void) -> c_int;
        fn SSL_CTX_free(context: *mut SSL_CTX);
        fn SSL_CTX_get_ex_data(context: *const SSL_CTX, index: c_int) -> *mut c_void;
        fn SSL_CTX_get_security_callback(context: *const SSL_CTX) -> Option<Security>;
        fn SSL_CTX_get_ssl_method(context: *const SSL_CTX) -> *const SSL_METHOD;
        fn SSL_CTX_has_client_custom_ext(context: *const SSL_CTX, number: c_uint) -> c_int;
        fn SSL_CTX_new(method: *const SSL_METHOD) -> *mut SSL_CTX;
        fn SSL_CTX_remove_session(context: *mut SSL_CTX, session: *mut SSL_SESSION) -> c_int;
        fn SSL_CTX_set_cert_verify_callback(context: *mut SSL_CTX, verify: Option<VerifyCertificate>,
            argument: *mut c_void);
        fn SSL_CTX_set_ex_data(context: *mut SSL_CTX, index: c_int, value: *mut c_void) -> c_int;
        fn SSL_CTX_set_options(context: *mut SSL_CTX, options: u64) -> u64;
        fn SSL_CTX_set_security_callback(context: *mut SSL_CTX, security: Option<Security>);
        fn SSL_SESSION_get0_hostname(session: *const SSL_SESSION) -> *const c_char;
        fn SSL_SESSION_get0_ticket_appdata(session: *mut SSL_SESSION, data: *mut *mut c_void,
            length: *mut usize) -> c_int;
        fn SSL_SESSION_get_protocol_version(session: *const SSL_SESSION) -> c_int;
        fn SSL_SESSION_has_ticket(session: *const SSL_SESSION) -> c_int;
        fn SSL_SESSION_is_resumable(session: *const SSL_SESSION) -> c_int;
        fn SSL_SESSION_set1_ticket_appdata(session: *mut SSL_SESSION, data: *const c_void, length: usize) -> c_int;
        fn SSL_SESSION_set_max_early_data(session: *mut SSL_SESSION, octets: u32) -> c_int;
        fn SSL_dane_tlsa_add(ssl: *mut SSL, usage: u8, selector: u8, matching: u8, data: *const c_uchar,
            length: usize) -> c_int;
        fn SSL_get0_dane_authority(ssl: *mut SSL, certificate: *mut *mut X509, key: *mut *mut EVP_PKEY) -> c_int;
        fn SSL_get0_param(ssl: *mut SSL) -> *mut X509_VERIFY_PARAM;
        fn SSL_get_SSL_CTX(ssl: *const SSL) -> *mut SSL_CTX;
        fn SSL_get_certificate(ssl: *const SSL) -> *mut X509;
        fn SSL_get_ex_data(ssl: *const SSL, index: c_int) -> *mut c_void;
        fn SSL_get_ex_data_X509_STORE_CTX_idx() -> c_int;
        fn SSL_get_fd(ssl: *const SSL) -> c_int;
        fn SSL_get_servername(ssl: *const SSL, kind: c_int) -> *const c_char;
        fn SSL_get_session(ssl: *const SSL) -> *mut SSL_SESSION;
        fn SSL_get_ssl_method(ssl: *const SSL) -> *const SSL_METHOD;
        fn SSL_get_state(ssl: *const SSL) -> c_int;
        fn SSL_get_verify_mode(ssl: *const SSL) -> c_int;
        fn SSL_in_before(ssl: *const SSL) -> c_int;
        fn SSL_is_server(ssl: *const SSL) -> c_int;
        fn SSL_session_reused(ssl: *const SSL) -> c_int;
        fn SSL_set_ex_data(ssl: *mut SSL, index: c_int, value: *mut c_void) -> c_int;
        fn SSL_want(ssl: *const SSL) -> c_int;
        fn TLS_client_method() -> *const SSL_METHOD;
        fn TLS_server_method() -> *const SSL_METHOD;
    }
    optional {
        // From 3.2.
        fn SSL_is_quic(*const SSL) -> c_int;
    }
}

/// Why an OpenSSL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// It hides its names, as programs do that carry a private copy.
    #[error("its OpenSSL hides {0}")]
    Hidden(&'static str),
    /// No library that gives the SSL functions is mapped over this libcrypto.
    #[error("no libssl is there that uses its libcrypto")]
    NoSsl,
}

impl Crypto {
    /// The functions of `object`, which called; refused if any would come from another object.
    pub(crate) fn of(object: &Object) -> Result<Self, Unusable> {
        let handle = object.open().ok_or(Unusable::Hidden("the object itself"))?;
        let own = |name: &CStr| handle.symbol(name).filter(|address| object.contains(address.addr()));
        let functions = Self::resolve(own).map_err(Unusable::Hidden)?;
        handle.keep();
        Ok(functions)
    }

    /// Whether the release is at least `major.minor`.
    pub(crate) fn is_at_least(&self, major: c_ulong, minor: c_ulong) -> bool {
        // SAFETY: takes and gives a number.
        let number = unsafe { self.OpenSSL_version_num() };
        number >> 20 >= (major << 8 | minor)
    }

    /// How many octets may be read at a place that OpenSSL has allocated: none if the program has put functions of its
    /// own in place of OpenSSL's.
    ///
    /// # Safety
    /// `place` is the beginning of what this OpenSSL has allocated.
    pub(crate) unsafe fn allocated(&self, place: *const c_void) -> usize {
        let mut malloc = ptr::null();
        // SAFETY: OpenSSL takes NULL for what is not asked for; its own function gives what malloc gave.
        unsafe {
            self.CRYPTO_get_mem_functions(&raw mut malloc, ptr::null_mut(), ptr::null_mut());
            let is_own = self.CRYPTO_malloc.is_some_and(|own| own as *const () as usize == malloc.addr());
            if is_own { libc::malloc_usable_size(place.cast_mut()) } else { 0 }
        }
    }

    fn is_seen_by(&self, handle: &Handle) -> bool {
        handle.symbol(c"CRYPTO_get_ex_new_index").map(|address| address.addr())
            == Some(self.CRYPTO_get_ex_new_index as *const () as usize)
    }
}

impl Ssl {
    /// The libssl that works over `crypto`, and its object: the same one, or one that takes its libcrypto functions from it.
    pub(crate) fn over(crypto: &Crypto) -> Result<(Self, Object), Unusable> {
        let objects = Object::all();
        let mut found = Err(Unusable::NoSsl);
        for handle in objects.iter().filter_map(Object::open).filter(|handle| crypto.is_seen_by(handle)) {
            let Some(address) = handle.symbol(c"SSL_CTX_add_custom_ext") else { continue };
            let Some(object) = objects.iter().find(|object| object.contains(address.addr())) else { continue };
            let own = |name: &CStr| handle.symbol(name).filter(|address| object.contains(address.addr()));
            match Self::resolve(own) {
                Ok(functions) => {
                    // The library of the functions, and not only an object that depends on it, must stay.
                    object.open().ok_or(Unusable::NoSsl)?.keep();
                    return Ok((functions, object.clone()));
                }
                Err(name) => found = Err(Unusable::Hidden(name)),
            }
        }
        found
    }

    /// The method of a context, by a function `SSL_CTX_get_ssl_method` that is of no table yet.
    ///
    /// # Safety
    /// `function` is that function of some OpenSSL, and `context` a context of some OpenSSL: it reads one pointer.
    pub(crate) unsafe fn method_by(function: *mut c_void, context: *const SSL_CTX) -> *const SSL_METHOD {
        // SAFETY: as the caller says.
        unsafe {
            let get =
                mem::transmute::<*mut c_void, unsafe extern "C" fn(*const SSL_CTX) -> *const SSL_METHOD>(function);
            get(context)
        }
    }
}

/// The text that OpenSSL points to, if there is one and it is UTF-8.
///
/// # Safety
/// `text` is NULL or ends with a NUL, and stays unchanged for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for a string that ends with a NUL and stays.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}
