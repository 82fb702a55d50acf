//! What carries a scenario out.

use serde::{Deserialize, Serialize};

use crate::scenario::{Scenario, Words};

/// Progress of a run, for people who watch.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// True time since the run began.
    pub at_ms: u64,
    /// Of so much.
    pub of_ms: u64,
    /// What goes on.
    pub what: Words,
}

/// What became of one invariant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Its number.
    pub number: u8,
    /// Its name.
    pub name: String,
    /// What it protects from: French, English.
    pub protects: (String, String),
    /// How often there was something to judge: 0 says nothing about whether it holds.
    pub judged: u64,
    /// How it was broken, each with when and where; empty when it held.
    pub breaches: Vec<String>,
    /// The worst figure and its unit.
    pub worst: Option<(f64, String)>,
}

/// A stretch of a host's time, for the timeline of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// The host's name.
    pub host: String,
    /// `down`, `paused`, `cut`, `disk`, `clock`, `hostile`, `session`, `alone`.
    pub kind: String,
    /// From then.
    pub from_ms: u64,
    /// Until then.
    pub until_ms: u64,
    /// In words.
    pub label: String,
}

/// What came of a run. Read back from its journal, it makes the same report again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's title: French, English.
    pub title: (String, String),
    /// `sim`, `lab`, `site`.
    pub target: String,
    /// Everything that was drawn came of it.
    pub seed: u64,
    /// Versions of the harness and of the nodes.
    pub versions: Vec<(String, String)>,
    /// Names of the hosts, in order.
    pub hosts: Vec<String>,
    /// Length of the run, healing included.
    pub lasted_ms: u64,
    /// Hash over the trace: equal for the same seed (simulator only).
    pub trace: Option<String>,
    /// Each invariant.
    pub verdicts: Vec<Verdict>,
    /// What the scenario promises of its own.
    #[serde(default)]
    pub promises: Vec<Verdict>,
    /// When no fault was in force any more.
    pub healed_ms: Option<u64>,
    /// Time from healing to one state, if they came to one.
    pub converged_ms: Option<u64>,
    /// Acknowledged facts that are nowhere, where acknowledgements can be seen.
    pub lost: Option<u64>,
    /// For the timeline.
    pub stretches: Vec<Stretch>,
    /// When two hosts had a link: one, other, from, until.
    pub links: Vec<(String, String, u64, u64)>,
    /// Rare branches, and how often each was taken.
    pub sometimes: Vec<(String, u64)>,
    /// Figures for the reader: name, value, unit.
    pub figures: Vec<(String, f64, String)>,
    /// What people should know, with its time.
    pub notices: Vec<(u64, String)>,
    /// Hosts that had not come back at the end (a real site only).
    #[serde(default)]
    pub away: Vec<String>,
    /// The command that runs the same again, where a command ran it.
    #[serde(default)]
    pub again: Option<String>,
    /// What was run, as a scenario file with its seed.
    #[serde(default)]
    pub scenario: Option<String>,
}

impl Outcome {
    /// Whether everything that was looked at held, and everybody came back.
    pub fn held(&self) -> bool {
        let mut verdicts = self.verdicts.iter().chain(&self.promises);
        verdicts.all(|verdict| verdict.breaches.is_empty()) && self.away.is_empty()
    }
}

/// A target could not carry a scenario out; nothing is said about invariants.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// It has no means for it.
    #[error("{target} cannot do this: {what}")]
    Cannot {
        /// Which target.
        target: &'static str,
        /// What.
        what: Words,
    },
    /// Its surroundings failed.
    #[error("{0}")]
    Broken(String),
}

impl NotRun {
    /// Why, in both languages. What went wrong around a target is told as the machine told it.
    pub fn words(&self) -> Words {
        match self {
            Self::Cannot { target, what } => Words::new(
                format!("« {target} » ne le peut pas : {}", what.fr),
                format!("{target} cannot do this: {}", what.en),
            ),
            Self::Broken(what) => Words::same(what.as_str()),
        }
    }
}

/// Carries scenarios out.
pub trait Target {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Runs one, and heals everything at its end whatever happens.
    fn run(
        &mut self,
        scenario: &Scenario,
        seed: u64,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, NotRun>;
}
