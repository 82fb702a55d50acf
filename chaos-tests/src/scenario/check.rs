//! What makes a scenario one that can be run: times within the run, hosts that exist, figures
//! within bounds.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::event::HostId;
use crate::fault::{Fault, Hosts, Malice};
use crate::scenario::{Load, Promise, Scenario, Step, Words};

mod limits;

/// Admin hosts of a site: a desk or two; nine leave room for a town's houses.
const ADMINS_MAX: u16 = 9;
/// Kiosks of a site: twice the largest day that is measured.
const KIOSKS_MAX: u16 = 400;
/// Longest run, in seconds: a week.
const LASTS_MAX_S: u64 = 7 * 24 * 3_600;
/// Days of history: what a site keeps at most, and a month.
const HISTORY_MAX_DAYS: u16 = 400;
/// Most entries until a checkpoint that is to come sooner than usual.
const CHECKPOINT_MAX: u64 = 5_000;
/// A day.
const CHECKPOINT_EVERY_MAX_MIN: u16 = 1_440;
/// Steps of one kind. A shrunken seed has a handful, a drawn world some dozens.
const STEPS_MAX: usize = 1_000;
/// Promises: what a page has room for.
const PROMISES_MAX: usize = 20;
/// Most that a promise counts: as many codes and machines as no run sees.
const COUNT_MAX: u32 = 100_000;
/// Packets lost in a hundred: beyond, QUIC itself gives up, and nothing is learned about us.
const LOSS_MAX: u8 = 30;
/// Longest delay of a packet, and longest time of a barrier, in milliseconds.
const SLOW_MAX_MS: u32 = 60_000;
/// Farthest jump of a wall clock, in seconds: a century, either way.
const JUMP_MAX_S: i64 = 100 * 366 * 24 * 3_600;
/// Fastest drift of a wall clock, in millionths: a tenth, far beyond any quartz.
const DRIFT_MAX: i32 = 100_000;
/// Shortest turn of what comes and goes, in milliseconds.
const PERIOD_MIN_MS: u64 = 100;
/// People at the desk, and commands, in an hour.
const PER_HOUR_MAX: u32 = 20_000;
/// Repetitions of one thing that people do.
const TIMES_MAX: u16 = 1_000;
/// Longest allowance of a session on a kiosk that is alone, in minutes, as the site's settings take it.
const ALLOWANCE_MAX_MIN: u16 = 720;
/// Minutes on a code, as `poste code issue` takes them.
const MINUTES_MAX: u16 = 720;
/// Codes in a batch, as `poste code issue` takes them.
const BATCH_MAX: u16 = 500;

/// Where in a file something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Header of the table as TOML writes it; empty for the top.
    pub table: &'static str,
    /// Which of the tables with that header, from 0.
    pub nth: usize,
    /// The field.
    pub field: &'static str,
}

/// What is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} `{}`: {reason}", place.table, place.field)]
pub struct Flaw {
    /// Where.
    pub place: Place,
    /// Why, and what is allowed.
    pub reason: Words,
}

type Checked = Result<(), (&'static str, Words)>;

impl Scenario {
    /// Whether every target could at least begin with this.
    ///
    /// # Errors
    /// The first flaw.
    pub fn check(&self) -> Result<(), Flaw> {
        let in_table =
            |table, nth| move |(field, reason)| Flaw { place: Place { table, nth, field }, reason };
        self.check_top().map_err(in_table("", 0))?;
        check_text(&self.title).map_err(in_table("[title]", 0))?;
        check_text(&self.about).map_err(in_table("[about]", 0))?;
        self.check_site().map_err(in_table("[site]", 0))?;
        self.check_hold().map_err(in_table("[hold]", 0))?;
        self.limits.check().map_err(in_table("[limits]", 0))?;
        for (nth, promise) in self.promise.iter().enumerate() {
            self.check_promise(promise).map_err(in_table("[[promise]]", nth))?;
        }
        for (nth, load) in self.load.iter().enumerate() {
            self.check_load(load).map_err(in_table("[[load]]", nth))?;
        }
        for (nth, step) in self.fault.iter().enumerate() {
            self.check_step(step).map_err(in_table("[[fault]]", nth))?;
        }
        Ok(())
    }

    fn check_top(&self) -> Checked {
        within("lasts_s", self.lasts_s, 1, LASTS_MAX_S)?;
        within("seed", self.seed.unwrap_or(0), 0, i64::MAX.unsigned_abs())?;
        within("load", self.load.len(), 0, STEPS_MAX)?;
        within("promise", self.promise.len(), 0, PROMISES_MAX)?;
        within("fault", self.fault.len(), 0, STEPS_MAX)
    }

    fn check_site(&self) -> Checked {
        within("admins", self.site.admins, 1, ADMINS_MAX)?;
        within("kiosks", self.site.kiosks, 1, KIOSKS_MAX)?;
        within("amnesic", self.site.amnesic, 0, self.site.kiosks)?;
        within("allowance_min", self.site.allowance_min.unwrap_or(0), 0, ALLOWANCE_MAX_MIN)?;
        within("history_days", self.site.history_days, 0, HISTORY_MAX_DAYS)?;
        within("checkpoint_after", self.site.checkpoint_after.unwrap_or(1), 1, CHECKPOINT_MAX)?;
        let every_min = self.site.checkpoint_every_min.unwrap_or(1);
        within("checkpoint_every_min", every_min, 1, CHECKPOINT_EVERY_MAX_MIN)
    }

    fn check_hold(&self) -> Checked {
        let hold = &self.hold;
        within("rounds", hold.rounds.unwrap_or(1), 1, 1_000)?;
        within("overrun_s", hold.overrun_s.unwrap_or(0.0), 0.0, 3_600.0)
    }

    /// Its times lie within the run, as do the seconds after them that it gives.
    fn check_promise(&self, promise: &Promise) -> Checked {
        let window = |from_s: u64, for_s: u64| {
            within("from_s", from_s, 0, self.lasts_s)?;
            within("for_s", for_s, 1, (self.lasts_s - from_s).max(1))
        };
        match promise {
            Promise::CodesOpen { from_s, for_s, share, least, hosts } => {
                window(*from_s, *for_s)?;
                within("share", *share, 0, 100)?;
                within("least", *least, 0, COUNT_MAX)?;
                hosts.as_ref().map_or(Ok(()), |hosts| {
                    self.check_named(hosts)?;
                    self.check_hosts("hosts", hosts, Kind::Kiosk)
                })
            }
            Promise::Over { at_s, within_s } => {
                within("at_s", *at_s, 0, self.lasts_s)?;
                within("within_s", *within_s, 1, (self.lasts_s - at_s).max(1))
            }
            Promise::Ready { from_s, for_s, within_s, least } => {
                window(*from_s, *for_s)?;
                within("within_s", *within_s, 1, self.lasts_s)?;
                within("least", *least, 1, COUNT_MAX)
            }
            Promise::Listed { least, .. } => within("least", *least, 1, COUNT_MAX),
        }
    }

    /// What is drawn for a fault is not drawn again for a promise: it would be somebody else.
    fn check_named(&self, hosts: &Hosts) -> Checked {
        let drawn = |word: &str| matches!(word.trim(), "half" | "any-admin" | "any-kiosk");
        if hosts.0.split('+').any(drawn) {
            return no(
                "hosts",
                "une promesse nomme ses postes : poste-3, ou kiosks",
                "a promise names its kiosks: poste-3, or kiosks",
            );
        }
        Ok(())
    }

    fn check_load(&self, load: &Load) -> Checked {
        let begins = match load {
            Load::Patrons { .. } | Load::Operators { .. } => "from_s",
            Load::SameCode { .. }
            | Load::OpeningRush { .. }
            | Load::ClosingTime { .. }
            | Load::ExtendAgainstClose { .. }
            | Load::RebootAbuse { .. }
            | Load::Batch { .. }
            | Load::WrongCodes { .. } => "at_s",
        };
        within(begins, load.begins_s(), 0, self.lasts_s)?;
        if let Some(hosts) = load.hosts() {
            self.check_hosts("hosts", hosts, Kind::Kiosk)?;
        }
        match load {
            Load::Patrons { per_hour, minutes, .. } => {
                within("per_hour", *per_hour, 1, PER_HOUR_MAX)?;
                within("minutes", *minutes, 1, MINUTES_MAX)
            }
            Load::Operators { per_hour, .. } => within("per_hour", *per_hour, 1, PER_HOUR_MAX),
            Load::SameCode { minutes, .. } => within("minutes", *minutes, 1, MINUTES_MAX),
            Load::OpeningRush { at_s, within_s } => {
                within("within_s", *within_s, 1, (self.lasts_s - at_s).max(1))
            }
            Load::ClosingTime { .. } => Ok(()),
            Load::ExtendAgainstClose { times, .. }
            | Load::RebootAbuse { times, .. }
            | Load::WrongCodes { times, .. } => within("times", *times, 1, TIMES_MAX),
            Load::Batch { codes, minutes, within_s, .. } => {
                within("codes", *codes, 1, BATCH_MAX)?;
                within("minutes", *minutes, 1, MINUTES_MAX)?;
                within("within_s", *within_s, 1, LASTS_MAX_S)
            }
        }
    }

    fn check_step(&self, step: &Step) -> Checked {
        #[expect(clippy::cast_precision_loss, reason = "a week of seconds is exact in an f64")]
        let lasts_s = self.lasts_s as f64;
        within("at_s", step.at_s, 0.0, lasts_s)?;
        if let Some(for_s) = step.for_s {
            // A tenth of a second is the finest that the laboratory's hands can do.
            within("for_s", for_s, 0.1, (lasts_s - step.at_s).max(0.1))?;
        }
        self.check_hosts("hosts", step.fault.hosts(), Kind::Any)?;
        match &step.fault {
            Fault::Cut { .. }
            | Fault::NewAddress { .. }
            | Fault::Kill { .. }
            | Fault::Pause { .. }
            | Fault::Suspend { .. }
            | Fault::PowerCut { .. }
            | Fault::Reboot { .. }
            | Fault::Amnesia { .. }
            | Fault::Replace { .. }
            | Fault::OtherRelease { .. }
            | Fault::DiskFull { .. }
            | Fault::DiskFails { .. }
            | Fault::TornTail { .. }
            | Fault::BitFlip { .. }
            | Fault::ClockLost { .. } => Ok(()),
            Fault::Hostile { with: Malice::Lie, hosts } => {
                self.check_hosts("hosts", hosts, Kind::Admins)
            }
            Fault::Hostile { .. } => Ok(()),
            Fault::Flap { period_ms, .. } => self.check_period(*period_ms),
            Fault::Degrade { loss, duplicate, reorder, corrupt, delay_ms, jitter_ms, .. } => {
                within("loss", *loss, 0, LOSS_MAX)?;
                within("duplicate", *duplicate, 0, 100)?;
                within("reorder", *reorder, 0, 100)?;
                within("corrupt", *corrupt, 0, 100)?;
                within("delay_ms", *delay_ms, 0, SLOW_MAX_MS)?;
                within("jitter_ms", *jitter_ms, 0, SLOW_MAX_MS)
            }
            Fault::Restore { age_ms, .. } => within("age_ms", *age_ms, 1, LASTS_MAX_S * 1_000),
            Fault::Clone { hosts } => self.check_hosts("hosts", hosts, Kind::One),
            Fault::DiskSlow { barrier_ms, .. } => within("barrier_ms", *barrier_ms, 1, SLOW_MAX_MS),
            Fault::ClockJump { by_s, .. } => within("by_s", *by_s, -JUMP_MAX_S, JUMP_MAX_S),
            Fault::ClockStrobe { by_s, period_ms, .. } => {
                within("by_s", *by_s, -JUMP_MAX_S, JUMP_MAX_S)?;
                self.check_period(*period_ms)
            }
            Fault::ClockDrift { millionths, .. } => {
                within("millionths", *millionths, -DRIFT_MAX, DRIFT_MAX)
            }
            Fault::Revoke { on, .. } => self.check_hosts("on", on, Kind::Admin),
        }
    }

    fn check_period(&self, period_ms: u64) -> Checked {
        within("period_ms", period_ms, PERIOD_MIN_MS, self.lasts_s * 1_000)
    }

    /// Every seed means hosts of the right kind: what is drawn is drawn among hosts of one kind.
    fn check_hosts(&self, field: &'static str, hosts: &Hosts, kind: Kind) -> Checked {
        let mut draw = StdRng::seed_from_u64(0);
        let meant = hosts.mean(&self.site, &mut draw).map_err(|no| (field, no.words()))?;
        let fits = |host: &HostId| match kind {
            Kind::Any | Kind::One => true,
            Kind::Kiosk => self.site.is_kiosk(*host),
            Kind::Admin | Kind::Admins => !self.site.is_kiosk(*host),
        };
        if !meant.iter().all(fits) {
            let wanted = kind.wanted();
            return no(
                field,
                format!("« {} » désigne autre chose que {}", hosts.0, wanted.fr),
                format!("{:?} means hosts other than {}", hosts.0, wanted.en),
            );
        }
        let one = matches!(kind, Kind::One | Kind::Admin);
        if one && meant.len() > 1 {
            let wanted = kind.wanted();
            return no(
                field,
                format!("« {} » désigne plusieurs machines, et non {}", hosts.0, wanted.fr),
                format!("{:?} means several hosts, not {}", hosts.0, wanted.en),
            );
        }
        Ok(())
    }
}

/// Which hosts a field takes.
#[derive(Clone, Copy)]
enum Kind {
    Any,
    One,
    Kiosk,
    Admin,
    Admins,
}

impl Kind {
    fn wanted(self) -> Words {
        let (fr, en) = match self {
            Kind::Any => ("des machines du site", "hosts of the site"),
            Kind::One => ("une machine", "one host"),
            Kind::Kiosk => ("des postes", "kiosks"),
            Kind::Admin => ("un seul accueil", "one admin host"),
            Kind::Admins => ("des accueils", "admin hosts"),
        };
        Words::new(fr, en)
    }
}

/// A text for people: something in both languages, and nothing that a terminal would obey.
fn check_text(text: &Words) -> Checked {
    for (field, text) in [("fr", &text.fr), ("en", &text.en)] {
        if text.trim().is_empty() {
            return no(
                field,
                "le titre et l'explication se disent en français (fr) et en anglais (en)",
                "title and about are said in French (fr) and in English (en)",
            );
        }
        if text.chars().any(|letter| letter.is_control() && letter != '\n') {
            return no(
                field,
                "un caractère de commande n'a pas sa place dans un texte",
                "a control character has no place in a text",
            );
        }
    }
    Ok(())
}

fn no(field: &'static str, fr: impl Into<String>, en: impl Into<String>) -> Checked {
    Err((field, Words::new(fr, en)))
}

/// Not a number is within no bounds.
fn within<T: PartialOrd + std::fmt::Display>(
    field: &'static str,
    value: T,
    least: T,
    most: T,
) -> Checked {
    if value >= least && value <= most {
        return Ok(());
    }
    no(
        field,
        format!("`{field}` vaut {value} ; de {least} à {most} est admis"),
        format!("`{field}` is {value}; from {least} to {most} is taken"),
    )
}
