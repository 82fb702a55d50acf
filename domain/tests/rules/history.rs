//! Random histories of a site: nodes that meet now and then, patrons, operators, faults and lies.

mod desk;
mod kiosk;
mod member;

use std::collections::BTreeMap;

use domain::authority::NodeKind;
use domain::command::{Asked, Command};
use domain::decide::Author;
use domain::fact::{
    Cause, CodesIssued, Cut, Fact, KioskDescribed, NodeCountersigned, NodePaired, NodeRevoked,
    Place, RowErased, Scope, SessionClosed, SessionExtended, SessionPaused, SessionResumed,
    SettingsChanged, TokenIssued, TokenRevoked,
};
use domain::id::{EntryId, EpochId, KioskId, RequestId, RowId, SessionId, Signature};
use domain::operator::OperatorRole;
use domain::refusal::Refusal;
use domain::session::{OrderKind, Reading, State, StepKind};
use domain::settings::{IsolationPolicy, Settings};
use proptest::prelude::*;

use crate::mirror::{Arrival, Mirror};
use crate::world::{
    ADMIN, Code, HOST, Machine, NOW_MS, Token, World, at, by, ended, in_parts, running,
};

/// What happens next; who and what with is drawn beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Issue,
    IssueTwice,
    Batch,
    BatchTwice,
    Extend,
    ExtendRaw,
    Withdraw,
    Open,
    OpenBlind,
    Step,
    Order,
    Carry,
    Read,
    Restart,
    Reboot,
    Meet,
    MeetAll,
    Name,
    Set,
    Serve,
    Message,
    Acknowledge,
    Erase,
    Token,
    DropToken,
    Join,
    Pair,
    AdmitAdmin,
    Revoke,
    RevokeAdmin,
    Fork,
    Forge,
}

#[derive(Clone, Copy)]
pub(crate) struct Act {
    what: What,
    draws: [u8; 4],
}

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.draws;
        write!(f, "{:?}[{a} {b} {c} {d}]", self.what)
    }
}

pub(crate) fn acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    use What::*;
    let what = prop::sample::select(vec![
        Issue,
        IssueTwice,
        Batch,
        BatchTwice,
        BatchTwice,
        Extend,
        Extend,
        Extend,
        ExtendRaw,
        ExtendRaw,
        Withdraw,
        Open,
        Open,
        Open,
        Open,
        Open,
        Open,
        OpenBlind,
        Step,
        Step,
        Step,
        Step,
        Order,
        Order,
        Order,
        Order,
        Carry,
        Carry,
        Carry,
        Carry,
        Read,
        Read,
        Read,
        Read,
        Read,
        Read,
        Restart,
        Restart,
        Restart,
        Reboot,
        Meet,
        Meet,
        Meet,
        Meet,
        MeetAll,
        MeetAll,
        MeetAll,
        MeetAll,
        Name,
        Set,
        Serve,
        Message,
        Acknowledge,
        Erase,
        Token,
        Token,
        DropToken,
        Join,
        Join,
        Pair,
        AdmitAdmin,
        Revoke,
        RevokeAdmin,
        Fork,
        Forge,
        Forge,
        Forge,
    ]);
    let act = (what, any::<[u8; 4]>()).prop_map(|(what, draws)| Act { what, draws });
    prop::collection::vec(act, 1..=most)
}

/// A node with its own sight of the site.
struct Party {
    machine: Machine,
    mirror: Mirror,
    /// Readings so far in this epoch, by session.
    measured: BTreeMap<SessionId, Reading>,
}

pub(crate) struct Course {
    pub(crate) world: World,
    pub(crate) kiosks: Vec<KioskId>,
    /// What occurred, and how often.
    pub(crate) tally: BTreeMap<&'static str, usize>,
    parties: Vec<Party>,
    codes: Vec<Code>,
    tokens: Vec<Token>,
    messages: Vec<RowId>,
    batches: Vec<(usize, CodesIssued)>,
}

fn pick<T>(things: &[T], draw: u8) -> &T {
    &things[usize::from(draw) % things.len()]
}

impl Course {
    /// A founded site of two admin nodes and three kiosks; then all of `acts`.
    pub(crate) fn run(acts: &[Act]) -> Self {
        let (mut world, admins, kiosks) = World::with_kiosks(3);
        let codes = (0..2).map(|_| world.issue(&admins[0], 600)).collect();
        let machines = admins.into_iter().chain(kiosks);
        let parties = machines.map(|machine| Party {
            machine,
            mirror: world.view.clone(),
            measured: BTreeMap::new(),
        });
        let parties: Vec<_> = parties.collect();
        let mut course = Course {
            kiosks: parties[2..].iter().map(|p| p.machine.kiosk).collect(),
            world,
            tally: BTreeMap::new(),
            parties,
            codes,
            tokens: Vec::new(),
            messages: Vec::new(),
            batches: Vec::new(),
        };
        for act in acts {
            course.act(act);
        }
        course
    }

    /// The sight that each node has of its own, so far.
    pub(crate) fn mirrors(&mut self) -> impl Iterator<Item = &mut Mirror> {
        self.parties.iter_mut().map(|party| &mut party.mirror)
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn of_kind(&self, kind: NodeKind, draw: u8) -> usize {
        let found: Vec<_> =
            (0..self.parties.len()).filter(|&p| self.parties[p].machine.kind == kind).collect();
        *pick(&found, draw)
    }

    fn say(&mut self, who: usize, fact: impl Into<Fact>) -> EntryId {
        let epoch = self.parties[who].machine.epoch;
        let seq = self.world.height(epoch);
        self.say_at(who, EntryId { epoch, seq }, fact)
    }

    fn say_at(&mut self, who: usize, id: EntryId, fact: impl Into<Fact>) -> EntryId {
        let fact = fact.into();
        self.world.write_at(id, fact.clone());
        self.parties[who].mirror.take(&Arrival::Entry(id, fact));
        id
    }

    fn hear(&mut self, who: usize, reading: Reading) {
        self.world.read(reading);
        self.parties[who].mirror.take(&Arrival::Reading(reading));
    }

    /// An operator's command, decided on what the node knows.
    fn ask(&mut self, who: usize, role: OperatorRole, command: Command, request: u8) {
        let request = RequestId([request; 16]);
        let asked = Asked { request, command };
        let site = &self.parties[who].mirror.site;
        match site.decide(&asked, Author::Operator(by(role)), at(0)) {
            Ok(facts) => facts.into_iter().for_each(|fact| {
                self.say(who, fact);
            }),
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.count(refusal.code());
    }

    fn meet(&mut self, from: usize, to: usize) {
        let arrivals = self.parties[from].mirror.unknown_to(&self.parties[to].mirror);
        self.parties[to].mirror.take_together(&arrivals);
    }

    fn act(&mut self, act: &Act) {
        let [a, b, c, d] = act.draws;
        // Much happens to few, so that it meets.
        let admin = if a < 160 { usize::from(a % 2) } else { self.of_kind(NodeKind::Admin, a) };
        let kiosk = if b < 200 { 2 + usize::from(b % 3) } else { self.of_kind(NodeKind::Kiosk, b) };
        let few = if c < 200 { 3 } else { self.codes.len() };
        let code = self.codes[usize::from(c) % few.min(self.codes.len())].clone();
        let session = code.session;
        match act.what {
            What::Issue | What::IssueTwice | What::Batch | What::BatchTwice => {
                self.issue(act.what, admin, &code, d);
            }
            What::Extend => {
                let seconds = [60, 900, -300, 43_200][usize::from(b % 4)];
                let request = d % 16;
                self.ask(admin, HOST, Command::Extend { session, seconds }, request);
            }
            What::ExtendRaw => {
                let (seconds, request) = (i32::from(b) - 100, RequestId([d % 4; 16]));
                let by = by(HOST);
                self.say(admin, SessionExtended { session, seconds, request, by });
            }
            What::Withdraw if d.is_multiple_of(2) => {}
            What::Withdraw => self.ask(admin, HOST, Command::Withdraw { session }, 0),
            What::Open | What::OpenBlind => self.open(act.what, kiosk, &code, d),
            What::Step => self.step(kiosk, session, d),
            What::Order => {
                let note = None;
                let command = match d % 4 {
                    0 => Command::Close { session, keep_rest: false, note },
                    1 => Command::Close { session, keep_rest: true, note },
                    2 => Command::Pause { session },
                    _ => Command::Resume { session },
                };
                self.ask(admin, HOST, command, 0);
            }
            What::Carry => self.carry(kiosk),
            What::Read => self.measure(kiosk, session, d),
            What::Restart => self.restart(kiosk, c),
            What::Reboot => {
                self.parties[kiosk].measured.clear();
                let mut machine = self.parties[kiosk].machine.clone();
                machine.epoch = EpochId(self.world.draw());
                self.parties[kiosk].machine = machine.clone();
                let certificate = self.world.certificate(&machine);
                self.say(kiosk, certificate);
                let site = &self.parties[kiosk].mirror.site;
                let stood: Vec<_> = site.sessions_on(machine.kiosk).collect();
                for session in stood {
                    let fact = self.parties[kiosk].mirror.site.closed(
                        machine.kiosk,
                        session,
                        Cause::Reboot,
                    );
                    self.say(kiosk, fact);
                    self.count("closed by a reboot");
                }
            }
            What::Meet => {
                let (from, to) =
                    (usize::from(a) % self.parties.len(), usize::from(b) % self.parties.len());
                self.meet(from, to);
            }
            What::MeetAll => {
                for from in 1..self.parties.len() {
                    self.meet(from, 0);
                }
                for to in 1..self.parties.len() {
                    self.meet(0, to);
                }
            }
            What::Name | What::Set | What::Serve | What::Message | What::Erase => {
                self.configure(act.what, admin, kiosk, c, d);
            }
            What::Acknowledge => {
                let machine = self.parties[kiosk].machine.clone();
                let site = &self.parties[kiosk].mirror.site;
                let known = site.kiosks().get(&machine.kiosk);
                let unread = known.and_then(|known| known.unread().next().copied());
                let lied = self.messages.get(usize::from(d % 8)).copied();
                let Some(message) = unread.or(lied) else {
                    return;
                };
                let command = Command::AcknowledgeMessage { message };
                let asked = Asked { request: RequestId([0; 16]), command };
                if let Ok(facts) = site.decide(&asked, machine.author(), at(0)) {
                    facts.into_iter().for_each(|fact| {
                        self.say(kiosk, fact);
                    });
                    self.count("message read");
                }
            }
            What::Token | What::DropToken | What::Join | What::Pair | What::AdmitAdmin => {
                self.admit(act.what, admin, kiosk, c, d);
            }
            What::Revoke => self.revoke(admin, kiosk, c, d),
            What::RevokeAdmin => {
                let gone = self.of_kind(NodeKind::Admin, b);
                let node = self.parties[gone].machine.node;
                let cut = self.cut_seen_by(admin, node, c);
                for piece in self.world.admin_revocation(node, &cut) {
                    self.say(admin, piece);
                }
                self.count("admin revoked");
            }
            What::Fork => {
                let who = usize::from(a) % self.parties.len();
                let epoch = self.parties[who].machine.epoch;
                // Mostly late in the log, as a machine does that woke from a snapshot.
                let height = self.world.height(epoch);
                let seq = height.saturating_sub(1 + u64::from(d % 3));
                let fact = RowErased { row: RowId([c; 16]), by: by(HOST) };
                self.say_at(who, EntryId { epoch, seq }, fact);
                self.count("fork");
            }
            What::Forge => self.forge(kiosk, &code, a, d),
        }
    }

    /// Counts what stands in the end.
    pub(crate) fn count_the_end(&mut self) {
        let mut found = Vec::new();
        let site = self.world.site();
        for (_, session) in site.sessions() {
            let node_of = |epoch: &EpochId| site.node_of(epoch);
            found.push(match session.state() {
                Some(State::Issued) => "ends issued",
                Some(State::Open { .. }) => "ends open",
                Some(State::Paused { .. }) => "ends paused",
                Some(State::Closed { cause: Cause::Staff, .. }) => "ends closed by staff",
                Some(State::Closed { .. }) => "ends closed",
                Some(State::Withdrawn) => "ends withdrawn",
                None => "ends unknown",
            });
            let opened = session.steps().filter(|(_, s)| matches!(s.kind, StepKind::Opened { .. }));
            if opened.count() > 2 {
                found.push("three openings");
            }
            if !session.double_openings().is_empty() {
                found.push("double opening");
            }
            if session.excess_ms(node_of) > 0 {
                found.push("excess");
            }
            if session.cells().filter(|cell| cell.reading.ahead_ms > 0).count() > 3 {
                found.push("four epochs without an end");
            }
            if session.pending_order().is_some() {
                found.push("order to carry out");
            }
        }
        if site.collisions().next().is_some() {
            found.push("collision of codes");
        }
        if site.standing().nodes(NodeKind::Admin).next().is_none() {
            found.push("no admin left");
        }
        if self.world.view.refolds > 0 {
            found.push("refold");
        }
        for what in found {
            self.count(what);
        }
    }
}
