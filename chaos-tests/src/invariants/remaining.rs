//! Invariant 7: what remains is granted less used, never below zero, on every node that knows the
//! same; what was used beyond that is listed.

use std::collections::BTreeMap;

use domain::id::SessionId;
use domain::session::State;

use super::LATE_MS;
use crate::book::hosts::Trouble;
use crate::book::knowledge::Knowledge;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::cluster::NodeState;
use crate::event::{Event, HostId, Shown};
use crate::scenario::Words;

/// How often a kiosk's page is compared with the laws, in milliseconds.
const COMPARED_MS: u64 = 5_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    compared: BTreeMap<HostId, u64>,
    /// Since when each kiosk's page is off.
    off_since: BTreeMap<HostId, u64>,
    worst_ms: u64,
    judged: u64,
}

impl Remaining {
    /// The page of a kiosk against what the laws make of what it could know. A page may know of an
    /// extension a moment before whoever looks where that was written: it is wrong once it stays off.
    fn page(&mut self, host: HostId, session: SessionId, shown_ms: u64, scene: Scene<'_>) -> Held {
        let due = self.compared.get(&host).map_or(0, |at| at.saturating_add(COMPARED_MS));
        let Some(node) = scene.cluster.node(host).filter(|_| scene.at_ms >= due) else {
            return Ok(());
        };
        let here = node.kiosk();
        let stands_here = node.site().session(&session).is_some_and(
            |found| matches!(found.state(), Some(State::Open { kiosk, .. }) if Some(kiosk) == here),
        );
        // A register that no disk took may be gone with its process.
        let sound = !scene.book.hosts.had(host, Trouble::Disk)
            && !scene.book.is_hostile(host, scene.cluster);
        let knowledge = Knowledge::new(scene, node, session);
        let (Some(granted), Some(used)) = (knowledge.granted_ms(), knowledge.used_here_ms()) else {
            return Ok(());
        };
        if !stands_here || !sound {
            return Ok(());
        }
        self.judged += 1;
        let by_law = granted.saturating_sub(used.exact_ms.saturating_add(used.charge_ms));
        // A process that found a session over when it began counts what ran until then, and nobody saw
        // that. Staff may have extended it meanwhile, and its code is typed again. (World 603848.)
        let least = by_law.saturating_sub(used.unsure_ms);
        let off = shown_ms.abs_diff(shown_ms.clamp(least, by_law));
        if off <= LATE_MS {
            self.worst_ms = self.worst_ms.max(off);
            self.off_since.remove(&host);
            self.compared.insert(host, scene.at_ms);
            return Ok(());
        }
        let since = *self.off_since.entry(host).or_insert(scene.at_ms);
        if scene.at_ms < since.saturating_add(LATE_MS) {
            return Ok(());
        }
        self.worst_ms = self.worst_ms.max(off);
        let what = format!("{session}: the page says {shown_ms} ms, the laws {by_law} ms");
        Err(Broken::on(host, what))
    }

    /// What a node says of a session against what the laws make of what it holds.
    fn figures(
        &mut self,
        host: HostId,
        node: &dyn NodeState,
        session: SessionId,
        scene: Scene<'_>,
    ) -> Held {
        let knowledge = Knowledge::new(scene, node, session);
        let (Some(granted), Some(measured)) = (knowledge.granted_ms(), knowledge.measured()) else {
            return Ok(());
        };
        let Some(said) = node.site().session_on_floor(session, node.moment()) else {
            return Err(Broken::on(host, format!("{session} is held and not listed")));
        };
        self.judged += 1;
        let used = measured.total_ms();
        let left = granted.saturating_sub(used);
        let by_law = (granted, used.min(granted), used.saturating_sub(granted));
        let listed = (said.granted_ms, said.used_ms, said.excess_ms);
        let left_said = if said.running { left } else { said.remaining_ms };
        if listed == by_law && left_said == left && said.remaining_ms <= left {
            return Ok(());
        }
        let what = format!(
            "{session}: granted, used and beyond it are {listed:?} ms, by the laws {by_law:?}; \
             {} ms remain, by the laws {left}",
            said.remaining_ms
        );
        Err(Broken::on(host, what))
    }
}

impl Invariant for Remaining {
    fn number(&self) -> u8 {
        7
    }

    fn name(&self) -> &'static str {
        "remaining"
    }

    fn protects(&self) -> Words {
        Words::new(
            "Le temps restant affiché est le vrai, le même partout ; tout dépassement est montré au personnel.",
            "The time left that is shown is the true one, the same everywhere; every excess is shown to staff.",
        )
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the other events show no time")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        match event {
            Event::Shows { host, shown: Shown::Running { session, remaining_ms }, .. } => {
                self.page(*host, *session, *remaining_ms, scene)
            }
            Event::PageStale { host, shown } => {
                Err(Broken::on(*host, format!("the page was left showing {shown:?}")))
            }
            _ => Ok(()),
        }
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        for (host, node) in scene.book.honest(scene.cluster) {
            for (session, _) in scene.book.ledger.sessions.all() {
                self.figures(host, node, *session, scene)?;
            }
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.judged
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        (self.judged > 0).then_some((self.worst_ms as f64 / 1000.0, "s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_ADMIN, Stage};

    #[test]
    fn a_page_that_counts_by_the_laws_is_right() {
        let mut stage = Stage::with(Remaining::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.runs(KIOSK, session, 30_000);
        let entry = stage.extend(OTHER_ADMIN, session, 60);
        stage.tell(KIOSK, entry);
        stage.runs(KIOSK, session, 30_000);
        assert_eq!(stage.broken(), None);
        assert!(stage.judged() > 5);
    }

    #[test]
    fn a_page_that_forgets_an_extension_is_not() {
        let mut stage = Stage::with(Remaining::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        let entry = stage.extend(OTHER_ADMIN, session, 60);
        stage.tell(KIOSK, entry);
        stage.pass(10_000);
        stage.shows(KIOSK, Shown::Running { session, remaining_ms: 590_000 });
        assert_eq!(stage.broken(), None, "it may have come just now");
        stage.pass(2_000);
        stage.shows(KIOSK, Shown::Running { session, remaining_ms: 588_000 });
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    /// A minute is bought, of which 40 s run; the process dies, and staff extend by three minutes. The
    /// next process, which has not heard of that, counts half a minute more and locks; the patron types
    /// the code again.
    #[test]
    fn what_ran_while_no_process_did_may_be_counted_or_not() {
        for (counted_ms, is_right) in [(0, true), (30_000, true), (45_000, false)] {
            let mut stage = Stage::with(Remaining::default());
            let session = stage.opened(ADMIN, KIOSK, 60);
            stage.runs(KIOSK, session, 40_000);
            stage.stop(KIOSK, crate::event::Stop::Killed);
            let entry = stage.extend(ADMIN, session, 180);
            stage.pass(30_000);
            stage.start(KIOSK, false);
            stage.shows(KIOSK, Shown::Locked);
            stage.tell(KIOSK, entry);
            stage.open(KIOSK, session);
            for second in 0..10 {
                stage.pass(1_000);
                let remaining_ms = 240_000 - 40_000 - counted_ms - second * 1_000;
                stage.shows(KIOSK, Shown::Running { session, remaining_ms });
            }
            let broken = (!is_right).then_some(Some(KIOSK));
            assert_eq!(stage.broken(), broken, "{counted_ms}");
        }
    }

    #[test]
    fn figures_on_every_node_are_by_the_laws() {
        let mut stage = Stage::with(Remaining::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        for _ in 0..5 {
            stage.reads(KIOSK, session, 150_000, 5_000);
            stage.stop(KIOSK, crate::event::Stop::PowerLost);
            stage.start(KIOSK, true);
        }
        stage.spread();
        stage.heal();
        assert_eq!((stage.broken(), stage.words()), (None, ""));
        assert!(stage.judged() >= 4);
    }

    #[test]
    fn a_node_that_is_behind_is_judged_by_what_it_holds() {
        let mut stage = Stage::with(Remaining::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.reads(KIOSK, session, 10_000, 0);
        stage.spread();
        stage.extend(ADMIN, session, 60);
        stage.heal();
        assert_eq!(stage.broken(), None);
    }

    #[test]
    fn a_node_whose_state_lacks_what_it_holds_is_seen() {
        let mut stage = Stage::with(Remaining::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.spread();
        let before = stage.nodes.at(OTHER_ADMIN).site.clone();
        stage.extend(ADMIN, session, 60);
        stage.spread();
        stage.nodes.at_mut(OTHER_ADMIN).site = before;
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(OTHER_ADMIN)));
    }

    #[test]
    fn a_page_that_nobody_tells_of_a_change_is_a_breach() {
        let mut stage = Stage::with(Remaining::default());
        stage.see(Event::PageStale { host: KIOSK, shown: Shown::Locked });
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }
}
