//! A scenario: one TOML file that the simulator, the laboratory and a real site can carry out.
//!
//! [`Scenario::parse`] reads one strictly, [`Scenario::cast`] says which hosts its words mean, and
//! [`shipped`] has those that come with the program.

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Hosts};

mod cast;
mod check;
mod hosts;
mod pace;
mod parse;
mod promise;
pub mod shipped;
#[cfg(test)]
mod tests;
mod words;

pub use cast::Cast;
pub use check::{Flaw, Place};
pub use hosts::NoSuchHost;
pub use parse::Wrong;
pub use promise::{Listing, Promise};

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with the texts `fr` and `en`")]
pub struct Words {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

impl Words {
    /// French first.
    pub fn new(fr: impl Into<String>, en: impl Into<String>) -> Self {
        Self { fr: fr.into(), en: en.into() }
    }

    /// What names itself, such as a command.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(text.clone(), text)
    }
}

/// English: where a language can be chosen, the fields are read.
impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its title.
    pub title: Words,
    /// What it shows, in two or three sentences.
    pub about: Words,
    /// The site that it wants. On a real site: the least that must be there.
    pub site: Shape,
    /// Length of the run before healing, in seconds.
    pub lasts_s: u64,
    /// What everything that is drawn comes of, below 2⁶³ (TOML knows no larger number): kept where a
    /// run found something. Not said: whoever runs it chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What must hold, and how well.
    #[serde(default)]
    pub hold: Hold,
    /// What it promises besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promise: Vec<Promise>,
    /// What people do meanwhile.
    #[serde(default)]
    pub load: Vec<Load>,
    /// What goes wrong, and when.
    #[serde(default)]
    pub fault: Vec<Step>,
    /// What a run on a real site may touch.
    #[serde(default)]
    pub limits: Limits,
}

/// How large the site is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Admin hosts.
    pub admins: u16,
    /// Kiosks.
    pub kiosks: u16,
    /// Of the kiosks, the last so many forget everything when they stop.
    #[serde(default)]
    pub amnesic: u16,
    /// What a kiosk does that is alone: `finish`, `codes`, `lock`.
    #[serde(default)]
    pub policy: Policy,
    /// Minutes that a session may use on a kiosk that is alone, where it is not the usual half hour.
    #[serde(default)]
    pub allowance_min: Option<u16>,
    /// Days of history in the ledger before the run.
    #[serde(default)]
    pub history_days: u16,
    /// Entries after which the admin nodes agree on a checkpoint, where that is to be sooner than usual.
    #[serde(default)]
    pub checkpoint_after: Option<u64>,
    /// Minutes after which an admin node proposes one whatever was written, where it is not seven: a real
    /// one does so each day, and few runs last one.
    #[serde(default)]
    pub checkpoint_every_min: Option<u16>,
}

/// The site's policy for a kiosk that is alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Finish the running session.
    #[default]
    Finish,
    /// Accept known codes up to the allowance.
    Codes,
    /// Lock.
    Lock,
}

/// Tolerances. Zero is never meant: what is not said has the default of the invariants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hold {
    /// Rounds of anti-entropy until all connected nodes agree after healing.
    pub rounds: Option<u32>,
    /// Seconds that a kiosk may run past what it could know to be left.
    pub overrun_s: Option<f64>,
}

/// Codes of a batch that somebody comes with.
pub const MOST_USED: u16 = 20;

/// Something people do, again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "who", deny_unknown_fields)]
pub enum Load {
    /// Patrons come to the desk, get a code and use a kiosk until it ends or they leave.
    Patrons {
        /// Seconds after the beginning.
        #[serde(default)]
        from_s: u64,
        /// Their number in an hour, for the whole site.
        per_hour: u32,
        /// Minutes on a code.
        minutes: u16,
    },
    /// Operators extend, pause, resume, close, withdraw and write messages.
    Operators {
        /// Seconds after the beginning.
        #[serde(default)]
        from_s: u64,
        /// Commands in an hour, for the whole site.
        per_hour: u32,
    },
    /// One code is typed on several kiosks at one time.
    SameCode {
        /// Seconds after the beginning.
        at_s: u64,
        /// Where.
        hosts: Hosts,
        /// Minutes on the code.
        minutes: u16,
    },
    /// Every kiosk is switched on within a while, and opened by a patron.
    OpeningRush {
        /// Seconds after the beginning.
        at_s: u64,
        /// Within so many seconds.
        within_s: u64,
    },
    /// Operators close everything that runs.
    ClosingTime {
        /// Seconds after the beginning.
        at_s: u64,
    },
    /// On one session, one operator extends and another closes at the same time, on two admin hosts.
    ExtendAgainstClose {
        /// Seconds after the beginning.
        at_s: u64,
        /// How often.
        times: u16,
    },
    /// A patron switches the machine off and on to gain time.
    RebootAbuse {
        /// Seconds after the beginning.
        at_s: u64,
        /// Where.
        hosts: Hosts,
        /// How often.
        times: u16,
    },
    /// Codes are printed by the batch; up to twenty people come with one later.
    Batch {
        /// Seconds after the beginning.
        at_s: u64,
        /// How many codes.
        codes: u16,
        /// Minutes on each.
        #[serde(default = "an_hour")]
        minutes: u16,
        /// Who comes with one comes within so many seconds.
        #[serde(default = "ten_minutes_s")]
        within_s: u64,
    },
    /// Wrong codes are typed.
    WrongCodes {
        /// Seconds after the beginning.
        at_s: u64,
        /// Where.
        hosts: Hosts,
        /// How often.
        times: u16,
    },
}

fn an_hour() -> u16 {
    60
}

fn ten_minutes_s() -> u64 {
    600
}

impl Load {
    /// Codes that are printed, as most scenarios have it.
    pub fn batch(at_s: u64, codes: u16) -> Self {
        Load::Batch { at_s, codes, minutes: an_hour(), within_s: ten_minutes_s() }
    }
}

/// A fault with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Seconds after the beginning.
    pub at_s: f64,
    /// For so many seconds; not said: for a moment, or until healing.
    #[serde(default)]
    pub for_s: Option<f64>,
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
}

/// What a run on a real site may touch; what is not said is the strictest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Local hours within which it may run: `20:00-07:00`. Not said: never while kiosks are in use.
    pub hours: Option<String>,
    /// Most kiosks that are under a fault at one time, in hundredths.
    pub share: Option<u8>,
    /// Durable nodes that are never touched at one time: at least 1.
    pub keep_durable: Option<u16>,
    /// Longest that one fault may last, in seconds: each node enforces it by its own clock.
    pub deadline_s: Option<u64>,
}
