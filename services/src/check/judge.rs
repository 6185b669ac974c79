//! Judges what a handshake showed by the core's rules, and gathers what there is to tell about it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use mecai::authority_list::{AuthorityList, ListError, ListKeys};
use mecai::bundle::Bundle;
use mecai::chain::{self, Chain};
use mecai::extension::{self, Vectors};
use mecai::failover::{self, Offered};
use mecai::host::Reference;
use mecai::pick::{Pick, PickSecret, machine_id};
use mecai::policy::Policy;
use mecai::report::{self, Event, Report};
use mecai::state::{Spooled, State};
use mecai::time::UnixTime;
use mecai::verdict::{Code, Verdict};
use mecai::verify::{self, Client, Handshake, OwnVerification};
use openssl::x509::{X509, X509VerifyResult};

use super::alternate;
use super::connection::Shown;
use super::findings::{AlternateView, CertificateView, Findings, ListHeader, TlsView, VerdictView, ids};
use super::settings::Settings;
use super::target::Target;
use crate::view::{BundleView, Light};

/// What judges a handshake.
pub(super) struct Judge {
    policy: Policy,
    list: Result<AuthorityList, ListError>,
    secret: Option<PickSecret>,
    /// Where reports go, if they are wanted.
    spool: Option<State>,
    state_problem: Option<String>,
    /// Trusted roots in PEM, instead of the system's.
    ca_file: Option<PathBuf>,
}

impl Judge {
    /// Reads the list and the state, by the rules of the module.
    pub(super) fn new(settings: Settings, ca_file: Option<PathBuf>) -> Self {
        let state = settings.state.map(State::new);
        let mut problems = Problems::default();
        let highest = state.as_ref().and_then(|state| problems.note(state.list_sequence())).flatten().unwrap_or(0);
        let mut list = read_list(&settings.authorities, &settings.keys, highest);
        if let (Ok(read), Some(state)) = (&list, &state) {
            let sequence = read.sequence();
            // Another process may have accepted a newer list meanwhile.
            let highest = problems.note(state.raise_list_sequence(sequence)).unwrap_or(sequence);
            if highest > sequence {
                list = Err(ListError::RolledBack { sequence, highest });
            }
        }
        let secret = state.as_ref().and_then(|state| problems.note(read_secret(state)));
        let spool = state.filter(|_| settings.reports);
        Self { policy: settings.policy, list, secret, spool, state_problem: problems.0, ca_file }
    }

    /// Judges, and tells everything that was seen.
    pub(super) fn judge(&self, target: &Target, shown: &Shown, show_pick: bool, now: UnixTime) -> (Verdict, Findings) {
        let ders = ders(&shown.chain);
        let is_trusted = shown.result == X509VerifyResult::OK;
        let chain = is_trusted.then(|| Chain::from_der(ders.iter().map(Vec::as_slice)).ok()).flatten();
        let references = [Reference::parse(&target.host)];
        let handshake = Handshake {
            own: match &chain {
                Some(chain) => OwnVerification::Accepted(chain),
                None if alternate::lacks_trusted_root(shown.result) => OwnVerification::NoTrustedRoot,
                None => OwnVerification::Refused,
            },
            references: &references,
            sni: target.address().is_none().then_some(target.host.as_str()),
            peer: Some(shown.peer.ip()),
            port: Some(target.port),
            answer: shown.vouchers.as_deref(),
            remembered: false,
            now,
        };
        let list = self.list.as_ref();
        let client = Client { policy: &self.policy, list, secret: self.secret.as_ref() };
        let verdict = verify::verify(&client, &handshake);
        let (verdict, alternate) = self.fail_over(target, &client, &handshake, verdict, shown);
        let findings = Findings {
            host: target.host.clone(),
            port: target.port,
            peer: shown.peer.to_string(),
            tls: TlsView { version: shown.version.clone(), cipher: shown.cipher.clone() },
            chain: CertificateView::of_chain(&shown.chain, &ders, list.ok()),
            chain_trusted: is_trusted,
            chain_problem: (!is_trusted).then(|| shown.result.error_string().to_owned()),
            owners: owners(list.ok(), chain.as_ref()),
            authority_list: list.ok().map(|list| ListHeader::new(list, now)),
            authority_list_problem: list.err().map(ToString::to_string),
            answer: shown.vouchers.as_ref().map(Vec::len),
            bundles: shown
                .vouchers
                .as_deref()
                .and_then(|answer| extension::read_bundles(answer).ok())
                .map_or_else(Vec::new, |answer| bundles(list.ok(), &handshake, answer)),
            alternate,
            verdict: VerdictView::new(&verdict),
            state_problem: self.state_problem.clone(),
            report: verdict.report().map(|code| self.report(&handshake, code, shown)),
            pick: show_pick.then(|| self.pick(&references, now)),
        };
        (verdict, findings)
    }

    /// The verdict with the alternate, where that is due, and what there is to tell of an alternate in any case.
    fn fail_over(
        &self,
        target: &Target,
        client: &Client<'_>,
        handshake: &Handshake<'_>,
        verdict: Verdict,
        shown: &Shown,
    ) -> (Verdict, Option<AlternateView>) {
        let Some(answer) = &shown.alternate else { return (verdict, None) };
        let key = shown.served.first().and_then(|own| own.to_der().ok()).unwrap_or_default();
        let offered = Offered::read(answer, chain::spki(&key).unwrap_or_default());
        let validated = offered.as_ref().map_err(Clone::clone).and_then(|offered| {
            alternate::validate(target, self.ca_file.as_deref(), offered).map(|validated| (offered, validated))
        });
        let list = client.list.ok();
        let view = match &validated {
            Ok((offered, validated)) => {
                let own = Handshake { own: OwnVerification::Accepted(&validated.chain), ..*handshake };
                AlternateView {
                    answer: answer.len(),
                    problem: None,
                    chain: CertificateView::of_chain(&validated.certificates, &ders(&validated.certificates), list),
                    owners: owners(list, Some(&validated.chain)),
                    bundles: bundles(list, &own, offered.bundles()),
                }
            }
            Err(cause) => AlternateView::unusable(answer.len(), cause.to_string()),
        };
        if !failover::is_due(&self.policy, handshake, &verdict) {
            return (verdict, Some(view));
        }
        let alternate =
            validated.as_ref().map(|(offered, validated)| (*offered, &validated.chain)).map_err(Clone::clone);
        (failover::verify(client, handshake, verdict, alternate), Some(view))
    }

    /// Keeps the evidence (spec section 10), and says what became of it.
    fn report(&self, handshake: &Handshake<'_>, code: Code, shown: &Shown) -> String {
        let Some(spool) = &self.spool else {
            return "not kept: there is no state directory, or reports = off".to_owned();
        };
        let ders = ders(&shown.served);
        let chain: Vec<&[u8]> = ders.iter().map(Vec::as_slice).collect();
        let report = Report::new(&Event {
            answer: handshake.answer,
            chain: &chain,
            code,
            host: &handshake.name().map(|name| name.to_string()).unwrap_or_default(),
            at: handshake.now,
            peer: handshake.peer,
            port: handshake.port,
            region: self.policy.region.as_deref(),
        });
        let file = spool.path().join("reports").join(report::file_name(&report.to_json()));
        match spool.spool(&report) {
            Ok(Spooled::Written) => format!("kept as evidence in {}", file.display()),
            Ok(Spooled::Known) => format!("kept before in {}", file.display()),
            Ok(Spooled::Full) => "not kept: the spool is full".to_owned(),
            Err(error) => format!("not kept: {error}"),
        }
    }

    /// The ids of the picked operators, best rank first; empty without a secret.
    fn pick(&self, references: &[Reference<'_>; 1], now: UnixTime) -> Vec<String> {
        let (Ok(list), Some(secret)) = (&self.list, &self.secret) else { return Vec::new() };
        let [name] = references;
        let region = self.policy.region.as_deref();
        let pick = Pick::draw(list, secret, &name.to_string(), self.policy.quorum.candidates(), region, now);
        let operators = pick.operators().iter().filter_map(|operator| list.operators().get(*operator));
        operators.map(|operator| operator.id.clone()).collect()
    }
}

fn ders(certificates: &[X509]) -> Vec<Vec<u8>> {
    certificates.iter().filter_map(|certificate| certificate.to_der().ok()).collect()
}

/// The ids of a verified chain's owners; none if its trust anchor is not listed.
fn owners(list: Option<&AuthorityList>, chain: Option<&Chain>) -> Vec<String> {
    let owners = list.zip(chain).and_then(|(list, chain)| Some(ids(list, &list.owners(chain)?)));
    owners.unwrap_or_default()
}

/// Bundles, every endorsement with what check 13 of spec section 8 says of it.
fn bundles(list: Option<&AuthorityList>, handshake: &Handshake<'_>, answer: Vectors<'_>) -> Vec<BundleView> {
    let light = Light { list, now: handshake.now };
    let view = |der| {
        let Ok(bundle) = Bundle::from_der(der) else { return BundleView::of_der(der, light) };
        let mut view = BundleView::new(&bundle, light);
        let checks = list.and_then(|list| verify::check_endorsements(list, handshake, &bundle));
        if let (BundleView::Read { endorsements, .. }, Some(checks)) = (&mut view, checks) {
            for (endorsement, check) in endorsements.iter_mut().zip(checks) {
                endorsement.check = Some(match &check {
                    Ok(_) => "good",
                    Err(cause) => cause.code().as_str(),
                });
                endorsement.problem = check.err().map(|cause| cause.to_string());
            }
        }
        view
    };
    answer.map(view).collect()
}

fn read_list(path: &Path, keys: &ListKeys, highest: u64) -> Result<AuthorityList, ListError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".minisig");
    let missing = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| ListError::Missing(format!("{path}: {error}").into())
    };
    let json = std::fs::read(path).map_err(missing(path))?;
    let signatures = std::fs::read_to_string(&beside).map_err(missing(Path::new(&beside)))?;
    AuthorityList::read(&json, &signatures, keys, highest)
}

/// The first thing that was wrong with the state.
#[derive(Default)]
struct Problems(Option<String>);

impl Problems {
    fn note<T, E: Display>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| _ = self.0.get_or_insert_with(|| error.to_string())).ok()
    }
}

/// The user's secret on this machine. A machine without an id gives no usable one (spec section 7).
fn read_secret(state: &State) -> Result<PickSecret, String> {
    const MACHINE_ID: &str = "/etc/machine-id";
    let id = std::fs::read_to_string(MACHINE_ID).map_err(|error| format!("{MACHINE_ID}: {error}"))?;
    let id = machine_id(&id).map_err(|problem| format!("{MACHINE_ID} {problem}"))?;
    let secret = state.secret().map_err(|error| error.to_string())?;
    Ok(PickSecret::new(&secret, id))
}
