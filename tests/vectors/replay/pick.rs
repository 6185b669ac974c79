use std::collections::BTreeMap;

use mecai::authority_list::AuthorityList;
use mecai::host::{HOST_MAX, Reference};
use mecai::pick::{Pick, PickSecret, registrable_domain};
use mecai::time::UnixTime;
use mecai::verify::{Handshake, OwnVerification};
use serde::Deserialize;

use super::{Hex, load, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: String,
    lists: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "spec")]
    _spec: String,
    #[serde(rename = "assumption")]
    _assumption: Option<String>,
    list: String,
    secret: Hex,
    machine_id: String,
    now: u64,
    sni: Option<String>,
    reference_identities: Vec<String>,
    candidates: usize,
    region: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    name: String,
    domain: String,
    #[serde(rename = "epoch")]
    _epoch: u64,
    #[serde(rename = "seed")]
    _seed: Hex,
    pick: Vec<String>,
    region_widened: bool,
}

#[test]
fn every_pick_is_drawn_alike() {
    let file: File = load("pick.json");
    run(
        &file.cases,
        |case| &case.name,
        |case| {
            let list = AuthorityList::from_json(file.lists[&case.list].as_bytes()).unwrap();
            let secret = PickSecret::new(case.secret.0.as_slice().try_into().unwrap(), &case.machine_id);
            let references: Vec<Reference<'_>> =
                case.reference_identities.iter().map(|text| Reference::parse(text)).collect();
            let now = UnixTime(case.now);
            let handshake = Handshake {
                own: OwnVerification::Refused,
                references: &references,
                sni: case.sni.as_deref(),
                peer: None,
                port: None,
                answer: None,
                remembered: false,
                now,
            };
            let name = handshake.name().unwrap().to_string();
            let name = name.trim_start_matches('.');
            assert_eq!(name.to_ascii_lowercase(), case.expect.name.to_ascii_lowercase());
            assert_eq!(registrable_domain(name, &mut [0; HOST_MAX]), case.expect.domain.as_bytes());
            let pick = Pick::draw(&list, &secret, name, case.candidates, case.region.as_deref(), now);
            let ids: Vec<&str> =
                pick.operators().iter().map(|operator| list.operators()[*operator].id.as_str()).collect();
            assert_eq!(ids, case.expect.pick);
            assert_eq!(pick.region_widened(), case.expect.region_widened);
        },
    );
}
