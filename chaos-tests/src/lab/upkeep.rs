//! Looking after the machines as their service managers do, and weighing them.

use std::collections::BTreeMap;

use crate::event::{Event, HostId};
use crate::target::NotRun;

use super::network::Traffic;
use super::run::Run;

/// A process that ends by itself more often than this is left alone.
const MOST_RESTARTS: u32 = 5;
/// Lines of a fallen process's last words.
const LAST_WORDS: usize = 4;

impl Run<'_> {
    /// Starts what fell, passes on what was said, lets clocks go on being wrong.
    pub(super) fn look_after_machines(&mut self) -> Result<(), NotRun> {
        let hosts: Vec<HostId> = self.known.keys().copied().collect();
        for host in hosts {
            let machine = self.machine(host)?;
            if let Some(clock) = &mut machine.clock {
                clock.go_on()?;
            }
            let (fell, news) = (machine.fell(), machine.news());
            self.pass_on(host, &news);
            if fell {
                self.fell(host, &news)?;
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, host: HostId, news: &[String]) {
        for line in news {
            if line.contains("panicked") {
                self.tell(&Event::Fell { host, words: line.clone() });
            } else if line.contains("DAMAGED") {
                self.tell(&Event::Rebuilt { host });
            } else if line.contains(" WARN ") || line.contains(" ERROR ") {
                self.tell(&Event::Notice { host, words: line.clone() });
            }
        }
    }

    fn fell(&mut self, host: HostId, news: &[String]) -> Result<(), NotRun> {
        let last = news.get(news.len().saturating_sub(LAST_WORDS)..).unwrap_or_default();
        let words = format!("ended by itself: {}", last.join(" / "));
        self.ended(host, false, 0.0);
        self.tell(&Event::Fell { host, words });
        let known = self.known.entry(host).or_default();
        known.restarts += 1;
        if known.restarts > MOST_RESTARTS {
            return Ok(());
        }
        self.bring_up(host)
    }

    /// Tells what every host takes up.
    pub(super) fn weigh(&mut self) {
        let ground = self.house.ground;
        let mut weights = Vec::new();
        for (host, machine) in &self.house.machines {
            if let Some((memory, _)) = machine.weight() {
                weights.push((*host, memory, machine.disk.used(ground)));
            }
        }
        for (host, memory, disk) in weights {
            let known = self.known.entry(host).or_default();
            known.most_memory = known.most_memory.max(memory);
            // What waits for the wire cannot be seen from outside.
            self.tell(&Event::Weighs { host, memory, disk, queued: 0 });
        }
    }

    /// What the run cost: name, value, unit.
    pub(super) fn figures(
        &self,
        end_ms: u64,
        before: &BTreeMap<HostId, Traffic>,
        after: &BTreeMap<HostId, Traffic>,
    ) -> Vec<(String, f64, String)> {
        let seconds = (end_ms as f64 / 1e3).max(1.0);
        let nodes = (self.known.len() as f64).max(1.0);
        let mut spent_s = 0.0;
        for (host, known) in &self.known {
            let running = self.house.machines.get(host).and_then(|machine| machine.weight());
            spent_s += known.spent_s + running.map_or(0.0, |(_, seconds)| seconds);
        }
        let memory = |pick: fn(f64, f64) -> f64| {
            let seen = self.known.values().map(|known| known.most_memory as f64 / 1e6);
            seen.reduce(pick).unwrap_or(0.0)
        };
        let sent: u64 = after
            .iter()
            .map(|(host, now)| {
                let then = before.get(host).copied().unwrap_or_default();
                now.sent.saturating_sub(then.sent)
            })
            .sum();
        let figures = [
            ("nodes", nodes, ""),
            ("harness late by at most", self.lag_ms as f64, "ms"),
            ("most memory of a node", memory(f64::max), "MB"),
            ("mean memory of a node", memory(|a, b| a + b) / nodes, "MB"),
            ("processor of a node", 100.0 * spent_s / seconds / nodes, "% of a core"),
            ("sent by a node", sent as f64 / seconds / nodes, "bytes/s"),
        ];
        let figures = figures.into_iter();
        figures.map(|(name, value, unit)| (name.to_owned(), value, unit.to_owned())).collect()
    }
}
