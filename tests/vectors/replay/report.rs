use std::net::IpAddr;

use mecai::report::{Event, Report, file_name};
use mecai::time::UnixTime;
use mecai::verdict::Code;
use serde::Deserialize;

use super::{File, Hex, load, run};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(rename = "spec")]
    _spec: String,
    #[serde(rename = "assumption")]
    _assumption: Option<String>,
    verdict_code: String,
    name_of_the_pick: String,
    now: u64,
    peer: Option<IpAddr>,
    port: Option<u16>,
    region: Option<String>,
    software: String,
    chain: Vec<Hex>,
    answer: Option<Hex>,
    expect: Expect,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Expect {
    text: String,
    file: String,
}

#[test]
fn every_report_has_the_octets_of_the_spec() {
    let file: File<Case> = load("report.json");
    run(
        &file.cases,
        |case| &case.name,
        |case| {
            let chain: Vec<&[u8]> = case.chain.iter().map(|der| der.0.as_slice()).collect();
            let report = Report::new(&Event {
                answer: case.answer.as_ref().map(|answer| answer.0.as_slice()),
                chain: &chain,
                code: Code::from_word(&case.verdict_code).unwrap(),
                host: &case.name_of_the_pick,
                at: UnixTime(case.now),
                peer: case.peer,
                port: case.port,
                region: case.region.as_deref(),
            });
            let text = String::from_utf8(report.to_json()).unwrap();
            assert_eq!(Report::from_json(text.as_bytes()).unwrap(), report);
            // The vectors outlive versions.
            let text = text.replace(mecai::SOFTWARE, &case.software);
            let file = file_name(text.as_bytes());
            assert_eq!(Expect { text, file }, case.expect);
        },
    );
}
