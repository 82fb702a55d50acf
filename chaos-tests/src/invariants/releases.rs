//! Invariant 19: one release works with the one before it: a fact that a node does not know is
//! kept, passed on, and changes nothing there.

use std::collections::BTreeSet;

use domain::id::EntryId;

use super::without_effect;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::event::Event;
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Releases {
    judged: u64,
}

impl Invariant for Releases {
    fn number(&self) -> u8 {
        19
    }

    fn name(&self) -> &'static str {
        "releases"
    }

    fn protects(&self) -> Words {
        Words::new(
            "On met à jour les machines une par une, pendant l’ouverture, sans que la salle se divise.",
            "Machines are upgraded one by one, during opening hours, and the room does not fall apart.",
        )
    }

    fn see(&mut self, _event: &Event, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let unknown: BTreeSet<EntryId> = book
            .ledger
            .entries()
            .filter(|(entry, written)| written.fact.is_none() && book.is_owed(entry, cluster))
            .filter(|(entry, _)| !book.ledger.attacks().contains(entry))
            .map(|(entry, _)| *entry)
            .collect();
        // Only what came to somebody else can be asked of all: the rest may have gone with its disk.
        let nodes: Vec<_> = book.honest(cluster).collect();
        for entry in &unknown {
            let holders = nodes.iter().filter(|(_, node)| node.holds(entry)).count();
            if holders == 0 {
                continue;
            }
            self.judged += 1;
            // Word for word: a checkpoint that covers it is no use to whoever could read it.
            let keeps = |node: &dyn NodeState| node.entry_bytes(entry).is_some();
            if let Some((host, _)) = nodes.iter().find(|(_, node)| !keeps(*node)) {
                let what = format!("{entry}, of a kind that is not known here, was not kept");
                return Err(Broken::on(*host, what));
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        without_effect(&unknown, "what an old release cannot read", scene)
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, Stage};

    #[test]
    fn a_fact_that_nobody_knows_goes_round() {
        let mut stage = Stage::with(Releases::default());
        stage.write_body(KIOSK, vec![255, 127, 1, 2, 3]);
        stage.spread();
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn a_node_that_drops_it_is_seen() {
        let mut stage = Stage::with(Releases::default());
        let entry = stage.write_body(KIOSK, vec![255, 127, 1, 2, 3]);
        stage.tell(ADMIN, entry);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_ADMIN)));
    }
}
