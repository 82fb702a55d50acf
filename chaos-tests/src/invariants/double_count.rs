//! Invariant 6: no second of use is counted twice.

use std::collections::BTreeMap;

use super::LATE_MS;
use crate::book::knowledge::{CHARGE_MS, Knowledge};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId};
use crate::scenario::Words;

/// A picture's beginning or end is seen this late at most on the average, in milliseconds.
const EDGE_MS: u64 = 100;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct DoubleCount {
    worst_ms: u64,
    judged: u64,
}

impl Invariant for DoubleCount {
    fn number(&self) -> u8 {
        6
    }

    fn name(&self) -> &'static str {
        "double_count"
    }

    fn protects(&self) -> Words {
        Words::new(
            "L’usager ne paie jamais deux fois la même seconde : ni une pause, ni une reprise, ni un redémarrage ne comptent double.",
            "The patron never pays for a second twice: no pause, no resume and no restart counts double.",
        )
    }

    fn see(&mut self, _event: &Event, _scene: Scene<'_>) -> Held {
        Ok(())
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        let Scene { book, cluster, .. } = scene;
        let Some((_, node)) = book.honest(cluster).next() else {
            return Ok(());
        };
        for (session, _) in book.ledger.sessions.all() {
            let Some(measured) = Knowledge::new(scene, node, *session).measured() else {
                continue;
            };
            self.judged += 1;
            let mut counted: BTreeMap<(HostId, u32), u64> = BTreeMap::new();
            for (epoch, ms) in &measured.exact {
                if let Some(birth) = book.hosts.of(epoch) {
                    *counted.entry((birth.host, birth.boot)).or_default() += ms;
                }
            }
            for ((host, boot), counted) in counted {
                let stint = book.usage.on(session, host, boot);
                let most = stint.most_ms + LATE_MS + EDGE_MS * u64::from(stint.edges);
                self.worst_ms = self.worst_ms.max(counted.saturating_sub(stint.most_ms));
                if counted > most {
                    let what = format!(
                        "{session} ran {} ms in boot {boot}, and {counted} ms are counted",
                        stint.most_ms
                    );
                    return Err(Broken::on(host, what));
                }
            }
            if let Some(charge) = measured.due.values().find(|charge| **charge > CHARGE_MS) {
                let what = format!("{session} is charged {charge} ms for one restart");
                return Err(Broken::anywhere(what));
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
    use crate::event::{Shown, Stop};
    use crate::fault::{Fault, Hosts};
    use crate::invariants::stage::{ADMIN, KIOSK, Stage};

    #[test]
    fn a_register_that_says_what_ran_counts_once() {
        let mut stage = Stage::with(DoubleCount::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.runs(KIOSK, session, 30_000);
        stage.reads(KIOSK, session, 30_000, 0);
        stage.spread();
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 1));
    }

    #[test]
    fn a_pause_that_is_counted_as_use_is_seen() {
        let mut stage = Stage::with(DoubleCount::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.runs(KIOSK, session, 30_000);
        stage.shows(KIOSK, Shown::Paused { session });
        stage.pass(20_000);
        stage.runs(KIOSK, session, 10_000);
        stage.reads(KIOSK, session, 60_000, 5_000);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    /// It goes on with what its disk noted last, and cannot know when that ended.
    #[test]
    fn an_end_that_a_failing_disk_did_not_note_is_counted_to_the_restart() {
        for fails in [true, false] {
            let mut stage = Stage::with(DoubleCount::default());
            let session = stage.opened(ADMIN, KIOSK, 600);
            stage.runs(KIOSK, session, 20_000);
            if fails {
                stage.begin(Fault::DiskFails { hosts: Hosts(String::from("poste-1")) }, &[KIOSK]);
            }
            stage.shows(KIOSK, Shown::Locked);
            stage.stop(KIOSK, Stop::Killed);
            stage.pass(30_000);
            stage.start(KIOSK, false);
            stage.reads(KIOSK, session, 50_000, 0);
            stage.spread();
            stage.heal();
            assert_eq!(stage.broken(), (!fails).then_some(Some(KIOSK)));
        }
    }

    #[test]
    fn a_session_that_nobody_saw_running_has_used_nothing() {
        let mut stage = Stage::with(DoubleCount::default());
        let session = stage.opened(ADMIN, KIOSK, 600);
        stage.reads(KIOSK, session, 4_000, 0);
        stage.spread();
        stage.heal();
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }
}
