//! Exercises on a real site: faults that an admin node orders, and the limits that hold.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::member::Member;
use crate::site::Site;
use crate::waiting::until_true;

/// A site whose nodes all bear faults, but for the last kiosk.
fn site() -> Site {
    let mut site = Site::prepare(2, 3);
    site.admins[0].stop();
    for member in site.members().take(4) {
        member.obeys_faults();
    }
    for member in site.admins.iter_mut().chain(&mut site.kiosks) {
        member.start();
    }
    site.settle();
    site
}

/// What the first admin node says to a fault that is asked for, within wide limits. An order is a live
/// call: it is given again while a node that has just linked does not answer yet.
fn asked(site: &Site, nodes: &[&str], what: Value, change: impl FnOnce(&mut Value)) -> Value {
    let limits = json!({"hours": null, "share": 100, "keep_durable": 1, "deadline_s": 600});
    let mut request = json!({"do": "fault_begin", "nodes": nodes, "what": what, "for_s": 600,
        "limits": limits});
    change(&mut request);
    let mut answer = Value::Null;
    until_true("every node to answer", || {
        answer = site.admins[0].ask(&request).unwrap();
        let mut faults = answer["faults"].as_array().into_iter().flatten();
        faults.all(|fault| fault["said"]["refused"] != "no_answer")
    });
    answer
}

fn cut_from(others: &[&Member]) -> Value {
    let from: Vec<String> = others.iter().map(|other| other.node()).collect();
    json!({"cut": {"from": from}})
}

/// What each node said, of an answer that says so.
fn said(answer: &Value) -> Vec<&Value> {
    answer["faults"].as_array().unwrap().iter().map(|fault| &fault["said"]).collect()
}

#[test]
fn a_cut_ends_by_the_nodes_own_clock_when_its_controller_is_gone() {
    let mut site = site();
    let kiosk = site.kiosks[0].node();
    let all: Vec<&Member> = site.admins.iter().chain(&site.kiosks[1..]).collect();
    let cut = cut_from(&all);
    let start = Instant::now();
    let answer = asked(&site, &[&kiosk], cut, |request| request["for_s"] = json!(6));
    assert_eq!(said(&answer), ["obeyed"]);
    until_true("the kiosk to be alone", || site.kiosks[0].link_count() == 0);
    // Whoever ordered it dies, and nobody heals anything.
    site.admins[0].kill();
    let other = site.admins[1].node();
    until_true("the kiosk to come back", || site.kiosks[0].is_linked_to(&other));
    assert!(start.elapsed() >= Duration::from_secs(6), "{:?}", start.elapsed());
}

#[test]
fn a_cut_is_healed_from_the_node_that_ordered_it() {
    let site = site();
    let (kiosk, other) = (site.kiosks[0].node(), site.admins[1].node());
    let answer = asked(&site, &[&kiosk], cut_from(&[&site.admins[1]]), |_| {});
    assert_eq!(said(&answer), ["obeyed"]);
    until_true("the link to end", || !site.kiosks[0].is_linked_to(&other));
    assert!(site.admins[0].says(["fault", "list"]).starts_with(&kiosk));
    until_true("the kiosk to obey", || site.admins[0].says(["fault", "end"]).contains("obeys"));
    until_true("the link to stand again", || site.kiosks[0].is_linked_to(&other));
    assert!(!site.admins[0].says(["fault", "list"]).contains(&kiosk));
}

#[test]
fn a_restart_kills_the_process_and_the_same_order_means_nothing_after_it() {
    let mut site = site();
    let kiosk = site.kiosks[0].node();
    let answer = asked(&site, &[&kiosk], json!("restart"), |request| request["for_s"] = json!(60));
    assert_eq!(said(&answer), ["obeyed"]);
    until_true("the process to end", || !site.kiosks[0].is_running());
    site.kiosks[0].kill();
    site.kiosks[0].start();
    site.settle();
    assert!(site.kiosks[0].is_running());
    site.kiosks[0].never_panicked();
}

#[test]
fn an_exercise_beyond_its_limits_touches_nobody() {
    let site = site();
    let kiosks: Vec<String> = site.kiosks.iter().map(Member::node).collect();
    let admins: Vec<String> = site.admins.iter().map(Member::node).collect();
    let kiosk = kiosks[0].as_str();
    let cut = || cut_from(&[&site.admins[1]]);
    let foul = |answer: Value| answer["foul"]["why"].clone();

    // From now on for an hour, and not now.
    let clock = site.admins[0].status()["clocks"]["wall_ms"].as_i64().unwrap() / 60_000;
    let local = site.admins[0].says(["fault", "list"]);
    assert!(!local.contains(kiosk));
    let at = |minutes: i64| {
        let minute = (clock + local_offset_min() + minutes).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    };
    let later = format!("{}-{}", at(120), at(180));
    let refused = asked(&site, &[kiosk], cut(), |r| r["limits"]["hours"] = json!(later));
    let words = |lang: &str| refused["foul"]["words"][lang].as_str().unwrap();
    assert!(words("fr").starts_with("ce n'est pas l'heure"), "{refused}");
    assert!(words("en").starts_with("it is not the hour"), "{refused}");
    assert_eq!(foul(refused), "out_of_hours");

    let share = |request: &mut Value| request["limits"]["share"] = json!(34);
    let refused = foul(asked(&site, &[kiosk, &kiosks[1]], cut(), share));
    assert_eq!(refused["beyond_share"], json!({"kiosks": 2, "of": 3, "share": 34}));

    let durable = |request: &mut Value| request["limits"]["keep_durable"] = json!(5);
    let refused = foul(asked(&site, &[kiosk], cut(), durable));
    assert_eq!(refused["last_durable"], json!({"left": 4, "keep": 5}));
    let everybody: Vec<&str> = kiosks.iter().chain(&admins).map(String::as_str).collect();
    let refused = foul(asked(&site, &everybody, json!("restart"), |_| {}));
    assert_eq!(refused["last_durable"], json!({"left": 0, "keep": 1}));

    let long = |request: &mut Value| request["for_s"] = json!(601);
    assert_eq!(foul(asked(&site, &[kiosk], cut(), long))["too_long"], json!({"most_s": 600}));

    for member in site.members() {
        assert!(member.link_count() >= 2, "{} was touched", member.name);
        assert!(member.said_of("a fault was ordered").is_empty());
    }
}

#[test]
fn a_node_that_did_not_agree_and_a_kiosk_that_orders_are_refused() {
    let site = site();
    let unwilling = site.kiosks[2].node();
    let answer = asked(&site, &[&unwilling], json!("restart"), |_| {});
    assert_eq!(said(&answer), [&json!({"refused": "not_allowed"})]);
    let words = "its configuration does not say faults.obey = true";
    assert_eq!(answer["faults"][0]["words"]["en"], words);
    let nodes = [&unwilling, &site.kiosks[1].node()];
    let limits = json!({"hours": null, "share": 100, "keep_durable": 1, "deadline_s": 60});
    let mut check = json!({"do": "fault_check", "nodes": nodes, "for_s": 5, "limits": limits});
    until_true("both nodes to say whether they would obey", || {
        let answer = site.admins[0].ask(&check).unwrap();
        let said = said(&answer);
        said[0] == &json!({"refused": "not_allowed"}) && said[1].get("epoch").is_some()
    });
    check["limits"]["share"] = json!(34);
    let refused = site.admins[0].ask(&check).unwrap();
    assert_eq!(refused["foul"]["why"]["beyond_share"], json!({"kiosks": 2, "of": 3, "share": 34}));
    assert!(!site.admins[0].says(["fault", "list"]).contains(&unwilling));

    let request = json!({"do": "fault_begin", "nodes": [site.kiosks[1].node()], "what": "restart",
        "for_s": 5, "limits": {"hours": null, "share": 100, "keep_durable": 1, "deadline_s": 60}});
    let answer = site.kiosks[0].ask(&request).unwrap();
    assert_eq!(answer["refused"], "authority", "{answer}");
    for member in site.members() {
        assert!(member.said_of("a fault was ordered").is_empty());
    }
}

/// How far this machine's local time is ahead of UTC, in minutes.
fn local_offset_min() -> i64 {
    let now = jiff::Zoned::now();
    i64::from(now.offset().seconds()) / 60
}
