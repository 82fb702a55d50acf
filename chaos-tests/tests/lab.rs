//! The laboratory's own tests: small sites of real processes, and things that go wrong.
//!
//! They say in one line that they were skipped where `poste` was not built beside them, or where this
//! machine has no namespaces to give.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it could not test"
)]

use std::path::PathBuf;

use chaos_tests::lab::Lab;
use chaos_tests::scenario::Scenario;
use chaos_tests::target::{NotRun, Outcome, Target};

/// The program of the same build, or the one that is named.
fn poste() -> PathBuf {
    if let Ok(named) = std::env::var("POSTE_BINARY") {
        return named.into();
    }
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("poste")
}

/// What came of a scenario; `None` where this machine cannot.
fn run(scenario: &str) -> Option<Outcome> {
    let scenario = Scenario::parse(scenario, "test").unwrap();
    if !poste().is_file() {
        println!("skipped: {} was not built", poste().display());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::new(poste(), folder.path().join("lab"));
    match lab.run(&scenario, 1, &mut |progress| println!("{} {}", progress.at_ms, progress.what)) {
        Ok(outcome) if outcome.held() => Some(outcome),
        Ok(outcome) => {
            let kept = folder.keep();
            panic!("{:#?} (see {})", outcome.verdicts, kept.display());
        }
        Err(NotRun::Cannot { what, .. }) => {
            println!("skipped: {what}");
            None
        }
        Err(other) => {
            let kept = folder.keep();
            panic!("{other} (see {})", kept.display());
        }
    }
}

/// How often something of this name was done.
fn count(outcome: &Outcome, name: &str) -> u64 {
    let found = outcome.sometimes.iter().find(|(found, _)| found == name);
    found.map_or(0, |(_, count)| *count)
}

#[test]
fn a_killed_admin_host_comes_back_to_one_truth() {
    let Some(outcome) = run(include_str!("lab/killed.toml")) else {
        return;
    };
    assert_eq!(count(&outcome, "kill"), 1);
    assert!(outcome.converged_ms.is_some(), "{:#?}", outcome.notices);
    assert!(outcome.stretches.iter().any(|stretch| stretch.kind == "session"), "nobody came");
    assert!(outcome.links.len() >= 10, "{:?}", outcome.links);
}

#[test]
fn every_fault_of_the_laboratory_is_done_and_healed() {
    let text = include_str!("lab/tour.toml");
    let Some(outcome) = run(text) else {
        return;
    };
    let begun: u64 = outcome.sometimes.iter().map(|(_, count)| count).sum();
    let steps = Scenario::parse(text, "tour").unwrap().fault.len();
    assert_eq!(begun, u64::try_from(steps).unwrap(), "{:?}", outcome.sometimes);
    assert!(outcome.converged_ms.is_some(), "{:#?}", outcome.notices);
}
