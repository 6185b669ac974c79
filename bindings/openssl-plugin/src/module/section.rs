//! Reads the module's section through OpenSSL's own functions.

use std::ffi::{CStr, c_long};
use std::ptr;

use crate::installation::config::Section;
use crate::openssl::{CONF, CONF_IMODULE, CONF_VALUE, Crypto, text};

/// The section that openssl.cnf gives the module.
///
/// # Safety
/// Both pointers are valid and from the OpenSSL that `crypto` is of.
pub(crate) unsafe fn of_module(
    crypto: &Crypto,
    module: *mut CONF_IMODULE,
    file: *const CONF,
) -> Result<Section, String> {
    // SAFETY: as the caller says; the name belongs to the module and stays for the call.
    unsafe {
        let name = crypto.CONF_imodule_get_value(module);
        if name.is_null() {
            return Err("openssl.cnf names no section for the module".to_owned());
        }
        of_file(crypto, file, CStr::from_ptr(name))
    }
}

/// The section `name` of the file at `path`, which has the syntax of openssl.cnf.
pub(crate) fn of_path(crypto: &Crypto, path: &CStr, name: &CStr) -> Result<Section, String> {
    // SAFETY: the file is freed once, after its last use; both strings end with a NUL. What OpenSSL says of the file
    // goes no further than this function.
    unsafe {
        crypto.ERR_set_mark();
        let file = crypto.NCONF_new(ptr::null_mut());
        let mut line: c_long = 0;
        let section = if file.is_null() || crypto.NCONF_load(file, path.as_ptr(), &raw mut line) <= 0 {
            let path = path.to_string_lossy();
            match line {
                line if line > 0 => Err(format!("{path}: line {line} cannot be read")),
                _ => Err(match std::fs::read(path.as_ref()) {
                    Ok(_) => format!("{path} cannot be read"),
                    Err(error) => format!("{path}: {error}"),
                }),
            }
        } else {
            of_file(crypto, file, name)
        };
        crypto.NCONF_free(file);
        crypto.ERR_pop_to_mark();
        section
    }
}

/// # Safety
/// `file` is valid and from the OpenSSL that `crypto` is of.
unsafe fn of_file(crypto: &Crypto, file: *const CONF, name: &CStr) -> Result<Section, String> {
    // SAFETY: as the caller says; a section is a stack of CONF_VALUE that belongs to the file.
    unsafe {
        let stack = crypto.NCONF_get_section(file, name.as_ptr());
        if stack.is_null() {
            return Err(format!("there is no section [{}]", name.to_string_lossy()));
        }
        let line = |place| {
            let line = crypto.OPENSSL_sk_value(stack, place).cast::<CONF_VALUE>();
            let utf8 = |part| text(part).map(str::to_owned);
            utf8((*line).name).zip(utf8((*line).value))
        };
        let lines: Option<Section> = (0..crypto.OPENSSL_sk_num(stack)).map(line).collect();
        lines.ok_or_else(|| format!("section [{}] is not UTF-8", name.to_string_lossy()))
    }
}
