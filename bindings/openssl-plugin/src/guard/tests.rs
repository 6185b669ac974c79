//! Every export and every callback is listed here, panics here, and says what it has to say then.
#![allow(clippy::unwrap_used)]

use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::{fs, ptr};

use super::planted::with_panic;
use crate::attach::find;
use crate::handshake::{connection, extension, session, verify};
use crate::module::{install, provider};
use crate::openssl::{SSL_AD_INTERNAL_ERROR, SSL_EXT_CLIENT_HELLO, SSL_EXT_TLS1_3_CERTIFICATE};
use crate::{api, context, module};

/// Name, and what the call gives when it panics.
fn after_a_panic() -> Vec<(&'static str, i64, i64)> {
    let null = ptr::null_mut::<c_void>();
    let add = |context| {
        let mut alert: c_int = 0;
        // SAFETY: the planted panic comes before any pointer is used, but for the alert.
        let outcome = unsafe {
            with_panic(|| {
                extension::add(
                    ptr::null_mut(),
                    0,
                    context,
                    ptr::null_mut(),
                    null.cast(),
                    ptr::null_mut(),
                    0,
                    &raw mut alert,
                    null,
                )
            })
        };
        i64::from(outcome) * 1000 + i64::from(alert)
    };
    let parse = |context| {
        let mut alert: c_int = 0;
        // SAFETY: as above.
        let outcome = unsafe {
            with_panic(|| {
                extension::parse(ptr::null_mut(), 0, context, ptr::null(), 0, ptr::null_mut(), 0, &raw mut alert, null)
            })
        };
        i64::from(outcome) * 1000 + i64::from(alert)
    };
    let internal = i64::from(SSL_AD_INTERNAL_ERROR);
    // SAFETY: the planted panic comes before any pointer is used.
    unsafe {
        vec![
            ("OPENSSL_init", with_panic(|| module::OPENSSL_init(ptr::null_mut(), ptr::null())).into(), 1),
            (
                "OPENSSL_finish",
                {
                    with_panic(|| module::OPENSSL_finish(ptr::null_mut()));
                    0
                },
                0,
            ),
            (
                "mecai_openssl_attach",
                with_panic(|| api::mecai_openssl_attach(ptr::null_mut(), ptr::null(), 0, ptr::null_mut(), 0)).into(),
                90,
            ),
            ("mecai_openssl_set_mode", with_panic(|| api::mecai_openssl_set_mode(ptr::null_mut(), 0)).into(), 90),
            (
                "mecai_openssl_set_peer",
                with_panic(|| api::mecai_openssl_set_peer(ptr::null_mut(), ptr::null(), 0, 0)).into(),
                90,
            ),
            (
                "mecai_openssl_verdict",
                with_panic(|| api::mecai_openssl_verdict(ptr::null_mut(), ptr::null_mut(), 0)).into(),
                0,
            ),
            ("mecai_openssl_verdict_code", with_panic(|| api::mecai_openssl_verdict_code(ptr::null())).into(), 0),
            (
                "mecai_openssl_verdict_json",
                i64::try_from(with_panic(|| api::mecai_openssl_verdict_json(ptr::null_mut(), ptr::null_mut(), 0)))
                    .unwrap(),
                0,
            ),
            ("mecai_openssl_code_str", with_panic(|| api::mecai_openssl_code_str(40)).is_null().into(), 0),
            (
                "mecai_openssl_context_status",
                with_panic(|| api::mecai_openssl_context_status(ptr::null_mut(), ptr::null_mut(), 0)).into(),
                0,
            ),
            ("mecai_openssl_status", with_panic(|| api::mecai_openssl_status(ptr::null_mut(), 0)).into(), 0),
            ("mecai_openssl_result_str", with_panic(|| api::mecai_openssl_result_str(0)).is_null().into(), 0),
            ("mecai_openssl_version", with_panic(|| api::mecai_openssl_version()).is_null().into(), 0),
            (
                "mecai_openssl_find_in",
                with_panic(|| api::find::mecai_openssl_find_in(ptr::null(), ptr::null_mut(), 0)).into(),
                90,
            ),
            (
                "mecai_openssl_find_begin",
                {
                    with_panic(|| api::find::mecai_openssl_find_begin());
                    0
                },
                0,
            ),
            ("mecai_openssl_find_made", with_panic(|| api::find::mecai_openssl_find_made()).is_null().into(), 1),
            (
                "mecai_openssl_find_context",
                with_panic(|| api::find::mecai_openssl_find_context(ptr::null())).is_null().into(),
                1,
            ),
            (
                "mecai_openssl_find_by_data",
                with_panic(|| api::find::mecai_openssl_find_by_data(ptr::null())).is_null().into(),
                1,
            ),
            (
                "note_made",
                {
                    with_panic(|| find::note_made(null, null, ptr::null_mut(), 0, 0, null));
                    0
                },
                0,
            ),
            (
                "note_freed",
                {
                    with_panic(|| find::note_freed(null, null, ptr::null_mut(), 0, 0, null));
                    0
                },
                0,
            ),
            (
                "OSSL_provider_init",
                with_panic(|| provider::OSSL_provider_init(null, null.cast(), null.cast(), null.cast())).into(),
                0,
            ),
            ("gettable_params", with_panic(|| provider::gettable_params(null)).is_null().into(), 1),
            ("get_params", with_panic(|| provider::get_params(null, ptr::null_mut())).into(), 0),
            (
                "new",
                {
                    with_panic(|| install::new(null, null, ptr::null_mut(), 0, 0, null));
                    0
                },
                0,
            ),
            (
                "free",
                {
                    with_panic(|| connection::free(null, null, ptr::null_mut(), 0, 0, null));
                    0
                },
                0,
            ),
            (
                "free",
                {
                    with_panic(|| context::free(null, null, ptr::null_mut(), 0, 0, null));
                    0
                },
                0,
            ),
            (
                "duplicate",
                with_panic(|| connection::duplicate(ptr::null_mut(), ptr::null(), null.cast(), 0, 0, null)).into(),
                0,
            ),
            // A client must not go on without its request; a server goes on without an answer.
            ("add", add(SSL_EXT_CLIENT_HELLO), -1000 + internal),
            ("add", add(SSL_EXT_TLS1_3_CERTIFICATE), 0),
            ("parse", parse(SSL_EXT_TLS1_3_CERTIFICATE), internal),
            ("parse", parse(SSL_EXT_CLIENT_HELLO), 1000),
            (
                "free",
                {
                    with_panic(|| extension::free(ptr::null_mut(), 0, 0, ptr::null(), null));
                    0
                },
                0,
            ),
            ("verify", with_panic(|| verify::verify(ptr::null_mut(), null)).into(), 0),
            (
                "security",
                with_panic(|| session::security::<0>(ptr::null(), ptr::null(), 0, 0, 0, null, null)).into(),
                0,
            ),
        ]
    }
}

#[test]
fn a_panic_becomes_a_refusal() {
    for (name, outcome, expected) in after_a_panic() {
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn every_function_that_c_calls_is_guarded_and_listed() {
    let listed: Vec<&str> = after_a_panic().iter().map(|(name, ..)| *name).collect();
    let mut found = 0;
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let program = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for (at, _) in program.match_indices("extern \"C\" fn ") {
            let rest = &program[at + "extern \"C\" fn ".len()..];
            let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            let end = rest.find("\n}").unwrap_or(rest.len());
            // The linker's walk over the objects has no caller in OpenSSL.
            assert!(rest[..end].contains("guard("), "{name} in {} has no guard", path.display());
            assert!(name == "collect" || listed.contains(&name.as_str()), "{name} in {} is not tested", path.display());
            found += 1;
        }
    }
    assert_eq!(found, 33, "functions that C calls");
}

/// The files in a directory, and in those below it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
