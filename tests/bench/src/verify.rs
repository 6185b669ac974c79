//! One endorsement verified through the C API, against the same signature verified by ring alone; and by two threads at
//! once against one.

use std::error::Error;
use std::ffi::{CStr, CString};
use std::fs;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use mecai::authority_list::ListFile;
use mecai::bundle::{Bundle, assemble};
use mecai::chain::certificate_digest;
use mecai::extension::write_bundles;
use mecai::ffi::*;
use mecai::store::Store;
use openssl::x509::X509;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use crate::cpu::thread_time;
use crate::figures::{Figures, median};
use crate::vouchers::now;
use crate::world::{HOST, World};

/// How many verifications are measured at once, since a clock takes time to read.
const BATCH: u32 = 10;
/// How long each count of verifications goes on.
const COUNTED: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

/// Measures in a world whose clients demand one endorsement.
pub(crate) fn measure(world: &World, batches: usize) -> Result<Figures, Box<dyn Error>> {
    let case = Case::new(world)?;
    let handshake = case.handshake()?;
    // The first call for a host draws its pick.
    case.verify(handshake)?;
    let (mut through_api, mut alone) = (Vec::with_capacity(batches), Vec::with_capacity(batches));
    for batch in 0..2 * batches {
        let before = thread_time();
        // Each goes first equally often.
        let is_through_api = (batch / 2 + batch) % 2 == 0;
        for _ in 0..BATCH {
            if is_through_api { case.verify(handshake)? } else { case.verify_signature()? }
        }
        let times = if is_through_api { &mut through_api } else { &mut alone };
        times.push((thread_time() - before).as_secs_f64());
    }
    let mut ratios = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let one = case.count(1)?;
        ratios.push(case.count(2)? / one);
    }
    check(mecai_handshake_free(handshake))?;
    Ok(Figures::from([
        ("verify.ratio_to_raw_signature".to_owned(), median(through_api) / median(alone)),
        ("verify.scaling_two_cores".to_owned(), median(ratios)),
    ]))
}

/// A verifier, and a server whose certificate one authority has endorsed.
struct Case {
    verifier: *mut mecai_verifier,
    lists: [*mut mecai_authority_list; 2],
    chain: Vec<Vec<u8>>,
    answer: Vec<u8>,
    /// The point of the authority's key, what it signed, and the signature.
    point: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

// SAFETY: the handles in it may be used from many threads at once.
unsafe impl Sync for Case {}

impl Case {
    fn new(world: &World) -> Result<Self, Box<dyn Error>> {
        let sent = X509::stack_from_pem(&fs::read(world.site(2).chain)?)?;
        let roots = X509::stack_from_pem(&fs::read(world.roots())?)?;
        let root = sent
            .last()
            .and_then(|last| roots.iter().find(|root| root.issued(last) == openssl::x509::X509VerifyResult::OK));
        let chain = sent.iter().chain(root).map(|certificate| certificate.to_der()).collect::<Result<Vec<_>, _>>()?;
        let digest = certificate_digest(chain.first().ok_or("no certificate")?);
        let contents = Store::new(world.path("vouchers")).read(&digest)?.ok_or("no vouchers")?;
        let stored = contents.bundles().first().ok_or("no bundle")?;
        let bundle = Bundle::from_der(stored.der())?;
        let endorsement = bundle.endorsements().next().ok_or("no endorsement")?;
        let single = assemble(bundle.statement().der(), &[endorsement.der()])?;

        let json = fs::read(world.path("authorities.json"))?;
        let file: ListFile = serde_json::from_slice(&json)?;
        let mut spkis = file.operators.iter().flat_map(|operator| &operator.authorities);
        let spki = spkis.find_map(|authority| {
            let spki = BASE64.decode(authority.public_key.as_bytes()).ok()?;
            (certificate_digest(&spki).get(..8) == Some(endorsement.authority())).then_some(spki)
        });
        let spki = spki.ok_or("the authority is not listed")?;
        // Behind the header of the endorsement, of two octets.
        let body_end = 4 + usize::from(endorsement.der()[3]);
        let message = [
            b"mecai-endorsement-v1\0".as_slice(),
            &certificate_digest(&spki),
            &bundle.statement().digest(),
            &endorsement.der()[2..body_end],
        ]
        .concat();
        let lists = [read_list(world, &json)?, read_list(world, &json)?];
        Ok(Self {
            verifier: verifier(world, lists[0])?,
            lists,
            answer: write_bundles(&[&single]).ok_or("no answer")?,
            chain,
            point: spki[spki.len() - 65..].to_vec(),
            message,
            signature: endorsement.signature().to_vec(),
        })
    }

    fn handshake(&self) -> Result<*mut mecai_handshake, Box<dyn Error>> {
        let mut handshake = ptr::null_mut();
        let views: Vec<mecai_bytes> =
            self.chain.iter().map(|der| mecai_bytes { data: der.as_ptr(), len: der.len() }).collect();
        let host = CString::new(HOST)?;
        // SAFETY: every buffer has its length, and texts end with a NUL.
        unsafe {
            check(mecai_handshake_new(&raw mut handshake, ptr::null_mut()))?;
            check(mecai_handshake_set_chain(handshake, views.as_ptr(), views.len(), ptr::null_mut()))?;
            check(mecai_handshake_add_reference(handshake, host.as_ptr(), ptr::null_mut()))?;
            let (data, len) = (self.answer.as_ptr(), self.answer.len());
            check(mecai_handshake_set_vouchers(handshake, data, len, ptr::null_mut()))?;
        }
        Ok(handshake)
    }

    /// Through the C API.
    fn verify(&self, handshake: *const mecai_handshake) -> Result<(), Box<dyn Error>> {
        let mut outcome = 0;
        // SAFETY: `outcome` is a place for the outcome.
        let result = unsafe {
            mecai_verifier_verify(self.verifier, handshake, now().0, &raw mut outcome, ptr::null_mut(), ptr::null_mut())
        };
        check(result)?;
        if outcome == MECAI_ACCEPTED { Ok(()) } else { Err(format!("the outcome is {outcome}").into()) }
    }

    /// By ring alone.
    fn verify_signature(&self) -> Result<(), Box<dyn Error>> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point);
        key.verify(&self.message, &self.signature).map_err(|_| "the signature is wrong".into())
    }

    /// Verifications a second of so many threads, while the list is replaced once a second.
    fn count(&self, threads: usize) -> Result<f64, Box<dyn Error>> {
        let (ends, total) = (AtomicBool::new(false), AtomicU64::new(0));
        let started = Instant::now();
        thread::scope(|scope| -> Result<(), Box<dyn Error>> {
            for _ in 0..threads {
                scope.spawn(|| {
                    let Ok(handshake) = self.handshake() else { return };
                    let mut count = 0;
                    while !ends.load(Ordering::Relaxed) && self.verify(handshake).is_ok() {
                        count += 1;
                    }
                    total.fetch_add(count, Ordering::Relaxed);
                    mecai_handshake_free(handshake);
                });
            }
            let mut replaced = 0;
            while started.elapsed() < COUNTED {
                thread::sleep(Duration::from_secs(1));
                replaced += 1;
                // SAFETY: there is no place for an error.
                check(unsafe {
                    mecai_verifier_replace_list(self.verifier, self.lists[replaced % 2], ptr::null_mut())
                })?;
            }
            ends.store(true, Ordering::Relaxed);
            Ok(())
        })?;
        let seconds = started.elapsed().as_secs_f64();
        match total.into_inner() {
            0 => Err("nothing was verified".into()),
            total => Ok(total as f64 / seconds),
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        mecai_verifier_free(self.verifier);
        let _ = self.lists.map(|list| mecai_authority_list_free(list));
    }
}

fn read_list(world: &World, json: &[u8]) -> Result<*mut mecai_authority_list, Box<dyn Error>> {
    let signatures = fs::read(world.path("authorities.json.minisig"))?;
    let keys = CString::new(fs::read_to_string(world.path("list.key"))?.trim())?;
    let mut list = ptr::null_mut();
    // SAFETY: every buffer has its length, and the text ends with a NUL.
    check(unsafe {
        mecai_authority_list_read(
            json.as_ptr(),
            json.len(),
            signatures.as_ptr(),
            signatures.len(),
            keys.as_ptr(),
            0,
            &raw mut list,
            ptr::null_mut(),
        )
    })?;
    Ok(list)
}

fn verifier(world: &World, list: *const mecai_authority_list) -> Result<*mut mecai_verifier, Box<dyn Error>> {
    let secret = fs::read(world.path("state").join("secret"))?;
    let machine = CString::new(fs::read_to_string("/etc/machine-id")?)?;
    let no_error = ptr::null_mut();
    let (mut policies, mut policy) = (ptr::null_mut(), ptr::null_mut());
    let (mut builder, mut verifier) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: every buffer has its length, and the text ends with a NUL.
    unsafe {
        check(mecai_policy_builder_new(&raw mut policies, no_error))?;
        check(mecai_policy_builder_set_quorum(policies, 1, 2, no_error))?;
        check(mecai_policy_builder_build(policies, &raw mut policy, no_error))?;
        check(mecai_verifier_builder_new(&raw mut builder, no_error))?;
        check(mecai_verifier_builder_set_policy(builder, policy, no_error))?;
        check(mecai_verifier_builder_set_list(builder, list, no_error))?;
        let (data, len) = (secret.as_ptr(), secret.len());
        check(mecai_verifier_builder_set_secret(builder, data, len, machine.as_ptr(), no_error))?;
        check(mecai_verifier_builder_build(builder, &raw mut verifier, no_error))?;
    }
    check(mecai_policy_builder_free(policies))?;
    check(mecai_policy_free(policy))?;
    check(mecai_verifier_builder_free(builder))?;
    Ok(verifier)
}

fn check(result: mecai_result) -> Result<(), Box<dyn Error>> {
    if result == MECAI_OK {
        return Ok(());
    }
    // SAFETY: the text is static and ends with a NUL.
    let word = unsafe { CStr::from_ptr(mecai_result_str(result)) };
    Err(format!("the C API gives {}", word.to_string_lossy()).into())
}
