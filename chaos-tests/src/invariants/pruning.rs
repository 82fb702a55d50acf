//! Invariant 16: inside the horizon, to prune and then to merge what came late equals never having
//! pruned; beyond it an epoch is refused whole, and listed.

use std::collections::BTreeSet;

use domain::checkpoint::HORIZON_MS;
use domain::id::{EntryId, SessionId};
use domain::session::State;
use domain::site::Site;

use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::event::Event;
use crate::replay::{Picture, Replay};
use crate::scenario::Words;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    judged: u64,
}

/// Whether a session may be folded away: over, or never used, and its validity ended long ago.
fn may_go(site: &Site, session: &SessionId, now_ms: i64) -> bool {
    site.session(session).is_none_or(|found| {
        let over = match found.state() {
            Some(State::Open { .. } | State::Paused { .. }) => false,
            Some(State::Issued | State::Closed { .. } | State::Withdrawn) | None => true,
        };
        let until_ms = found.issue().map_or(i64::MIN, |issue| issue.terms.until_ms);
        over && until_ms.saturating_add(HORIZON_MS) <= now_ms
    })
}

impl Pruning {
    /// A node that pruned, against one that holds all that this one ever took in.
    fn compare(&mut self, node: &dyn NodeState, scene: Scene<'_>) -> Result<(), String> {
        let site = node.site();
        if site.ground().as_of_ms.is_none() {
            return Ok(());
        }
        let Some(replay) = Replay::ever(node, &scene.book.ledger) else {
            return Ok(());
        };
        self.judged += 1;
        let whole = replay.fold(scene.at_ms);
        let (here, never) = (Picture::of(&site), Picture::of(&whole));
        let kept: BTreeSet<SessionId> = here.sessions().copied().collect();
        let now_ms = node.moment().wall_ms;
        let gone = never.sessions().find(|s| !kept.contains(s) && !may_go(&whole, s, now_ms));
        if let Some(gone) = gone {
            return Err(format!("{gone} was folded away before its time"));
        }
        let keeps = |session: &SessionId| kept.contains(session);
        match here.only(keeps).difference(&never.only(keeps)) {
            None => Ok(()),
            Some(differs) => Err(format!("pruned, it differs from never pruned: {differs}")),
        }
    }
}

impl Invariant for Pruning {
    fn number(&self) -> u8 {
        16
    }

    fn name(&self) -> &'static str {
        "pruning"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Le journal s’allège sans rien changer : aucune session, aucun réglage ne se perd au rangement.",
            "The ledger grows lighter and nothing changes: no session and no setting is lost in the tidying.",
        )
    }

    fn see(&mut self, _event: &Event, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        for (host, node) in book.honest(cluster) {
            self.compare(node, scene).map_err(|what| Broken::on(host, what))?;
            let site = node.site();
            for epoch in book.ledger.refused_whole() {
                self.judged += 1;
                let first = EntryId { epoch: *epoch, seq: 0 };
                let counts = site.standing().author(&first).is_some();
                if counts && !site.refused_epochs().any(|refused| refused == epoch) {
                    let what = format!("{epoch} was refused whole elsewhere, and has effect here");
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
    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, OTHER_KIOSK, Stage};

    #[test]
    fn a_node_that_pruned_and_knows_the_same_is_right() {
        let mut stage = Stage::with(Pruning::default());
        stage.opened(ADMIN, KIOSK, 600);
        stage.spread();
        stage.prune(OTHER_ADMIN, ADMIN);
        stage.heal();
        assert_eq!((stage.broken(), stage.words(), stage.judged()), (None, "", 1));
    }

    #[test]
    fn a_node_that_lost_a_session_with_it_is_not() {
        let mut stage = Stage::with(Pruning::default());
        stage.prune(OTHER_ADMIN, ADMIN);
        stage.opened(ADMIN, KIOSK, 600);
        stage.hold_all(OTHER_ADMIN);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_ADMIN)));
    }

    #[test]
    fn a_node_that_lost_a_late_fact_is_not() {
        let mut stage = Stage::with(Pruning::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.spread();
        stage.prune(OTHER_ADMIN, ADMIN);
        stage.extend(ADMIN, session, 60);
        stage.hold_all(OTHER_ADMIN);
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_ADMIN)));
    }

    #[test]
    fn what_one_refused_whole_has_effect_nowhere() {
        let mut stage = Stage::with(Pruning::default());
        let epoch = stage.epoch(KIOSK);
        stage.see(Event::RefusedWhole { host: OTHER_KIOSK, epoch });
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(ADMIN)));
    }
}
