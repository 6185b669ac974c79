//! Objects that the dynamic linker has mapped: who called us, and which functions that object sees.
//!
//! A process may hold more than one OpenSSL (a wheel brings its own, statically linked or renamed), and each of them
//! loads the module. Every function is therefore taken from the object that called, and from no other.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ops::Range;
use std::ptr;

use libc::{dl_iterate_phdr, dl_phdr_info};

use crate::guard::guard;

/// One mapped object: the program itself, or a shared library.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// As the linker calls it; empty for the program itself.
    name: CString,
    /// The addresses that its segments take.
    segments: Vec<Range<usize>>,
}

impl Object {
    /// The object whose code called into the object that this function is linked into.
    #[cfg(feature = "module")]
    pub(crate) fn calling() -> Option<Self> {
        let objects = Self::all();
        let own = objects.iter().position(|object| object.contains(own_address()))?;
        return_addresses().into_iter().find_map(|address| {
            let at = objects.iter().position(|object| object.contains(address))?;
            (at != own).then(|| objects[at].clone())
        })
    }

    /// Every mapped object, in the linker's order: the program itself first.
    pub(crate) fn all() -> Vec<Self> {
        let mut objects: Vec<Self> = Vec::new();
        // SAFETY: `collect` gets back the vector that is passed here, and is not called after the call returns.
        unsafe { dl_iterate_phdr(Some(collect), (&raw mut objects).cast()) };
        objects
    }

    /// Whether `address` lies in one of the object's segments.
    pub(crate) fn contains(&self, address: usize) -> bool {
        self.segments.iter().any(|segment| segment.contains(&address))
    }

    /// How the linker calls the object; empty for the program itself.
    pub(crate) fn name(&self) -> &CStr {
        &self.name
    }

    /// What a person calls the object.
    pub(crate) fn title(&self) -> String {
        title(&self.name)
    }

    /// A way to look names up in the object and what it depends on; none if the linker does not know it any more.
    pub(crate) fn open(&self) -> Option<Handle> {
        Handle::of(&self.name)
    }
}

/// A reference to a mapped object. It keeps the object mapped until it is dropped.
#[derive(Debug)]
pub(crate) struct Handle(*mut c_void);

impl Handle {
    /// The object that the linker has loaded under this name, or the program itself if that is empty; none if there is
    /// no such object.
    pub(crate) fn of(name: &CStr) -> Option<Self> {
        let name = if name.is_empty() { ptr::null() } else { name.as_ptr() };
        // SAFETY: the name is NULL or ends with a NUL; RTLD_NOLOAD loads nothing, so no foreign code runs.
        let handle = unsafe { libc::dlopen(name, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        // Not then_some: it would make a handle of NULL, and close it.
        (!handle.is_null()).then(|| Self(handle))
    }

    /// The address of `name` in the object, or in what it depends on.
    pub(crate) fn symbol(&self, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: the handle is open until the value is dropped, and the name ends with a NUL.
        let address = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        (!address.is_null()).then_some(address)
    }

    /// Keeps the object mapped for as long as the process lives.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from dlopen and is closed once.
        unsafe { libc::dlclose(self.0) };
    }
}

/// What a person calls the object that the linker knows by this name.
pub(crate) fn title(name: &CStr) -> String {
    if name.is_empty() { "the program".to_owned() } else { name.to_string_lossy().into_owned() }
}

/// Some address in the object that this crate is linked into.
pub(crate) fn own_address() -> usize {
    static HERE: u8 = 0;
    (&raw const HERE).addr()
}

unsafe extern "C" fn collect(info: *mut dl_phdr_info, _size: usize, objects: *mut c_void) -> c_int {
    guard(0, || {
        // SAFETY: the linker passes a valid description; `objects` is the vector that `all` passed.
        let (info, objects) = unsafe { (&*info, &mut *objects.cast::<Vec<Object>>()) };
        let headers = if info.dlpi_phdr.is_null() {
            &[]
        } else {
            // SAFETY: the linker says that there are so many headers at that place, while the object is mapped.
            unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) }
        };
        let segment = |header: &libc::Elf64_Phdr| {
            let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
            start..start.saturating_add(header.p_memsz as usize)
        };
        let name = if info.dlpi_name.is_null() {
            CString::default()
        } else {
            // SAFETY: a name that is not NULL ends with a NUL.
            unsafe { CStr::from_ptr(info.dlpi_name) }.to_owned()
        };
        let segments = headers.iter().filter(|header| header.p_type == libc::PT_LOAD).map(segment).collect();
        objects.push(Object { name, segments });
        0
    })
}

/// The return addresses on the stack, innermost first; the outermost are left out.
#[cfg(feature = "module")]
fn return_addresses() -> Vec<usize> {
    /// Deeper than any way from an export of ours to the code that called it.
    const FRAMES_MAX: usize = 64;

    #[repr(C)]
    struct Context([u8; 0]);
    unsafe extern "C-unwind" {
        fn _Unwind_Backtrace(
            step: unsafe extern "C-unwind" fn(*mut Context, *mut c_void) -> c_int,
            argument: *mut c_void,
        ) -> c_int;
        fn _Unwind_GetIP(context: *mut Context) -> usize;
    }
    const NO_REASON: c_int = 0;
    const NORMAL_STOP: c_int = 4;

    unsafe extern "C-unwind" fn step(context: *mut Context, addresses: *mut c_void) -> c_int {
        // SAFETY: the unwinder passes back the vector given below, and a context that is valid for this call.
        let (addresses, address) = unsafe { (&mut *addresses.cast::<Vec<usize>>(), _Unwind_GetIP(context)) };
        // A call may be the last instruction of its function: the address before the return address is in the caller.
        addresses.push(address.saturating_sub(1));
        if addresses.len() < FRAMES_MAX { NO_REASON } else { NORMAL_STOP }
    }

    let mut addresses: Vec<usize> = Vec::with_capacity(FRAMES_MAX);
    // SAFETY: `step` gets back this vector, and is not called after the call returns.
    unsafe { _Unwind_Backtrace(step, (&raw mut addresses).cast()) };
    addresses
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn finds_the_object_of_an_address_and_its_names() {
        let objects = Object::all();
        let of = |address: usize| objects.iter().find(|object| object.contains(address)).unwrap();
        assert!(of(own_address()).name().is_empty(), "the tests are linked into the program itself");
        let libc_object = of(libc::getpid as *const () as usize);
        let handle = libc_object.open().unwrap();
        assert_eq!(handle.symbol(c"getpid").unwrap().addr(), libc::getpid as *const () as usize);
        assert!(handle.symbol(c"mecai_no_such_function").is_none());
    }

    #[test]
    fn an_object_that_the_linker_does_not_know_cannot_be_opened() {
        let gone = Object { name: c"/usr/lib/mecai-no-such-library.so".to_owned(), segments: Vec::new() };
        assert!(gone.open().is_none());
    }

    #[cfg(feature = "module")]
    #[test]
    fn the_caller_is_the_first_object_outside_our_own() {
        // qsort calls back: the first frame outside this program is the C library.
        unsafe extern "C" fn compare(_: *const c_void, _: *const c_void) -> c_int {
            CALLER.with(|caller| *caller.borrow_mut() = Object::calling());
            0
        }
        thread_local!(static CALLER: std::cell::RefCell<Option<Object>> = const { std::cell::RefCell::new(None) });
        let mut numbers = [2_u8, 1];
        // SAFETY: the array has two elements of one octet.
        unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 2, 1, Some(compare)) };
        let caller = CALLER.take().unwrap();
        assert!(caller.contains(libc::qsort as *const () as usize), "{caller:?}");
    }
}
