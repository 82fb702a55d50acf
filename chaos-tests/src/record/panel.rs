//! Watchers of one kind, and what they found broken.

use crate::checker::{Breach, Held, Invariant, Scene};
use crate::cluster::Cluster;
use crate::target::Verdict;

/// Breaches of one watcher that are kept: the first ones tell the story.
const MOST_BREACHES: usize = 20;

/// See the module.
#[derive(Default)]
pub(super) struct Panel {
    watchers: Vec<Box<dyn Invariant>>,
    breaches: Vec<Breach>,
}

impl Panel {
    pub(super) fn new(watchers: Vec<Box<dyn Invariant>>) -> Self {
        Self { watchers, breaches: Vec::new() }
    }

    /// What was broken so far.
    pub(super) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// Asks every watcher, and keeps what it says is broken: at `told_ms` as the story counts time.
    pub(super) fn ask(
        &mut self,
        told_ms: u64,
        scene: Scene<'_>,
        mut question: impl FnMut(&mut dyn Invariant, Scene<'_>) -> Held,
    ) {
        for watcher in &mut self.watchers {
            let Err(broken) = question(watcher.as_mut(), scene) else {
                continue;
            };
            let (number, name) = (watcher.number(), watcher.name());
            let same = self.breaches.iter().filter(|breach| breach.number == number).count();
            if same < MOST_BREACHES {
                let (host, what) = (broken.host, broken.what);
                self.breaches.push(Breach { number, name, at_ms: told_ms, host, what });
            }
        }
    }

    /// What became of each.
    pub(super) fn verdicts(&self, cluster: &dyn Cluster) -> Vec<Verdict> {
        let told = |breach: &Breach| {
            let at_s = breach.at_ms as f64 / 1_000.0;
            match breach.host {
                Some(host) => format!("{at_s:.1} s, {}: {}", cluster.name(host), breach.what),
                None => format!("{at_s:.1} s: {}", breach.what),
            }
        };
        let verdicts = self.watchers.iter().map(|watcher| {
            let protects = watcher.protects();
            let broken = self.breaches.iter().filter(|b| b.number == watcher.number());
            Verdict {
                number: watcher.number(),
                name: watcher.name().into(),
                protects: (protects.fr, protects.en),
                judged: watcher.judged(),
                breaches: broken.map(told).collect(),
                worst: watcher.worst().map(|(figure, unit)| (figure, unit.into())),
            }
        });
        verdicts.collect()
    }
}
