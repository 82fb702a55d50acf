//! Invariant 20: what was erased is in no store and in no backup in scope, and no node that returns
//! and no restored disk brings it back.

use std::collections::BTreeMap;

use domain::fact::Fact;
use domain::id::{EntryId, KioskId, RowId};

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Erasure {
    /// Rows erased, each with the entries that say so.
    erased: BTreeMap<RowId, Vec<EntryId>>,
    /// Rows of the vault, each with the kiosk that may know of it.
    private: BTreeMap<RowId, Option<KioskId>>,
    judged: u64,
}

impl Erasure {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the other facts name no row")]
    fn take(&mut self, entry: &EntryId, fact: &Fact) {
        match fact {
            Fact::RowErased(f) => self.erased.entry(f.row).or_default().push(*entry),
            Fact::CodeIssued(f) => self.private.extend(f.label.map(|row| (row, None))),
            Fact::KioskDescribed(f) => self.private.extend(f.note.map(|row| (row, None))),
            Fact::CloseAsked(f) => self.private.extend(f.note.map(|row| (row, None))),
            Fact::MessageSent(f) => {
                self.private.insert(f.message, Some(f.kiosk));
            }
            _ => {}
        }
    }

    /// A kiosk learns what its own screen must show, and nothing else.
    fn leaked(&mut self, scene: Scene<'_>) -> Held {
        for (host, node) in scene.book.honest(scene.cluster) {
            let Some(here) = node.kiosk() else {
                continue;
            };
            for (row, kiosk) in &self.private {
                let Some(kept) = node.keeps_row(row) else {
                    continue;
                };
                self.judged += 1;
                if kept && *kiosk != Some(here) {
                    let what = format!("a kiosk keeps row {row}, which is none of its business");
                    return Err(Broken::on(host, what));
                }
            }
        }
        Ok(())
    }
}

impl Invariant for Erasure {
    fn number(&self) -> u8 {
        20
    }

    fn name(&self) -> &'static str {
        "erasure"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Les données d’un usager, une fois effacées, ne reviennent ni par une sauvegarde ni par une vieille machine.",
            "A patron’s data, once erased, come back neither by a backup nor by an old machine.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events erase nothing")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Erased { row } => {
                self.erased.entry(*row).or_default();
            }
            Event::Wrote { entries, .. } => {
                for entry in entries {
                    let written = scene.book.ledger.written(entry);
                    if let Some(fact) = written.and_then(|written| written.fact.as_ref()) {
                        self.take(entry, fact);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        self.leaked(scene)?;
        let Scene { book, cluster, .. } = scene;
        // An erasure that was lost with the only disk that held it, nobody can know of.
        let known = self
            .erased
            .iter()
            .filter(|(_, entries)| entries.iter().any(|entry| book.is_owed(entry, cluster)));
        let known: Vec<&RowId> = known.map(|(row, _)| row).collect();
        for (host, node) in book.honest(cluster) {
            let site = node.site();
            for row in &known {
                let Some(kept) = node.keeps_row(row) else {
                    continue;
                };
                self.judged += 1;
                if kept {
                    return Err(Broken::on(host, format!("row {row}, erased, is still here")));
                }
                if !site.erased().contains(row) {
                    let what = format!("row {row}, erased, is not known to be");
                    return Err(Broken::on(host, what));
                }
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
    use domain::fact::{CloseAsked, MessageSent, RowErased};

    use super::*;
    use crate::invariants::stage::{ADMIN, BY, KIOSK, OTHER_ADMIN, OTHER_KIOSK, Stage, kiosk_of};

    const ROW: RowId = RowId([4; 16]);

    fn erased() -> Stage<Erasure> {
        let mut stage = Stage::with(Erasure::default());
        stage.nodes.at_mut(OTHER_ADMIN).rows.insert(ROW);
        stage.write(ADMIN, RowErased { row: ROW, by: BY });
        stage.see(Event::Erased { row: ROW });
        stage.spread();
        stage
    }

    #[test]
    fn a_row_that_is_gone_everywhere_is_erased() {
        let mut stage = erased();
        stage.nodes.at_mut(OTHER_ADMIN).rows.clear();
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 4));
    }

    #[test]
    fn a_row_that_one_store_kept_is_not() {
        let mut stage = erased();
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_ADMIN)));
    }

    #[test]
    fn a_kiosk_that_keeps_what_is_for_staff_is_seen() {
        let mut stage = Stage::with(Erasure::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        let (keep_rest, sees, note) = (true, Vec::new(), Some(ROW));
        stage.write(ADMIN, CloseAsked { session, keep_rest, sees, note, by: BY });
        stage.nodes.at_mut(OTHER_ADMIN).rows.insert(ROW);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), None);
        stage.nodes.at_mut(KIOSK).rows.insert(ROW);
        stage.look();
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn a_message_is_known_where_it_is_read_and_nowhere_else() {
        for (host, broken) in [(KIOSK, None), (OTHER_KIOSK, Some(Some(OTHER_KIOSK)))] {
            let mut stage = Stage::with(Erasure::default());
            let kiosk = kiosk_of(KIOSK).unwrap();
            stage.write(ADMIN, MessageSent { message: ROW, kiosk, by: BY });
            stage.nodes.at_mut(host).rows.insert(ROW);
            stage.spread();
            stage.heal();
            assert_eq!(stage.broken(), broken);
        }
    }

    #[test]
    fn a_node_that_forgot_the_erasure_is_seen() {
        let mut stage = Stage::with(Erasure::default());
        let entry = stage.write(ADMIN, RowErased { row: ROW, by: BY });
        stage.see(Event::Erased { row: ROW });
        stage.spread();
        stage.forget(ADMIN, entry);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }
}
