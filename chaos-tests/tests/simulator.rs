//! The simulator keeps its own promises.

#![allow(clippy::unwrap_used, reason = "tests")]

use chaos_tests::scenario::Scenario;
use chaos_tests::scenario::shipped::named;
use chaos_tests::sim::Sim;
use chaos_tests::target::{Outcome, Target};

const QUIET: &str = "
lasts_s = 300
title = { fr = 'Calme', en = 'Quiet' }
about = { fr = 'Rien ne se passe.', en = 'Nothing happens.' }
site = { admins = 2, kiosks = 4 }
";

fn run(scenario: &Scenario, seed: u64, real_signatures: bool) -> Outcome {
    let mut sim = Sim::default().watched(|_, _| {});
    sim.real_signatures = real_signatures;
    sim.run(scenario, seed, &mut |_| {}).unwrap()
}

#[test]
fn a_quiet_site_comes_to_one_fingerprint() {
    let outcome = run(&Scenario::parse(QUIET, "quiet").unwrap(), 1, false);
    assert!(outcome.converged_ms.is_some(), "{outcome:?}");
    assert_eq!(outcome.lost, 0);
    // A checkpoint is told of, and is nothing to worry about.
    let mut worries = outcome.notices.iter().filter(|(_, words)| !words.contains("adopted"));
    assert_eq!(worries.next(), None);
}

#[test]
fn equal_seeds_give_equal_traces_and_others_do_not() {
    let mut scenario = Scenario::drawn(7);
    scenario = scenario.within(600);
    let traces = [7, 7, 8].map(|seed| run(&scenario, seed, false).trace.unwrap());
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}

#[test]
fn real_signatures_hold_where_stand_ins_do() {
    let scenario = Scenario::drawn(3).within(300);
    let outcome = run(&scenario, 3, true);
    assert!(outcome.held(), "{:?}", outcome.verdicts);
    assert!(outcome.converged_ms.is_some());
}

/// A scenario with nothing in it that could be the real thing and is not, fitted into ten minutes.
fn hold_for_real(name: &str) {
    let scenario = named(name).unwrap().scenario().unwrap().within(600);
    let outcome = Sim::real().run(&scenario, 1, &mut |_| {}).unwrap();
    assert!(outcome.held(), "{name}: {:?}", outcome.verdicts);
    assert!(outcome.converged_ms.is_some(), "{name}");
}

#[test]
fn real_links_and_stores_hold_through_a_cut() {
    hold_for_real("room-in-two");
}

#[test]
fn real_links_and_stores_hold_through_power_cuts() {
    hold_for_real("power-cut");
}

#[test]
fn real_links_and_stores_hold_against_a_hostile_kiosk() {
    hold_for_real("hostile-kiosk");
}
