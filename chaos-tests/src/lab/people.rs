//! The people of the room: operators at consoles, patrons in front of kiosks.
//!
//! Each act blocks for as long as a node takes to answer, and so has a thread of its own. What was
//! asked and what came of it is told as events; what an accepted command wrote is looked at in the
//! node's own ledger before its acceptance is told.

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actors::code_key;
use domain::code::AccessCode;
use domain::command::{Command, Terms};
use domain::fact::{Derivation, Place};
use domain::id::{CodeKey, KioskId, RequestId, RowId, SessionId};
use domain::operator::OperatorRole;
use domain::refusal::Refusal;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

use crate::event::{Denied, Event, HostId};
use crate::scenario::MOST_USED;

use super::console::{Console, Done};
use super::news::News;
use super::page::Page;
use super::plan::Deed;
use super::sight::{Care, Observer};

/// A patron types a code again that is still on its way to the kiosk.
const TYPE_AGAIN: Duration = Duration::from_millis(1_500);
/// So often: five wrong codes make everybody wait.
const TRIES: u32 = 4;
/// Kiosks at which somebody tries a code before they go home.
const KIOSKS_TRIED: usize = 3;
/// How long a code opens: the console's proposal.
const VALIDITY_MS: i64 = 12 * 3_600_000;

/// The place in front of a kiosk.
#[derive(Debug, Clone, Default)]
pub(super) struct Seat {
    /// The session whose code was typed here last, and opened or may have.
    pub(super) session: Option<SessionId>,
    /// Its code.
    code: Option<String>,
    /// The screen takes codes.
    pub(super) free: bool,
    /// The screen shows a session.
    pub(super) taken: bool,
    /// Somebody is about to sit down.
    reserved: bool,
    /// A code was typed, and no answer has come yet.
    pub(super) typing: bool,
}

/// Everybody, and where they sit.
pub(super) struct People {
    pub(super) consoles: BTreeMap<HostId, Console>,
    pub(super) pages: BTreeMap<HostId, Page>,
    pub(super) observers: BTreeMap<HostId, Arc<Observer>>,
    pub(super) kiosks: BTreeMap<HostId, KioskId>,
    pub(super) derivation: Derivation,
    pub(super) seats: Mutex<BTreeMap<HostId, Seat>>,
    /// Codes that nobody has typed yet.
    pub(super) unused: Mutex<Vec<SessionId>>,
    /// Codes that several people have, by the load that they are for.
    pub(super) shared: Mutex<BTreeMap<usize, (SessionId, String)>>,
    /// Printed codes with which nobody has come yet.
    pub(super) printed: Mutex<Vec<(SessionId, String)>>,
    pub(super) news: SyncSender<News>,
}

impl People {
    pub(super) fn seats(&self) -> MutexGuard<'_, BTreeMap<HostId, Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: Event) {
        // Nobody listens any more: the run has ended.
        self.news.send(News::Event(event)).ok();
    }

    fn any_console(&self, draw: &mut StdRng) -> Option<HostId> {
        let consoles: Vec<HostId> = self.consoles.keys().copied().collect();
        consoles.choose(draw).copied()
    }

    /// Gives a command at one console, and tells what came of it.
    fn give(
        &self,
        host: HostId,
        request: RequestId,
        command: Command,
        act: impl FnOnce(&Console) -> Result<Done, Denied>,
    ) -> Option<Done> {
        let console = self.consoles.get(&host)?;
        let session = session_of(&command);
        let role = Some(OperatorRole::Admin);
        self.tell(Event::Asked { host, request, command, role });
        self.answered(host, request, session, act(console))
    }

    fn answered(
        &self,
        host: HostId,
        request: RequestId,
        session: Option<SessionId>,
        outcome: Result<Done, Denied>,
    ) -> Option<Done> {
        match outcome {
            Ok(done) => {
                self.look_at(host);
                let entries = done.entries.clone();
                self.tell(Event::Accepted { host, request, entries, session });
                Some(done)
            }
            Err(why) => {
                self.tell(Event::Denied { host, request, why });
                None
            }
        }
    }

    /// Shows the harness what the host holds now.
    fn look_at(&self, host: HostId) {
        if let Some(observer) = self.observers.get(&host)
            && let Some(sight) = observer.look(Care::Fresh)
        {
            self.news.send(News::Sight(host, Some(Arc::new(sight)))).ok();
        }
    }

    /// Has codes issued at one console. What was asked is told when the answer is there: only the
    /// node draws sessions and keys.
    fn issue(
        &self,
        host: HostId,
        count: u16,
        seconds: u32,
        draw: &mut StdRng,
    ) -> Vec<(SessionId, String)> {
        let Some(console) = self.consoles.get(&host) else {
            return Vec::new();
        };
        let request = RequestId(draw.random());
        let outcome = match count {
            1 => console.issue(request, seconds),
            count => console.batch(request, count, seconds),
        };
        let codes = outcome.as_ref().map(|done| done.codes.clone()).unwrap_or_default();
        let command = self.issuing(&codes, seconds);
        let role = Some(OperatorRole::Admin);
        self.tell(Event::Asked { host, request, command, role });
        let session = match codes.as_slice() {
            [(session, _)] => Some(*session),
            _ => None,
        };
        self.answered(host, request, session, outcome);
        codes
    }

    fn issuing(&self, codes: &[(SessionId, String)], seconds: u32) -> Command {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let from_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let terms = Terms {
            derivation: self.derivation.version,
            seconds,
            from_ms,
            until_ms: from_ms + VALIDITY_MS,
            place: Place::Anywhere,
        };
        let codes: Vec<(SessionId, CodeKey)> =
            codes.iter().filter_map(|(session, code)| Some((*session, self.key(code)?))).collect();
        match codes.as_slice() {
            [(session, key)] => {
                Command::IssueCode { session: *session, key: *key, terms, label: None }
            }
            _ => Command::IssueCodes { codes, terms },
        }
    }

    fn key(&self, code: &str) -> Option<CodeKey> {
        let code = AccessCode::parse(code).ok()?;
        code_key::key_pair(&self.derivation, &code).ok().map(|pair| code_key::public(&pair))
    }

    /// A patron comes to the desk and takes a free kiosk; says which.
    pub(super) fn come(&self, seconds: u32, draw: &mut StdRng) -> Option<HostId> {
        let desk = self.any_console(draw)?;
        let (session, code) = self.issue(desk, 1, seconds, draw).pop()?;
        let Some(seat) = self.reserve(&[], draw) else {
            self.unused.lock().unwrap_or_else(PoisonError::into_inner).push(session);
            return None;
        };
        self.sit_somewhere(seat, session, &code, draw)
    }

    /// The patron of a kiosk uses it up, or leaves before.
    pub(super) fn stay(&self, host: HostId, seconds: u32, draw: &mut StdRng) {
        if draw.random() {
            let stays_ms = draw.random_range(2_000..=u64::from(seconds) * 1_000);
            self.news.send(News::Later(stays_ms, Deed::Leave { host })).ok();
        }
    }

    fn reserve(&self, refused_by: &[HostId], draw: &mut StdRng) -> Option<HostId> {
        let mut seats = self.seats();
        let free = seats.iter().filter(|(_, seat)| seat.free && !seat.taken && !seat.reserved);
        let free = free.filter(|(host, _)| !refused_by.contains(host));
        let free: Vec<HostId> = free.map(|(host, _)| *host).collect();
        let seat = free.choose(draw).copied()?;
        seats.entry(seat).or_default().reserved = true;
        Some(seat)
    }

    /// Types a code at a reserved kiosk, and walks on from one that does not take it to others that are
    /// free; says which one opened.
    fn sit_somewhere(
        &self,
        mut seat: HostId,
        session: SessionId,
        code: &str,
        draw: &mut StdRng,
    ) -> Option<HostId> {
        let mut refused_by = Vec::new();
        while !self.sit(seat, session, code) {
            refused_by.push(seat);
            if refused_by.len() == KIOSKS_TRIED {
                return None;
            }
            seat = self.reserve(&refused_by, draw)?;
        }
        Some(seat)
    }

    /// Types a code, again while the kiosk does not know it yet; whether it opened.
    fn sit(&self, host: HostId, session: SessionId, code: &str) -> bool {
        let mut opened = false;
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(TYPE_AGAIN);
            }
            let outcome = self.type_code(host, session, code);
            opened = outcome.is_ok();
            if outcome != Err(Denied::Refused(Refusal::UnknownCode)) {
                break;
            }
        }
        self.seats().entry(host).or_default().reserved = false;
        opened
    }

    fn type_code(&self, host: HostId, session: SessionId, code: &str) -> Result<(), Denied> {
        let Some(page) = self.pages.get(&host) else {
            return Err(Denied::NoAnswer);
        };
        // The picture of the open session may come before the answer.
        let before = {
            let mut seats = self.seats();
            let seat = seats.entry(host).or_default();
            let before = (seat.session, seat.code.clone());
            (seat.session, seat.code) = (Some(session), Some(code.to_owned()));
            seat.typing = true;
            before
        };
        let outcome = page.open(code);
        {
            let mut seats = self.seats();
            let seat = seats.entry(host).or_default();
            if let Err(Denied::Refused(_)) = &outcome {
                (seat.session, seat.code) = before;
            }
            seat.typing = false;
        }
        self.tell(Event::Typed { host, session, why_not: outcome.clone().err() });
        outcome
    }

    /// The patron of a kiosk leaves.
    pub(super) fn leave(&self, host: HostId, draw: &mut StdRng) {
        let session = self.seats().get(&host).filter(|seat| seat.taken).and_then(|s| s.session);
        let (Some(session), Some(page)) = (session, self.pages.get(&host)) else {
            return;
        };
        let request = RequestId(draw.random());
        let command = Command::Leave { session };
        self.tell(Event::Asked { host, request, command, role: None });
        let outcome = page.finish().map(|()| Done { entries: Vec::new(), codes: Vec::new() });
        self.answered(host, request, Some(session), outcome);
    }

    /// A patron types the code again that was typed here last, or a first one.
    pub(super) fn type_again(&self, host: HostId, draw: &mut StdRng) {
        let seat = self.seats().get(&host).cloned().unwrap_or_default();
        if let (Some(session), Some(code)) = (seat.session, seat.code) {
            self.sit(host, session, &code);
            return;
        }
        let desk = self.any_console(draw);
        let issued = desk.and_then(|desk| self.issue(desk, 1, 1_800, draw).pop());
        if let Some((session, code)) = issued {
            self.sit(host, session, &code);
        }
    }

    /// A code is issued that several people will have.
    pub(super) fn issue_for(&self, load: usize, seconds: u32, draw: &mut StdRng) {
        let desk = self.any_console(draw);
        if let Some(code) = desk.and_then(|desk| self.issue(desk, 1, seconds, draw).pop()) {
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).insert(load, code);
        }
    }

    /// One code is typed on several kiosks at one time, once each of them can know it.
    pub(super) fn type_everywhere(&self, load: usize, hosts: &[HostId]) {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner).remove(&load);
        let Some((session, code)) = shared else {
            return;
        };
        std::thread::scope(|scope| {
            for host in hosts {
                scope.spawn(|| self.sit(*host, session, &code));
            }
        });
    }

    /// A code that opens nothing is typed.
    pub(super) fn type_wrong(&self, host: HostId, draw: &mut StdRng) {
        let wrong = AccessCode::from_random::<8>(draw.random());
        if let Some(page) = self.pages.get(&host)
            && page.open(wrong.as_str()).is_ok()
        {
            let words = format!("{} opened a session, and nobody issued it", wrong.as_str());
            self.tell(Event::Fell { host, words });
        }
    }

    /// Codes by the batch.
    pub(super) fn batch(&self, codes: u16, seconds: u32, draw: &mut StdRng) {
        let Some(desk) = self.any_console(draw) else {
            return;
        };
        let mut issued = self.issue(desk, codes, seconds, draw);
        // The rest is never used: an operator may withdraw it.
        let rest = issued.split_off(usize::from(MOST_USED).min(issued.len()));
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).extend(issued);
        let sessions = rest.into_iter().map(|(session, _)| session);
        self.unused.lock().unwrap_or_else(PoisonError::into_inner).extend(sessions);
    }

    /// A patron comes with a printed code and takes a free kiosk, if there is one; says which.
    pub(super) fn bring_printed(&self, draw: &mut StdRng) -> Option<HostId> {
        let seat = self.reserve(&[], draw)?;
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some((session, code)) = printed else {
            self.seats().entry(seat).or_default().reserved = false;
            return None;
        };
        self.sit_somewhere(seat, session, &code, draw)
    }

    fn taken(&self) -> Vec<(HostId, SessionId)> {
        let seats = self.seats();
        let taken = seats.iter().filter(|(_, seat)| seat.taken);
        taken.filter_map(|(host, seat)| Some((*host, seat.session?))).collect()
    }

    /// An operator does this or that with what runs.
    pub(super) fn operate(&self, draw: &mut StdRng) {
        let Some(desk) = self.any_console(draw) else {
            return;
        };
        let request = RequestId(draw.random());
        let unused = || self.unused.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some((kiosk, session)) = self.taken().choose(draw).copied() else {
            match unused() {
                Some(session) => {
                    let command = Command::Withdraw { session };
                    self.give(desk, request, command, |at| at.withdraw(request, session));
                }
                None => drop(self.issue(desk, 1, 3_600, draw)),
            }
            return;
        };
        match draw.random_range(0..6) {
            0 | 1 => {
                let seconds = *[900, 300, -120].choose(draw).unwrap_or(&300);
                let command = Command::Extend { session, seconds };
                self.give(desk, request, command, |at| at.extend(request, session, seconds));
            }
            2 => {
                self.give(desk, request, Command::Pause { session }, |at| {
                    at.pause(request, session, true)
                });
                std::thread::sleep(Duration::from_millis(draw.random_range(500..4_000)));
                let request = RequestId(draw.random());
                self.give(desk, request, Command::Resume { session }, |at| {
                    at.pause(request, session, false)
                });
            }
            3 => self.close(desk, session, draw.random(), draw),
            4 => {
                if let Some(kiosk) = self.kiosks.get(&kiosk).copied() {
                    // Only the node knows the row that it draws for the text.
                    let command = Command::SendMessage { message: RowId([0; 16]), kiosk };
                    self.give(desk, request, command, |at| at.message(request, kiosk));
                }
            }
            _ => match unused() {
                Some(session) => {
                    let command = Command::Withdraw { session };
                    self.give(desk, request, command, |at| at.withdraw(request, session));
                }
                None => self.close(desk, session, true, draw),
            },
        }
    }

    fn close(&self, desk: HostId, session: SessionId, keep_rest: bool, draw: &mut StdRng) {
        let request = RequestId(draw.random());
        let command = Command::Close { session, keep_rest, note: None };
        self.give(desk, request, command, |at| at.close(request, session, keep_rest));
    }

    /// Operators close everything that runs.
    pub(super) fn close_all(&self, draw: &mut StdRng) {
        for (_, session) in self.taken() {
            if let Some(desk) = self.any_console(draw) {
                self.close(desk, session, false, draw);
            }
        }
    }

    /// One operator extends what another closes, on two consoles where there are two.
    pub(super) fn quarrel(&self, draw: &mut StdRng) {
        if self.taken().is_empty() {
            self.come(1_800, draw);
        }
        let consoles: Vec<HostId> = self.consoles.keys().copied().collect();
        let (Some((_, session)), Some(one), Some(other)) =
            (self.taken().choose(draw).copied(), consoles.first(), consoles.last())
        else {
            return;
        };
        let request = RequestId(draw.random());
        let mut second = fork(draw);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let command = Command::Extend { session, seconds: 600 };
                self.give(*one, request, command, |at| at.extend(request, session, 600))
            });
            scope.spawn(|| self.close(*other, session, false, &mut second));
        });
    }
}

/// A generator of its own for somebody who acts at the same time.
pub(super) fn fork(draw: &mut StdRng) -> StdRng {
    StdRng::seed_from_u64(draw.next_u64())
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the other commands are about no session")]
fn session_of(command: &Command) -> Option<SessionId> {
    match command {
        Command::Extend { session, .. }
        | Command::Pause { session }
        | Command::Resume { session }
        | Command::Close { session, .. }
        | Command::Withdraw { session } => Some(*session),
        _ => None,
    }
}
