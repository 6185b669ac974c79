//! What C passes: checked, then borrowed for the call.

use std::ffi::{CStr, OsStr, c_char};
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::slice;

use super::error::Failure;
use super::output::mecai_bytes;
use super::result::{MECAI_ERR_LENGTH, MECAI_ERR_NOT_UTF8, MECAI_ERR_NULL};

/// The octets of a buffer; NULL of length 0 is an empty one.
///
/// # Safety
/// `data` is NULL, or `len` octets may be read there for `'a`.
pub(super) unsafe fn octets<'a>(data: *const u8, len: usize, what: &str) -> Result<&'a [u8], Failure> {
    if len > isize::MAX as usize {
        return Err(Failure::new(MECAI_ERR_LENGTH, format!("{what} of {len} octets cannot be")));
    }
    if data.is_null() {
        return if len == 0 { Ok(&[]) } else { Err(null(what)) };
    }
    // SAFETY: as the caller says, and no more than a buffer can have.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// The octets of a buffer that has exactly `N`.
///
/// # Safety
/// As for [`octets`].
pub(super) unsafe fn array<const N: usize>(data: *const u8, len: usize, what: &str) -> Result<[u8; N], Failure> {
    if data.is_null() {
        return Err(null(what));
    }
    // The length is looked at first: what it says otherwise may not be there.
    if len != N {
        return Err(Failure::new(MECAI_ERR_LENGTH, format!("{what} has {len} octets, not {N}")));
    }
    // SAFETY: as the caller says.
    let octets = unsafe { octets(data, len, what)? };
    octets.try_into().map_err(|_| Failure::new(MECAI_ERR_LENGTH, format!("{what} has {len} octets, not {N}")))
}

/// A text that ends with a NUL; none if it is NULL.
///
/// # Safety
/// `text` is NULL, or ends with a NUL and stays for `'a`.
pub(super) unsafe fn optional_text<'a>(text: *const c_char, what: &str) -> Result<Option<&'a str>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller says.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(Some).map_err(|_| Failure::new(MECAI_ERR_NOT_UTF8, format!("{what} is not UTF-8")))
}

/// A text that ends with a NUL.
///
/// # Safety
/// As for [`optional_text`].
pub(super) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Failure> {
    // SAFETY: as the caller says.
    unsafe { optional_text(text, what)? }.ok_or_else(|| null(what))
}

/// A path that ends with a NUL, of any octets.
///
/// # Safety
/// As for [`optional_text`].
pub(super) unsafe fn path<'a>(path: *const c_char, what: &str) -> Result<&'a Path, Failure> {
    if path.is_null() {
        return Err(null(what));
    }
    // SAFETY: as the caller says.
    Ok(Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes())))
}

/// The buffers of an array of views; NULL of length 0 is an empty one.
///
/// # Safety
/// `views` is NULL, or `count` views may be read there, and what they show, for `'a`.
pub(super) unsafe fn buffers<'a>(
    views: *const mecai_bytes,
    count: usize,
    what: &str,
) -> Result<Vec<&'a [u8]>, Failure> {
    if count > isize::MAX as usize / size_of::<mecai_bytes>() {
        return Err(Failure::new(MECAI_ERR_LENGTH, format!("{count} elements of {what} cannot be")));
    }
    if views.is_null() {
        return if count == 0 { Ok(Vec::new()) } else { Err(null(what)) };
    }
    // SAFETY: as the caller says.
    unsafe {
        let views = slice::from_raw_parts(views, count);
        views.iter().map(|view| octets(view.data, view.len, what)).collect()
    }
}

/// The buffers of an array of views, each of exactly `N` octets.
///
/// # Safety
/// As for [`buffers`].
pub(super) unsafe fn arrays<const N: usize>(
    views: *const mecai_bytes,
    count: usize,
    what: &str,
) -> Result<Vec<[u8; N]>, Failure> {
    // SAFETY: as the caller says.
    let buffers = unsafe { buffers(views, count, what)? };
    let wrong = |len| Failure::new(MECAI_ERR_LENGTH, format!("{what} has {len} octets, not {N}"));
    buffers.iter().map(|octets| (*octets).try_into().map_err(|_| wrong(octets.len()))).collect()
}

/// An address of 4 or 16 octets in network order; none of length 0.
///
/// # Safety
/// As for [`octets`].
pub(super) unsafe fn address(data: *const u8, len: usize) -> Result<Option<IpAddr>, Failure> {
    // The length is looked at first: what it says otherwise may not be there.
    match len {
        0 => Ok(None),
        _ if data.is_null() => Err(null("the address")),
        // SAFETY: as the caller says.
        4 => Ok(Some(unsafe { array::<4>(data, len, "the address")? }.into())),
        // SAFETY: as the caller says.
        16 => Ok(Some(unsafe { array::<16>(data, len, "the address")? }.into())),
        _ => Err(Failure::new(MECAI_ERR_LENGTH, format!("the address has {len} octets, not 0, 4 or 16"))),
    }
}

fn null(what: &str) -> Failure {
    Failure::new(MECAI_ERR_NULL, format!("{what} is NULL"))
}
