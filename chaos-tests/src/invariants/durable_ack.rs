//! Invariant 1: an entry acknowledged as stored is on every node after healing, and whoever asked
//! is told so.

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct DurableAck {
    judged: u64,
}

impl Invariant for DurableAck {
    fn number(&self) -> u8 {
        1
    }

    fn name(&self) -> &'static str {
        "durable_ack"
    }

    fn protects(&self) -> (&'static str, &'static str) {
        (
            "Ce que la console a dit « enregistré » ne disparaît jamais : un code vendu, une prolongation accordée.",
            "What the console called stored never disappears: a code handed out, time that was added.",
        )
    }

    fn see(&mut self, _event: &Event, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let nodes: Vec<_> = book.honest(cluster).collect();
        let any_thief = cluster.hosts().iter().any(|host| book.is_hostile(*host, cluster));
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
            // A thief owes nobody a receipt.
            let teller = nodes.iter().find(|(_, node)| node.epoch() == entry.epoch);
            if let Some((host, node)) = teller
                && !any_thief
                && let Some((held, of)) = node.replicated(entry)
                && held < of
            {
                let what = format!("{entry} is everywhere, and its operator reads {held} of {of}");
                return Err(Broken::on(*host, what));
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
    fn a_receipt_that_never_came_is_missed() {
        let mut stage = Stage::with(DurableAck::default());
        let (request, issued) = stage.issue(ADMIN, 600);
        stage.accept(ADMIN, request, &[issued.entry]);
        stage.spread();
        stage.say_replicated(ADMIN, issued.entry, (2, 3));
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }
}
