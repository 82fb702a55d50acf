//! Invariant 1: an entry acknowledged as stored is on every node after healing, and whoever asked
//! is told so.

use std::collections::BTreeSet;

use domain::id::EntryId;

use crate::book::hosts::{Machine, loses_disk};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::event::{Event, HostId};
use crate::scenario::Words;

/// An operator reads what became of so many commands.
const LATEST: usize = 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct DurableAck {
    judged: u64,
    /// Hosts that lost a disk: what they once said of it was true.
    lost_disk: BTreeSet<HostId>,
}

impl DurableAck {
    /// What operators are told of their entries, against who can hold them: a node that gave its word
    /// before its disk did comes back without.
    fn told(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        for Telling { host, node, entry, held, .. } in tellings(scene) {
            self.judged += 1;
            let may_hold = |(host, machine): &(HostId, &Machine)| {
                let has = cluster.node(*host).is_none_or(|node| node.holds(&entry));
                !machine.amnesic && (has || self.lost_disk.contains(host))
            };
            let holders = book.hosts.machines().filter(may_hold).count() + book.hosts.replaced();
            if node.holds(&entry) && usize::try_from(held).is_ok_and(|held| held > holders) {
                let what = format!("its operator reads that {held} hold {entry}: {holders} can");
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }
}

/// What an operator reads of an entry: held by so many nodes, of so many.
struct Telling<'a> {
    host: HostId,
    node: &'a dyn NodeState,
    entry: EntryId,
    held: u32,
    of: u32,
}

/// What honest admin nodes tell of the latest entries that their running processes wrote.
fn tellings(scene: Scene<'_>) -> Vec<Telling<'_>> {
    let nodes = scene.book.honest(scene.cluster);
    let nodes = nodes.filter(|(_, node)| node.kiosk().is_none());
    let told = nodes.flat_map(|(host, node)| {
        let latest = scene.book.ledger.acknowledged_of(node.epoch()).take(LATEST);
        latest.filter_map(move |entry| {
            let (held, of) = node.replicated(entry)?;
            Some(Telling { host, node, entry: *entry, held, of })
        })
    });
    told.collect()
}

impl Invariant for DurableAck {
    fn number(&self) -> u8 {
        1
    }

    fn name(&self) -> &'static str {
        "durable_ack"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Ce que la console a dit « enregistré » ne disparaît jamais : un code vendu, une prolongation accordée.",
            "What the console called stored never disappears: a code handed out, time that was added.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events lose nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Stopped { host, how } if loses_disk(*how, false) => {
                self.lost_disk.insert(*host);
            }
            Event::Rebuilt { host } => {
                self.lost_disk.insert(*host);
            }
            Event::Started { .. } => return self.told(scene),
            _ => {}
        }
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let nodes: Vec<_> = book.honest(cluster).collect();
        for (entry, by) in book.ledger.acknowledged() {
            if !book.is_owed(entry, cluster) {
                continue;
            }
            self.judged += 1;
            if let Some((host, _)) = nodes.iter().find(|(_, node)| !node.holds(entry)) {
                let (name, here) = (cluster.name(by.host), cluster.name(*host));
                let what =
                    format!("{entry}, acknowledged by {name} at {} ms, is not on {here}", by.at_ms);
                return Err(Broken::on(*host, what));
            }
        }
        // A thief owes nobody a receipt.
        if cluster.hosts().iter().any(|host| book.is_hostile(*host, cluster)) {
            return Ok(());
        }
        // Nor does a node that runs nowhere any more give one.
        let gone = u32::try_from(book.hosts.replaced()).unwrap_or(u32::MAX);
        for Telling { host, entry, held, of, .. } in tellings(scene) {
            if held.saturating_add(gone) < of {
                let what = format!("{entry} is everywhere, and its operator reads {held} of {of}");
                return Err(Broken::on(host, what));
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

#[cfg(test)]
mod tests {
    use domain::id::{EpochId, NodeId};

    use super::*;
    use crate::event::Stop;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, Stage};

    #[test]
    fn an_entry_that_came_everywhere_is_not_lost() {
        let mut stage = Stage::with(DurableAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), None);
        assert_eq!(stage.judged(), 1);
    }

    #[test]
    fn an_entry_that_one_node_lacks_is_missed_there() {
        let mut stage = Stage::with(DurableAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.tell(OTHER_ADMIN, issued.entry);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn an_entry_that_went_with_the_only_disk_is_excused() {
        let mut stage = Stage::with(DurableAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.stop(ADMIN, Stop::DiskLost);
        stage.forget(ADMIN, issued.entry);
        stage.start(ADMIN, true);
        stage.heal();
        assert_eq!(stage.broken(), None);
        assert_eq!(stage.judged(), 0);
    }

    #[test]
    fn an_entry_that_another_held_when_the_disk_was_lost_is_not() {
        let mut stage = Stage::with(DurableAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.tell(OTHER_ADMIN, issued.entry);
        stage.stop(ADMIN, Stop::DiskLost);
        stage.forget(ADMIN, issued.entry);
        stage.forget(OTHER_ADMIN, issued.entry);
        stage.start(ADMIN, true);
        stage.heal();
        assert!(stage.broken().is_some());
    }

    #[test]
    fn a_receipt_that_came_before_the_disk_had_it_is_seen() {
        let mut stage = Stage::with(DurableAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.tell(OTHER_ADMIN, issued.entry);
        stage.say_replicated(ADMIN, issued.entry, (2, 4));
        stage.stop(KIOSK, Stop::Killed);
        stage.start(KIOSK, false);
        assert_eq!(stage.broken(), None);
        stage.stop(OTHER_ADMIN, Stop::PowerLost);
        stage.forget(OTHER_ADMIN, issued.entry);
        stage.start(OTHER_ADMIN, true);
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_receipt_that_never_came_is_missed() {
        let mut stage = Stage::with(DurableAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.spread();
        stage.say_replicated(ADMIN, issued.entry, (2, 3));
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_node_whose_machine_was_replaced_owes_no_receipt() {
        for replaced in [false, true] {
            let mut stage = Stage::with(DurableAck::default());
            let (request, issued) = stage.issue(ADMIN, 600);
            stage.accept(ADMIN, request, &[issued.entry]);
            stage.spread();
            if replaced {
                let (node, epoch) = (NodeId([9; 32]), EpochId([9; 32]));
                let (host, new_boot, amnesic) = (OTHER_ADMIN, true, false);
                let kiosk = None;
                stage.see(Event::Started { host, node, kiosk, epoch, new_boot, amnesic });
            }
            stage.say_replicated(ADMIN, issued.entry, (4, 5));
            stage.heal();
            assert_eq!(stage.broken(), (!replaced).then_some(Some(ADMIN)));
        }
    }
}
