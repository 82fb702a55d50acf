//! What kiosks' pages show, as whoever sits there sees it.

use domain::screen::Face;

use super::agenda::Due;
use super::machine::Process;
use super::world::World;
use crate::event::{Event, HostId, Shown};

/// A page is looked at so often, whatever happens.
const SECOND_MS: u64 = 1_000;
/// Looks in a row that may find what the node has not told yet: it wakes late for what only time changes.
const LOOKS_UNTOLD: u32 = 2;

impl World {
    /// A second has passed.
    pub(super) fn second(&mut self, host: HostId, number: u64) {
        let now = self.now();
        let Some(process) = self.stage.process(host, number) else {
            return;
        };
        if now >= process.next_second {
            process.next_second = now + SECOND_MS;
            self.later(SECOND_MS, Due::Second { host, process: number });
            self.look(host, true);
        }
    }

    /// Looks at a page; says so if it shows something else than before, or `anyway`. A node itself must
    /// say when its page has changed: what only looking on shows for a while is a stale page.
    pub(super) fn look(&mut self, host: HostId, anyway: bool) {
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let Some(now) = process.page() else {
            return;
        };
        let before = process.shown.replace(now);
        let changed = before.is_none_or(|before| !is_same_picture(before, now));
        if let Some(shown) = process.left_showing(now, anyway) {
            self.tell(Event::PageStale { host, shown });
        }
        if anyway || changed {
            let (shown, alone) = now;
            self.tell(Event::Shows { host, shown, alone });
        }
    }
}

impl Process {
    /// What the page shows, and whether the kiosk takes itself for alone.
    fn page(&mut self) -> Option<(Shown, bool)> {
        let view = self.replica.view(self.clock.moment())?;
        if let Some(runs) = self.replica.running() {
            self.last_session = Some(runs);
        }
        let shown = match (view.ended, self.last_session, view.screen.face) {
            (Some((cause, _)), Some(session), _) => Shown::Ended { session, cause },
            (_, _, Face::Running { session, remaining_ms, .. }) => {
                Shown::Running { session, remaining_ms }
            }
            (_, _, Face::Paused { session, .. }) => Shown::Paused { session },
            (_, _, Face::Locked) => Shown::Locked,
            (_, _, Face::OutOfService) => Shown::OutOfService,
        };
        Some((shown, view.alone))
    }

    /// What the page goes on showing, when it is not told of a change.
    fn left_showing(&mut self, now: (Shown, bool), by_chance: bool) -> Option<Shown> {
        match self.told {
            Some(told) if by_chance && !is_same_picture(told, now) => {
                self.looks_untold += 1;
                (self.looks_untold > LOOKS_UNTOLD).then_some(told.0)
            }
            Some(_) if by_chance => {
                self.looks_untold = 0;
                None
            }
            Some(_) | None => {
                (self.told, self.looks_untold) = (Some(now), 0);
                None
            }
        }
    }
}

/// Whether two pictures differ by no more than a countdown.
fn is_same_picture((one, one_alone): (Shown, bool), (other, other_alone): (Shown, bool)) -> bool {
    let same = match (one, other) {
        (Shown::Running { session: one, .. }, Shown::Running { session: other, .. }) => {
            one == other
        }
        (one, other) => one == other,
    };
    same && one_alone == other_alone
}
