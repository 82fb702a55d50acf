//! An exercise on a site that nobody simulates: the demonstration, its admin node asked as ops would.
//!
//! It needs the program that `POSTE_BINARY` names and a network namespace, as the laboratory's tests do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use chaos_tests::scenario::Scenario;
use chaos_tests::site::Site;
use chaos_tests::target::{NotRun, Outcome, Target};

#[path = "lab/program.rs"]
mod program;

use program::poste;

/// Until the demonstration has said that it is up.
const UP: Duration = Duration::from_secs(60);

/// Half a minute in which one kiosk is cut off and another one's program is killed.
const EXERCISE: &str = "
lasts_s = 25
title = { fr = 'Exercice', en = 'Exercise' }
about = { fr = 'Une coupure, un arrêt.', en = 'A cut, a kill.' }
site = { admins = 2, kiosks = 3 }
limits = { share = 70, keep_durable = 1, deadline_s = 60 }

[[fault]]
what = 'cut'
shape = 'alone'
hosts = 'poste-1'
at_s = 2
for_s = 10

[[fault]]
what = 'kill'
hosts = 'poste-2'
at_s = 4
for_s = 5
";

/// The demonstration in a network namespace of its own; it ends when dropped.
struct Demo {
    folder: PathBuf,
    child: Child,
}

impl Demo {
    fn start(folder: &Path) -> Self {
        let folder = folder.join("demo");
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && exec \"$0\" demo --dir \"$1\""])
            .arg(poste())
            .arg(&folder)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, up) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains("Ctrl-C") {
                    sender.send(()).ok();
                }
            }
        });
        let demo = Self { folder, child };
        up.recv_timeout(UP).unwrap();
        demo
    }

    fn site(&self) -> Site {
        Site::new(self.folder.join("admin-1").join("data"))
    }

    fn says(&self, name: &str, words: &[&str]) -> String {
        let config = self.folder.join(name).join("poste.toml");
        let mut command = Command::new(poste());
        let output = command.arg("--config").arg(config).args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Has a node's process stand still, or go on.
    fn signal(&self, pid: u64, signal: &str) {
        let sent = Command::new("kill").args([signal, &pid.to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn pid(&self, name: &str) -> u64 {
        let status: serde_json::Value =
            serde_json::from_str(&self.says(name, &["status", "--json"])).unwrap();
        status["pid"].as_u64().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // The nodes end with it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn figure(outcome: &Outcome, name: &str) -> f64 {
    outcome.figures.iter().find(|(found, _, _)| found == name).unwrap().1
}

#[test]
fn an_exercise_practises_what_it_says_and_says_who_did_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path());
    let exercise = Scenario::parse(EXERCISE, "exercise").unwrap();

    // Who plays whom and what comes when is told, and nothing is ordered by that.
    let steps = demo.site().rehearse(&exercise, 1).unwrap();
    assert_eq!(steps.len(), 5 + 2, "{steps:?}");
    // Beyond a limit nothing begins: one kiosk of three would be too many, or two at one time.
    for (share, under) in [(10, 1), (40, 2)] {
        let strict = EXERCISE.replace("share = 70", &format!("share = {share}"));
        let strict = Scenario::parse(&strict, "strict").unwrap();
        let said = format!("{under} of 3, the limits say {share} %");
        match demo.site().run(&strict, 1, &mut |_| {}) {
            Err(NotRun::Cannot { what, .. }) => assert!(what.en.contains(&said), "{what}"),
            other => panic!("{other:?}"),
        }
    }
    let nobody = demo.says("admin-1", &["fault", "list", "--json"]);
    assert_eq!(nobody.trim(), "[]");

    let outcome = demo.site().run(&exercise, 1, &mut |_| {}).unwrap();
    assert!(outcome.held(), "{:#?} {:?}", outcome.verdicts, outcome.away);
    let figures = ["orders given", "nodes that obeyed", "nodes that did not"];
    assert_eq!(figures.map(|name| figure(&outcome, name)), [2.0, 2.0, 0.0]);
    assert!(outcome.converged_ms.is_some() && outcome.away.is_empty());

    // A kiosk that stands still is not back when the time is over.
    let short = EXERCISE.replace("lasts_s = 25", "lasts_s = 12\nhold = { rounds = 1 }");
    let short = Scenario::parse(&short, "short").unwrap();
    let pid = demo.pid("poste-3");
    let mut stands_still = false;
    let outcome = demo.site().run(&short, 1, &mut |_| {
        if !std::mem::replace(&mut stands_still, true) {
            demo.signal(pid, "-STOP");
        }
    });
    demo.signal(pid, "-CONT");
    let outcome = outcome.unwrap();
    assert!(!outcome.held() && outcome.converged_ms.is_none());
    assert_eq!(outcome.away.len(), 1, "{:?}", outcome.away);
}
