//! `mecai lab demo` with 20 clients and 2 repeats: it goes as told, and ends at the step that is spoiled.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "support.rs"]
mod support;

use std::process::{Command, Output};

use support::{MECAI, module};

const STEPS: usize = 7;

/// Of 20 clients with a pick of two of twelve, 3.3 accept on average, with a deviation of 1.7: by the four deviations
/// that the demo allows, 0 to 10. That alone would let a client through that never accepts; but the demo also demands
/// that exactly those accept whose secret pick holds the robbed operator.
fn demo(more: &[&str]) -> Output {
    let mut command = Command::new(MECAI);
    command.args(["lab", "demo", "--clients", "20", "--repeats", "2", "--lifetime", "16", "--module"]);
    command.arg(module()).args(more).output().unwrap()
}

fn story(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn the_story_goes_as_told() {
    let output = demo(&[]);
    let story = story(&output);
    assert_eq!(output.status.code(), Some(0), "{story}");
    for step in 1..=STEPS {
        assert!(story.contains(&format!("\n{step}. ")), "{step}: {story}");
    }
    assert!(story.contains("All 7 steps went as told") && !story.contains('✗'), "{story}");
}

/// A spoiled step ends the demo there, for the reason that it was spoiled for; those before it go well.
fn ends_at(step: usize, why: &str) {
    let output = demo(&["--spoil", &step.to_string()]);
    let story = story(&output);
    assert_eq!(output.status.code(), Some(1), "{story}");
    let last = story.lines().last().unwrap();
    assert!(last.starts_with(&format!("mecai lab: step {step} did not go as told: ")), "{story}");
    assert!(last.contains(why), "{story}");
    assert_eq!(story.matches('✗').count(), 1, "{story}");
    for other in 1..=STEPS {
        assert_eq!(story.contains(&format!("\n{other}. ")), other <= step, "{other}: {story}");
        assert_eq!(story.contains(&format!("(step {other}: ")), other < step, "{other}: {story}");
    }
}

#[test]
fn spoiled_1_an_authority_signs_with_a_foreign_key() {
    ends_at(1, "operator-d: wrong_authority");
}

#[test]
fn spoiled_2_the_module_is_off() {
    ends_at(2, "its log does not say who vouched");
}

#[test]
fn spoiled_3_the_client_only_observes() {
    ends_at(3, "curl did not refuse");
}

#[test]
fn spoiled_4_the_attacker_has_no_key() {
    ends_at(4, "carries a signature of operator-c");
}

#[test]
fn spoiled_5_nothing_goes_down() {
    ends_at(5, "works after the vouchers ended");
}

#[test]
fn spoiled_6_another_operator_is_distrusted() {
    ends_at(6, "does not show `distrusted` from each authority");
}

#[test]
fn spoiled_7_the_client_does_not_fall_back() {
    ends_at(7, "curl does not reach www.shop.example in TLS 1.2: exit 60");
}
