use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use mecai::bundle::assemble;
use mecai::chain::certificate_digest;
use mecai::endorsement::{Evidence, Seen, endorse};
use mecai::ffi::*;
use mecai::signature::SigningKey;
use mecai::statement::{Proposal, Statement};
use mecai::time::UnixTime;

use super::*;

const NOW: u64 = 1_795_478_400;
const CERTIFICATE: [u8; 32] = [7; 32];

/// The DER of a bundle that is in force for a day.
fn bundle(certificate: [u8; 32], host: &str) -> Vec<u8> {
    let key = SigningKey::from_pkcs8(&SigningKey::generate().unwrap()).unwrap();
    let proposal = Proposal {
        host,
        port: 443,
        addresses: &["192.0.2.1".parse().unwrap()],
        certificate,
        produced_at: UnixTime(NOW),
        not_after: UnixTime(NOW + 86_400),
        stay: None,
    };
    let der = proposal.to_der().unwrap();
    let statement = Statement::from_der(&der).unwrap();
    let endorsement = endorse(&key, &statement, Seen::from_indices([0]).unwrap(), Evidence::ShortLived).unwrap();
    assemble(&der, &[&endorsement]).unwrap()
}

/// A store in a directory of its own.
struct Shop {
    directory: tempfile::TempDir,
    store: *mut mecai_store,
}

impl Shop {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        Self { directory, store }
    }

    fn add(&self, certificate: [u8; 32], bundles: &[&[u8]]) -> Result<usize, u32> {
        let bundles = views(bundles);
        let mut left_out = 9;
        let (to, octets, views) = (&raw mut left_out, certificate.as_ptr(), (bundles.as_ptr(), bundles.len()));
        let (store, error) = (self.store, ptr::null_mut());
        match call!(mecai_store_add_bundles(store, octets, 32, views.0, views.1, NOW, to, error)) {
            MECAI_OK => Ok(left_out),
            result => {
                assert_eq!(left_out, 9, "the place is as it was");
                Err(result)
            }
        }
    }

    fn set_alternate(&self, chain: &[&[u8]]) -> u32 {
        let chain = views(chain);
        let (octets, none) = (CERTIFICATE.as_ptr(), ptr::null_mut());
        call!(mecai_store_set_alternate(self.store, octets, 32, chain.as_ptr(), chain.len(), none))
    }

    /// The file of the certificate.
    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join(format!("{}.vouchers", "07".repeat(32)))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        free_once(self.store, mecai_store_free);
    }
}

fn open(directory: &Path) -> *mut mecai_store {
    let path = std::ffi::CString::new(directory.as_os_str().as_bytes()).unwrap();
    made(|place, error| call!(mecai_store_open(path.as_ptr(), 16, place, error)))
}

/// The octets of an answer, none if nothing is sent; a problem that is told beside it is in the last place.
fn ask(
    store: *const mecai_store,
    extension: u32,
    name: Option<&str>,
    now: u64,
) -> (u32, Option<Vec<u8>>, Option<String>) {
    let name = name.map(world::c);
    let name = name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
    let (mut answer, mut error) = (stale(), stale());
    let places = (&raw mut answer, &raw mut error);
    let result = call!(mecai_store_answer(store, CERTIFICATE.as_ptr(), 32, extension, name, now, places.0, places.1));
    let octets = (result == MECAI_OK && !answer.is_null()).then(|| {
        let mut of = 9;
        let octets = shown(|view, error| call!(mecai_answer_octets(answer, &raw mut of, view, error)));
        assert_eq!(of, extension);
        free_once(answer, mecai_answer_free);
        octets
    });
    let problem = (!error.is_null()).then(|| told(error).1);
    (result, octets, problem)
}

#[test]
fn bundles_are_added_and_answered_by_name() {
    let shop = Shop::new();
    assert_eq!(ask(shop.store, MECAI_EXTENSION_VOUCHERS, None, NOW), (MECAI_OK, None, None), "no file is no error");
    let (a, b) = (bundle(CERTIFICATE, "a.example"), bundle(CERTIFICATE, "b.example"));
    assert_eq!(shop.add(CERTIFICATE, &[&a]), Ok(0));
    assert_eq!(shop.add(CERTIFICATE, &[&b]), Ok(0));
    let (result, octets, problem) = ask(shop.store, MECAI_EXTENSION_VOUCHERS, Some("B.example"), NOW + 5);
    assert_eq!((result, problem), (MECAI_OK, None));
    assert_eq!(octets, mecai::extension::write_bundles(&[&b]));
    let ask = |extension, name, now| ask(shop.store, extension, name, now).1;
    assert_eq!(ask(MECAI_EXTENSION_VOUCHERS, None, NOW + 5), mecai::extension::write_bundles(&[&a, &b]));
    assert_eq!(ask(MECAI_EXTENSION_VOUCHERS, Some("c.example"), NOW + 5), None);
    assert_eq!(ask(MECAI_EXTENSION_STAGED, None, NOW + 5), None);
    assert_eq!(ask(MECAI_EXTENSION_VOUCHERS, None, NOW + 86_401), None, "they ended");
    assert_eq!(shop.add([8; 32], &[&a]), Err(MECAI_ERR_STORE), "of another certificate");
    assert_eq!(shop.add(CERTIFICATE, &[b"no bundle"]), Err(MECAI_ERR_MALFORMED));
}

#[test]
fn an_alternate_is_set_shown_and_taken_away() {
    let shop = Shop::new();
    let bundle = bundle(certificate_digest(b"leaf"), "a.example");
    assert_eq!(shop.set_alternate(&[b"leaf", b"ca"]), MECAI_OK);
    assert_eq!(shop.add(CERTIFICATE, &[&bundle]), Ok(0));
    let ask = |now| ask(shop.store, MECAI_EXTENSION_ALTERNATE, None, now).1;
    assert_eq!(ask(NOW), mecai::extension::write_alternate(&[b"leaf", b"ca"], &[&bundle]));
    let large = vec![0; 16_384];
    assert_eq!(shop.set_alternate(&[&large]), MECAI_ERR_STORE);
    assert_eq!(shop.set_alternate(&[b""]), MECAI_ERR_STORE);
    assert_eq!(shop.set_alternate(&[]), MECAI_OK);
    assert_eq!(ask(NOW + 5), None);
}

#[test]
fn a_file_that_cannot_be_used_is_told_once_and_old_vouchers_go_on() {
    let shop = Shop::new();
    let a = bundle(CERTIFICATE, "a.example");
    shop.add(CERTIFICATE, &[&a]).unwrap();
    let ask = |store: *const mecai_store, now| ask(store, MECAI_EXTENSION_VOUCHERS, None, now);
    let vouchers = mecai::extension::write_bundles(&[&a]);
    assert_eq!(ask(shop.store, NOW), (MECAI_OK, vouchers.clone(), None));
    let octets = fs::read(shop.file()).unwrap();
    fs::write(shop.file(), &octets[..50]).unwrap();
    let (result, answer, problem) = ask(shop.store, NOW + 5);
    assert_eq!((result, answer), (MECAI_OK, vouchers.clone()));
    let problem = problem.unwrap();
    assert!(problem.contains("torn") && problem.ends_with("(store_torn)"), "{problem}");
    assert_eq!(ask(shop.store, NOW + 10), (MECAI_OK, vouchers, None), "it is told once");
    // Who asks without a place for the error gets the answer, too.
    let mut answer = stale();
    let (digest, place, none) = (CERTIFICATE.as_ptr(), &raw mut answer, ptr::null_mut());
    let vouchers = MECAI_EXTENSION_VOUCHERS;
    assert_eq!(call!(mecai_store_answer(shop.store, digest, 32, vouchers, ptr::null(), NOW, place, none)), MECAI_OK);
    free_once(answer, mecai_answer_free);

    let other = open(shop.directory.path());
    let (result, answer, problem) = ask(other, NOW);
    assert_eq!((result, answer), (MECAI_ERR_STORE, None), "nothing was read before");
    assert!(problem.unwrap().contains("torn"));
    assert_eq!(ask(other, NOW), (MECAI_OK, None, None));
    free_once(other, mecai_store_free);

    assert_eq!(shop.add(CERTIFICATE, &[&a]), Err(MECAI_ERR_STORE), "nothing is put in place of a damaged file");
    good(|error| call!(mecai_store_remove(shop.store, CERTIFICATE.as_ptr(), 32, error)));
    good(|error| call!(mecai_store_remove(shop.store, CERTIFICATE.as_ptr(), 32, error)));
    assert_eq!(shop.add(CERTIFICATE, &[&a]), Ok(0));
}

#[test]
fn certificates_are_listed() {
    let shop = Shop::new();
    for certificate in [[9; 32], [8; 32]] {
        shop.add(certificate, &[&bundle(certificate, "a.example")]).unwrap();
    }
    let digests = made(|place, error| call!(mecai_store_certificates(shop.store, place, error)));
    let mut count = 9;
    good(|error| call!(mecai_digests_count(digests, &raw mut count, error)));
    assert_eq!(count, 2);
    assert_eq!(shown(|view, error| call!(mecai_digests_get(digests, 0, view, error))), [8; 32]);
    assert_eq!(shown(|view, error| call!(mecai_digests_get(digests, 1, view, error))), [9; 32]);
    assert_eq!(unshown(|view, error| call!(mecai_digests_get(digests, 2, view, error))), MECAI_ERR_INDEX);
    free_once(digests, mecai_digests_free);
    assert_eq!(unshown(|view, error| call!(mecai_digests_get(digests, 0, view, error))), MECAI_ERR_HANDLE);
    let missing = open(&shop.directory.path().join("missing"));
    let (result, sentence) = unmade(|place, error| call!(mecai_store_certificates(missing, place, error)));
    assert!(result == MECAI_ERR_STORE && sentence.ends_with("(store_unreadable)"), "{sentence}");
    free_once(missing, mecai_store_free);
}

#[test]
fn a_serverinfo_file_is_written_for_servers_without_the_module() {
    let shop = Shop::new();
    let path = shop.directory.path().join("a.serverinfo");
    let c_path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    let (digest, path_pointer) = (CERTIFICATE.as_ptr(), c_path.as_ptr());
    let write = || {
        good(|error| call!(mecai_store_write_serverinfo(shop.store, digest, 32, path_pointer, NOW, error)));
        fs::read_to_string(&path).unwrap()
    };
    assert_eq!(write(), mecai::store::NO_VOUCHERS);
    shop.add(CERTIFICATE, &[&bundle(CERTIFICATE, "a.example")]).unwrap();
    assert!(write().starts_with("-----BEGIN SERVERINFOV2 FOR MECAI-----\nAAARgP9N"));
    let nowhere = c"/nowhere/at.all".as_ptr();
    let (result, sentence) =
        failing(|error| call!(mecai_store_write_serverinfo(shop.store, digest, 32, nowhere, NOW, error)));
    assert!(result == MECAI_ERR_STORE && sentence.ends_with("(store_not_written)"), "{sentence}");
}

#[test]
fn wrong_arguments_are_told_and_places_stay_as_they_were() {
    let shop = Shop::new();
    let answer = |store: *const mecai_store, len, extension, name: *const std::ffi::c_char| {
        let digest = CERTIFICATE.as_ptr();
        unmade(|place, error| call!(mecai_store_answer(store, digest, len, extension, name, NOW, place, error))).0
    };
    let none = ptr::null();
    assert_eq!(answer(shop.store, 31, MECAI_EXTENSION_VOUCHERS, none), MECAI_ERR_LENGTH);
    assert_eq!(answer(shop.store, 32, MECAI_EXTENSION_CANDIDATES, none), MECAI_ERR_VALUE);
    assert_eq!(answer(shop.store, 32, 0x1_FF4D, none), MECAI_ERR_VALUE);
    assert_eq!(answer(shop.store, 32, MECAI_EXTENSION_VOUCHERS, c"\xFF".as_ptr()), MECAI_ERR_NOT_UTF8);
    assert_eq!(answer(none.cast(), 32, MECAI_EXTENSION_VOUCHERS, none), MECAI_ERR_NULL);
    assert_eq!(unmade(|place, error| call!(mecai_store_open(none, 1, place, error))).0, MECAI_ERR_NULL);
    let digests = made(|place, error| call!(mecai_store_certificates(shop.store, place, error)));
    assert_eq!(answer(digests.cast(), 32, MECAI_EXTENSION_VOUCHERS, none), MECAI_ERR_HANDLE_TYPE);
    free_once(digests, mecai_digests_free);
}
