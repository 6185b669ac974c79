//! What C receives. A place is written to only when the call has worked.

use std::ffi::CString;
use std::fmt::Display;
use std::ptr;
use std::sync::Arc;

use super::error::Failure;
use super::handle::{self, Noun};
use super::result::{MECAI_ERR_LENGTH, MECAI_ERR_NULL};

/// Octets of somebody else's: those of a handle stay until that is freed, those of a static text for ever. A text is
/// UTF-8, and a NUL follows its last octet, which `len` does not count.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mecai_bytes {
    /// The first octet; NULL if there are none.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

impl mecai_bytes {
    pub(super) const NONE: Self = Self { data: ptr::null(), len: 0 };
    /// It can be printed.
    pub(super) const EMPTY_TEXT: Self = Self { data: c"".as_ptr().cast(), len: 0 };

    pub(super) fn of(octets: &[u8]) -> Self {
        if octets.is_empty() { Self::NONE } else { Self { data: octets.as_ptr(), len: octets.len() } }
    }
}

/// A text with a NUL behind it, so that C programs can print it. A NUL within becomes a space.
#[derive(Clone, Debug, Default)]
pub(super) struct Text(CString);

impl Text {
    pub(super) fn new(text: impl Display) -> Self {
        Self(CString::new(text.to_string().replace('\0', " ")).unwrap_or_default())
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// An empty text has a place, too: it can be printed.
    pub(super) fn view(&self) -> mecai_bytes {
        mecai_bytes { data: self.0.as_ptr().cast(), len: self.0.as_bytes().len() }
    }
}

/// A place for one value.
pub(super) struct Out<T>(Option<ptr::NonNull<T>>);

impl<T> Out<T> {
    /// A place that must be there.
    ///
    /// # Safety
    /// `place` is NULL, or may be written to until this is gone.
    pub(super) unsafe fn new(place: *mut T, what: &str) -> Result<Self, Failure> {
        // SAFETY: as the caller says.
        let out = unsafe { Self::optional(place) };
        if out.0.is_none() {
            Err(Failure::new(MECAI_ERR_NULL, format!("the place for {what} is NULL")))
        } else {
            Ok(out)
        }
    }

    /// A place that may be NULL.
    ///
    /// # Safety
    /// As for [`Self::new`].
    pub(super) unsafe fn optional(place: *mut T) -> Self {
        Self(ptr::NonNull::new(place))
    }

    /// Whether there is a place.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn set(&mut self, value: T) {
        if let Some(place) = self.0 {
            // SAFETY: whoever made this said that the place may be written to. C may have put it anywhere.
            unsafe { place.write_unaligned(value) };
        }
    }
}

impl<H> Out<*mut H> {
    /// Puts a new handle there, where one is wanted. Without a place in the table there is none.
    pub(super) fn give<T: Noun<Handle = H>>(&mut self, object: impl Into<Arc<T>>) {
        if self.is_wanted() {
            self.set(handle::give(object.into()).unwrap_or(ptr::null_mut()));
        }
    }

    /// The same, where a program needs the handle.
    pub(super) fn try_give<T: Noun<Handle = H>>(&mut self, object: impl Into<Arc<T>>) -> Result<(), Failure> {
        if self.is_wanted() {
            self.set(handle::give(object.into())?);
        }
        Ok(())
    }
}

/// A place for exactly `N` octets.
pub(super) struct Octets<const N: usize>(ptr::NonNull<u8>);

impl<const N: usize> Octets<N> {
    /// A place that must be there.
    ///
    /// # Safety
    /// `place` is NULL, or `len` octets may be written there until this is gone.
    pub(super) unsafe fn new(place: *mut u8, len: usize, what: &str) -> Result<Self, Failure> {
        let wrong = || Failure::new(MECAI_ERR_LENGTH, format!("the place for {what} has {len} octets, not {N}"));
        let null = || Failure::new(MECAI_ERR_NULL, format!("the place for {what} is NULL"));
        let octets = Self(ptr::NonNull::new(place).ok_or_else(null)?);
        if len == N { Ok(octets) } else { Err(wrong()) }
    }

    pub(super) fn set(&mut self, octets: &[u8; N]) {
        // SAFETY: whoever made this said that the place may be written to, and it has this length.
        unsafe { ptr::copy_nonoverlapping(octets.as_ptr(), self.0.as_ptr(), N) };
    }
}
