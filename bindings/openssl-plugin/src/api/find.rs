//! For languages whose objects hide the pointers of OpenSSL: contexts and connections are found.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use super::{MECAI_OPENSSL_ERR_PANIC, SSL, SSL_CTX, number, result, write};
use crate::attach::find;
use crate::guard::guard;

/// From now on, contexts and connections of one OpenSSL of the process can be found by the other mecai_openssl_find_…
/// calls, and its connections keep what the server sent for mecai_openssl_verdict_json. It is the OpenSSL whose functions
/// the loaded file `object` uses, which is named as it was loaded (the path of a language's own SSL module, or of libssl);
/// NULL is the program itself. Nothing is loaded.
///
/// Call it before the first SSL_new that is to be found; a further call changes nothing. It attaches nothing: that remains
/// to mecai_openssl_attach. Other copies of MECAI that the process has by then are told, too.
///
/// Gives 0 or an error, and a sentence, as mecai_openssl_attach does: MECAI_OPENSSL_ERR_HIDDEN where the object is not
/// loaded, where it uses no OpenSSL, or one that hides its functions. Any thread may call this.
///
/// # Safety
/// `object` is NULL or a string that ends with a NUL; `sentence` is NULL, or `size` octets may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_find_in(object: *const c_char, sentence: *mut c_char, size: usize) -> u32 {
    guard(MECAI_OPENSSL_ERR_PANIC, || {
        // SAFETY: as the caller says.
        unsafe {
            write(sentence, size, result(MECAI_OPENSSL_ERR_PANIC).to_str().unwrap_or_default());
            let begun = find::begin_in(if object.is_null() { c"" } else { CStr::from_ptr(object) });
            match &begun {
                Ok(()) => write(sentence, size, "what is made from now on can be found"),
                Err(refusal) => write(sentence, size, &refusal.to_string()),
            };
            number(begun)
        }
    })
}

/// From now on, mecai_openssl_find_made looks for what this thread makes.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_openssl_find_begin() {
    guard((), find::begin);
}

/// The connection that this thread has made (by SSL_new, in an OpenSSL that mecai_openssl_find_in knows) since it called
/// mecai_openssl_find_begin: NULL unless it was exactly one, and if this thread has freed it meanwhile. Where another
/// thread may have freed it, do not use it. It remains its owner's: SSL_free is not to be called.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_openssl_find_made() -> *mut SSL {
    guard(ptr::null_mut(), || find::made().unwrap_or(ptr::null_mut()))
}

/// The context of a connection, as SSL_get_SSL_CTX gives it, for callers that do not link OpenSSL. NULL if `ssl` is NULL, or
/// of an OpenSSL in which MECAI neither is attached nor finds anything. It remains its owner's. To be asked by the thread
/// that uses the connection.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_find_context(ssl: *const SSL) -> *mut SSL_CTX {
    guard(ptr::null_mut(), || {
        if ssl.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: as the caller says.
        unsafe { find::context(ssl) }.unwrap_or(ptr::null_mut())
    })
}

/// The client's connection whose application data (SSL_get_app_data) was `data` when its last handshake began, if its
/// context has MECAI: languages keep there the object that the program holds. NULL if there is none, or `data` is NULL.
/// Connections are found until they are freed, those alone whose handshakes began after mecai_openssl_find_in; also in a
/// child that the process has forked.
///
/// `data` is only compared; that the object behind it is alive is up to the caller, since another one could have come to
/// its place. Any number of threads may ask at once. What is given remains its owner's, and is to be used by the thread
/// that uses the connection.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_openssl_find_by_data(data: *const c_void) -> *mut SSL {
    guard(ptr::null_mut(), || find::by_data(data).unwrap_or(ptr::null_mut()))
}
