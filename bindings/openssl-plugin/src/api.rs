//! The plain C functions, for programs that use OpenSSL and ask for MECAI themselves (docs/c-openssl.md). The header is
//! made from this file, so its comments speak to a C reader.

use std::ffi::{CStr, CString, c_char};
use std::num::NonZeroU16;
use std::{ptr, slice};

use mecai::verdict::{Code, Outcome};
use once_cell::race::OnceBox;

use crate::attach::{self, Refusal};
use crate::guard::guard;
use crate::installation::config::ConfigError;
use crate::installation::status;
use crate::library::NoLibrary;
use crate::told;
use crate::told::account;

pub mod find;

pub use crate::openssl::{SSL, SSL_CTX};

/// The call did what it was asked for. It says nothing about any server.
pub const MECAI_OPENSSL_OK: u32 = 0;
/// A pointer that must not be NULL is.
pub const MECAI_OPENSSL_ERR_NULL: u32 = 10;
/// A number or a length is out of its range.
pub const MECAI_OPENSSL_ERR_ARGUMENT: u32 = 11;
/// A key or a value is unknown, wrong, missing, or given twice. The sentence names the key.
pub const MECAI_OPENSSL_ERR_SETTINGS: u32 = 20;
/// The file or directory that a key names cannot be used. The sentence names the key.
pub const MECAI_OPENSSL_ERR_FILE: u32 = 21;
/// The OpenSSL that made the context, or that an object uses, cannot be found, or hides functions that are needed.
pub const MECAI_OPENSSL_ERR_HIDDEN: u32 = 30;
/// The process has more OpenSSLs than MECAI serves.
pub const MECAI_OPENSSL_ERR_TOO_MANY: u32 = 31;
/// OpenSSL refused: it has no memory, or the context has an extension of MECAI already, by a serverinfo file.
pub const MECAI_OPENSSL_ERR_OPENSSL: u32 = 32;
/// The context has MECAI already, by an earlier call, by openssl.cnf, or by a serverinfo file.
pub const MECAI_OPENSSL_ERR_ALREADY_ATTACHED: u32 = 40;
/// The connection's context has no MECAI.
pub const MECAI_OPENSSL_ERR_NOT_ATTACHED: u32 = 41;
/// The handshake has begun.
pub const MECAI_OPENSSL_ERR_TOO_LATE: u32 = 42;
/// The connection's context judges nobody: it has no authority list, or its settings could not be read.
pub const MECAI_OPENSSL_ERR_NO_CLIENT: u32 = 43;
/// A defect of MECAI itself. Free the context or connection; use it for nothing else.
pub const MECAI_OPENSSL_ERR_PANIC: u32 = 90;

/// The mode that the connection's context has.
pub const MECAI_OPENSSL_MODE_OF_CONTEXT: u32 = 0;
/// Nothing is asked, judged or recorded, and a server shows no vouchers.
pub const MECAI_OPENSSL_MODE_OFF: u32 = 1;
/// A server without enough vouchers is let through, and logged.
pub const MECAI_OPENSSL_MODE_OBSERVE: u32 = 2;
/// A server without enough vouchers is let through unless it has promised to show them.
pub const MECAI_OPENSSL_MODE_OPPORTUNISTIC: u32 = 3;
/// A server without enough vouchers is refused.
pub const MECAI_OPENSSL_MODE_REQUIRE: u32 = 4;

/// The handshake was not judged.
pub const MECAI_OPENSSL_NOT_JUDGED: u32 = 0;
/// It was refused.
pub const MECAI_OPENSSL_REFUSED: u32 = 1;
/// It was let through without enough vouchers.
pub const MECAI_OPENSSL_UNVOUCHED: u32 = 2;
/// It needed no vouchers.
pub const MECAI_OPENSSL_EXEMPT: u32 = 3;
/// Enough operators have vouched.
pub const MECAI_OPENSSL_ACCEPTED: u32 = 0x4D01;

/// The version of all this.
pub(crate) const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

/// More strings than there are keys and values.
const STRINGS_MAX: usize = 64;

/// Puts MECAI into a context, as openssl.cnf would, without openssl.cnf: its clients ask for vouchers and judge them, its
/// servers show theirs.
///
/// `settings` are `count` strings, key and value in turn: the keys of docs/module.md but for `path` and `except`, each at
/// most once. `mode` is `require` unless it is given. The strings are read during the call alone.
///
/// Call it once per context, before the first SSL_new of it, and while the program still may read the files that the keys
/// name: before it changes its user or its root directory. Contexts with equal settings share what is read; this stays for
/// as long as the process lives, so do not make up new settings without end. The context is freed as ever.
///
/// Gives 0 (MECAI_OPENSSL_OK), or an error MECAI_OPENSSL_ERR_… after which the context is as it was (or, where the sentence
/// says so, is to be freed). On either, a sentence is written to `sentence`, which has room for `size` octets, with a NUL at
/// its end; what does not fit is cut off. NULL for no sentence.
///
/// Any number of threads may call this at once, each with a context that no other uses meanwhile.
///
/// # Safety
/// `context` is NULL or a context of some OpenSSL of the process; `settings` is NULL or has `count` strings that end with a
/// NUL, or NULL; `sentence` is NULL, or `size` octets may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_attach(
    context: *mut SSL_CTX,
    settings: *const *const c_char,
    count: usize,
    sentence: *mut c_char,
    size: usize,
) -> u32 {
    guard(MECAI_OPENSSL_ERR_PANIC, || {
        // SAFETY: as the caller says.
        unsafe {
            write(sentence, size, result(MECAI_OPENSSL_ERR_PANIC).to_str().unwrap_or_default());
            let attached = strings(settings, count).and_then(|settings| {
                let context = if context.is_null() { Err(Refusal::Null("context")) } else { Ok(context) };
                attach::attach(context?, &settings)
            });
            match attached {
                Ok(()) => write(sentence, size, "attached"),
                Err(ref refusal) => write(sentence, size, &refusal.to_string()),
            }
            number(attached)
        }
    })
}

/// Has one connection judged in another mode than its context's: MECAI_OPENSSL_MODE_…, stricter or laxer;
/// MECAI_OPENSSL_MODE_OF_CONTEXT takes that back. A session that was judged in another mode is not resumed. It holds for
/// every handshake of this SSL from now on, and for those of SSL_dup. On a server only MECAI_OPENSSL_MODE_OFF changes
/// anything: no vouchers are shown.
///
/// To be called before the handshake, by the thread that uses the connection; contexts that openssl.cnf has attended to
/// have it, too. Gives 0 or an error, after which the mode is as it was.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_set_mode(ssl: *mut SSL, mode: u32) -> u32 {
    guard(MECAI_OPENSSL_ERR_PANIC, || {
        if ssl.is_null() {
            return MECAI_OPENSSL_ERR_NULL;
        }
        let Some(mode) = attach::mode(mode) else { return MECAI_OPENSSL_ERR_ARGUMENT };
        // SAFETY: as the caller says.
        number(unsafe { attach::set_mode(ssl, mode) })
    })
}

/// Says where the server of one connection is, and which port is meant.
///
/// `address` has `length` octets in network order: 4, 16, or none (NULL, 0) where the socket is to be asked, as without
/// this call. 0.0.0.0 or :: says that the address is unknown, whatever the socket says: behind a proxy. `port` is the port
/// that is meant, from the URL and not from the socket, in the host's order; vouchers must then be for it (`wrong_port`
/// otherwise). 0 states none, and then none is compared. A session that was judged for another port is not resumed. It
/// holds for every handshake of this SSL from now on, and for those of SSL_dup; each call says all of it anew.
///
/// To be called before the handshake, by the thread that uses the connection. The octets are read during the call alone.
/// Gives 0 or an error, after which everything is as it was.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process; `address` is NULL or has so many octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_set_peer(ssl: *mut SSL, address: *const u8, length: usize, port: u16) -> u32 {
    guard(MECAI_OPENSSL_ERR_PANIC, || {
        if ssl.is_null() || (address.is_null() && length != 0) {
            return MECAI_OPENSSL_ERR_NULL;
        }
        if length > 16 {
            return MECAI_OPENSSL_ERR_ARGUMENT;
        }
        // SAFETY: as the caller says.
        let octets = if address.is_null() { &[] } else { unsafe { slice::from_raw_parts(address, length) } };
        let Some(peer) = attach::peer(octets) else { return MECAI_OPENSSL_ERR_ARGUMENT };
        // SAFETY: as the caller says.
        number(unsafe { attach::set_peer(ssl, peer, NonZeroU16::new(port)) })
    })
}

/// What became of the last handshake of a connection: 0 it was not judged, 1 it was refused, 2 it was let through without
/// enough vouchers, 3 it was exempt, 0x4D01 it was accepted. A resumed session has the outcome of the handshake that it
/// is of. Any thread may ask, while nobody frees the connection. It speaks of the certificate; whether the handshake ended
/// well, OpenSSL says. Where another copy of MECAI in the process attends to the context, that one is asked, and the
/// sentence says so.
///
/// A sentence with the code and the values compared is written to `sentence` as by mecai_openssl_status.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process. `sentence` is NULL, or `size` octets may be written
/// there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_verdict(ssl: *mut SSL, sentence: *mut c_char, size: usize) -> u32 {
    guard(MECAI_OPENSSL_NOT_JUDGED, || {
        // SAFETY: as the caller says.
        unsafe {
            write(sentence, size, "not judged");
            let told = told::in_short(ssl);
            write(sentence, size, &told.sentence);
            OUTCOMES
                .iter()
                .find(|(_, outcome)| told.outcome == Some(*outcome))
                .map_or(MECAI_OPENSSL_NOT_JUDGED, |(number, _)| *number)
        }
    })
}

/// The code of the same verdict, a number of docs/spec.md, section 13: 0x4D01 where it was accepted, why not otherwise; 0
/// where nothing was judged. Numbers never change. Any thread may ask, while nobody frees the connection.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_verdict_code(ssl: *const SSL) -> u32 {
    // SAFETY: as the caller says.
    guard(0, || unsafe { told::in_short(ssl.cast_mut()) }.code)
}

/// All that is known of the same verdict, as one JSON object (RFC 8259), in UTF-8. These members are always there, null where
/// there is nothing to say; more may come:
///
/// - `outcome`: "accepted", "exempt", "unvouched", "refused" or "not_judged"; `code`: the word of the code, "not_judged" for
///   none; `number`: its number, or 0; `sentence`: what mecai_openssl_verdict says;
/// - `name`: the name that was meant; `at`: when it was judged, in seconds since 1970; `resumed`: whether the session of an
///   earlier handshake was resumed, of which only outcome, code and `until` are known;
/// - `operators`, `required`, `sent`: how many operators were counted, how many were required, how many endorsements came;
///   `newest`: producedAt of the newest counted statement; `until`: the earliest notAfter of those counted; both in seconds
///   since 1970; `stay_days`: the site's promise;
/// - `chain`: the ids of the operators that own a part of the verified chain, sorted, by the list of that time;
/// - `peer`: the address that was compared; `port`: the port that was stated; `notes`: the words of what decided nothing;
///   `alarm`: whether vouchers came that do not belong there;
/// - `failover`: what came of the server's alternate: `used`, `code`, and `sentence`, why the server's own certificate or,
///   if it was not used, the alternate fails;
/// - `bundles`: the bundles that the server sent, in base64; its alternate's, if that was used;
/// - `report`: the mismatch report that is due (docs/spec.md, section 10), whatever the keys `reports` and `state` say.
///
/// `chain`, `peer`, `port`, `bundles` and `report` are kept only of handshakes after mecai_openssl_find_in.
///
/// Written to `text`, which has room for `size` octets, with a NUL at its end; what does not fit is cut off. Gives how many
/// octets there are without the NUL, whatever the room; 0 only if MECAI has a defect. Any thread may ask, while nobody frees
/// the connection.
///
/// # Safety
/// `ssl` is NULL, or a connection of some OpenSSL of the process. `text` is NULL, or `size` octets may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_verdict_json(ssl: *mut SSL, text: *mut c_char, size: usize) -> usize {
    guard(0, || {
        // SAFETY: as the caller says.
        unsafe {
            write(text, size, "");
            let json = account::of_connection(ssl);
            write(text, size, &json);
            json.len()
        }
    })
}

/// The word of a code, such as "no_voucher": "not_judged" for 0, "unknown" for what is no code. Never NULL; a static string
/// that ends with a NUL and is not to be freed. Any thread may ask.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_openssl_code_str(code: u32) -> *const c_char {
    guard(c"unknown".as_ptr(), || word(code).as_ptr())
}

/// What has been seen of a context: 0 it has no MECAI, 1 it is attached, 2 it has judged a handshake, 3 a program replaced
/// its verify callback: a handshake went on without being judged, 4 its settings or the authority list cannot be used: its
/// clients refuse, 6 a serverinfo file attends to it, or another copy of MECAI in this process that cannot be asked. (5 is of
/// mecai_openssl_status alone.) Contexts that openssl.cnf or another copy has attended to are told of, too; then the
/// sentence says so.
///
/// A sentence that says more is written to `sentence` as by mecai_openssl_status. Any thread may ask, while nobody frees
/// the context.
///
/// # Safety
/// `context` is NULL, or a context of some OpenSSL of the process. `sentence` is NULL, or `size` octets may be written
/// there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_context_status(
    context: *mut SSL_CTX,
    sentence: *mut c_char,
    size: usize,
) -> u32 {
    guard(0, || {
        // SAFETY: as the caller says.
        unsafe {
            let (seen, text) = status::of_context(context);
            write(sentence, size, &text);
            seen.number()
        }
    })
}

/// What has been seen of MECAI in this process, by openssl.cnf and by mecai_openssl_attach: 0 it is not installed, 1 it is
/// installed, 2 it has judged a handshake, 3 a program replaced its verify callback: a handshake went on without being
/// judged, 4 its configuration or the authority list cannot be used, 5 nothing can be known. Any thread may ask.
///
/// A sentence that says more, which key is wrong, is written to `sentence`, which has room for `size` octets, with a NUL
/// at its end; what does not fit is cut off. NULL for no sentence.
///
/// # Safety
/// `sentence` is NULL, or so many octets may be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_openssl_status(sentence: *mut c_char, size: usize) -> u32 {
    guard(0, || {
        let (seen, text) = status::of_process();
        // SAFETY: as the caller says.
        unsafe { write(sentence, size, &text) };
        seen.number()
    })
}

/// One sentence for a result of these functions, never NULL; a static string that ends with a NUL and is not to be freed.
/// Any thread may ask.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_openssl_result_str(result: u32) -> *const c_char {
    guard(UNKNOWN_RESULT.as_ptr(), || self::result(result).as_ptr())
}

/// The version of the module, a static string that ends with a NUL and is not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_openssl_version() -> *const c_char {
    guard(VERSION.as_ptr(), || VERSION.as_ptr())
}

const OUTCOMES: [(u32, Outcome); 4] = [
    (MECAI_OPENSSL_REFUSED, Outcome::Refused),
    (MECAI_OPENSSL_UNVOUCHED, Outcome::Unvouched),
    (MECAI_OPENSSL_EXEMPT, Outcome::Exempt),
    (MECAI_OPENSSL_ACCEPTED, Outcome::Accepted),
];

/// The outcome that `mecai_openssl_verdict` gives this number for; none if that was not judged.
pub(crate) fn outcome(number: u32) -> Option<Outcome> {
    OUTCOMES.iter().find(|(other, _)| *other == number).map(|(_, outcome)| *outcome)
}

/// # Safety
/// `strings` is NULL or has `count` strings that end with a NUL and stay for `'a`, or NULL.
unsafe fn strings<'a>(strings: *const *const c_char, count: usize) -> Result<Vec<&'a CStr>, Refusal> {
    if strings.is_null() && count != 0 {
        return Err(Refusal::Null("settings"));
    }
    if count > STRINGS_MAX {
        return Err(Refusal::Argument(format!("count is {count}: there are not so many keys and values")));
    }
    let one = |place| {
        // SAFETY: as the caller says.
        unsafe {
            let string = *strings.add(place);
            if string.is_null() { Err(Refusal::Null("a string of the settings")) } else { Ok(CStr::from_ptr(string)) }
        }
    };
    (0..count).map(one).collect()
}

fn number(outcome: Result<(), Refusal>) -> u32 {
    match outcome {
        Ok(()) => MECAI_OPENSSL_OK,
        Err(Refusal::Null(_)) => MECAI_OPENSSL_ERR_NULL,
        Err(Refusal::Argument(_)) => MECAI_OPENSSL_ERR_ARGUMENT,
        Err(Refusal::File(_) | Refusal::Settings(ConfigError::File { .. })) => MECAI_OPENSSL_ERR_FILE,
        Err(Refusal::Settings(_) | Refusal::NotText(_) | Refusal::Nothing(_)) => MECAI_OPENSSL_ERR_SETTINGS,
        Err(Refusal::Library(NoLibrary::TooMany)) => MECAI_OPENSSL_ERR_TOO_MANY,
        Err(Refusal::Library(
            NoLibrary::NotFound(_) | NoLibrary::NotLoaded(_) | NoLibrary::NotUsed { .. } | NoLibrary::Unusable { .. },
        )) => MECAI_OPENSSL_ERR_HIDDEN,
        Err(Refusal::OpenSsl(_)) => MECAI_OPENSSL_ERR_OPENSSL,
        Err(Refusal::AlreadyAttached(_)) => MECAI_OPENSSL_ERR_ALREADY_ATTACHED,
        Err(Refusal::NotAttached) => MECAI_OPENSSL_ERR_NOT_ATTACHED,
        Err(Refusal::TooLate) => MECAI_OPENSSL_ERR_TOO_LATE,
        Err(Refusal::NoClient) => MECAI_OPENSSL_ERR_NO_CLIENT,
    }
}

/// The word of a code, with a NUL at its end.
fn word(number: u32) -> &'static CStr {
    static WORDS: OnceBox<Vec<CString>> = OnceBox::new();
    let all = || Box::new(Code::ALL.iter().map(|code| CString::new(code.as_str()).unwrap_or_default()).collect());
    let words = WORDS.get_or_init(all);
    match told::word(number) {
        Some(word) => words.iter().find(|other| other.to_bytes() == word.as_bytes()).map_or(c"unknown", |word| word),
        None if number == 0 => c"not_judged",
        None => c"unknown",
    }
}

const UNKNOWN_RESULT: &CStr = c"this number is no result of MECAI";

fn result(number: u32) -> &'static CStr {
    match number {
        MECAI_OPENSSL_OK => c"the call did what it was asked for",
        MECAI_OPENSSL_ERR_NULL => c"a pointer that must not be NULL is",
        MECAI_OPENSSL_ERR_ARGUMENT => c"a number or a length is out of its range",
        MECAI_OPENSSL_ERR_SETTINGS => c"a key or a value is unknown, wrong, missing, or given twice",
        MECAI_OPENSSL_ERR_FILE => c"the file or directory that a key names cannot be used",
        MECAI_OPENSSL_ERR_HIDDEN => c"the OpenSSL that is meant cannot be found, or hides functions that are needed",
        MECAI_OPENSSL_ERR_TOO_MANY => c"the process has more OpenSSLs than MECAI serves",
        MECAI_OPENSSL_ERR_OPENSSL => {
            c"OpenSSL refused: it has no memory, or the context has an extension of MECAI already"
        }
        MECAI_OPENSSL_ERR_ALREADY_ATTACHED => {
            c"the context has MECAI already, by an earlier call, by openssl.cnf, or by a serverinfo file"
        }
        MECAI_OPENSSL_ERR_NOT_ATTACHED => c"the connection's context has no MECAI",
        MECAI_OPENSSL_ERR_TOO_LATE => c"the handshake has begun: this has to be said before",
        MECAI_OPENSSL_ERR_NO_CLIENT => c"the connection's context judges nobody",
        MECAI_OPENSSL_ERR_PANIC => {
            c"a defect of MECAI itself: free the context or connection, and use it for nothing else"
        }
        _ => UNKNOWN_RESULT,
    }
}

/// # Safety
/// `place` is NULL, or `size` octets may be written there.
unsafe fn write(place: *mut c_char, size: usize, text: &str) {
    let Some(room) = size.checked_sub(1).filter(|_| !place.is_null()) else { return };
    let text = text.replace('\0', "\\0");
    // Between two characters.
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    // SAFETY: as the caller says; the end is at most the last octet but one.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), place.cast(), end);
        *place.add(end) = 0;
    }
}
