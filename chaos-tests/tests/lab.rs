//! The laboratory's own tests: small sites of real processes, and things that go wrong.
//!
//! They run the program that `POSTE_BINARY` names, as `make test-chaos` does, and need a machine that
//! has namespaces to give: without either they fail, and say what to do.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how far it is"
)]

mod lab {
    pub(crate) mod program;
}

use chaos_tests::lab::Lab;
use chaos_tests::scenario::Scenario;
use chaos_tests::target::{NotRun, Outcome, Target};

use lab::program::poste;

/// What came of a scenario in which everything held.
fn run(scenario: &str) -> Outcome {
    let scenario = Scenario::parse(scenario, "test").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut lab = Lab::new(poste(), folder.path().join("lab"));
    let ran =
        lab.run(&scenario, 1, &mut |progress| println!("{} {}", progress.at_ms, progress.what));
    let why = match ran {
        Ok(outcome) if outcome.held() => return outcome,
        Ok(outcome) => format!("{:#?}", outcome.verdicts),
        Err(NotRun::Cannot { what, .. }) => panic!("{what}"),
        Err(other) => other.to_string(),
    };
    panic!("{why} (see {})", folder.keep().display());
}

/// How often something of this name was done.
fn count(outcome: &Outcome, name: &str) -> u64 {
    let found = outcome.sometimes.iter().find(|(found, _)| found == name);
    found.map_or(0, |(_, count)| *count)
}

#[test]
fn a_killed_admin_host_comes_back_to_one_truth() {
    let outcome = run(include_str!("lab/killed.toml"));
    assert_eq!(count(&outcome, "kill"), 1);
    assert!(outcome.converged_ms.is_some(), "{:#?}", outcome.notices);
    assert!(outcome.stretches.iter().any(|stretch| stretch.kind == "session"), "nobody came");
    assert!(outcome.links.len() >= 10, "{:?}", outcome.links);
}

#[test]
fn every_fault_of_the_laboratory_is_done_and_healed() {
    let text = include_str!("lab/tour.toml");
    let outcome = run(text);
    // What kind of a cut it was is counted beside the cut.
    let faults = outcome.sometimes.iter().filter(|(name, _)| !name.contains(": "));
    let begun: u64 = faults.map(|(_, count)| count).sum();
    let steps = Scenario::parse(text, "tour").unwrap().fault.len();
    assert_eq!(begun, u64::try_from(steps).unwrap(), "{:?}", outcome.sometimes);
    assert!(outcome.converged_ms.is_some(), "{:#?}", outcome.notices);
}
