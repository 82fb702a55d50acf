//! Invariant 15: after a kill or a power cut at any moment a store opens clean, or is rebuilt with
//! a loud word: never silently with less than a barrier had covered. And no process falls by
//! itself.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::EntryId;

use crate::book::hosts::{Trouble, loses_disk};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId};
use crate::fault::{Fault, Malice};
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct CleanStart {
    judged: u64,
    /// What each stopped host must still hold when it starts.
    owed: BTreeMap<HostId, Vec<EntryId>>,
    /// What each host still held of this when it last started.
    kept: BTreeMap<HostId, Vec<EntryId>>,
    rebuilt: BTreeSet<HostId>,
    poisoned: bool,
}

impl CleanStart {
    fn stopped(&mut self, host: HostId, lost: bool, scene: Scene<'_>) {
        let Scene { book, cluster, .. } = scene;
        self.owed.remove(&host);
        let kept = self.kept.remove(&host).unwrap_or_default();
        if lost || book.is_hostile(host, cluster) {
            return;
        }
        let Some(machine) = book.hosts.machine(host) else {
            return;
        };
        let durable_ms = machine.durable_ms.unwrap_or(0);
        // A barrier covers what its own process staged: what one before it staged in vain is gone.
        // (World 101296.)
        let covered = machine.epochs.last().into_iter().flat_map(|epoch| {
            let first = EntryId { epoch: *epoch, seq: 0 };
            let last = EntryId { epoch: *epoch, seq: u64::MAX };
            book.ledger.range(first, last)
        });
        let covered = covered.filter(|(_, written)| written.at_ms <= durable_ms);
        let acknowledged = book.ledger.acknowledged().filter(|(_, by)| by.host == host);
        let acknowledged = acknowledged.map(|(entry, _)| entry);
        let owed = covered.map(|(entry, _)| entry).chain(acknowledged);
        let owed = owed.copied().chain(kept);
        let owed = owed.filter(|entry| !book.ledger.is_orphan(entry));
        self.owed.insert(host, owed.collect::<BTreeSet<_>>().into_iter().collect());
    }

    fn started(&mut self, host: HostId, scene: Scene<'_>) -> Held {
        let owed = self.owed.remove(&host).unwrap_or_default();
        let rebuilt = self.rebuilt.remove(&host);
        // A disk with a wrong bit may lose anything, but never in silence.
        if rebuilt && scene.book.hosts.had(host, Trouble::Disk) {
            return Ok(());
        }
        let Some(node) = scene.cluster.node(host) else {
            return Ok(());
        };
        self.judged += 1;
        let Some(entry) = owed.iter().find(|entry| !node.holds(entry)) else {
            self.kept.insert(host, owed);
            return Ok(());
        };
        let how = if rebuilt { "the store was rebuilt" } else { "not a word was said" };
        let what = format!("{entry}, on the disk before the stop, is gone, and {how}");
        Err(Broken::on(host, what))
    }
}

impl Invariant for CleanStart {
    fn number(&self) -> u8 {
        15
    }

    fn name(&self) -> &'static str {
        "clean_start"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Après une coupure de courant, chaque machine repart seule, sans rien perdre de ce qui était écrit.",
            "After a power cut each machine starts again by itself and has lost nothing of what was written.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events stop nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Stopped { host, how } => {
                let machine = scene.book.hosts.machine(*host);
                let amnesic = machine.is_some_and(|machine| machine.amnesic);
                self.stopped(*host, loses_disk(*how, amnesic), scene);
            }
            Event::Rebuilt { host } => {
                self.rebuilt.insert(*host);
            }
            Event::Started { host, .. } => return self.started(*host, scene),
            Event::FaultBegan { fault: Fault::Hostile { with: Malice::Poison, .. }, .. } => {
                self.poisoned = true;
            }
            // What fell to a thief's poison is another invariant's.
            Event::Fell { host, words } if !self.poisoned => {
                self.judged += 1;
                return Err(Broken::on(*host, format!("the process fell: {words}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn healed(&mut self, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stop;
    use crate::fault::Hosts;
    use crate::invariants::stage::{ADMIN, Stage};

    #[test]
    fn what_no_barrier_covered_may_be_gone() {
        let mut stage = Stage::with(CleanStart::default());
        stage.durable(ADMIN);
        stage.pass(10);
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.stop(ADMIN, Stop::PowerLost);
        stage.forget(ADMIN, issued.entry);
        stage.start(ADMIN, true);
        assert_eq!(stage.broken(), None);
        assert!(stage.judged() > 0);
    }

    #[test]
    fn what_a_process_staged_in_vain_is_not_owed_by_the_next_ones_barrier() {
        let mut stage = Stage::with(CleanStart::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.stop(ADMIN, Stop::Killed);
        stage.forget(ADMIN, issued.entry);
        stage.start(ADMIN, false);
        stage.pass(10);
        stage.durable(ADMIN);
        stage.stop(ADMIN, Stop::Killed);
        stage.start(ADMIN, false);
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn what_a_barrier_covered_is_owed_after_two_stops_too() {
        let mut stage = Stage::with(CleanStart::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.pass(10);
        stage.durable(ADMIN);
        stage.stop(ADMIN, Stop::Killed);
        stage.start(ADMIN, false);
        stage.stop(ADMIN, Stop::Killed);
        stage.forget(ADMIN, issued.entry);
        stage.start(ADMIN, false);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn what_a_barrier_covered_may_not() {
        let mut stage = Stage::with(CleanStart::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.durable(ADMIN);
        stage.stop(ADMIN, Stop::PowerLost);
        stage.forget(ADMIN, issued.entry);
        stage.start(ADMIN, true);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn what_was_acknowledged_may_not_either() {
        let mut stage = Stage::with(CleanStart::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.stop(ADMIN, Stop::Killed);
        stage.forget(ADMIN, issued.entry);
        stage.see(Event::Rebuilt { host: ADMIN });
        stage.start(ADMIN, false);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_disk_with_a_wrong_bit_may_be_rebuilt() {
        let mut stage = Stage::with(CleanStart::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.durable(ADMIN);
        stage.begin(Fault::BitFlip { hosts: Hosts(String::from("admin-1")) }, &[ADMIN]);
        stage.stop(ADMIN, Stop::PowerLost);
        stage.forget(ADMIN, issued.entry);
        stage.see(Event::Rebuilt { host: ADMIN });
        stage.start(ADMIN, true);
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn but_not_in_silence() {
        let mut stage = Stage::with(CleanStart::default());
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.durable(ADMIN);
        stage.begin(Fault::BitFlip { hosts: Hosts(String::from("admin-1")) }, &[ADMIN]);
        stage.stop(ADMIN, Stop::PowerLost);
        stage.forget(ADMIN, issued.entry);
        stage.start(ADMIN, true);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_process_that_falls_is_seen() {
        let mut stage = Stage::with(CleanStart::default());
        stage.see(Event::Fell { host: ADMIN, words: String::from("index out of bounds") });
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }
}
