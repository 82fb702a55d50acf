//! Operators: they act on what their console shows, on whichever admin host they sit at.

use actors::replica::Input;
use domain::command::Command;
use domain::id::SessionId;
use domain::session::State;
use domain::settings::{IsolationPolicy, Settings};
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::agenda::Due;
use super::founding::{ROOM, kiosk_of};
use super::people::Errand;
use super::world::World;
use crate::event::HostId;

/// The keeper looks so often.
const LOOKS_EVERY_MS: u64 = 60_000;
/// Minutes from one checkpoint to the next, where the scenario does not say.
const CHECKPOINT_EVERY_MIN: u16 = 7;
/// Rows that it has erased in one look.
const MOST_ERASED: usize = 20;

/// What a console shows of sessions.
#[derive(Default)]
struct Seen {
    open: Vec<SessionId>,
    paused: Vec<SessionId>,
    issued: Vec<SessionId>,
}

impl World {
    fn seen_at(&mut self, desk: HostId) -> Seen {
        let mut seen = Seen::default();
        let Some(process) = self.stage.running(desk) else {
            return seen;
        };
        for (id, session) in process.replica.site().sessions() {
            match session.state() {
                Some(State::Open { .. }) => seen.open.push(*id),
                Some(State::Paused { .. }) => seen.paused.push(*id),
                Some(State::Issued) => seen.issued.push(*id),
                Some(State::Closed { .. } | State::Withdrawn) | None => {}
            }
        }
        seen
    }

    /// Sessions that run, as a desk sees them.
    pub(super) fn open_at(&mut self, desk: HostId) -> Vec<SessionId> {
        self.seen_at(desk).open
    }

    /// An operator does one thing.
    pub(super) fn operate(&mut self) {
        let Some(desk) = self.any_desk() else {
            return;
        };
        let seen = self.seen_at(desk);
        let open = seen.open.choose(&mut self.rng).copied();
        let paused = seen.paused.choose(&mut self.rng).copied();
        let issued = seen.issued.choose(&mut self.rng).copied();
        let kiosks: Vec<HostId> = self.scenario.site.kiosk_hosts().collect();
        let kiosk = kiosks.choose(&mut self.rng).copied().map(kiosk_of);
        let chance = self.rng.random_range(0..100);
        let command = match chance {
            0..30 => {
                let minutes = self.rng.random_range(-10..=30);
                let seconds = if minutes == 0 { 90 } else { minutes * 60 };
                open.or(paused).or(issued).map(|session| Command::Extend { session, seconds })
            }
            30..42 => open.map(|session| Command::Pause { session }),
            42..56 => paused.map(|session| Command::Resume { session }),
            56..70 => {
                let keep_rest = self.rng.random_bool(0.5);
                let session = open.or(paused);
                session.map(|session| Command::Close { session, keep_rest, note: None })
            }
            70..74 => issued.or(open).map(|session| Command::Withdraw { session }),
            74..82 => {
                if let Some(kiosk) = kiosk {
                    self.write_to(desk, kiosk, "Fermeture dans dix minutes");
                }
                None
            }
            82..86 => {
                let row = self.people.messages.choose(&mut self.rng).copied();
                if let Some(row) = row {
                    self.order(desk, Command::EraseRow { row }, Errand::Erase { row });
                }
                None
            }
            86..90 => {
                let in_service = self.rng.random_bool(0.7);
                kiosk.map(|kiosk| Command::DescribeKiosk { kiosk, in_service, note: None })
            }
            90..92 => {
                let number = self.rng.random_range(1..100);
                let name = format!("Poste {number}");
                kiosk.map(|kiosk| Command::NameKiosk { kiosk, name, room: ROOM })
            }
            92..94 => Some(Command::ChangeSettings { settings: self.draw_settings() }),
            _ => {
                self.repeat(desk);
                None
            }
        };
        if let Some(command) = command {
            self.order(desk, command, Errand::Plain);
        }
    }

    /// Nothing seemed to happen, so an operator presses again, perhaps at another desk.
    fn repeat(&mut self, desk: HostId) {
        if let Some(asked) = self.people.given.choose(&mut self.rng).cloned() {
            self.judge.sometimes("request repeated");
            self.order_again(desk, asked, Errand::Plain);
        }
    }

    fn draw_settings(&mut self) -> Settings {
        let policies =
            [IsolationPolicy::AcceptKnown, IsolationPolicy::Finish, IsolationPolicy::Lock];
        let isolation = policies.choose(&mut self.rng).copied();
        Settings {
            isolation: isolation.unwrap_or(IsolationPolicy::AcceptKnown),
            allowance_s: self.rng.random_range(1..=20) * 60,
            grace_s: self.rng.random_range(0..=60),
            ..Settings::default()
        }
    }

    /// Texts that have ended are erased by a fact, on the admin node of the lowest name that is
    /// linked.
    pub(super) fn keep(&mut self, host: HostId, number: u64) {
        if self.stage.host(host).and_then(|home| home.process_number()) != Some(number) {
            return;
        }
        self.later(LOOKS_EVERY_MS, Due::Keep { host, process: number });
        let Some(process) = self.stage.process(host, number) else {
            return;
        };
        let replica = &process.replica;
        let now = replica.moment(process.clock.moment());
        let me = replica.me().node();
        let admin = domain::authority::NodeKind::Admin;
        let first =
            replica.links().filter(|(_, kind, _)| *kind == admin).all(|(node, _, _)| me < *node);
        let vault = replica.vault().filter(|vault| first && !vault.is_shut());
        let ended = vault.and_then(|vault| vault.ended_notes(now, MOST_ERASED).ok());
        for row in ended.unwrap_or_default() {
            self.order(host, Command::EraseRow { row }, Errand::Erase { row });
        }
        self.take_stock(host);
    }

    /// Checkpoints are due once a day, or a thousand sessions; an hour must see some, made by several
    /// admin nodes at once too.
    fn take_stock(&mut self, host: HostId) {
        let every_min = self.scenario.site.checkpoint_every_min.unwrap_or(CHECKPOINT_EVERY_MIN);
        let Some(process) = self.stage.running(host) else {
            return;
        };
        let minutes = process.clock.moment().boot_ms / LOOKS_EVERY_MS;
        if minutes.is_multiple_of(every_min.into()) {
            self.input(host, Input::Checkpoint);
        }
    }
}
