//! Whatever ran at a time is over a while later, on every kiosk that shows anything.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::SessionId;

use super::Told;
use crate::checker::{Broken, Held, Invariant, Scene};
use crate::event::{Event, HostId, Shown};
use crate::scenario::Words;

/// What has just begun is known nowhere else yet: nobody can have meant it.
const KNOWN_MS: u64 = 5_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Over {
    told: Told,
    at_ms: u64,
    within_ms: u64,
    /// What each kiosk shows as open, and since when.
    open: BTreeMap<HostId, (SessionId, u64)>,
    /// What ran at that time; `None`: it has not come.
    ran: Option<BTreeSet<SessionId>>,
    last_ms: u64,
}

impl Over {
    pub(super) fn new(told: Told, at_s: u64, within_s: u64) -> Self {
        let [at_ms, within_ms] = [at_s, within_s].map(|seconds| seconds.saturating_mul(1_000));
        Over { told, at_ms, within_ms, open: BTreeMap::new(), ran: None, last_ms: 0 }
    }

    fn at_its_time(&mut self) {
        if self.ran.is_none() {
            let known = self.open.values().filter(|(_, since)| since + KNOWN_MS <= self.at_ms);
            self.ran = Some(known.map(|(session, _)| *session).collect());
        }
    }

    /// Whether all of it has to be over by now.
    fn is_late(&self) -> bool {
        self.last_ms > self.at_ms.saturating_add(self.within_ms)
    }

    /// A kiosk that goes on with one of them.
    fn goes_on(&self) -> Held {
        let Some(ran) = self.ran.as_ref().filter(|_| self.is_late()) else {
            return Ok(());
        };
        let found = self.open.iter().find(|(_, (session, _))| ran.contains(session));
        found.map_or(Ok(()), |(host, (session, _))| {
            let seconds = (self.last_ms - self.at_ms) / 1_000;
            Err(Broken::on(*host, format!("session {session} goes on {seconds} s later")))
        })
    }
}

impl Invariant for Over {
    fn number(&self) -> u8 {
        self.told.number
    }

    fn name(&self) -> &'static str {
        "over"
    }

    fn protects(&self) -> Words {
        self.told.words.clone()
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "no other event shows what runs")]
    fn see(&mut self, event: &Event, scene: Scene<'_>) -> Held {
        let now = scene.told_ms();
        if now >= self.at_ms {
            self.at_its_time();
        }
        self.last_ms = now;
        match event {
            Event::Shows { host, shown, .. } => {
                let (Shown::Running { session, .. } | Shown::Paused { session }) = shown else {
                    self.open.remove(host);
                    return Ok(());
                };
                let seen = self.open.entry(*host).or_insert((*session, now));
                if seen.0 != *session {
                    *seen = (*session, now);
                }
                self.goes_on()
            }
            Event::Stopped { host, .. } => {
                self.open.remove(host);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn healed(&mut self, scene: Scene<'_>) -> Held {
        self.last_ms = scene.told_ms();
        self.goes_on()
    }

    fn judged(&self) -> u64 {
        if !self.is_late() {
            return 0;
        }
        let ran = self.ran.as_ref().map_or(0, BTreeSet::len);
        u64::try_from(ran).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use domain::fact::Cause;

    use super::*;
    use crate::event::Stop;
    use crate::invariants::stage::{ADMIN, KIOSK, OTHER_KIOSK, Stage};

    /// At 20 s, within 10: the stage begins at one.
    fn stage() -> Stage<Over> {
        let told = Told { number: 1, words: Words::same("") };
        Stage::with(Over::new(told, 20, 10))
    }

    fn shows(stage: &mut Stage<Over>, host: HostId, shown: Shown) {
        stage.see(Event::Shows { host, shown, alone: false });
    }

    #[test]
    fn what_ends_in_time_keeps_the_promise_and_what_runs_on_breaks_it() {
        for ends in [true, false] {
            let mut stage = stage();
            let (_, issued) = stage.issue(ADMIN, 600);
            let session = issued.session;
            shows(&mut stage, KIOSK, Shown::Running { session, remaining_ms: 600_000 });
            stage.pass(25_000);
            let shown = if ends {
                Shown::Ended { session, cause: Cause::Staff }
            } else {
                Shown::Running { session, remaining_ms: 575_000 }
            };
            shows(&mut stage, KIOSK, shown);
            assert_eq!((stage.broken(), stage.judged()), (None, 0));
            stage.pass(60_000);
            stage.heal();
            assert_eq!((stage.broken(), stage.judged()), ((!ends).then_some(Some(KIOSK)), 1));
        }
    }

    #[test]
    fn what_comes_back_later_breaks_it() {
        let mut stage = stage();
        let (_, issued) = stage.issue(ADMIN, 600);
        let session = issued.session;
        shows(&mut stage, KIOSK, Shown::Paused { session });
        stage.pass(20_000);
        stage.stop(KIOSK, Stop::PowerLost);
        stage.pass(60_000);
        assert_eq!(stage.broken(), None);
        shows(&mut stage, OTHER_KIOSK, Shown::Running { session, remaining_ms: 1 });
        assert_eq!(stage.broken(), Some(Some(OTHER_KIOSK)));
    }

    #[test]
    fn what_begins_afterwards_or_just_before_is_another_matter() {
        let mut stage = stage();
        for (host, wait_ms) in [(KIOSK, 16_000), (OTHER_KIOSK, 8_000)] {
            stage.pass(wait_ms);
            let (_, issued) = stage.issue(ADMIN, 600);
            let shown = Shown::Running { session: issued.session, remaining_ms: 600_000 };
            shows(&mut stage, host, shown);
        }
        stage.pass(60_000);
        stage.heal();
        assert_eq!((stage.broken(), stage.judged()), (None, 0));
    }
}
