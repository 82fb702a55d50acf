//! What kiosks' pages show, as whoever sits there sees it.

use domain::screen::Face;

use super::agenda::Due;
use super::machine::Process;
use super::world::World;
use crate::event::{Event, HostId, Shown};

/// A page is looked at so often, whatever happens.
const SECOND_MS: u64 = 1_000;

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

    /// Looks at a page; says so if it shows something else than before, or `anyway`.
    pub(super) fn look(&mut self, host: HostId, anyway: bool) {
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let Some(now) = process.page() else {
            return;
        };
        let before = process.shown.replace(now);
        let changed = before.is_none_or(|before| !is_same_picture(before, now));
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
            (_, _, Face::Locked | Face::OutOfService) => Shown::Locked,
        };
        Some((shown, view.alone))
    }

    /// Whether its page says that it takes nobody.
    pub(super) fn takes_nobody(&self) -> bool {
        let view = self.replica.view(self.clock.moment());
        view.is_some_and(|view| view.screen.face == Face::OutOfService)
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
