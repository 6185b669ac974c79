//! Other copies of mecai in the process: the module of openssl.cnf beside a library that a program links or a language
//! brings. A copy that is asked about what another one attends to asks that one.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::mem;
use std::ptr;

use crate::api;
use crate::openssl::object::{Handle, Object, own_address};
use crate::openssl::{SSL, SSL_CTX};
use crate::told::Told;

/// What sentences begin with that another copy has given.
pub(crate) const SAYS: &str = "another copy of MECAI in this process says: ";

// A copy that is asked may ask this one in turn, which then answers for itself alone.
thread_local!(static IS_ASKING: Cell<bool> = const { Cell::new(false) });

/// Another copy, by its functions.
pub(crate) struct OtherCopy {
    context_status: unsafe extern "C" fn(*mut SSL_CTX, *mut c_char, usize) -> u32,
    find_by_data: extern "C" fn(*const c_void) -> *mut SSL,
    find_context: unsafe extern "C" fn(*const SSL) -> *mut SSL_CTX,
    find_in: unsafe extern "C" fn(*const c_char, *mut c_char, usize) -> u32,
    verdict: unsafe extern "C" fn(*mut SSL, *mut c_char, usize) -> u32,
    verdict_code: unsafe extern "C" fn(*const SSL) -> u32,
    verdict_json: unsafe extern "C" fn(*mut SSL, *mut c_char, usize) -> usize,
    /// Keeps them mapped.
    _handle: Handle,
}

/// What the first of the other copies has to say that says something; none while another copy asks this one.
pub(crate) fn ask<T>(mut question: impl FnMut(&OtherCopy) -> Option<T>) -> Option<T> {
    struct Asking;
    impl Drop for Asking {
        fn drop(&mut self) {
            IS_ASKING.set(false);
        }
    }
    if IS_ASKING.replace(true) {
        return None;
    }
    let _asking = Asking;
    let objects = Object::all();
    objects
        .iter()
        .filter(|object| !object.contains(own_address()))
        .filter_map(OtherCopy::of)
        .find_map(|copy| question(&copy))
}

/// What the copy says that attends to the context of a connection.
///
/// # Safety
/// `ssl` is a connection of some OpenSSL of the process, which nobody else uses meanwhile.
pub(crate) unsafe fn ask_of<T>(ssl: *mut SSL, question: impl Fn(&OtherCopy) -> T) -> Option<T> {
    ask(|copy| {
        // SAFETY: as the caller says.
        unsafe { copy.status((copy.find_context)(ssl)).map(|_| question(copy)) }
    })
}

impl OtherCopy {
    /// The copy in this object, if there is one that has all of these functions.
    #[expect(clippy::missing_transmute_annotations, reason = "the types are those of the members")]
    fn of(object: &Object) -> Option<Self> {
        let handle = object.open()?;
        let own = |name: &CStr| handle.symbol(name).filter(|place| object.contains(place.addr()));
        // SAFETY: these are the names and types of include/mecai_openssl.h.
        unsafe {
            Some(Self {
                verdict_json: mem::transmute(own(c"mecai_openssl_verdict_json")?),
                context_status: mem::transmute(own(c"mecai_openssl_context_status")?),
                find_by_data: mem::transmute(own(c"mecai_openssl_find_by_data")?),
                find_context: mem::transmute(own(c"mecai_openssl_find_context")?),
                find_in: mem::transmute(own(c"mecai_openssl_find_in")?),
                verdict: mem::transmute(own(c"mecai_openssl_verdict")?),
                verdict_code: mem::transmute(own(c"mecai_openssl_verdict_code")?),
                _handle: handle,
            })
        }
    }

    /// Has connections found there, too. What goes wrong there alone is no error here: this copy finds its own.
    pub(crate) fn begin_finding(&self, object: &CStr) {
        // SAFETY: the name ends with a NUL, and no sentence is wanted.
        unsafe { (self.find_in)(object.as_ptr(), ptr::null_mut(), 0) };
    }

    /// The connection that is found there by this data.
    pub(crate) fn find_by_data(&self, data: *const c_void) -> Option<*mut SSL> {
        Some((self.find_by_data)(data)).filter(|ssl| !ssl.is_null())
    }

    /// What is known there of a context, if it is attended to there.
    ///
    /// # Safety
    /// `context` is NULL, or a context of some OpenSSL of the process.
    pub(crate) unsafe fn status(&self, context: *mut SSL_CTX) -> Option<(u32, String)> {
        let mut sentence = [0; SENTENCE_MAX];
        // SAFETY: as the caller says; there is room for so many octets.
        let number = unsafe { (self.context_status)(context, sentence.as_mut_ptr().cast(), sentence.len()) };
        (1..=4).contains(&number).then(|| (number, said(&sentence)))
    }

    /// What became of a connection's last handshake, as is told there.
    ///
    /// # Safety
    /// `ssl` is a connection of some OpenSSL of the process, which nobody else uses meanwhile.
    pub(crate) unsafe fn told(&self, ssl: *mut SSL) -> Told {
        let mut sentence = [0; SENTENCE_MAX];
        // SAFETY: as the caller says; there is room for so many octets.
        let (number, code) =
            unsafe { ((self.verdict)(ssl, sentence.as_mut_ptr().cast(), sentence.len()), (self.verdict_code)(ssl)) };
        Told { outcome: api::outcome(number), code, sentence: said(&sentence) }
    }

    /// The same in full.
    ///
    /// # Safety
    /// As for [`Self::told`].
    pub(crate) unsafe fn account(&self, ssl: *mut SSL) -> Vec<u8> {
        // SAFETY: as the caller says; there is room for so many octets, the last of which is a NUL.
        unsafe {
            let length = (self.verdict_json)(ssl, ptr::null_mut(), 0);
            let mut text = vec![0; length + 1];
            (self.verdict_json)(ssl, text.as_mut_ptr().cast(), text.len());
            text.truncate(text.iter().position(|octet| *octet == 0).unwrap_or(0));
            text
        }
    }
}

/// More than any sentence has.
const SENTENCE_MAX: usize = 4096;

fn said(sentence: &[u8; SENTENCE_MAX]) -> String {
    let text = CStr::from_bytes_until_nul(sentence).unwrap_or_default();
    format!("{SAYS}{}", text.to_string_lossy())
}
