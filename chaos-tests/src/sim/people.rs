//! People: what they ask for, and what they hear.
//!
//! They act on what they see, a page or a console, and never on what only the simulator knows.

use actors::replica::{AskId, Done, Failure, Input};
use domain::command::{Asked, Command, Terms};
use domain::decide::Author as OnBehalf;
use domain::fact::Place;
use domain::id::{CodeKey, KioskId, RequestId, RowId, SessionId};
use domain::refusal::Refusal;
use ed25519_dalek::SigningKey;
use rand::RngExt;
use rand::seq::IndexedRandom;

use super::agenda::Due;
use super::founding::{STAFF, key};
use super::machine::Asking;
use super::patrons::Patron;
use super::world::World;
use crate::event::{Denied, Event, HostId};

/// Nobody waits longer for an answer.
const PATIENCE_MS: u64 = 10_000;
/// Codes open for so long.
const VALIDITY_MS: i64 = 24 * 3_600_000;

/// What somebody is about who asked for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Gets a code at the desk.
    Code { patron: usize },
    /// Types one.
    Type { patron: Option<usize>, session: SessionId },
    /// Has a row erased.
    Erase { row: RowId },
    /// Anything of which nobody waits for the answer.
    Plain,
}

/// A code that was given out.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) session: SessionId,
    pub(super) key: SigningKey,
}

/// Everybody, and what they remember.
#[derive(Default)]
pub(super) struct People {
    pub(super) patrons: Vec<Patron>,
    /// Codes of the scenario's own occasions.
    pub(super) codes: Vec<(usize, Code)>,
    /// Messages that were sent to kiosks.
    pub(super) messages: Vec<RowId>,
    /// The last commands given: an impatient operator gives one again elsewhere.
    pub(super) given: Vec<Asked>,
    /// Nobody comes any more.
    pub(super) gone_home: bool,
    asks: u64,
}

impl World {
    /// A code that nobody has yet.
    pub(super) fn draw_code(&mut self) -> Code {
        Code { session: SessionId(self.rng.random()), key: key(&mut self.rng) }
    }

    /// Terms of a code for so many minutes.
    pub(super) fn terms(&self, minutes: u16) -> Terms {
        let now_ms = self.time.wall_ms();
        Terms {
            derivation: 1,
            seconds: u32::from(minutes) * 60,
            from_ms: now_ms - VALIDITY_MS,
            until_ms: now_ms + VALIDITY_MS,
            place: Place::Anywhere,
        }
    }

    /// The command that issues a code.
    pub(super) fn issue(&self, code: &Code, minutes: u16) -> Command {
        Command::IssueCode {
            session: code.session,
            key: CodeKey(code.key.verifying_key().to_bytes()),
            terms: self.terms(minutes),
            label: None,
        }
    }

    /// Admin hosts, in order.
    pub(super) fn admin_hosts(&self) -> Vec<HostId> {
        self.scenario.site.admin_hosts().collect()
    }

    /// A desk at which the console answers.
    pub(super) fn any_desk(&mut self) -> Option<HostId> {
        let desks: Vec<HostId> = self
            .admin_hosts()
            .into_iter()
            .filter(|host| self.stage.host(*host).is_some_and(|home| home.runs() && !home.hostile))
            .collect();
        desks.choose(&mut self.rng).copied()
    }

    pub(super) fn draw_request(&mut self) -> RequestId {
        RequestId(self.rng.random())
    }

    /// An operator gives a command on a host.
    pub(super) fn order(&mut self, host: HostId, command: Command, errand: Errand) {
        let request = self.draw_request();
        self.order_again(host, Asked { request, command }, errand);
    }

    /// An operator gives a command under a request that was perhaps made before.
    pub(super) fn order_again(&mut self, host: HostId, asked: Asked, errand: Errand) {
        let request = asked.request;
        let Some(ask) = self.ask(host, request, &asked.command, true, errand) else {
            return;
        };
        if self.people.given.len() >= 8 {
            self.people.given.remove(0);
        }
        self.people.given.push(asked.clone());
        let by = OnBehalf::Operator(STAFF);
        self.input(host, Input::Ask { ask, by, asked });
    }

    /// An operator writes to a kiosk.
    pub(super) fn write_to(&mut self, host: HostId, kiosk: KioskId, text: &str) {
        let request = self.draw_request();
        let message = RowId(request.0);
        let command = Command::SendMessage { message, kiosk };
        let Some(ask) = self.ask(host, request, &command, true, Errand::Plain) else {
            return;
        };
        self.people.messages.push(message);
        let asked = Asked { request, command };
        self.turn(host, |replica, now| replica.say(ask, STAFF, asked, text, now));
    }

    /// The patron of a kiosk presses something on its page.
    pub(super) fn press(&mut self, host: HostId, command: Command) {
        let Some(me) = self.stage.running(host).map(|process| process.replica.me().clone()) else {
            return;
        };
        let Some(kiosk) = me.kiosk else {
            return;
        };
        let request = self.draw_request();
        if let Some(ask) = self.ask(host, request, &command, false, Errand::Plain) {
            let by = OnBehalf::Kiosk { kiosk, node: me.node() };
            self.input(host, Input::Ask { ask, by, asked: Asked { request, command } });
        }
    }

    /// Somebody types a code on a kiosk.
    pub(super) fn type_code(&mut self, host: HostId, code: &Code, patron: Option<usize>) {
        let errand = Errand::Type { patron, session: code.session };
        let ask = self.next_ask();
        let Some(process) = self.stage.running(host) else {
            return;
        };
        process.asking.insert(ask, Asking { request: None, errand });
        self.input(host, Input::Typed { ask, key: Some(Box::new(code.key.clone())) });
    }

    /// Somebody types what is no code of this site.
    pub(super) fn type_wrong_code(&mut self, host: HostId) {
        let wrong = key(&mut self.rng);
        let ask = self.next_ask();
        self.input(host, Input::Typed { ask, key: Some(Box::new(wrong)) });
    }

    pub(super) fn next_ask(&mut self) -> AskId {
        self.people.asks += 1;
        AskId(self.people.asks)
    }

    fn ask(
        &mut self,
        host: HostId,
        request: RequestId,
        command: &Command,
        by_staff: bool,
        errand: Errand,
    ) -> Option<AskId> {
        let ask = self.next_ask();
        let process = self.stage.running(host)?;
        process.asking.insert(ask, Asking { request: Some(request), errand });
        let role = by_staff.then_some(STAFF.role);
        self.tell(Event::Asked { host, request, command: command.clone(), role });
        self.later(PATIENCE_MS, Due::GiveUp { host, ask: ask.0 });
        Some(ask)
    }

    /// A process answers.
    pub(super) fn answered(&mut self, host: HostId, ask: AskId, outcome: Result<Done, Failure>) {
        let Some(asking) = self.stage.running(host).and_then(|p| p.asking.remove(&ask)) else {
            return;
        };
        let why = match &outcome {
            Ok(_) => None,
            Err(Failure::Refused(refusal)) => Some(Denied::Refused(refusal.clone())),
            Err(Failure::Disk) => Some(Denied::Disk),
        };
        match (asking.request, asking.errand, outcome.as_ref()) {
            (Some(request), _, Ok(done)) => {
                let (entries, session) = (done.entries.clone(), done.session);
                self.tell(Event::Accepted { host, request, entries, session });
            }
            (Some(request), _, Err(_)) => {
                let why = why.unwrap_or(Denied::NoAnswer);
                self.tell(Event::Denied { host, request, why });
            }
            (None, Errand::Type { session, .. }, _) => {
                self.tell(Event::Typed { host, session, why_not: why });
            }
            (None, _, _) => {}
        }
        match (asking.errand, outcome) {
            (Errand::Erase { row }, Ok(_)) => {
                self.people.messages.retain(|message| *message != row);
                self.tell(Event::Erased { row });
            }
            (errand, Ok(_)) => self.errand_done(host, errand),
            (errand, Err(Failure::Refused(refusal))) => self.errand_failed(host, errand, &refusal),
            (errand, Err(Failure::Disk)) => self.errand_failed(host, errand, &Refusal::NotNow),
        }
    }

    /// Nobody waits for this answer any more.
    pub(super) fn no_answer(&mut self, host: HostId, ask: u64) {
        let process = self.stage.host_mut(host).and_then(|home| home.process.as_mut());
        if let Some(asking) = process.and_then(|process| process.asking.remove(&AskId(ask))) {
            if let Some(request) = asking.request {
                self.tell(Event::Denied { host, request, why: Denied::NoAnswer });
            }
            self.errand_failed(host, asking.errand, &Refusal::NotNow);
        }
    }
}
