//! `mecai explain`, and the program's command line as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use mecai::request::Problem;
use mecai::verdict::{Code, Note};

mod cli_support;
use cli_support::{Said, mecai};

fn explain(arguments: &[&str]) -> Said {
    Said::by(mecai().arg("explain").args(arguments))
}

#[test]
fn every_code_is_explained() {
    let all = explain(&[]).ended(0);
    for code in Code::ALL {
        let said = explain(&[code.as_str()]).ended(0);
        said.says(&[code.as_str(), code.meaning(), code.advice()]);
        all.says(&[code.as_str(), code.meaning()]);
        explain(&[&code.number().to_string()]).ended(0).says(&[code.as_str()]);
    }
    for problem in Problem::ALL {
        let said = explain(&[problem.code()]).ended(0);
        said.says(&[&format!("(problem of an authority, HTTP status {})", problem.status()), problem.title()]);
        all.says(&[problem.code(), problem.title()]);
    }
    for note in Note::ALL {
        explain(&[note.as_str()]).ended(0).says(&["(note of a verdict)"]);
    }
    for code in ["unreachable", "timeout", "wrong_content_type", "wrong_authority", "unexpected_status"] {
        explain(&[code]).ended(0).says(&["(failure of an authority)"]);
    }
}

#[test]
fn a_word_that_stands_in_several_tables_has_all_its_meanings() {
    let found = explain(&["own_operator", "--json"]).ended(0).json();
    let kinds: Vec<_> = found.as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["verdict", "problem"]);
    explain(&["own_operator"]).ended(0).says(&["own_operator (verdict 55)", "HTTP status 422"]);
    explain(&["0x4D01"]).ended(0).says(&["accepted (verdict 0x4D01)"]);
}

#[test]
fn an_unknown_code_names_those_near_to_it() {
    explain(&["no_vouchers"]).ended(2).complains(&["there is no code \"no_vouchers\"", "is it no_voucher"]);
    explain(&["Wrong-Host"]).ended(2).complains(&["wrong_host"]);
    explain(&["xyzzy"]).ended(2).complains(&["there is no code \"xyzzy\": mecai explain lists all"]);
    explain(&["9999"]).ended(2);
}

#[test]
fn the_commands_and_the_exit_statuses_are_in_the_help() {
    let said = Said::by(mecai().arg("--help")).ended(0);
    said.says(&["authority", "check", "show", "explain", "run", "authorities", "lab"]);
    said.says(&["Exit status: 0 done, 1 failed, 2 usage, 3 some of several failed, 4 refused, 5 no voucher"]);
    Said::by(mecai().arg("--version")).ended(0).says(&[env!("CARGO_PKG_VERSION")]);
    Said::by(&mut mecai()).ended(2);
    Said::by(mecai().arg("nonsense")).ended(2);
}
