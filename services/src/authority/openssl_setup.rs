//! OpenSSL as this program wants it.

use std::ffi::{c_int, c_void};

unsafe extern "C" {
    /// `openssl-sys` does not declare it.
    fn OPENSSL_init_crypto(options: u64, settings: *const c_void) -> c_int;
}

/// `OPENSSL_INIT_NO_LOAD_CONFIG` of `openssl/crypto.h`, the same in 1.1.1, 3 and 4.
const NO_LOAD_CONFIG: u64 = 0x80;

/// Keeps OpenSSL from reading its configuration file: an authority must see servers as they are, and a module loaded
/// from there (ours, for instance) would take part in its handshakes. Must come before any other use of OpenSSL in the
/// process; later it has no effect.
pub fn without_configuration() {
    // SAFETY: the function may be called at any time from any thread, and settings may be NULL.
    unsafe {
        OPENSSL_init_crypto(NO_LOAD_CONFIG, std::ptr::null());
    }
}
