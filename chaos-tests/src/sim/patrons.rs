//! Patrons: they get a code, sit down, leave, come back, and press the power button.

use domain::command::Command;
use domain::id::SessionId;
use domain::refusal::Refusal;
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::agenda::Due;
use super::people::{Code, Errand};
use super::world::World;
use crate::event::{HostId, Shown, Stop};

/// Tries before somebody goes home.
const MOST_TRIES: u32 = 6;
/// Somebody who is switched off by a patron boots in so long.
const BOOT_MS: u64 = 15_000;

/// A patron.
#[derive(Debug, Clone)]
pub(super) struct Patron {
    pub(super) code: Code,
    minutes: u16,
    place: Whereabouts,
    tries: u32,
    /// Kiosks that did not take the code.
    refused_by: Vec<HostId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    /// At the desk, without a code.
    Desk,
    /// With a code, looking for a free kiosk.
    Room,
    /// In front of one.
    Seat(HostId),
    /// Waits for what somebody or something says.
    Waits,
    /// Not here any more.
    Home,
}

impl World {
    /// Somebody comes to the desk.
    pub(super) fn patron_comes(&mut self, minutes: u16) {
        self.patron_comes_in(minutes, 0);
    }

    /// Somebody will come to the desk, so much later.
    pub(super) fn patron_comes_in(&mut self, minutes: u16, wait: u64) {
        let code = self.draw_code();
        self.add_patron(code, minutes, Whereabouts::Desk, wait);
    }

    /// Somebody comes who has a code already, so much later.
    pub(super) fn patron_with(&mut self, code: Code, wait: u64) {
        self.add_patron(code, 0, Whereabouts::Room, wait);
    }

    fn add_patron(&mut self, code: Code, minutes: u16, place: Whereabouts, wait: u64) {
        let patron = self.people.patrons.len();
        self.people.patrons.push(Patron { code, minutes, place, tries: 0, refused_by: Vec::new() });
        self.later(wait, Due::Patron { patron });
    }

    fn moves(&mut self, patron: usize, place: Whereabouts, wait: std::ops::Range<u64>) {
        let wait = self.rng.random_range(wait);
        if let Some(who) = self.people.patrons.get_mut(patron) {
            who.place = place;
            self.later(wait, Due::Patron { patron });
        }
    }

    fn tries_again(&mut self, patron: usize, place: Whereabouts, wait: std::ops::Range<u64>) {
        let Some(who) = self.people.patrons.get_mut(patron) else {
            return;
        };
        who.tries += 1;
        let place = if who.tries < MOST_TRIES { place } else { Whereabouts::Home };
        self.moves(patron, place, wait);
    }

    /// A patron does the next thing.
    pub(super) fn patron(&mut self, patron: usize) {
        let Some(who) = self.people.patrons.get(patron).cloned() else {
            return;
        };
        if self.people.gone_home {
            return;
        }
        match who.place {
            Whereabouts::Desk => match self.any_desk() {
                Some(desk) => {
                    let command = self.issue(&who.code, who.minutes);
                    if let Some(who) = self.people.patrons.get_mut(patron) {
                        who.place = Whereabouts::Waits;
                    }
                    self.order(desk, command, Errand::Code { patron });
                }
                None => self.tries_again(patron, Whereabouts::Desk, 20_000..60_000),
            },
            Whereabouts::Room => match self.free_kiosk(&who.refused_by) {
                Some(kiosk) => {
                    if let Some(who) = self.people.patrons.get_mut(patron) {
                        who.place = Whereabouts::Waits;
                    }
                    self.type_code(kiosk, &who.code, Some(patron));
                }
                None => {
                    // What refused the code then may open by now.
                    if let Some(who) = self.people.patrons.get_mut(patron) {
                        who.refused_by.clear();
                    }
                    self.tries_again(patron, Whereabouts::Room, 10_000..40_000);
                }
            },
            Whereabouts::Seat(host) => self.sits(patron, host, who.code.session),
            Whereabouts::Waits | Whereabouts::Home => {}
        }
    }

    /// A kiosk that shows that it waits for a code. Most people walk on from one that refused theirs,
    /// and from one that says that it takes nobody; some read nothing.
    fn free_kiosk(&mut self, refused_by: &[HostId]) -> Option<HostId> {
        let reads = self.rng.random_bool(0.9);
        let free: Vec<HostId> = self
            .stage
            .hosts
            .iter()
            .filter(|home| !(reads && refused_by.contains(&home.id)))
            .filter(|home| home.runs())
            .filter(|home| match home.process.as_ref().and_then(|process| process.shown) {
                Some((Shown::Locked, _)) => true,
                Some((Shown::OutOfService, _)) => !reads,
                Some(_) | None => false,
            })
            .map(|home| home.id)
            .collect();
        free.choose(&mut self.rng).copied()
    }

    fn sits(&mut self, patron: usize, host: HostId, session: SessionId) {
        let process = self.stage.running(host);
        let shown = process.and_then(|process| process.shown).map(|(shown, _)| shown);
        let is_mine = match shown {
            Some(Shown::Running { session: runs, .. } | Shown::Paused { session: runs }) => {
                runs == session
            }
            Some(Shown::Locked | Shown::OutOfService | Shown::Ended { .. }) | None => false,
        };
        if !is_mine {
            // It ended, or the machine is dark: perhaps the code still opens something elsewhere.
            let again = self.rng.random_bool(0.6);
            let place = if again { Whereabouts::Room } else { Whereabouts::Home };
            self.tries_again(patron, place, 2_000..30_000);
            return;
        }
        match self.rng.random_range(0..100) {
            0..12 => {
                self.press(host, Command::Leave { session });
                self.moves(patron, Whereabouts::Home, 1..2);
            }
            12..20 => {
                self.press(host, Command::Leave { session });
                self.tries_again(patron, Whereabouts::Room, 3_000..30_000);
            }
            20..24 => {
                self.judge.sometimes("patron pressed the power button");
                self.stop(host, Stop::PowerLost);
                self.start_in(host, BOOT_MS);
                self.tries_again(patron, Whereabouts::Room, 4_000..40_000);
            }
            24..27 => {
                self.judge.sometimes("patron left a session running and sat down elsewhere");
                self.tries_again(patron, Whereabouts::Room, 1_000..5_000);
            }
            27..40 => {
                let seconds = self.rng.random_range(1..=15) * 60;
                if let Some(desk) = self.any_desk() {
                    self.order(desk, Command::Extend { session, seconds }, Errand::Plain);
                }
                self.moves(patron, Whereabouts::Seat(host), 20_000..120_000);
            }
            40..45 => {
                self.acknowledge(host);
                self.moves(patron, Whereabouts::Seat(host), 10_000..60_000);
            }
            _ => self.moves(patron, Whereabouts::Seat(host), 20_000..180_000),
        }
    }

    /// Whoever sits there reads a message, if there is one.
    fn acknowledge(&mut self, host: HostId) {
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let view = process.replica.view(process.clock.moment());
        if let Some((message, _)) = view.and_then(|view| view.texts.into_iter().next()) {
            self.judge.sometimes("message read");
            self.press(host, Command::AcknowledgeMessage { message });
        }
    }

    /// What somebody was about is done.
    pub(super) fn errand_done(&mut self, host: HostId, errand: Errand) {
        match errand {
            Errand::Code { patron } => self.moves(patron, Whereabouts::Room, 3_000..60_000),
            Errand::Type { patron: Some(patron), .. } => {
                self.moves(patron, Whereabouts::Seat(host), 10_000..120_000);
            }
            Errand::Type { patron: None, .. } | Errand::Erase { .. } | Errand::Plain => {}
        }
    }

    /// Or it is not.
    pub(super) fn errand_failed(&mut self, host: HostId, errand: Errand, why: &Refusal) {
        match errand {
            Errand::Code { patron } => {
                self.tries_again(patron, Whereabouts::Desk, 5_000..40_000);
            }
            Errand::Type { patron: Some(patron), .. } => {
                let over = matches!(
                    why,
                    Refusal::UsedUp | Refusal::SessionClosed | Refusal::CodeWithdrawn
                );
                let place = if over { Whereabouts::Home } else { Whereabouts::Room };
                if let Some(who) = self.people.patrons.get_mut(patron) {
                    who.refused_by.push(host);
                }
                self.tries_again(patron, place, 3_000..30_000);
            }
            Errand::Type { patron: None, .. } | Errand::Erase { .. } | Errand::Plain => {}
        }
    }

    /// Closing time for the simulator: whoever sits somewhere leaves.
    pub(super) fn everybody_leaves(&mut self) {
        self.people.gone_home = true;
        let running: Vec<(HostId, SessionId)> = self
            .stage
            .hosts
            .iter()
            .filter_map(|home| Some((home.id, home.process.as_ref()?.replica.running()?)))
            .collect();
        for (host, session) in running {
            self.press(host, Command::Leave { session });
        }
    }
}
