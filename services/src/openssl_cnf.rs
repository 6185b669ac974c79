//! Reads openssl.cnf through OpenSSL's own parser, without acting on it.

use std::ffi::{CStr, CString, c_char, c_int, c_long};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};

/// A file that was read.
pub(crate) struct OpensslCnf {
    conf: NonNull<openssl_sys::CONF>,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CnfError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: line {line} cannot be read", path.display())]
    Line { path: PathBuf, line: i64 },
    #[error("{}: {}", path.display(), .source)]
    OpenSsl { path: PathBuf, source: openssl::error::ErrorStack },
}

/// The names and values of a section, in their order.
pub(crate) type Section = Vec<(String, String)>;

impl OpensslCnf {
    /// Reads a file, and those that it includes.
    pub(crate) fn read(path: &Path) -> Result<Self, CnfError> {
        let file = |source| CnfError::File { path: path.to_owned(), source };
        std::fs::File::open(path).map_err(file)?;
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| file(error.into()))?;
        openssl::init();
        let openssl = || CnfError::OpenSsl { path: path.to_owned(), source: openssl::error::ErrorStack::get() };
        // SAFETY: no method means the default one.
        let conf = NonNull::new(unsafe { openssl_sys::NCONF_new(ptr::null_mut()) }).ok_or_else(openssl)?;
        let read = Self { conf };
        let mut line: c_long = 0;
        // SAFETY: `conf` was just made; both other pointers are valid for the call.
        if unsafe { NCONF_load(conf.as_ptr(), name.as_ptr(), &raw mut line) } > 0 {
            return Ok(read);
        }
        let error = openssl();
        Err(if line > 0 { CnfError::Line { path: path.to_owned(), line } } else { error })
    }

    /// Where OpenSSL looks if no program says otherwise: `OPENSSL_CONF`, else the system's file.
    pub(crate) fn default_path() -> Option<PathBuf> {
        openssl::init();
        // SAFETY: takes nothing; gives a string that is ours.
        let name = NonNull::new(unsafe { CONF_get1_default_config_file() })?;
        // SAFETY: OpenSSL gave a string that ends with a NUL; it is freed once, after its last use.
        unsafe {
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(CStr::from_ptr(name.as_ptr()).to_bytes()));
            openssl_sys::CRYPTO_free(name.as_ptr().cast(), c"".as_ptr(), 0);
            Some(path).filter(|path| !path.as_os_str().is_empty())
        }
    }

    /// A section; none if there is no such section.
    pub(crate) fn section(&self, name: &str) -> Option<Section> {
        let name = CString::new(name).ok()?;
        // SAFETY: a section is a stack of CONF_VALUE that lives as long as the file; names and values are strings.
        unsafe {
            let stack = NCONF_get_section(self.conf.as_ptr(), name.as_ptr());
            if stack.is_null() {
                return None;
            }
            let line = |place| {
                let value: *const ConfValue = openssl_sys::OPENSSL_sk_value(stack, place).cast();
                Some((text((*value).name)?, text((*value).value)?))
            };
            Some((0..openssl_sys::OPENSSL_sk_num(stack)).filter_map(line).collect())
        }
    }

    /// The last value of a name in a section.
    pub(crate) fn value(&self, section: &str, name: &str) -> Option<String> {
        self.section(section)?.into_iter().rev().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The section that switches modules on for programs of this kind (`openssl_conf`, `nodejs_conf`).
    pub(crate) fn modules(&self, kind: &str) -> Option<String> {
        self.value("default", kind)
    }

    /// The name by which a section of modules loads mecai, and the section that configures it.
    pub(crate) fn mecai_of(&self, modules: &str) -> Option<(String, String)> {
        let is_mecai = |name: &str| name == "mecai" || name.starts_with("mecai.");
        self.section(modules)?.into_iter().rev().find(|(name, _)| is_mecai(name))
    }

    /// The section that configures mecai in this file.
    pub(crate) fn mecai(&self) -> Option<Section> {
        let (_, section) = self.mecai_of(&self.modules("openssl_conf")?)?;
        self.section(&section)
    }
}

impl Drop for OpensslCnf {
    fn drop(&mut self) {
        // SAFETY: made by `NCONF_new`, freed once.
        unsafe { openssl_sys::NCONF_free(self.conf.as_ptr()) }
    }
}

/// # Safety
/// `string` is NULL, or ends with a NUL.
unsafe fn text(string: *const c_char) -> Option<String> {
    if string.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(string) }.to_str().ok().map(str::to_owned)
}

/// `CONF_VALUE` of openssl/conf.h.
#[repr(C)]
struct ConfValue {
    section: *mut c_char,
    name: *mut c_char,
    value: *mut c_char,
}

// openssl/conf.h; not in openssl-sys.
unsafe extern "C" {
    fn NCONF_load(conf: *mut openssl_sys::CONF, file: *const c_char, line: *mut c_long) -> c_int;
    fn NCONF_get_section(conf: *const openssl_sys::CONF, section: *const c_char) -> *mut openssl_sys::OPENSSL_STACK;
    fn CONF_get1_default_config_file() -> *mut c_char;
}
