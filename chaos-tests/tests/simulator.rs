//! The simulator keeps its own promises.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use chaos_tests::event::{Event, HostId};
use chaos_tests::scenario::Scenario;
use chaos_tests::scenario::shipped::named;
use chaos_tests::sim::Sim;
use chaos_tests::target::{Outcome, Target};
use domain::planted::{self, Bug};

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
    assert_eq!(outcome.lost, Some(0));
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
    let found = outcome.verdicts.iter().chain(&outcome.promises);
    let broken: Vec<_> = found.filter(|verdict| !verdict.breaches.is_empty()).collect();
    assert!(outcome.held(), "{name}: {broken:#?}");
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

/// How often something was counted.
fn count(outcome: &Outcome, name: &str) -> u64 {
    let found = outcome.sometimes.iter().find(|(found, _)| found == name);
    found.map_or(0, |(_, count)| *count)
}

/// A kiosk is cut off in the middle of a session, and its program starts anew there and ends it. It is back
/// when thirty-one days have passed on every clock: what it wrote is older than the horizon.
#[test]
fn what_comes_back_from_beyond_the_horizon_is_refused_whole() {
    let scenario = Scenario::parse(
        "
        lasts_s = 2400
        title = { fr = 'Trop tard', en = 'Too late' }
        about = { fr = 'Un poste revient au bout d’un mois.', en = 'A kiosk is back after a month.' }
        site = { admins = 2, kiosks = 3, policy = 'finish', checkpoint_every_min = 5 }
        [[load]]
        who = 'patrons'
        per_hour = 150
        minutes = 4
        [[load]]
        who = 'operators'
        per_hour = 60
        [[fault]]
        what = 'cut'
        shape = 'alone'
        hosts = 'poste-3'
        at_s = 300
        for_s = 1600
        [[fault]]
        what = 'kill'
        hosts = 'poste-3'
        at_s = 330
        for_s = 3
        [[fault]]
        what = 'clock-jump'
        hosts = 'all'
        at_s = 900
        by_s = 2678400
        ",
        "too late",
    )
    .unwrap();
    let outcome = run(&scenario, 4, false);
    assert!(outcome.held(), "{:?}", outcome.verdicts);
    assert!(count(&outcome, "epoch refused beyond the horizon") > 0, "{:?}", outcome.sometimes);
}

/// A small busy site in which one host goes down once, or never.
fn goes_down(host: &str, how: &str, at_ms: Option<u64>) -> Scenario {
    let fault = at_ms.map_or_else(String::new, |at_ms| {
        format!(
            "[[fault]]\nwhat = '{how}'\nhosts = '{host}'\nat_s = {}.{:03}\nfor_s = 4",
            at_ms / 1_000,
            at_ms % 1_000
        )
    });
    let text = format!(
        "
        lasts_s = 240
        title = {{ fr = 'Arrêt', en = 'Stop' }}
        about = {{ fr = 'Une fois.', en = 'Once.' }}
        site = {{ admins = 2, kiosks = 2 }}
        [[load]]
        who = 'patrons'
        per_hour = 900
        minutes = 1
        [[load]]
        who = 'operators'
        per_hour = 900
        {fault}
        "
    );
    Scenario::parse(&text, "goes down").unwrap()
}

/// Runs it, and says when the host's disk had taken something.
fn barriers(scenario: &Scenario, host: &str) -> (Outcome, Vec<u64>) {
    let at = Arc::new(Mutex::new(Vec::new()));
    let (seen, host) = (Arc::clone(&at), if host == "admin-1" { HostId(0) } else { HostId(2) });
    let mut sim = Sim::default().watched(move |at_ms, event| {
        if matches!(event, Event::Durable { host: of, .. } if *of == host) {
            seen.lock().unwrap().push(at_ms);
        }
    });
    let outcome = sim.run(scenario, 1, &mut |_| {}).unwrap();
    drop(sim);
    let at = at.lock().unwrap().clone();
    (outcome, at)
}

/// The host's power goes, or its process is killed, just before and just after each time that its disk has
/// taken something, whatever was on its way there. What broke first, if anything did.
fn broken_at_a_barrier(host: &str) -> Option<String> {
    let (outcome, all) = barriers(&goes_down(host, "kill", None), host);
    assert!(outcome.held(), "{:?}", outcome.verdicts);
    let all: Vec<u64> = all.into_iter().filter(|at_ms| *at_ms < 200_000).collect();
    assert!(all.len() > 50, "{all:?}");
    for how in ["power-cut", "kill"] {
        for at_ms in all.iter().flat_map(|at_ms| [at_ms.saturating_sub(1), *at_ms]) {
            let (outcome, seen) = barriers(&goes_down(host, how, Some(at_ms)), host);
            if !outcome.held() {
                return Some(format!("{how} at {at_ms} ms: {:?}", outcome.verdicts));
            }
            let until_then = |times: &[u64]| times.iter().filter(|at| **at < at_ms).count();
            assert_eq!(until_then(&seen), until_then(&all), "another world until {at_ms}");
        }
    }
    None
}

#[test]
fn an_admin_host_may_go_down_at_every_write() {
    assert_eq!(broken_at_a_barrier("admin-1"), None);
}

#[test]
fn a_kiosk_may_go_down_at_every_write() {
    assert_eq!(broken_at_a_barrier("poste-1"), None);
}

#[test]
fn a_process_that_goes_on_in_the_log_of_the_one_before_is_seen() {
    planted::choose(Some(Bug::EpochReused));
    assert!(broken_at_a_barrier("admin-1").is_some());
}

/// A room lies in two for a whole day, and a key in a thief's hands floods one of the halves for an hour.
#[test]
fn a_day_apart_and_a_flood_stay_within_bounds() {
    let scenario = Scenario::parse(
        "
        lasts_s = 90000
        title = { fr = 'Un jour', en = 'A day' }
        about = { fr = 'Coupés un jour.', en = 'Apart for a day.' }
        site = { admins = 2, kiosks = 4, checkpoint_every_min = 60 }
        [[load]]
        who = 'patrons'
        per_hour = 20
        minutes = 20
        [[load]]
        who = 'operators'
        per_hour = 20
        [[fault]]
        what = 'cut'
        shape = 'apart'
        hosts = 'admin-2+poste-3+poste-4'
        at_s = 1800
        for_s = 86400
        [[fault]]
        what = 'hostile'
        with = 'flood'
        hosts = 'poste-4'
        at_s = 7200
        for_s = 3600
        ",
        "a day apart",
    )
    .unwrap();
    let outcome = run(&scenario, 1, false);
    assert!(outcome.held(), "{:?}", outcome.verdicts);
    let bounds = outcome.verdicts.iter().find(|verdict| verdict.name == "bounds").unwrap();
    assert!(bounds.judged > 6 * 24 * 60, "{}", bounds.judged);
}
