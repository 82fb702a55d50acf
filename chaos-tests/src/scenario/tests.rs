use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::shipped::{SHIPPED, named};
use super::{NoSuchHost, Policy, Promise, Scenario, Shape, Words, Wrong};
use crate::event::HostId;
use crate::fault::Hosts;

/// The least that a scenario says.
const LEAST: &str = r#"
lasts_s = 600
[title]
fr = "Rien"
en = "Nothing"
[about]
fr = "Rien ne se passe."
en = "Nothing happens."
[site]
admins = 2
kiosks = 4
"#;

fn refusal(text: &str) -> (String, Words) {
    match Scenario::parse(text, "essai.toml") {
        Err(Wrong::Line { file, line, text: shown, reason }) => {
            assert_eq!(file, "essai.toml");
            let there = text.lines().nth(line - 1).unwrap_or_default().trim();
            assert_eq!(shown, there, "the sentence shows another line than it names");
            (shown, reason)
        }
        other => panic!("expected a refusal with a line, got {other:?}"),
    }
}

/// [`LEAST`] with more behind it is refused at the line `at`, with `because` in the reason.
fn is_refused(more: &str, at: &str, because: &str) {
    let (line, reason) = refusal(&format!("{LEAST}{more}"));
    assert_eq!(line, at, "{reason}");
    assert!(reason.en.contains(because), "{reason:?} does not say {because:?}");
}

fn site() -> Shape {
    Shape {
        admins: 2,
        kiosks: 5,
        amnesic: 1,
        policy: Policy::Finish,
        allowance_min: None,
        history_days: 0,
        checkpoint_after: None,
        checkpoint_every_min: None,
    }
}

fn mean(words: &str, seed: u64) -> Result<Vec<u16>, NoSuchHost> {
    let mut draw = StdRng::seed_from_u64(seed);
    let hosts = Hosts(words.to_owned()).mean(&site(), &mut draw)?;
    Ok(hosts.into_iter().map(|HostId(number)| number).collect())
}

#[test]
fn every_shipped_scenario_is_whole() {
    let names: BTreeSet<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
    assert_eq!(names.len(), 18);
    for shipped in SHIPPED {
        let scenario = shipped.scenario().unwrap();
        assert!(!scenario.load.is_empty(), "{}: nobody uses the site", shipped.name);
        assert!(scenario.limits.hours.is_some(), "{}: no hours for a real site", shipped.name);
        assert!(scenario.seed.is_none(), "{}: says its seed", shipped.name);
    }
}

#[test]
fn every_file_in_the_folder_is_shipped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".toml").unwrap();
        assert!(named(name).is_some(), "{file} is not in the list of shipped scenarios");
    }
}

#[test]
fn a_shipped_scenario_written_out_reads_back_the_same() {
    for shipped in SHIPPED {
        let scenario = shipped.scenario().unwrap();
        let again = Scenario::parse(&scenario.to_toml().unwrap(), "again.toml").unwrap();
        assert_eq!(again, scenario, "{}", shipped.name);
    }
}

#[test]
fn a_shipped_scenario_in_five_minutes_is_still_one() {
    for shipped in SHIPPED {
        let quick = shipped.scenario().unwrap().within(300);
        assert_eq!(quick.lasts_s, 300);
        quick.check().unwrap_or_else(|flaw| panic!("{}: {flaw}", shipped.name));
    }
}

#[test]
fn the_least_is_enough() {
    Scenario::parse(LEAST, "essai.toml").unwrap();
}

#[test]
fn an_unknown_field_is_refused_with_its_line_and_what_is_allowed() {
    is_refused("kiosk = 3\n", "kiosk = 3", "kiosks");
    is_refused("[limits]\nhour = \"20:00-07:00\"\n", "hour = \"20:00-07:00\"", "hours");
    is_refused(
        "[[fault]]\nat_s = 1\nwhat = \"kill\"\nhosts = \"all\"\n\
         [[fault]]\nat_s = 2\nwhat = \"kill\"\nhosts = \"all\"\nfor_ms = 3\n",
        "for_ms = 3",
        "unknown field",
    );
    is_refused("[[load]]\nwho = \"batch\"\nat_s = 3\ncodes = 4\nhours = 5\n", "hours = 5", "codes");
}

#[test]
fn an_unknown_fault_is_refused_with_those_that_are_known() {
    is_refused(
        "[[fault]]\nat_s = 1\nwhat = \"fire\"\nhosts = \"all\"\n",
        "what = \"fire\"",
        "clock-strobe",
    );
}

#[test]
fn a_missing_field_is_refused_at_its_step() {
    is_refused("[[fault]]\nat_s = 1\nwhat = \"cut\"\nhosts = \"all\"\n", "[[fault]]", "shape");
}

#[test]
fn times_beyond_the_run_are_refused() {
    let fault = "[[fault]]\nwhat = \"kill\"\nhosts = \"poste-1\"\n";
    is_refused(&format!("{fault}at_s = 601\n"), "at_s = 601", "600");
    is_refused(&format!("{fault}at_s = -1\n"), "at_s = -1", "from 0");
    is_refused(&format!("{fault}at_s = nan\n"), "at_s = nan", "from 0");
    is_refused(&format!("{fault}at_s = 500\nfor_s = 101\n"), "for_s = 101", "100");
    is_refused(&format!("{fault}at_s = 500\nfor_s = 0\n"), "for_s = 0", "from 0.1");
    is_refused("[[load]]\nwho = \"closing-time\"\nat_s = 900\n", "at_s = 900", "600");
}

#[test]
fn hosts_that_the_site_has_not_are_refused() {
    let fault = "[[fault]]\nat_s = 1\nwhat = \"kill\"\n";
    for word in ["poste-5", "admin-3"] {
        let line = format!("hosts = {word:?}");
        is_refused(&format!("{fault}{line}\n"), &line, "2 admin hosts and 4 kiosks");
    }
    for word in ["", "poste-0x1", "kiosk-1", "poste-", "all+", "poste-99999"] {
        let line = format!("hosts = {word:?}");
        is_refused(&format!("{fault}{line}\n"), &line, "names no host");
    }
    is_refused(&format!("{fault}hosts = \"poste-0\"\n"), "hosts = \"poste-0\"", "beyond");
}

#[test]
fn hosts_of_the_wrong_kind_are_refused() {
    let revoke = "[[fault]]\nat_s = 1\nwhat = \"revoke\"\nhosts = \"poste-1\"\n";
    is_refused(&format!("{revoke}on = \"poste-2\"\n"), "on = \"poste-2\"", "one admin host");
    is_refused(&format!("{revoke}on = \"admins\"\n"), "on = \"admins\"", "several");
    let abuse = "[[load]]\nwho = \"reboot-abuse\"\nat_s = 1\ntimes = 2\n";
    is_refused(&format!("{abuse}hosts = \"admin-1\"\n"), "hosts = \"admin-1\"", "kiosks");
    let clone = "[[fault]]\nat_s = 1\nwhat = \"clone\"\n";
    is_refused(&format!("{clone}hosts = \"kiosks\"\n"), "hosts = \"kiosks\"", "one host");
}

#[test]
fn figures_out_of_bounds_are_refused() {
    let fault = "[[fault]]\nat_s = 1\nhosts = \"all\"\n";
    is_refused(&format!("{fault}what = \"degrade\"\nloss = 31\n"), "loss = 31", "to 30");
    is_refused(&format!("{fault}what = \"flap\"\nperiod_ms = 1\n"), "period_ms = 1", "100");
    is_refused("[limits]\nshare = 101\n", "share = 101", "100");
    is_refused("[limits]\nkeep_durable = 0\n", "keep_durable = 0", "from 1");
    is_refused("[limits]\ndeadline_s = 3601\n", "deadline_s = 3601", "3600");
    for hours in ["20:00", "20:00-25:00", "20:00-7:00", "20:60-07:00", "nuit"] {
        let line = format!("hours = {hours:?}");
        is_refused(&format!("[limits]\n{line}\n"), &line, "20:00-07:00");
    }
}

#[test]
fn a_site_beyond_measure_is_refused() {
    let (line, _) = refusal(&LEAST.replace("kiosks = 4", "kiosks = 401"));
    assert_eq!(line, "kiosks = 401");
    let (line, _) = refusal(&LEAST.replace("admins = 2", "admins = 0"));
    assert_eq!(line, "admins = 0");
    let (line, _) = refusal(&LEAST.replace("lasts_s = 600", "lasts_s = 700000"));
    assert_eq!(line, "lasts_s = 700000");
}

#[test]
fn words_for_hosts_mean_hosts_in_the_order_written() {
    assert_eq!(mean("admins", 1).unwrap(), [0, 1]);
    assert_eq!(mean("kiosks", 1).unwrap(), [2, 3, 4, 5, 6]);
    assert_eq!(mean("all", 1).unwrap(), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(mean("half", 1).unwrap(), [0, 2, 4, 6]);
    assert_eq!(mean("poste-3 + admin-2+poste-3", 1).unwrap(), [4, 1]);
}

#[test]
fn two_drawn_kiosks_are_two_kiosks() {
    for seed in 0..50 {
        let meant = mean("any-kiosk+any-kiosk+any-admin", seed).unwrap();
        assert_eq!(meant.len(), 3);
        assert!(meant[..2].iter().all(|host| *host >= 2) && meant[2] < 2, "{meant:?}");
    }
}

#[test]
fn one_seed_casts_one_way_and_others_another() {
    let scenario = named("closing-time").unwrap().scenario().unwrap();
    let casts: Vec<_> = (0..20).map(|seed| scenario.cast(seed).unwrap()).collect();
    assert_eq!(casts[7], scenario.cast(7).unwrap());
    assert!(casts.iter().any(|cast| *cast != casts[0]));
}

#[test]
fn hosts_are_named_as_words_mean_them() {
    let site = site();
    for host in site.hosts() {
        let word = Hosts::named(&[host], &site);
        let mut draw = StdRng::seed_from_u64(0);
        assert_eq!(word.mean(&site, &mut draw).unwrap(), [host], "{word:?}");
    }
    assert_eq!(site.hosts().filter(|host| site.is_amnesic(*host)).count(), 1);
    assert!(site.is_amnesic(HostId(6)));
}

proptest! {
    /// Whatever bytes a file has, it is read or refused at a line that it has.
    #[test]
    fn no_text_makes_the_reader_fall(text in "\\PC{0,400}") {
        prop_assert!(Scenario::parse(&text, "essai.toml").is_err());
    }

    /// A shipped file with a line lost, doubled or mangled is read or refused, and never panics.
    #[test]
    fn no_mangled_file_makes_the_reader_fall(
        which in 0..SHIPPED.len(),
        line in 0_usize..80,
        with in "[ -~]{0,30}",
        double: bool,
    ) {
        let mut lines: Vec<&str> = SHIPPED[which].text.lines().collect();
        let line = line % lines.len();
        if double {
            lines.insert(line, lines[line]);
        } else {
            lines[line] = &with;
        }
        let text = lines.join("\n");
        if let Err(Wrong::Line { line, .. }) = Scenario::parse(&text, "essai.toml") {
            prop_assert!((1..=lines.len()).contains(&line));
        }
    }

    /// What passes the check can be cast with any seed, and every host of the cast exists.
    #[test]
    fn a_checked_scenario_can_be_cast_with_any_seed(which in 0..SHIPPED.len(), seed: u64) {
        let scenario = SHIPPED[which].scenario().unwrap();
        let cast = scenario.cast(seed).unwrap();
        let hosts: BTreeSet<HostId> = scenario.site.hosts().collect();
        for host in cast.faults.iter().chain(&cast.loads).flatten().chain(cast.done_on.iter().flatten()) {
            prop_assert!(hosts.contains(host));
        }
    }

    /// A scenario within any time keeps its order of events and can be run.
    #[test]
    fn a_scenario_within_any_time_can_be_run(which in 0..SHIPPED.len(), lasts_s in 60_u64..40_000) {
        let scenario = SHIPPED[which].scenario().unwrap();
        let quick = scenario.within(lasts_s);
        prop_assert!(quick.check().is_ok());
        for pair in quick.fault.iter().zip(&scenario.fault).collect::<Vec<_>>().windows(2) {
            let [(a, x), (b, y)] = pair else { unreachable!("windows of two") };
            prop_assert_eq!(a.at_s <= b.at_s, x.at_s <= y.at_s);
        }
    }
}

#[test]
fn a_hurried_run_promises_a_smaller_share_of_fewer_people() {
    let lines =
        "[[promise]]\nwhat = \"codes-open\"\nfrom_s = 0\nfor_s = 600\nleast = 10\nshare = 90\n";
    let whole = Scenario::parse(&format!("{LEAST}{lines}"), "essai").unwrap();
    let asks = |lasts_s: u64| {
        let [Promise::CodesOpen { share, least, .. }] = whole.within(lasts_s).promise[..] else {
            panic!("one promise")
        };
        (share, least)
    };
    assert_eq!([600, 180, 60, 1].map(asks), [(90, 10), (90, 3), (30, 1), (1, 0)]);
}

#[test]
fn a_promise_is_taken_within_the_run_and_for_kiosks_that_it_names() {
    let opens = |fields: &str| format!("[[promise]]\nwhat = \"codes-open\"\n{fields}");
    Scenario::parse(&format!("{LEAST}{}", opens("from_s = 0\nfor_s = 600\nleast = 1\n")), "essai")
        .unwrap();
    let refused = |fields: &str, at: &str, because: &str| is_refused(&opens(fields), at, because);
    refused("from_s = 601\nfor_s = 1\nleast = 1\n", "from_s = 601", "from 0 to 600");
    refused("from_s = 500\nfor_s = 101\nleast = 1\n", "for_s = 101", "from 1 to 100");
    is_refused(
        "[[promise]]\nwhat = \"listed\"\nsessions = \"overdrawn\"\nleast = 0\n",
        "least = 0",
        "from 1",
    );
    refused("from_s = 0\nfor_s = 60\nleast = 1\nshare = 101\n", "share = 101", "to 100");
    for (hosts, because) in
        [("half", "names its kiosks"), ("any-kiosk", "names its kiosks"), ("admins", "kiosks")]
    {
        let fields = format!("from_s = 0\nfor_s = 60\nleast = 1\nhosts = \"{hosts}\"\n");
        refused(&fields, &format!("hosts = \"{hosts}\""), because);
    }
    is_refused(
        "[[promise]]\nwhat = \"over\"\nat_s = 590\nwithin_s = 11\n",
        "within_s = 11",
        "from 1 to 10",
    );
    is_refused("[[promise]]\nwhat = \"happy\"\n", "what = \"happy\"", "codes-open");
}
