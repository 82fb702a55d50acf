//! Whoever starts soon holds all that others held then: it serves like the rest.

use std::collections::BTreeMap;

use domain::id::{EntryId, EpochId};

use super::{Told, Window};
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId};
use crate::scenario::Words;

/// Nodes are looked at this often, in milliseconds: each look compares every log.
const LOOK_MS: u64 = 250;

/// Somebody who has started.
#[derive(Debug)]
struct Newcomer {
    started_ms: u64,
    /// The last entry of each log that any other held.
    wants: Vec<EntryId>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ready {
    told: Told,
    window: Window,
    within_ms: u64,
    least: u32,
    coming: BTreeMap<HostId, Newcomer>,
    looked_ms: u64,
    came: u64,
    slowest_ms: Option<u64>,
}

impl Ready {
    pub(super) fn new(told: Told, window: Window, within_s: u64, least: u32) -> Self {
        Ready {
            told,
            window,
            within_ms: within_s.saturating_mul(1_000),
            least,
            coming: BTreeMap::new(),
            looked_ms: 0,
            came: 0,
            slowest_ms: None,
        }
    }

    fn started(&mut self, host: HostId, scene: Scene<'_>) {
        let mut wants = BTreeMap::new();
        for (_, node) in scene.book.honest(scene.cluster).filter(|(other, _)| *other != host) {
            for epoch in node.epochs() {
                let height = node.reach(&epoch).map_or(0, |(_, height)| height);
                let most: &mut u64 = wants.entry(epoch).or_default();
                *most = height.max(*most);
            }
        }
        let last = |(epoch, height): (EpochId, u64)| {
            height.checked_sub(1).map(|seq| EntryId { epoch, seq })
        };
        let wants: Vec<EntryId> = wants.into_iter().filter_map(last).collect();
        // With nobody else there, there is nothing to learn.
        if !wants.is_empty() {
            self.coming.insert(host, Newcomer { started_ms: scene.told_ms(), wants });
        }
    }

    fn look(&mut self, scene: Scene<'_>) -> Held {
        let now = scene.told_ms();
        let knows = |host: &HostId, newcomer: &Newcomer| {
            scene.cluster.node(*host).is_some_and(|node| {
                let holds = |entry: &EntryId| node.holds(entry);
                newcomer.wants.iter().all(holds)
            })
        };
        let mut late = None;
        for (host, newcomer) in self.coming.extract_if(.., |host, newcomer| {
            knows(host, newcomer) || now > newcomer.started_ms.saturating_add(self.within_ms)
        }) {
            let took_ms = now - newcomer.started_ms;
            self.came += 1;
            self.slowest_ms = self.slowest_ms.max(Some(took_ms));
            if took_ms > self.within_ms {
                late = Some((host, took_ms));
            }
        }
        late.map_or(Ok(()), |(host, took_ms)| {
            let lacks = "lacks what others held when it started";
            Err(Broken::on(host, format!("{lacks}, {:.1} s later", took_ms as f64 / 1_000.0)))
        })
    }
}

impl Invariant for Ready {
    fn number(&self) -> u8 {
        self.told.number
    }

    fn name(&self) -> &'static str {
        "ready"
    }

    fn protects(&self) -> Words {
        self.told.words.clone()
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "the others are neither start nor end")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        let now = scene.told_ms();
        match event {
            Event::Started { host, .. } if self.window.has(now) => self.started(*host, scene),
            // Whoever goes again has not broken its word.
            Event::Stopped { host, .. } => {
                self.coming.remove(host);
            }
            _ => {}
        }
        if self.coming.is_empty() || now < self.looked_ms.saturating_add(LOOK_MS) {
            return Ok(());
        }
        self.looked_ms = now;
        self.look(scene)
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        self.look(scene)?;
        // Where no start is ever seen, nothing is said.
        if self.came > 0 && self.came < u64::from(self.least) {
            return Err(Broken::anywhere(format!("{} started", self.came)));
        }
        Ok(())
    }

    fn judged(&self) -> u64 {
        self.came
    }

    fn worst(&self) -> Option<(f64, &'static str)> {
        self.slowest_ms.map(|ms| (ms as f64 / 1_000.0, "s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stop;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_KIOSK, Stage};

    /// A kiosk goes, something is written, it comes back.
    fn came_back(least: u32) -> Stage<Ready> {
        let told = Told { number: 1, words: Words::same("") };
        let mut stage = Stage::with(Ready::new(told, Window::new(2, 600), 10, least));
        stage.stop(KIOSK, Stop::PowerLost);
        stage.pass(60_000);
        let (_, issued) = stage.issue(ADMIN, 600);
        stage.tell(OTHER_KIOSK, issued.entry);
        stage.start(KIOSK, true);
        stage
    }

    fn after(stage: &mut Stage<Ready>, ms: u64) {
        stage.pass(ms);
        stage.see(Event::Sometimes("a while passed"));
    }

    #[test]
    fn whoever_learns_all_in_time_is_ready() {
        let mut stage = came_back(1);
        after(&mut stage, 4_000);
        stage.spread();
        after(&mut stage, 1_000);
        after(&mut stage, 60_000);
        stage.heal();
        assert_eq!((stage.broken(), stage.judged(), stage.worst()), (None, 1, Some(5.0)));
    }

    #[test]
    fn whoever_lacks_something_is_not() {
        let mut stage = came_back(1);
        after(&mut stage, 10_000);
        assert_eq!(stage.broken(), None);
        after(&mut stage, 1_000);
        assert_eq!(stage.broken(), Some(Some(KIOSK)));
    }

    #[test]
    fn whoever_goes_again_is_not_waited_for() {
        let mut stage = came_back(1);
        after(&mut stage, 1_000);
        stage.stop(KIOSK, Stop::PowerLost);
        after(&mut stage, 60_000);
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 0));
    }

    #[test]
    fn fewer_than_promised_break_it() {
        let mut stage = came_back(2);
        stage.spread();
        after(&mut stage, 1_000);
        stage.heal();
        assert_eq!(stage.broken(), Some(None));
    }
}
