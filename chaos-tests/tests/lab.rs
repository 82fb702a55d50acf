//! The laboratory's own test: a small site of real processes, and something that goes wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use chaos_tests::lab::Lab;
use chaos_tests::scenario::Scenario;
use chaos_tests::target::{NotRun, Outcome, Target};

/// The program, which cargo builds beside this test when the whole workspace is built.
fn poste() -> PathBuf {
    if let Ok(named) = std::env::var("POSTE_BINARY") {
        return named.into();
    }
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("poste")
}

/// What came of it; `None` where this machine cannot.
fn run(scenario: &str) -> Option<Outcome> {
    let scenario = Scenario::parse(scenario, "test").unwrap();
    let folder = tempfile::tempdir().unwrap();
    if !poste().is_file() {
        println!("skipped: {} was not built", poste().display());
        return None;
    }
    let mut lab = Lab::new(poste(), folder.path().join("lab"));
    if let Ok(kept) = std::env::var("LAB_KEPT") {
        lab = Lab::new(poste(), kept.into()).keeping();
    }
    match lab.run(&scenario, 1, &mut |progress| println!("{} {}", progress.at_ms, progress.what)) {
        Ok(outcome) => Some(outcome),
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

const KILLED: &str = r#"
lasts_s = 25
title = { fr = "Un accueil tué", en = "An admin host killed" }
about = { fr = "Tué et relancé.", en = "Killed and started again." }
site = { admins = 2, kiosks = 3, policy = "codes" }

[[load]]
who = "patrons"
per_hour = 900
minutes = 2

[[load]]
who = "operators"
per_hour = 900
from_s = 3

[[fault]]
what = "kill"
hosts = "admin-1"
at_s = 8
for_s = 8
"#;

#[test]
fn a_killed_admin_host_comes_back_to_one_truth() {
    let Some(outcome) = run(KILLED) else {
        return;
    };
    println!("{outcome:#?}");
    assert!(outcome.held(), "{:#?}", outcome.verdicts);
    assert!(outcome.converged_ms.is_some());
}
