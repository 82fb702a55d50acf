//! Invariant 18: one poison entry stops nobody: no process falls, and what honest nodes write
//! afterwards goes round all the same.

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Poison {
    judged: u64,
    /// When a thief first did anything.
    since_ms: Option<u64>,
}

impl Invariant for Poison {
    fn number(&self) -> u8 {
        18
    }

    fn name(&self) -> &'static str {
        "poison"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Un seul message piégé ne bloque pas la salle : les autres postes continuent de servir.",
            "One booby-trapped message does not stop the room: the other kiosks go on serving.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events poison nobody")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Attacked { .. } => {
                self.since_ms.get_or_insert(scene.at_ms);
            }
            Event::Fell { host, words } if self.since_ms.is_some() => {
                self.judged += 1;
                if !scene.book.is_hostile(*host, scene.cluster) {
                    return Err(Broken::on(*host, format!("fell under attack: {words}")));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let Some(since_ms) = self.since_ms else {
            return Ok(());
        };
        let nodes: Vec<_> = book.honest(cluster).collect();
        for (host, author) in &nodes {
            // What its running process wrote is on no disk that was lost.
            let Some((_, height)) = author.reach(&author.epoch()) else {
                continue;
            };
            let Some(seq) = height.checked_sub(1) else {
                continue;
            };
            let last = domain::id::EntryId { epoch: author.epoch(), seq };
            if book.ledger.written(&last).is_none_or(|written| written.at_ms <= since_ms) {
                continue;
            }
            self.judged += 1;
            if let Some((behind, _)) = nodes.iter().find(|(_, node)| !node.holds(&last)) {
                let name = cluster.name(*host);
                let what = format!("{last}, written by {name} after an attack, never came here");
                return Err(Broken::on(*behind, what));
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
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, OTHER_KIOSK, Stage};

    fn attacked() -> Stage<Poison> {
        let mut stage = Stage::with(Poison::default());
        let entry = stage.write_body(KIOSK, vec![19, 0, 255]);
        stage.nodes.hostile.insert(KIOSK);
        stage.see(Event::Attacked { host: KIOSK, entries: vec![entry] });
        stage.pass(1_000);
        stage
    }

    #[test]
    fn news_that_goes_round_all_the_same_is_fine() {
        let mut stage = attacked();
        stage.issue(ADMIN, 600);
        stage.spread();
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn news_that_stops_at_one_node_is_seen() {
        let mut stage = attacked();
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.tell(OTHER_ADMIN, issued.entry);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_KIOSK)));
    }

    #[test]
    fn a_process_that_falls_to_it_is_seen() {
        let mut stage = attacked();
        stage.see(Event::Fell { host: ADMIN, words: String::from("capacity overflow") });
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }

    #[test]
    fn a_thief_that_falls_is_no_loss() {
        let mut stage = attacked();
        stage.see(Event::Fell { host: KIOSK, words: String::from("out of memory") });
        assert_eq!(stage.broken(), None);
    }
}
