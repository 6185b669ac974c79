use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::ptr;

use mecai::ffi::*;
use serde_json::{Value, json};

use super::report::{report, reported};
use super::world::{Case, World, c, code, hex, outcome_word, word};
use super::*;

const DAY: u64 = 86_400;
const MACHINE: &std::ffi::CStr = c"0123456789abcdef0123456789abcdef";

/// A state in a directory that is not there yet.
struct Client {
    above: tempfile::TempDir,
    state: *mut mecai_state,
}

impl Client {
    fn new() -> Self {
        let above = tempfile::tempdir().unwrap();
        let path = CString::new(above.path().join("state").as_os_str().as_bytes()).unwrap();
        let state = made(|place, error| call!(mecai_state_open(path.as_ptr(), place, error)));
        Self { above, state }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.above.path().join("state").join(name)
    }

    /// Whether the host of a handshake is remembered, until when, and a problem that is told beside that.
    fn remembers(&self, case: &Case<'_>) -> (bool, u64, Option<String>) {
        let (mut remembered, mut until, mut error) = (false, 9, stale());
        let places = (&raw mut remembered, &raw mut until, &raw mut error);
        let (handshake, now) = (case.handshake, case.now);
        let result = call!(mecai_state_is_remembered(self.state, handshake, now, places.0, places.1, places.2));
        assert_eq!(result, MECAI_OK);
        (remembered, until, (!error.is_null()).then(|| told(error).1))
    }

    fn remember(&self, verdict: *const mecai_verdict, now: u64) -> u32 {
        let mut promise = 9;
        good(|error| call!(mecai_state_remember(self.state, verdict, now, &raw mut promise, error)));
        promise
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        free_once(self.state, mecai_state_free);
    }
}

#[test]
fn a_secret_is_made_once_and_picks_are_drawn_by_it() {
    let client = Client::new();
    let secret = || {
        let mut secret = [0x5A; 32];
        good(|error| call!(mecai_state_secret(client.state, secret.as_mut_ptr(), 32, error)));
        secret
    };
    let first = secret();
    assert_eq!((first, fs::read(client.path("secret")).unwrap()), (secret(), first.to_vec()));
    let builder = made(|place, error| call!(mecai_verifier_builder_new(place, error)));
    good(|error| call!(mecai_verifier_builder_set_state(builder, client.state, MACHINE.as_ptr(), error)));
    let set = |machine: *const std::ffi::c_char| {
        failing(|error| call!(mecai_verifier_builder_set_state(builder, client.state, machine, error))).0
    };
    assert_eq!(set(c"uninitialized".as_ptr()), MECAI_ERR_VALUE);
    assert_eq!(set(ptr::null()), MECAI_ERR_NULL);
    fs::set_permissions(client.path("secret"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(set(MACHINE.as_ptr()), MECAI_ERR_STATE);
    let mut place = [0x5A; 32];
    let (result, sentence) = failing(|error| call!(mecai_state_secret(client.state, place.as_mut_ptr(), 32, error)));
    assert!(result == MECAI_ERR_STATE && sentence.ends_with("(state_not_private)"), "{sentence}");
    assert_eq!(place, [0x5A; 32], "the place is as it was");
    let short = failing(|error| call!(mecai_state_secret(client.state, place.as_mut_ptr(), 31, error)));
    assert_eq!(short.0, MECAI_ERR_LENGTH);
    free_once(builder, mecai_verifier_builder_free);
}

/// The secret of a directory draws the same picks as the same secret that is passed.
#[test]
fn a_handshake_is_judged_by_the_secret_of_the_directory() {
    let world = World::load("verify.json");
    let client = Client::new();
    let mut judged = 0;
    for case in world.cases().filter(|case| {
        let given = case.given;
        given["secret"].is_string()
            && given["machine_id"].is_string()
            && given["list"] == "twelve"
            && given["policy"]["mode"] == "require"
            && given["policy"]["quorum"] == 2
            && given["policy"]["candidates"] == 4
            && given["policy"]["region"].is_null()
            && given["policy"]["addresses"] == "note"
            && given["policy"]["exempt"] == json!([])
            && given["policy"]["local_roots"] == json!([])
    }) {
        let directory = client.path("");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(client.path("secret"), hex(&case.given["secret"])).unwrap();
        fs::set_permissions(client.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        let builder = made(|place, error| call!(mecai_policy_builder_new(place, error)));
        let policy = made(|place, error| call!(mecai_policy_builder_build(builder, place, error)));
        mecai_policy_builder_free(builder);
        let list = world.list("twelve", 0).unwrap();
        let builder = made(|place, error| call!(mecai_verifier_builder_new(place, error)));
        good(|error| call!(mecai_verifier_builder_set_policy(builder, policy, error)));
        good(|error| call!(mecai_verifier_builder_set_list(builder, list, error)));
        let machine = c(case.given["machine_id"].as_str().unwrap());
        good(|error| call!(mecai_verifier_builder_set_state(builder, client.state, machine.as_ptr(), error)));
        let verifier = made(|place, error| call!(mecai_verifier_builder_build(builder, place, error)));
        let mut outcome = 9;
        let (handshake, now) = (case.handshake, case.now);
        let verdict =
            made(|place, error| call!(mecai_verifier_verify(verifier, handshake, now, &raw mut outcome, place, error)));
        let told = (outcome_word(outcome), word(code(verdict)));
        let expect = &case.given["expect"];
        assert_eq!(json!([told.0, told.1]), json!([expect["outcome"], expect["code"]]), "{}", case.name());
        judged += 1;
        mecai_verdict_free(verdict);
        mecai_verifier_free(verifier);
        mecai_verifier_builder_free(builder);
        mecai_policy_free(policy);
        mecai_authority_list_free(list);
    }
    assert!(judged > 50, "{judged} handshakes");
}

#[test]
fn the_sequence_of_a_list_never_goes_back() {
    let client = Client::new();
    let kept = || {
        let mut sequence = 9;
        good(|error| call!(mecai_state_list_sequence(client.state, &raw mut sequence, error)));
        sequence
    };
    let raise = |sequence| {
        let mut highest = 9;
        good(|error| call!(mecai_state_raise_list_sequence(client.state, sequence, &raw mut highest, error)));
        highest
    };
    assert_eq!((kept(), raise(7), kept(), raise(5), kept()), (0, 7, 7, 7, 7));
    good(|error| call!(mecai_state_raise_list_sequence(client.state, 8, ptr::null_mut(), error)));
    fs::write(client.path("list-sequence"), "none").unwrap();
    let (result, sentence) = failing(|error| {
        let mut sequence = 9;
        let result = call!(mecai_state_list_sequence(client.state, &raw mut sequence, error));
        assert_eq!(sequence, 9, "the place is as it was");
        result
    });
    assert!(result == MECAI_ERR_STATE && sentence.ends_with("(state_malformed)"), "{sentence}");
}

/// A case whose verdict has a promise for some days.
fn promising(world: &World) -> (Case<'_>, u64) {
    let is_kept = |case: &Case<'_>| {
        case.given["policy"]["mode"] == "opportunistic"
            && case.given["remembered"].as_object().is_none_or(serde_json::Map::is_empty)
            && case.given["expect"]["remembered"]["www.shop.example"]["until"].as_u64() > Some(case.now + DAY)
    };
    let case = world.cases().find(is_kept).unwrap();
    let until = case.given["expect"]["remembered"]["www.shop.example"]["until"].as_u64().unwrap();
    (case, until)
}

#[test]
fn a_promise_is_kept_in_mind() {
    let world = World::load("verify.json");
    let (case, until) = promising(&world);
    let client = Client::new();
    assert_eq!(client.remembers(&case), (false, 0, None));
    let (outcome, verdict) = case.verify();
    assert_eq!(outcome, MECAI_ACCEPTED);
    assert_eq!(client.remember(verdict, case.now), MECAI_PROMISE_KEPT);
    assert_eq!(client.remember(verdict, case.now), MECAI_PROMISE_UNCHANGED);
    assert_eq!(client.remembers(&case), (true, until, None));
    let file = client.path("hosts/shop.example/www.shop.example");
    assert!(file.exists(), "the host's file");
    fs::write(&file, "none").unwrap();
    let (remembered, last, problem) = client.remembers(&case);
    assert_eq!((remembered, last), (true, 0), "what cannot be read counts as a promise");
    let problem = problem.unwrap();
    assert!(problem.ends_with("(state_malformed)"), "{problem}");
    mecai_verdict_free(verdict);

    let failed = |state: *const mecai_state, handshake: *const mecai_handshake| {
        let (result, _) = failing(|error| {
            let mut remembered = false;
            let to = &raw mut remembered;
            let result = call!(mecai_state_is_remembered(state, handshake, case.now, to, ptr::null_mut(), error));
            assert!(remembered, "nobody is let through for a call that failed");
            result
        });
        result
    };
    assert_eq!(failed(ptr::null(), case.handshake), MECAI_ERR_NULL);
    assert_eq!(failed(client.state, client.state.cast()), MECAI_ERR_HANDLE_TYPE);
    let no_verdict = failing(|error| {
        let mut promise = 9;
        let result = call!(mecai_state_remember(client.state, verdict, case.now, &raw mut promise, error));
        assert_eq!(promise, 9, "the place is as it was");
        result
    });
    assert_eq!(no_verdict.0, MECAI_ERR_HANDLE);
}

#[test]
fn a_verdict_without_a_promise_keeps_nothing_in_mind() {
    let world = World::load("verify.json");
    let case = world.cases().find(|case| case.given["expect"]["outcome"] == "refused").unwrap();
    let client = Client::new();
    let (_, verdict) = case.verify();
    assert_eq!(client.remember(verdict, case.now), MECAI_PROMISE_NONE);
    assert!(!client.path("").exists(), "nothing was made");
    mecai_verdict_free(verdict);
}

#[test]
fn a_report_is_spooled_once() {
    let world = World::load("verify.json");
    let (case, verdict, chain) = reported(&world);
    let (client, report) = (Client::new(), report(&case, verdict, &chain));
    let spool = || {
        let mut spooled = 9;
        good(|error| call!(mecai_state_spool(client.state, report, &raw mut spooled, error)));
        spooled
    };
    assert_eq!((spool(), spool()), (MECAI_SPOOLED_WRITTEN, MECAI_SPOOLED_KNOWN));
    let (mut json, mut name) = (STALE, STALE);
    good(|error| call!(mecai_report_json(report, &raw mut json, &raw mut name, error)));
    let kept: Value = serde_json::from_slice(&fs::read(client.path("reports").join(text(name))).unwrap()).unwrap();
    assert_eq!(kept, serde_json::from_slice::<Value>(octets(json)).unwrap());
    fs::set_permissions(client.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let none = ptr::null_mut();
    let (result, sentence) = failing(|error| call!(mecai_state_spool(client.state, report, none, error)));
    assert!(result == MECAI_ERR_STATE && sentence.ends_with("(state_not_private)"), "{sentence}");
    mecai_verdict_free(verdict);
    mecai_report_free(report);
    assert_eq!(failing(|error| call!(mecai_state_spool(client.state, report, none, error))).0, MECAI_ERR_HANDLE);
}
