//! A refusal on OpenSSL's error queue: first the error that programs know, then one of our own library that says why.

use std::ffi::{CString, c_int, c_ulong};
use std::ptr;

use mecai::verdict::Code;

use crate::openssl::{Crypto, ERR_STRING_DATA};

const ERR_LIB_SSL: c_int = 20;
const SSL_R_CERTIFICATE_VERIFY_FAILED: c_int = 134;

/// Our number among OpenSSL's error libraries.
pub(crate) struct ErrorLibrary {
    number: c_int,
    /// OpenSSL points to them, so they stay with the installation, for as long as the process lives.
    _texts: *const ERR_STRING_DATA,
}

// SAFETY: once OpenSSL has them, nobody writes to the texts, and only OpenSSL reads them.
unsafe impl Send for ErrorLibrary {}
// SAFETY: as above.
unsafe impl Sync for ErrorLibrary {}

impl ErrorLibrary {
    /// Takes a number and gives OpenSSL the texts.
    pub(crate) fn register(crypto: &Crypto) -> Self {
        let text =
            |error, text: &str| ERR_STRING_DATA { error, string: CString::new(text).unwrap_or_default().into_raw() };
        // SAFETY: the texts end with an entry of zeros, and are never freed.
        unsafe {
            let library = crypto.ERR_get_next_error_library();
            // The library's own name stands under its number without a reason, which releases pack differently; to the
            // reasons OpenSSL adds it.
            let packed = unsigned(library) << if crypto.is_at_least(3, 0) { 23 } else { 24 };
            let mut texts = vec![text(packed, "mecai")];
            let of_code = |code: &Code| text(unsigned(reason(*code)), &format!("{} ({code})", code.meaning()));
            texts.extend(Code::ALL.iter().map(of_code));
            texts.push(ERR_STRING_DATA { error: 0, string: ptr::null() });
            let texts = Box::leak(texts.into_boxed_slice()).as_mut_ptr();
            crypto.ERR_load_strings(library, texts);
            Self { number: library, _texts: texts }
        }
    }

    /// Raises a refusal with `code`; `values` says what was compared.
    pub(crate) fn raise(&self, crypto: &Crypto, code: Code, values: &str) {
        // OpenSSL reads up to a NUL.
        let values = CString::new(values.replace('\0', "\\0")).unwrap_or_default();
        raise(crypto, ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED, None);
        raise(crypto, self.number, reason(code), Some(&values));
    }
}

/// A reason takes 12 bits in OpenSSL 1.1.1; `accepted`, the only larger code, is never raised.
fn reason(code: Code) -> c_int {
    c_int::try_from(code.number() & 0xfff).unwrap_or(0)
}

fn unsigned(number: c_int) -> c_ulong {
    c_ulong::try_from(number).unwrap_or(0)
}

fn raise(crypto: &Crypto, library: c_int, reason: c_int, values: Option<&CString>) {
    // SAFETY: every text ends with a NUL and is copied; the format takes one string.
    unsafe {
        match (crypto.ERR_new, crypto.ERR_set_debug, crypto.ERR_set_error) {
            (Some(new), Some(set_debug), Some(set_error)) => {
                new();
                set_debug(c"mecai".as_ptr(), 0, c"verify".as_ptr());
                match values {
                    Some(values) => set_error(library, reason, c"%s".as_ptr(), values.as_ptr()),
                    None => set_error(library, reason, ptr::null()),
                }
            }
            _ => {
                let (Some(put), Some(add_data)) = (crypto.ERR_put_error, crypto.ERR_add_error_data) else { return };
                put(library, 0, reason, c"mecai".as_ptr(), 0);
                if let Some(values) = values {
                    add_data(1, values.as_ptr());
                }
            }
        }
    }
}
