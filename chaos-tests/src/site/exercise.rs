//! One exercise: orders are given at their times, what the admin node sees is watched, and whatever
//! is broken ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::id::EntryId;
use domain::session::READING_MS;
use serde_json::json;

use crate::cluster::{Cluster, NodeState};
use crate::event::{Event, HostId};
use crate::lab::control::Control;
use crate::lab::sight::{Care, Observer, Sight, Sights};
use crate::record::{About, Record};
use crate::scenario::{Scenario, Words};
use crate::target::{NotRun, Outcome, Progress};

use super::answer::Answer;
use super::order::{BEGIN, Order};
use super::roll::Roll;
use super::{NAME, cannot};

/// Interval between two looks at the admin node.
const LOOK: Duration = Duration::from_secs(1);
/// Its whole ledger is read at most this often: it has patrons to serve.
const READ: Duration = Duration::from_secs(10);
/// Rounds until everybody is back, where the scenario does not say.
const ROUNDS: u32 = 10;
/// Besides the rounds: links that were cut are dialled again, and processes started.
const COME_BACK_MS: u64 = 60_000;
/// The host of the admin node that is asked.
const ASKED: HostId = HostId(0);

/// An exercise under way. What it ordered is taken back when it is dropped.
pub(super) struct Exercise<'a> {
    scenario: &'a Scenario,
    seed: u64,
    roll: Roll,
    control: Control,
    observer: Observer,
    record: Record,
    sights: Sights,
    linked: BTreeSet<HostId>,
    written: BTreeSet<EntryId>,
    /// The scenario's faults that last, and until when.
    in_force: BTreeMap<u32, u64>,
    started: bool,
    start: Instant,
    figures: Figures,
}

/// What was ordered.
#[derive(Debug, Default)]
struct Figures {
    orders: u32,
    obeyed: u32,
    refused: u32,
    withheld: u32,
}

/// Where the node writes what it holds, and where it is read: this machine is its own.
fn exports() -> (PathBuf, PathBuf) {
    (std::env::temp_dir(), std::env::temp_dir())
}

impl Drop for Exercise<'_> {
    fn drop(&mut self) {
        // Where nobody answers, each node ends its fault by its own clock.
        self.control.ask(&json!({"do": "fault_end"}));
    }
}

impl<'a> Exercise<'a> {
    pub(super) fn new(scenario: &'a Scenario, seed: u64, roll: Roll, control: Control) -> Self {
        let names = roll.names(&scenario.site);
        Self {
            observer: Observer::new(ASKED, control.clone(), exports(), Arc::default(), READ),
            record: Record::of(scenario),
            sights: Sights::new(names),
            scenario,
            seed,
            roll,
            control,
            linked: BTreeSet::new(),
            written: BTreeSet::new(),
            in_force: BTreeMap::new(),
            started: false,
            start: Instant::now(),
            figures: Figures::default(),
        }
    }

    /// Gives the orders, watches, heals, waits until everybody is back.
    ///
    /// # Errors
    /// Nobody obeyed any order, and nothing was broken: nothing was practised.
    pub(super) fn carry_out(
        mut self,
        orders: &[Order],
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<Outcome, NotRun> {
        self.look();
        let wanted = self.linked.clone();
        let lasts_ms = self.scenario.lasts_s * 1_000;
        let rounds = u64::from(self.scenario.hold.rounds.unwrap_or(ROUNDS));
        let of_ms = lasts_ms + rounds * READING_MS + COME_BACK_MS;
        let mut orders = orders.iter().peekable();
        while self.now_ms() < lasts_ms && self.is_whole() {
            while let Some(order) = orders.next_if(|order| order.at_ms <= self.now_ms()) {
                self.give(order);
            }
            self.go_on(of_ms, watch);
        }
        self.control.ask(&json!({"do": "fault_end"}));
        self.tell(&Event::Healed);
        let healed_ms = self.now_ms();
        let mut back_ms = None;
        while back_ms.is_none() && self.now_ms() < healed_ms + of_ms - lasts_ms {
            self.go_on(of_ms, watch);
            back_ms = wanted.is_subset(&self.linked).then(|| self.now_ms() - healed_ms);
        }
        // A house that breaks of itself is told of, too.
        if self.figures.obeyed == 0 && self.is_whole() {
            return Err(cannot(Words::new(
                "aucune machine n'a obéi à aucun ordre : rien ne s'est passé",
                "no machine obeyed any order: nothing happened",
            )));
        }
        let away = wanted.difference(&self.linked).map(|host| self.sights.name(*host)).collect();
        Ok(self.outcome(back_ms, away))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether nothing was broken so far: an exercise does not go on over a broken house.
    fn is_whole(&self) -> bool {
        self.record.breaches().is_empty()
    }

    fn tell(&mut self, event: &Event) {
        let at_ms = self.now_ms();
        self.record.see(at_ms, event, &self.sights);
    }

    fn go_on(&mut self, of_ms: u64, watch: &mut dyn FnMut(&Progress)) {
        let now = self.now_ms();
        let ended = self.in_force.extract_if(.., |_, until_ms| *until_ms <= now);
        let ended: Vec<u32> = ended.map(|(number, _)| number).collect();
        for number in ended {
            self.tell(&Event::FaultEnded { number });
        }
        self.look();
        let linked = self.linked.len();
        let what = Words::new(format!("machines reliées : {linked}"), format!("{linked} linked"));
        watch(&Progress { at_ms: self.now_ms(), of_ms, what });
        std::thread::sleep(LOOK);
    }

    /// Has the admin node order something.
    fn give(&mut self, order: &Order) {
        let request = order.request(BEGIN, &self.roll, &self.scenario.limits);
        self.figures.orders += 1;
        let told = match Answer::read(self.control.ask(&request)) {
            Answer::Nodes(told) => told,
            Answer::Foul(why) => {
                // A patron came, or the hour is over: this one is left out, the next may be in order.
                self.figures.withheld += 1;
                self.note(format!("{} · {}", why.fr, why.en));
                return;
            }
        };
        let mut bear = Vec::new();
        for (node, against) in told {
            let host = self.roll.host(&node);
            match against {
                None => bear.extend(host),
                Some(why) => {
                    self.figures.refused += 1;
                    let name = host.map_or_else(|| node.to_string(), |host| self.sights.name(host));
                    self.note(format!("{name} : {} · {}", why.fr, why.en));
                }
            }
        }
        self.figures.obeyed += u32::try_from(bear.len()).unwrap_or(u32::MAX);
        if !bear.is_empty() {
            self.begin(order, bear);
        }
    }

    fn note(&mut self, words: String) {
        self.tell(&Event::Notice { host: ASKED, words });
    }

    fn begin(&mut self, order: &Order, hosts: Vec<HostId>) {
        let until_ms = self.now_ms() + u64::from(order.for_s) * 1_000;
        let step = usize::try_from(order.fault).ok().and_then(|at| self.scenario.fault.get(at));
        let before = self.in_force.insert(order.fault, until_ms);
        if let (None, Some(step)) = (before, step) {
            let (number, fault) = (order.fault, step.fault.clone());
            self.tell(&Event::FaultBegan { number, fault, hosts });
        }
    }

    /// Looks at the admin node: what it wrote and holds, whom it is linked to.
    fn look(&mut self) {
        let Some(sight) = self.observer.look(Care::Idle).map(Arc::new) else {
            self.sights.set(ASKED, None);
            return;
        };
        self.sights.set(ASKED, Some(Arc::clone(&sight)));
        if !std::mem::replace(&mut self.started, true) {
            self.tell(&Event::Started {
                host: ASKED,
                node: sight.node(),
                kiosk: self.roll.kiosk(ASKED),
                epoch: sight.epoch(),
                new_boot: true,
                amnesic: false,
            });
        }
        let fresh = sight.entries().keys().filter(|id| !self.written.contains(id));
        let entries: Vec<EntryId> = fresh.copied().collect();
        if !entries.is_empty() {
            self.written.extend(&entries);
            self.tell(&Event::Wrote { host: ASKED, entries });
        }
        self.compare_links(&sight);
    }

    fn compare_links(&mut self, sight: &Sight) {
        let links = sight.links();
        let now: BTreeSet<HostId> = links.iter().filter_map(|node| self.roll.host(node)).collect();
        let before = std::mem::replace(&mut self.linked, now.clone());
        for other in before.difference(&now) {
            self.tell(&Event::Unlinked { one: ASKED, other: *other });
        }
        for other in now.difference(&before) {
            self.tell(&Event::Linked { one: ASKED, other: *other });
        }
    }

    fn outcome(mut self, back_ms: Option<u64>, away: Vec<String>) -> Outcome {
        let at_ms = self.now_ms();
        self.record.healed(at_ms, &self.sights);
        let about = About {
            title: (self.scenario.title.fr.clone(), self.scenario.title.en.clone()),
            target: NAME,
            seed: self.seed,
            versions: vec![("poste-chaos".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
        };
        let record = std::mem::replace(&mut self.record, Record::new(Vec::new()));
        let mut outcome = record.outcome(about, at_ms, &self.sights);
        outcome.converged_ms = back_ms;
        outcome.away = away;
        let figures = [
            ("orders given", self.figures.orders),
            ("nodes that obeyed", self.figures.obeyed),
            ("nodes that did not", self.figures.refused),
            ("orders withheld by the limits", self.figures.withheld),
        ];
        let figures =
            figures.map(|(name, count)| (name.to_owned(), f64::from(count), String::new()));
        outcome.figures.extend(figures);
        outcome
    }
}
