//! What the tests of all nouns share: calls with their places, and views.

// A call of the C ABI is one expression, whose arguments are the pointers that the test has just made.
#![allow(clippy::macro_metavars_in_unsafe)]

use std::ptr;

use mecai::ffi::{MECAI_OK, mecai_bytes, mecai_error, mecai_error_free, mecai_error_get};

/// Calls a function of the C ABI.
macro_rules! call {
    ($call:expr) => {
        // SAFETY: every pointer is NULL, a handle, or made by the test from a reference that is in use here.
        unsafe { $call }
    };
}

mod alternate;
mod answer;
mod authorities;
mod handshake;
mod list;
mod report;
mod request;
mod small;
mod state;
mod store;
mod world;

/// A place for an error, as it was before the call.
fn stale<T>() -> *mut T {
    ptr::without_provenance_mut(0x5A5A)
}

/// A view of nobody's octets, as a place may hold before a call.
const STALE: mecai_bytes = mecai_bytes { data: ptr::without_provenance(0x5A5A), len: 90 };

/// A call that works.
fn good(call: impl FnOnce(*mut *mut mecai_error) -> u32) {
    let mut error = stale();
    let result = call(&raw mut error);
    if result != MECAI_OK {
        panic!("{:?}", told(error));
    }
    assert!(error.is_null(), "the place of the error has none");
}

/// A call that fails: its result, and the sentence of its error.
fn failing(mut call: impl FnMut(*mut *mut mecai_error) -> u32) -> (u32, String) {
    let mut error = stale();
    let result = call(&raw mut error);
    assert_ne!(result, MECAI_OK);
    assert_eq!(call(ptr::null_mut()), result, "without a place for the error");
    let (told_result, sentence) = told(error);
    assert_eq!(told_result, result);
    (result, sentence)
}

/// What an error says; it is freed.
fn told(error: *mut mecai_error) -> (u32, String) {
    let (mut result, mut sentence) = (0, STALE);
    assert_eq!(call!(mecai_error_get(error, &raw mut result, &raw mut sentence)), MECAI_OK);
    let sentence = text(sentence);
    assert!(!sentence.is_empty());
    assert_eq!(mecai_error_free(error), MECAI_OK);
    (result, sentence)
}

/// A handle that a call makes.
fn made<H>(call: impl FnOnce(*mut *mut H, *mut *mut mecai_error) -> u32) -> *mut H {
    let mut handle = stale();
    good(|error| call(&raw mut handle, error));
    assert!(!handle.is_null() && handle != stale());
    handle
}

/// A call that makes no handle: its place is as it was.
fn unmade<H>(mut call: impl FnMut(*mut *mut H, *mut *mut mecai_error) -> u32) -> (u32, String) {
    failing(|error| {
        let mut handle = stale();
        let result = call(&raw mut handle, error);
        assert_eq!(handle, stale(), "the place is as it was");
        result
    })
}

/// The octets of a view that a call gives.
fn shown(call: impl FnOnce(*mut mecai_bytes, *mut *mut mecai_error) -> u32) -> Vec<u8> {
    let mut view = STALE;
    good(|error| call(&raw mut view, error));
    octets(view).to_vec()
}

/// A call that shows nothing: its place is as it was.
fn unshown(mut call: impl FnMut(*mut mecai_bytes, *mut *mut mecai_error) -> u32) -> u32 {
    let (result, _) = failing(|error| {
        let mut view = STALE;
        let result = call(&raw mut view, error);
        assert_eq!((view.data, view.len), (STALE.data, STALE.len), "the place is as it was");
        result
    });
    result
}

/// The octets of a view whose handle is still there.
fn octets<'a>(view: mecai_bytes) -> &'a [u8] {
    if view.len == 0 {
        return &[];
    }
    // SAFETY: a call has just given this view, and its handle has not been freed.
    unsafe { std::slice::from_raw_parts(view.data, view.len) }
}

/// The text of a view, which ends with a NUL that is not counted.
fn text(view: mecai_bytes) -> String {
    let with_nul = octets(mecai_bytes { len: view.len + 1, ..view });
    assert_eq!(with_nul.last(), Some(&0));
    String::from_utf8(octets(view).to_vec()).unwrap()
}

/// A text that stays for ever.
fn static_text(text: *const std::ffi::c_char) -> String {
    // SAFETY: the call that gave it says that it is static, and ends with a NUL.
    unsafe { std::ffi::CStr::from_ptr(text) }.to_str().unwrap().to_owned()
}

/// Views of buffers, for a call that takes many.
fn views(buffers: &[&[u8]]) -> Vec<mecai_bytes> {
    buffers.iter().map(|octets| mecai_bytes { data: octets.as_ptr(), len: octets.len() }).collect()
}

/// Frees a handle, and tells that it cannot be freed twice.
fn free_once<H>(handle: *mut H, free: extern "C" fn(*mut H) -> u32) {
    assert_eq!(free(handle), MECAI_OK);
    assert_eq!(free(handle), mecai::ffi::MECAI_ERR_HANDLE, "it was freed");
    assert_eq!(free(ptr::null_mut()), MECAI_OK, "NULL is fine");
}
