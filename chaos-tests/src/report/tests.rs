use super::*;
use crate::scenario::Scenario;
use crate::sim::night::{Failure, NightReport};
use crate::target::{Stretch, Verdict};

fn verdict(number: u8, judged: u64, breaches: &[&str]) -> Verdict {
    Verdict {
        number,
        name: String::from("overrun"),
        protects: (String::from("Personne n’attend"), String::from("Nobody waits")),
        judged,
        breaches: breaches.iter().map(|breach| String::from(*breach)).collect(),
        worst: (number == 3).then(|| (1.75, String::from("s"))),
    }
}

fn outcome(verdicts: Vec<Verdict>) -> Outcome {
    let host = |name: &str| String::from(name);
    let stretch = |host: &str, kind: &str, from_ms, until_ms| Stretch {
        host: String::from(host),
        kind: String::from(kind),
        from_ms,
        until_ms,
        label: String::from("<b>power cut</b>"),
    };
    Outcome {
        title: (String::from("Coupure & reprise"), String::from("Cut & return")),
        target: String::from("sim"),
        seed: 42,
        versions: vec![(String::from("poste"), String::from("0.1.0"))],
        hosts: vec![host("admin-1"), host("poste-1")],
        lasted_ms: 3_600_000,
        trace: Some(String::from("c0ffee")),
        verdicts,
        promises: Vec::new(),
        healed_ms: Some(3_000_000),
        converged_ms: Some(12_340),
        lost: Some(0),
        stretches: vec![
            stretch("poste-1", "down", 60_000, 120_000),
            stretch("poste-1", "session", 0, 60_000),
            stretch("nobody", "cut", 0, 60_000),
            stretch("poste-1", "a kind of a later release", 0, 60_000),
        ],
        links: vec![(host("admin-1"), host("poste-1"), 1_000, 60_000)],
        sometimes: vec![(String::from("third forgiven charge"), 2)],
        figures: vec![(String::from("density"), 12_345.6, String::from("node-s/s"))],
        notices: vec![(61_000, String::from("poste-1: <script>alert(1)</script>"))],
        away: Vec::new(),
        again: Some(String::from("poste-chaos run cut --seed 42")),
        scenario: None,
    }
}

#[test]
fn a_journal_tells_what_it_was_told() {
    let outcome = outcome(vec![verdict(3, 7, &["too late"])]);
    let journal = json(&outcome).unwrap();
    assert!(journal.contains(r#""held": false"#));
    assert_eq!(read(&journal).unwrap(), outcome);
}

#[test]
fn a_journal_of_a_later_layout_is_refused() {
    let journal = json(&outcome(Vec::new())).unwrap();
    let later = journal.replace(r#""layout": 1"#, r#""layout": 2"#);
    assert!(matches!(read(&later), Err(NotAJournal::Layout(2))));
    assert!(matches!(read("{}"), Err(NotAJournal::Malformed(_))));
}

#[test]
fn a_run_that_held_says_so_in_both_languages() {
    let page = html(&outcome(vec![verdict(3, 7, &[]), verdict(13, 0, &[])]));
    assert!(page.contains("Tout a tenu : une règle jugée, une sans occasion"));
    assert!(page.contains("All held: one rule judged, one without an occasion"));
    assert!(page.contains("1,75\u{a0}s"));
    assert!(page.contains("12\u{a0}s"));
    assert!(page.contains("poste-chaos run cut --seed 42"));
}

#[test]
fn a_run_that_broke_something_shows_how() {
    let page = html(&outcome(vec![verdict(3, 7, &["runs 5000 ms past <what> is left"])]));
    assert!(page.contains("Une règle est rompue"));
    assert!(page.contains("runs 5000 ms past &lt;what&gt; is left"));
}

#[test]
fn a_promise_that_was_not_kept_is_the_first_thing_said() {
    let promise =
        Verdict { name: String::from("codes_open"), ..verdict(1, 4, &["of 4, 1 got in"]) };
    let unkept = Outcome { promises: vec![promise], ..outcome(vec![verdict(3, 7, &[])]) };
    assert!(!unkept.held());
    let page = html(&unkept);
    assert!(page.contains("Promesses non tenues : 1. Règles tenues"));
    assert!(page.contains("Promises not kept: 1. Rules held"));
    assert!(page.contains("Ce que ce scénario promet") && page.contains("of 4, 1 got in"));
    assert!(!page.contains("Tout a tenu"));
}

#[test]
fn nothing_on_the_page_runs_or_comes_from_elsewhere() {
    let page = html(&outcome(vec![verdict(3, 7, &["<img src=x onerror=alert(1)>"])]));
    for forbidden in ["<script", "<img", "src=\"", "href=\"", "@import", "url(http", "<b>power"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn stretches_of_unknown_hosts_and_kinds_are_left_out() {
    let page = html(&outcome(Vec::new()));
    assert!(!page.contains("nobody ·"));
    assert_eq!(page.matches("<title>poste-1 ·").count(), 2);
}

#[test]
fn a_run_of_nothing_has_a_page_too() {
    let mut outcome = outcome(Vec::new());
    (outcome.hosts, outcome.lasted_ms) = (Vec::new(), 0);
    (outcome.stretches, outcome.links) = (Vec::new(), Vec::new());
    assert!(html(&outcome).contains("</html>"));
}

#[test]
fn a_night_says_what_failed_and_how_small_it_is() {
    let quiet = NightReport { seeds: 5_000, node_hours: 60_000.0, ..NightReport::default() };
    let page = night_html(&quiet);
    assert!(page.contains("5\u{202f}000 mondes, aucune règle rompue"));
    let breaches = vec![(9, String::from("no common state: <a> | b"))];
    let smallest = Scenario::drawn(3);
    let toml = smallest.to_toml().unwrap();
    let failures = vec![Failure { seed: 3, real: false, breaches, smallest: Some(smallest) }];
    let page = night_html(&NightReport { failures, ..quiet });
    assert!(page.contains("Un monde sur 5\u{202f}000 rompt une règle"));
    assert!(page.contains("9: no common state: &lt;a&gt; | b"));
    let first = toml.lines().find(|line| line.starts_with("lasts_s")).unwrap();
    assert!(page.contains(first));
}
