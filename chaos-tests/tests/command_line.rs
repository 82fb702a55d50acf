//! The command line, as people and `make` use it.

#![allow(clippy::unwrap_used, reason = "a test fails on whatever it does not expect")]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Ten minutes in which nobody harms a small site.
const QUIET: &str = "
lasts_s = 600
title = { fr = 'Calme', en = 'Quiet' }
about = { fr = 'Rien ne se passe.', en = 'Nothing happens.' }
site = { admins = 1, kiosks = 2 }

[[load]]
who = 'patrons'
per_hour = 30
minutes = 5
";

fn poste_chaos<I: AsRef<OsStr>>(words: impl IntoIterator<Item = I>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poste-chaos"));
    command.args(words).env("LC_ALL", "C").output().unwrap()
}

#[track_caller]
fn says<I: AsRef<OsStr>>(words: impl IntoIterator<Item = I>) -> String {
    let output = poste_chaos(words);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// How it ended, and what it complained of.
fn complains<I: AsRef<OsStr>>(words: impl IntoIterator<Item = I>) -> (Option<i32>, String) {
    let output = poste_chaos(words);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn every_scenario_is_listed_and_shown() {
    let list = says(["list"]);
    assert_eq!(list.lines().count(), 18);
    for line in list.lines() {
        let name = line.split_whitespace().next().unwrap();
        assert!(says(["show", name]).contains("On a real site"), "{name}");
        assert!(says(["show", "--toml", name]).contains("[limits]"), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = file(folder.path(), "wrong.toml", &QUIET.replace("per_hour", "per_day"));
    let (code, complaint) = complains(["run", &wrong]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("line 9") && complaint.contains("per_hour"), "{complaint}");
    let long = file(folder.path(), "long.toml", &"é".repeat(40_000));
    let (code, complaint) = complains(["run", &long]);
    assert!(code == Some(2) && complaint.contains("more than 65536 bytes"), "{complaint}");
    let (code, complaint) = complains(["run", "no-such-scenario"]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("poste-chaos list"), "{complaint}");
    let (code, complaint) = complains(["run", "power-cut", "--real", "--target", "site"]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("--real is for the simulator"), "{complaint}");
    let (code, complaint) = complains(["run", "room-in-two", "no-such-scenario"]);
    assert!(code == Some(2) && complaint.contains("no-such-scenario"), "{complaint}");
    let (code, complaint) = complains(["run", "all", "room-in-two"]);
    assert!(code == Some(2) && complaint.contains("alone"), "{complaint}");
    let (code, complaint) = complains(["run", "room-in-two", "--rehearse"]);
    assert!(code == Some(2) && complaint.contains("--target site"), "{complaint}");
    for wrong in ["--hours=-1", "--hours=nan", "--hours=1e300", "--seeds=0"] {
        assert_eq!(complains(["night", wrong]).0, Some(2), "{wrong}");
    }
    let (code, complaint) = complains(["replay", "room-in-two"]);
    assert!(code == Some(2) && complaint.contains("run room-in-two"), "{complaint}");
    let (code, complaint) = complains(["replay", "yesterday"]);
    assert_eq!((code, complaint.lines().count()), (Some(2), 1), "{complaint}");
}

#[test]
fn a_run_that_holds_ends_with_0_and_its_page_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = file(folder.path(), "so quiet.toml", QUIET);
    let reports = folder.path().join("reports");
    let to = reports.display().to_string();
    let said = says(["run", &quiet, "--seed", "5", "--report", &to]);
    assert!(said.ends_with("1 scenarios run: 1 held\n"), "{said}");
    let journal = reports.join("quiet-sim-5.json").display().to_string();
    let page = fs::read_to_string(reports.join("quiet-sim-5.html")).unwrap();
    let again = folder.path().join("again.html").display().to_string();
    let real = says(["run", &quiet, "--seed", "5", "--real", "--within", "120"]);
    assert!(real.contains("so quiet.toml' --target sim --real --within 120 --seed 5"), "{real}");
    says(["report", &journal, "--to", &again]);
    assert_eq!(fs::read_to_string(&again).unwrap(), page);
    assert!(page.contains("--target sim --seed 5</pre>"), "{page}");
    let replayed = says(["replay", &journal]);
    assert!(replayed.starts_with("Quiet\n"), "{replayed}");
    let (code, _) = complains(["report", &quiet]);
    assert_eq!(code, Some(2), "a scenario is no journal");
    let (code, complaint) = complains(["report", &journal, "--to", &journal]);
    assert_eq!(code, Some(2), "{complaint}");
    let (code, complaint) = complains(["run", &quiet, "--report", "/proc/nowhere"]);
    assert_eq!(code, Some(2), "{complaint}");
}

#[test]
fn a_night_counts_its_worlds() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().display().to_string();
    let few = ["--seeds", "1", "--workers", "1", "--shrink-runs", "0"];
    let words = ["night", "--from-seed", "1", "--report", &to].into_iter().chain(few);
    let said = String::from_utf8(poste_chaos(words).stdout).unwrap();
    assert!(said.lines().last().unwrap().starts_with("1 worlds run: "), "{said}");
    assert!(fs::read_to_string(folder.path().join("night.json")).unwrap().contains("density"));
}

#[test]
fn an_exercise_without_a_site_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let (code, complaint) =
        complains(["run", "room-in-two", "--target", "site", "--data-dir", &data]);
    assert_eq!(code, Some(2));
    assert!(complaint.contains("no admin node answers"), "{complaint}");
    let all = ["run", "all", "--target", "site", "--data-dir", &data];
    assert_eq!(complains(all).0, Some(2), "nothing of it was run");
}
