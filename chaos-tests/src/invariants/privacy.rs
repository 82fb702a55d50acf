//! Invariant 22: a kiosk learns nothing of the vault but the text that it is to show.

use std::collections::BTreeSet;

use domain::id::NodeId;

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::Event;
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Privacy {
    kiosks: BTreeSet<NodeId>,
    judged: u64,
}

impl Invariant for Privacy {
    fn number(&self) -> u8 {
        22
    }

    fn name(&self) -> &'static str {
        "privacy"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Les noms et les messages des usagers restent à l’accueil : un poste volé n’en a jamais reçu.",
            "Names and messages of patrons stay at the desk: a stolen kiosk never was given any.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events tell of no row")]
    fn see(&mut self, event: &Event, _scene: Scene<'_>) -> Held {
        match event {
            Event::Started { node, kiosk: Some(_), .. } => {
                self.kiosks.insert(*node);
            }
            Event::ToldRows { host, to } => {
                self.judged += 1;
                if self.kiosks.contains(to) {
                    return Err(Broken::on(*host, format!("told the kiosk's node {to} of rows")));
                }
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
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, Stage};

    #[test]
    fn admin_nodes_may_tell_each_other() {
        let mut stage = Stage::with(Privacy::default());
        let to = stage.node(OTHER_ADMIN);
        stage.see(Event::ToldRows { host: ADMIN, to });
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn a_kiosk_that_is_told_is_seen() {
        let mut stage = Stage::with(Privacy::default());
        let to = stage.node(KIOSK);
        stage.see(Event::ToldRows { host: ADMIN, to });
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }
}
