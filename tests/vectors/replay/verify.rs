use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use mecai::authority_list::{AuthorityList, ListError};
use mecai::chain::Chain;
use mecai::extension::read_bundles;
use mecai::host::{HOST_MAX, Reference};
use mecai::pick::{PickSecret, registrable_domain};
use mecai::policy::{AddressRule, Mode, Policy, Quorum};
use mecai::state::State;
use mecai::time::UnixTime;
use mecai::verdict::{Code, Outcome, Verdict};
use mecai::verify::{Handshake, OwnVerification, refuse_broken, verify};
use serde::Deserialize;

use super::allocations::Counting;
use super::failover::{Given, Own, Told};
use super::list::ListTable;
use super::{Hex, load, run};

/// A file of handshakes: verify.json, or failover.json, whose cases have an alternate besides.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "format")]
    _format: String,
    codes: BTreeMap<String, u32>,
    lists: BTreeMap<String, ListTable>,
    pub(super) chains: BTreeMap<String, Vec<Hex>>,
    pub(super) cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(rename = "spec")]
    _spec: String,
    #[serde(rename = "assumption")]
    _assumption: Option<String>,
    now: u64,
    chain: String,
    chain_trusted: bool,
    dane: bool,
    reference_identities: Vec<String>,
    sni: Option<String>,
    peer: Option<IpAddr>,
    port: Option<u16>,
    list: Option<String>,
    lowest_sequence: u64,
    secret: Option<Hex>,
    machine_id: Option<String>,
    remembered: BTreeMap<String, Remembered>,
    answer: Option<Hex>,
    policy: Option<PolicyCase>,
    pub(super) failover: Option<Given>,
    pub(super) expect: Option<Expect>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Remembered {
    produced_at: u64,
    until: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyCase {
    mode: String,
    candidates: usize,
    quorum: usize,
    region: Option<String>,
    addresses: String,
    exempt: Vec<String>,
    local_roots: Vec<Hex>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    outcome: String,
    code: String,
    alarm: bool,
    notes: Vec<String>,
    good_until: Option<u64>,
    reported: bool,
    remembered: BTreeMap<String, Remembered>,
    failover: Option<Told>,
}

#[test]
fn every_handshake_gets_its_verdict() {
    let file: File = load("verify.json");
    run(
        &file.cases,
        |case| &case.name,
        |case| {
            assert!(case.failover.is_none());
            assert_eq!(judge(&file, case), case.expect);
        },
    );
}

#[test]
fn codes_have_the_numbers_of_the_spec() {
    let ours: BTreeMap<String, u32> = Code::ALL.iter().map(|code| (code.to_string(), code.number())).collect();
    for name in ["verify.json", "failover.json"] {
        let file: File = load(name);
        assert_eq!(ours, file.codes);
    }
}

#[test]
fn every_code_has_a_vector() {
    let [handshakes, alternates]: [File; 2] = ["verify.json", "failover.json"].map(load);
    let of_own = handshakes.cases.iter().filter_map(|case| Some(case.expect.as_ref()?.code.as_str()));
    let of_alternate = alternates.cases.iter().filter_map(|case| case.expect.as_ref()?.failover.as_ref()?.alternate());
    let covered: Vec<&str> = of_own.chain(of_alternate).collect();
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !covered.contains(&code.as_str())).collect();
    assert!(missing.is_empty(), "no vector expects {missing:?}");
}

/// None in mode `off`, where nothing is judged.
pub(super) fn judge(file: &File, case: &Case) -> Option<Expect> {
    let given = case.failover.as_ref();
    let policy = match &case.policy {
        Some(stated) => policy(stated, given.is_some_and(|given| given.asked))?,
        None if case.chain_trusted => {
            return Some(told(case, &Verdict::configuration("a test"), case.remembered.clone()));
        }
        // Nothing was asked for.
        None => Policy { failover: false, ..Policy::default() },
    };
    let list = match &case.list {
        None => Err(ListError::Missing("a test".into())),
        Some(name) => file.lists[name].read(case.lowest_sequence),
    };
    let chain = Chain::from_der(file.chains[&case.chain].iter().map(|der| der.0.as_slice()));
    let secret = case.secret.as_ref().zip(case.machine_id.as_ref());
    let secret = || secret.map(|(secret, id)| PickSecret::new(secret.0.as_slice().try_into().unwrap(), id));
    let references: Vec<Reference<'_>> = case.reference_identities.iter().map(|text| Reference::parse(text)).collect();
    let own = match &chain {
        _ if !case.chain_trusted && given.is_some_and(|given| given.no_trusted_root) => OwnVerification::NoTrustedRoot,
        _ if !case.chain_trusted => OwnVerification::Refused,
        _ if case.dane => OwnVerification::Dane,
        Ok(chain) => OwnVerification::Accepted(chain),
        Err(error) => OwnVerification::Unreadable(*error),
    };
    let mut handshake = Handshake {
        own,
        references: &references,
        sni: case.sni.as_deref(),
        peer: case.peer,
        port: case.port,
        answer: case.answer.as_ref().map(|answer| answer.0.as_slice()),
        remembered: false,
        now: UnixTime(case.now),
    };
    let memory = Memory::new(&case.remembered);
    if let Some(name) = handshake.name() {
        handshake.remembered = memory.state.remembered(&name.to_string(), handshake.now).is_remembered();
    }
    let client = Counting { policy: &policy, list: list.as_ref(), secrets: [secret(), secret()] };
    if let Some(Err(error)) = handshake.answer.map(read_bundles) {
        let _ = client.judge(|client| refuse_broken(client.policy, &handshake, error));
    }
    let mut verdict = client.judge(|client| verify(client, &handshake));
    if let Some(given) = given {
        let own = Own { leaf: &file.chains[&case.chain][0].0, verdict };
        verdict = given.judge(file, &client, &handshake, own);
    }
    let stay = verdict.admission().and_then(|admission| admission.stay);
    if let Some((stay, name)) = stay.zip(handshake.name()).filter(|_| policy.mode == Mode::Opportunistic) {
        memory.state.remember(&name.to_string(), stay, handshake.now).unwrap();
    }
    Some(told(case, &verdict, memory.hosts(case.now)))
}

/// A client's state directory with the hosts that a case begins with.
struct Memory {
    directory: tempfile::TempDir,
    state: State,
}

impl Memory {
    fn new(hosts: &BTreeMap<String, Remembered>) -> Self {
        let private = fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        let memory = Self { state: State::new(directory.path()), directory };
        for (host, remembered) in hosts {
            let path = memory.path(host);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{} {}\n", remembered.produced_at, remembered.until)).unwrap();
        }
        memory
    }

    fn path(&self, host: &str) -> PathBuf {
        let mut lower = [0; HOST_MAX];
        let domain = String::from_utf8(registrable_domain(host, &mut lower).to_vec()).unwrap();
        self.directory.path().join("hosts").join(domain).join(host)
    }

    /// The hosts whose promise has not ended; what is kept of others is the directory's own business.
    fn hosts(&self, now: u64) -> BTreeMap<String, Remembered> {
        let mut hosts = BTreeMap::new();
        let Ok(domains) = fs::read_dir(self.directory.path().join("hosts")) else { return hosts };
        for file in domains.flat_map(|domain| fs::read_dir(domain.unwrap().path()).unwrap()) {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let (produced_at, until) = text.trim_end().split_once(' ').unwrap();
            let remembered = Remembered { produced_at: produced_at.parse().unwrap(), until: until.parse().unwrap() };
            if now <= remembered.until {
                hosts.insert(path.file_name().unwrap().to_str().unwrap().to_owned(), remembered);
            }
        }
        hosts
    }
}

fn told(case: &Case, verdict: &Verdict, remembered: BTreeMap<String, Remembered>) -> Expect {
    let mut notes: Vec<String> = verdict.notes().iter().map(|note| note.as_str().to_owned()).collect();
    notes.sort();
    assert_eq!(verdict.outcome() == Outcome::Accepted, verdict.code() == Code::Accepted);
    Expect {
        outcome: verdict.outcome().as_str().to_owned(),
        code: verdict.code().to_string(),
        alarm: verdict.alarm(),
        notes,
        good_until: verdict.admission().map(|admission| admission.until.0),
        reported: verdict.report().is_some(),
        remembered,
        failover: case.failover.is_some().then(|| Told::by(verdict)),
    }
}

fn policy(case: &PolicyCase, failover: bool) -> Option<Policy> {
    let mode = match case.mode.as_str() {
        "require" => Mode::Require,
        "opportunistic" => Mode::Opportunistic,
        "observe" => Mode::Observe,
        "off" => return None,
        other => panic!("mode {other}"),
    };
    let addresses = match case.addresses.as_str() {
        "note" => AddressRule::Note,
        "require" => AddressRule::Require,
        "ignore" => AddressRule::Ignore,
        other => panic!("addresses {other}"),
    };
    Some(Policy {
        mode,
        quorum: Quorum::new(case.quorum, case.candidates).unwrap(),
        region: case.region.clone(),
        addresses,
        exempt: case.exempt.iter().map(|text| text.parse().unwrap()).collect(),
        local_roots: case.local_roots.iter().map(|hash| hash.0.as_slice().try_into().unwrap()).collect(),
        failover,
    })
}

impl ListTable {
    fn read(&self, highest: u64) -> Result<AuthorityList, ListError> {
        let signatures = self.signatures.as_deref().unwrap_or_default();
        AuthorityList::read(self.octets(), signatures, &self.keys(), highest)
    }
}
