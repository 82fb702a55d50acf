//! What a run leaves behind: every event passes here once, to the invariants and into the outcome.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::Book;
use crate::checker::{Breach, Invariant, Scene};
use crate::cluster::Cluster;
use crate::event::{Event, HostId, Shown, Stop};
use crate::fault::{Fault, Malice, Shape};
use crate::invariants;
use crate::scenario::Scenario;
use crate::target::{Outcome, Stretch};
use panel::Panel;

mod panel;

/// Notices that are kept.
const MOST_NOTICES: usize = 500;

/// What the run was of, for its outcome.
#[derive(Debug, Clone)]
pub struct About {
    /// The scenario's title: French, English.
    pub title: (String, String),
    /// The target's name.
    pub target: &'static str,
    /// The seed.
    pub seed: u64,
    /// Versions of the harness and of the nodes.
    pub versions: Vec<(String, String)>,
}

/// A stretch that has begun.
type Open = (u64, String);

/// The record of one run.
pub struct Record {
    book: Book,
    invariants: Panel,
    promises: Panel,
    stretches: Vec<Stretch>,
    open: BTreeMap<(HostId, &'static str, u32), Open>,
    links: Vec<(HostId, HostId, u64, u64)>,
    linked: BTreeMap<(HostId, HostId), u64>,
    sometimes: BTreeMap<&'static str, u64>,
    notices: Vec<(u64, String)>,
}

impl Record {
    /// A record that these invariants watch.
    pub fn new(invariants: Vec<Box<dyn Invariant>>) -> Self {
        Self {
            book: Book::default(),
            invariants: Panel::new(invariants),
            promises: Panel::default(),
            stretches: Vec::new(),
            open: BTreeMap::new(),
            links: Vec::new(),
            linked: BTreeMap::new(),
            sometimes: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// A record that every invariant watches, and what the scenario promises.
    pub fn of(scenario: &Scenario) -> Self {
        let mut record = Self::new(invariants::all(&scenario.hold));
        record.promise(scenario);
        record
    }

    /// Watches from now on what one scenario promises, too: breaches of that are told apart.
    pub fn promise(&mut self, scenario: &Scenario) {
        self.promises = Panel::new(invariants::promised(scenario));
    }

    /// What happened before is history: the story begins now, and its times count from here.
    pub fn tell_from(&mut self, at_ms: u64) {
        self.book.begin(at_ms);
        self.stretches.clear();
        self.links.clear();
        self.notices.clear();
        self.open.values_mut().for_each(|(from_ms, _)| *from_ms = 0);
        self.linked.values_mut().for_each(|from_ms| *from_ms = 0);
    }

    /// A time as the story tells it.
    pub fn told(&self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.book.began_ms())
    }

    /// Shows an event to every invariant, and writes it down.
    pub fn see(&mut self, at_ms: u64, event: &Event, cluster: &dyn Cluster) {
        self.book.see(at_ms, event, cluster);
        let (told_ms, scene) = (self.told(at_ms), Scene { at_ms, book: &self.book, cluster });
        for panel in [&mut self.invariants, &mut self.promises] {
            panel.ask(told_ms, scene, |watcher, scene| watcher.see(event, scene));
        }
        self.write_down(self.told(at_ms), event, cluster);
    }

    /// The end: the cluster was healed and has had its time to converge.
    pub fn healed(&mut self, at_ms: u64, cluster: &dyn Cluster) {
        let (told_ms, scene) = (self.told(at_ms), Scene { at_ms, book: &self.book, cluster });
        for panel in [&mut self.invariants, &mut self.promises] {
            panel.ask(told_ms, scene, |watcher, scene| watcher.healed(scene));
        }
    }

    /// Which invariants were broken so far, and how.
    pub fn breaches(&self) -> &[Breach] {
        self.invariants.breaches()
    }

    /// What the run has shown so far.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// What came of the run. Figures and the trace are the target's to add.
    pub fn outcome(mut self, about: About, at_ms: u64, cluster: &dyn Cluster) -> Outcome {
        let at_ms = self.told(at_ms);
        for ((host, kind, _), (from_ms, label)) in std::mem::take(&mut self.open) {
            let host = cluster.name(host);
            let kind = kind.to_owned();
            self.stretches.push(Stretch { host, kind, from_ms, until_ms: at_ms, label });
        }
        self.stretches.sort_by(|a, b| (a.from_ms, &a.host).cmp(&(b.from_ms, &b.host)));
        for ((one, other), from_ms) in std::mem::take(&mut self.linked) {
            self.links.push((one, other, from_ms, at_ms));
        }
        let links = self.links.iter();
        let links = links.map(|(one, other, from_ms, until_ms)| {
            (cluster.name(*one), cluster.name(*other), *from_ms, *until_ms)
        });
        let sometimes = self.sometimes.iter().map(|(name, count)| ((*name).to_owned(), *count));
        Outcome {
            title: about.title,
            target: about.target.to_owned(),
            seed: about.seed,
            versions: about.versions,
            hosts: cluster.hosts().into_iter().map(|host| cluster.name(host)).collect(),
            lasted_ms: at_ms,
            trace: None,
            verdicts: self.invariants.verdicts(cluster),
            promises: self.promises.verdicts(cluster),
            healed_ms: self.book.healed_ms().map(|at_ms| self.told(at_ms)),
            converged_ms: self.book.converged_ms(),
            lost: self.book.lost(cluster),
            links: links.collect(),
            sometimes: sometimes.collect(),
            figures: Vec::new(),
            stretches: self.stretches,
            notices: self.notices,
            away: Vec::new(),
            again: None,
            scenario: None,
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "what is not drawn is for invariants alone")]
    fn write_down(&mut self, at_ms: u64, event: &Event, cluster: &dyn Cluster) {
        match event {
            Event::Started { host, .. } => self.end(*host, "down", 0, at_ms, cluster),
            Event::Stopped { host, how } => {
                self.begin(*host, "down", 0, at_ms, how_it_stopped(*how).to_owned());
                for kind in ["session", "alone"] {
                    self.end(*host, kind, 0, at_ms, cluster);
                }
            }
            Event::FaultBegan { number, fault, hosts } => {
                let (kind, name) = drawn(fault);
                for host in hosts {
                    self.begin(*host, kind, *number + 1, at_ms, name.to_owned());
                }
                for name in std::iter::once(name).chain(kinds(fault)) {
                    *self.sometimes.entry(name).or_default() += 1;
                }
            }
            Event::FaultEnded { number } => self.end_fault(Some(*number + 1), at_ms, cluster),
            Event::Healed => self.end_fault(None, at_ms, cluster),
            Event::Linked { one, other } => {
                self.linked.insert((*one.min(other), *one.max(other)), at_ms);
            }
            Event::Unlinked { one, other } => {
                let ends = (*one.min(other), *one.max(other));
                if let Some(from_ms) = self.linked.remove(&ends) {
                    self.links.push((ends.0, ends.1, from_ms, at_ms));
                }
            }
            Event::Shows { host, shown, alone } => {
                self.hold("alone", *host, alone.then(String::new), at_ms, cluster);
                let session = match shown {
                    Shown::Running { session, .. } | Shown::Paused { session } => {
                        Some(session.to_string().chars().take(8).collect())
                    }
                    Shown::Locked | Shown::OutOfService | Shown::Ended { .. } => None,
                };
                self.hold("session", *host, session, at_ms, cluster);
            }
            Event::Sometimes(name) => *self.sometimes.entry(name).or_default() += 1,
            Event::Notice { host, words } | Event::Fell { host, words }
                if self.notices.len() < MOST_NOTICES =>
            {
                self.notices.push((at_ms, format!("{}: {words}", cluster.name(*host))));
            }
            _ => {}
        }
    }

    fn begin(&mut self, host: HostId, kind: &'static str, number: u32, at_ms: u64, label: String) {
        self.open.entry((host, kind, number)).or_insert((at_ms, label));
    }

    fn end(
        &mut self,
        host: HostId,
        kind: &'static str,
        number: u32,
        at_ms: u64,
        cluster: &dyn Cluster,
    ) {
        if let Some((from_ms, label)) = self.open.remove(&(host, kind, number)) {
            let host = cluster.name(host);
            let kind = kind.to_owned();
            self.stretches.push(Stretch { host, kind, from_ms, until_ms: at_ms, label });
        }
    }

    /// Begins, goes on with or ends the one stretch of a kind that a host can be in.
    fn hold(
        &mut self,
        kind: &'static str,
        host: HostId,
        label: Option<String>,
        at_ms: u64,
        cluster: &dyn Cluster,
    ) {
        let now = self.open.get(&(host, kind, 0)).map(|(_, label)| label.clone());
        if now != label {
            self.end(host, kind, 0, at_ms, cluster);
            if let Some(label) = label {
                self.begin(host, kind, 0, at_ms, label);
            }
        }
    }

    fn end_fault(&mut self, number: Option<u32>, at_ms: u64, cluster: &dyn Cluster) {
        let ends: BTreeSet<_> = self
            .open
            .keys()
            .filter(|(_, _, of)| *of > 0 && number.is_none_or(|number| number == *of))
            .copied()
            .collect();
        for (host, kind, of) in ends {
            self.end(host, kind, of, at_ms, cluster);
        }
    }
}

fn how_it_stopped(how: Stop) -> &'static str {
    match how {
        Stop::Killed => "killed",
        Stop::PowerLost => "power cut",
        Stop::Rebooted => "reboot",
        Stop::DiskLost => "disk lost",
        Stop::Restored => "restored",
        Stop::AskedFor => "asked for",
    }
}

/// What kinds of a fault are counted apart: a night has to have had each.
fn kinds(fault: &Fault) -> Vec<&'static str> {
    #[allow(clippy::wildcard_enum_match_arm, reason = "of the others there is one kind")]
    match fault {
        Fault::Cut { shape, .. } => vec![match shape {
            Shape::Apart => "cut: apart",
            Shape::Alone => "cut: alone",
            Shape::Bridge => "cut: bridge",
            Shape::Ring => "cut: ring",
            Shape::Mute => "cut: mute",
            Shape::Deaf => "cut: deaf",
        }],
        Fault::Degrade {
            loss,
            duplicate,
            reorder,
            corrupt,
            delay_ms,
            jitter_ms,
            kilobytes_s,
            ..
        } => {
            let effects = [
                (u32::from(*loss), "degrade: loss"),
                (u32::from(*duplicate), "degrade: duplicate"),
                (u32::from(*reorder), "degrade: reorder"),
                (u32::from(*corrupt), "degrade: corrupt"),
                (delay_ms.saturating_add(*jitter_ms), "degrade: delay"),
                (*kilobytes_s, "degrade: rate"),
            ];
            effects.into_iter().filter(|(much, _)| *much > 0).map(|(_, name)| name).collect()
        }
        Fault::Hostile { with, .. } => vec![match with {
            Malice::Forge => "hostile: forge",
            Malice::Replay => "hostile: replay",
            Malice::Equivocate => "hostile: equivocate",
            Malice::Flood => "hostile: flood",
            Malice::Defy => "hostile: defy",
            Malice::Poison => "hostile: poison",
            Malice::Lie => "hostile: lie",
        }],
        _ => Vec::new(),
    }
}

/// How a fault is drawn on the timeline, and what it is called there.
pub(crate) fn drawn(fault: &Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::Cut { .. } => ("cut", "cut"),
        Fault::Flap { .. } => ("cut", "flap"),
        Fault::Degrade { .. } => ("cut", "degrade"),
        Fault::NewAddress { .. } => ("cut", "new-address"),
        Fault::Kill { .. } => ("down", "kill"),
        Fault::PowerCut { .. } => ("down", "power-cut"),
        Fault::Reboot { .. } => ("down", "reboot"),
        Fault::TornTail { .. } => ("down", "torn-tail"),
        Fault::OtherRelease { .. } => ("down", "other-release"),
        Fault::Pause { .. } => ("paused", "pause"),
        Fault::Suspend { .. } => ("paused", "suspend"),
        Fault::Amnesia { .. } => ("disk", "amnesia"),
        Fault::Replace { .. } => ("disk", "replace"),
        Fault::Restore { .. } => ("disk", "restore"),
        Fault::Clone { .. } => ("disk", "clone"),
        Fault::DiskFull { .. } => ("disk", "disk-full"),
        Fault::DiskSlow { .. } => ("disk", "disk-slow"),
        Fault::DiskFails { .. } => ("disk", "disk-fails"),
        Fault::BitFlip { .. } => ("disk", "bit-flip"),
        Fault::ClockJump { .. } => ("clock", "clock-jump"),
        Fault::ClockLost { .. } => ("clock", "clock-lost"),
        Fault::ClockStrobe { .. } => ("clock", "clock-strobe"),
        Fault::ClockDrift { .. } => ("clock", "clock-drift"),
        Fault::Hostile { .. } => ("hostile", "hostile"),
        Fault::Revoke { .. } => ("hostile", "revoke"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::{Broken, Held};
    use crate::lab::sight::Sights;
    use crate::scenario::Words;

    /// Holds nothing.
    struct Never;

    impl Invariant for Never {
        fn number(&self) -> u8 {
            7
        }

        fn name(&self) -> &'static str {
            "never"
        }

        fn protects(&self) -> Words {
            Words::new("rien", "nothing")
        }

        fn see(&mut self, _: &Event, _: Scene<'_>) -> Held {
            Err(Broken::on(HostId(1), String::from("it fell")))
        }

        fn healed(&mut self, _: Scene<'_>) -> Held {
            Err(Broken::anywhere(String::from("it is down")))
        }

        fn judged(&self) -> u64 {
            1
        }
    }

    #[test]
    fn what_was_broken_is_told_with_when_and_where() {
        let names = ["admin-1", "poste-1"].map(String::from).to_vec();
        let cluster = Sights::new(names);
        let mut record = Record::new(vec![Box::new(Never)]);
        record.see(1_540, &Event::Sometimes("a second passed"), &cluster);
        record.healed(60_000, &cluster);
        let title = (String::from("Essai"), String::from("Trial"));
        let about = About { title, target: "sim", seed: 1, versions: Vec::new() };
        let outcome = record.outcome(about, 60_000, &cluster);
        let said = ["1.5 s, poste-1: it fell", "60.0 s: it is down"];
        assert_eq!(outcome.verdicts[0].breaches, said);
    }
}
