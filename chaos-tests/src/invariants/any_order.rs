//! Invariant 10: any order and any repetition of the same entries gives the same fingerprint.

use domain::site::Site;

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::event::{Event, HostId};
use crate::replay::{Picture, Replay};
use crate::scenario::Words;

/// Orders in which a node's entries are folded again.
const ORDERS: u64 = 2;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AnyOrder {
    judged: u64,
}

impl AnyOrder {
    /// A node that stands on a checkpoint holds its entries no more, but the run saw them: they are folded
    /// in two orders. (That the node has the same, `pruning` sees.)
    fn against_each_other(&mut self, host: HostId, node: &dyn NodeState, scene: Scene<'_>) -> Held {
        let Some(replay) = Replay::ever(node, &scene.book.ledger) else {
            return Ok(());
        };
        let one = replay.fold(scene.at_ms);
        let said = one.fingerprint().unwrap_or_default();
        let other = replay.fold(scene.at_ms.wrapping_add(1));
        let compared = self.compare((&Picture::of(&one), said), &other);
        compared.map_err(|what| Broken::on(host, what))
    }

    fn compare(&mut self, one: (&Picture, [u8; 32]), other: &Site) -> Result<(), String> {
        self.judged += 1;
        let (picture, said) = one;
        if let Some(differs) = picture.difference(&Picture::of(other)) {
            return Err(format!("in another order the same entries give {differs}"));
        }
        if other.fingerprint().is_ok_and(|print| print != said) {
            return Err(String::from("in another order the same entries give another fingerprint"));
        }
        Ok(())
    }
}

impl Invariant for AnyOrder {
    fn number(&self) -> u8 {
        10
    }

    fn name(&self) -> &'static str {
        "any_order"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Peu importe le chemin des nouvelles : arrivées en retard, en double ou en désordre, elles donnent le même résultat.",
            "Whatever way news took: late, twice or out of turn, it comes to the same result.",
        )
    }

    fn see(&mut self, _event: &Event, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let nodes: Vec<_> = scene.book.honest(scene.cluster).collect();
        // One node is enough, since all agree; another one in each run.
        let count = u64::try_from(nodes.len()).unwrap_or(1).max(1);
        let chosen = usize::try_from(scene.at_ms % count).unwrap_or(0);
        let Some((host, node)) = nodes.get(chosen) else {
            return Ok(());
        };
        let Some(replay) = Replay::of(*node) else {
            return self.against_each_other(*host, *node, scene);
        };
        let (said, site) = (node.fingerprint(), node.site());
        let picture = Picture::of(&site);
        for order in 0..ORDERS {
            let again = replay.fold(scene.at_ms.wrapping_add(order));
            self.compare((&picture, said), &again).map_err(|what| Broken::on(*host, what))?;
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }
}

#[cfg(test)]
mod tests {
    use domain::fact::Cause;

    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, OTHER_KIOSK, Stage};

    fn busy() -> Stage<AnyOrder> {
        let mut stage = Stage::with(AnyOrder::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.reads(KIOSK, session, 10_000, 5_000);
        stage.extend(OTHER_ADMIN, session, 60);
        stage.closed(KIOSK, session, Cause::Left);
        stage.spread();
        stage.open(OTHER_KIOSK, session);
        stage.close(ADMIN, session, true);
        stage.spread();
        stage
    }

    #[test]
    fn the_same_entries_give_the_same_state() {
        let mut stage = busy();
        stage.heal();
        assert_eq!((stage.broken(), stage.words(), stage.judged()), (None, "", ORDERS));
    }

    #[test]
    fn a_state_that_its_entries_do_not_give_is_seen() {
        let mut stage = busy();
        let before = stage.nodes.at(ADMIN).site.clone();
        let session = stage.opened(ADMIN, KIOSK, 60);
        stage.withdraw(ADMIN, session);
        stage.spread();
        for host in [ADMIN, OTHER_ADMIN, KIOSK, OTHER_KIOSK] {
            stage.nodes.at_mut(host).site = before.clone();
        }
        stage.heal();
        assert!(stage.broken().is_some());
    }

    #[test]
    fn of_a_node_that_pruned_all_that_it_ever_held_is_folded() {
        let mut stage = busy();
        for host in [ADMIN, OTHER_ADMIN, KIOSK, OTHER_KIOSK] {
            stage.prune(host, ADMIN);
        }
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }
}
