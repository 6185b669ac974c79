//! `mecai lab drill` in small, on real programs: four sites, a second for an hour.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/e2e/support.rs"]
mod support;

use std::process::{Command, Output};

use support::{MECAI, module};

fn drill(arguments: &[&str]) -> Output {
    Command::new(MECAI).args(["lab", "drill"]).args(arguments).output().unwrap()
}

#[test]
fn sites_with_an_alternate_stay_up_when_their_operator_falls() {
    let small = ["--sites", "4", "--hours", "25", "--seconds-per-hour", "1", "--operator", "operator-c", "--json"];
    let output = drill(&[&small[..], &["--module", module().to_str().unwrap()]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&errors);
    assert_eq!(report["as_promised"], true, "{report}");

    let sites = report["sites"].as_array().unwrap();
    assert_eq!(sites.iter().filter(|site| site["operator"] == "operator-c").count(), 2);
    assert_eq!(sites.iter().filter(|site| !site["alternate"].is_null()).count(), 1);

    let hours = report["hours"].as_array().unwrap();
    assert_eq!(
        hours.iter().map(|hour| hour["hour"].as_u64().unwrap()).collect::<Vec<_>>(),
        (0..=25).collect::<Vec<_>>()
    );
    let reached = |hour: usize| {
        ["plain", "plain_without_root", "no_failover", "mecai", "mecai_without_root"]
            .map(|kind| hours[hour]["reached"][kind].as_u64().unwrap())
    };
    assert_eq!(reached(0), [4, 2, 4, 4, 3]);
    assert_eq!(reached(24), [4, 2, 2, 3, 3]);
    assert_eq!(hours[24]["refused"]["mecai"], serde_json::json!(["shop-02.example"]));
}

#[test]
fn what_cannot_be_drilled_is_told_before_anything_is_started() {
    for (arguments, code) in [
        (&["--sites", "31", "--seconds-per-hour", "1"][..], "lab_too_many_sites"),
        (&["--sites", "4", "--alternates", "3"], "lab_too_many_alternates"),
        (&["--sites", "4", "--module", "/nowhere"], "lab_no_module"),
    ] {
        let output = drill(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.trim_end().ends_with(&format!("({code})")), "{errors}");
    }
    assert_eq!(drill(&["--hours", "23"]).status.code(), Some(2), "the promise speaks of hour 24");
}
