//! What entries say of sessions: time granted, steps of their lives, orders.

use std::collections::BTreeMap;

use domain::fact::{Fact, Part};
use domain::id::{EntryId, KioskId, RequestId, SessionId};

/// Time granted by one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The entry; of an issue in several, the last of them.
    pub entry: EntryId,
    /// The intent: repeated, it counts once. `None` for an issue.
    pub request: Option<RequestId>,
    /// Milliseconds, negative where time is taken.
    pub ms: i64,
}

/// A step of a session's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The entry.
    pub entry: EntryId,
    /// What happened.
    pub kind: StepKind,
    /// On which kiosk.
    pub kiosk: KioskId,
    /// What it names as followed.
    pub replaces: Vec<EntryId>,
}

/// An order about a session that leaves its rest to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The entry.
    pub entry: EntryId,
    /// Whether it is to pause only.
    pub pause: bool,
    /// The steps that the operator's node had seen.
    pub sees: Vec<EntryId>,
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Its code was typed.
    Opened,
    /// It pauses.
    Paused,
    /// It goes on.
    Resumed,
    /// It ended there.
    Closed(domain::fact::Cause),
}

/// One session.
#[derive(Debug, Default)]
pub struct Session {
    /// Time granted.
    pub grants: Vec<Grant>,
    /// Steps, in the order of writing.
    pub steps: Vec<Step>,
    /// Entries by which operators ended it for good: its code withdrawn, or closed with nothing kept.
    pub ended: Vec<EntryId>,
    /// Orders that leave its rest to be used: to close it, or to have it pause.
    pub orders: Vec<Order>,
    /// Whether one request was used for two different extensions, one of them here.
    pub request_reused: bool,
}

impl Session {
    /// A step.
    pub fn step(&self, entry: &EntryId) -> Option<&Step> {
        self.steps.iter().find(|step| step.entry == *entry)
    }

    /// Whether `newer` follows `older`, however many steps lie between.
    pub fn follows(&self, newer: &EntryId, older: &EntryId) -> bool {
        let (mut seen, mut ahead) = (Vec::new(), vec![*newer]);
        while let Some(entry) = ahead.pop() {
            let Some(step) = self.step(&entry) else {
                continue;
            };
            if step.replaces.contains(older) {
                return true;
            }
            let fresh: Vec<_> =
                step.replaces.iter().filter(|id| !seen.contains(*id)).copied().collect();
            seen.extend(fresh.iter().copied());
            ahead.extend(fresh);
        }
        false
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sessions {
    all: BTreeMap<SessionId, Session>,
    extensions: BTreeMap<RequestId, (SessionId, i64)>,
}

impl Sessions {
    /// Takes a fact in. A kiosk grants nothing and orders nothing, whatever it writes; an admin node
    /// takes no step.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the other facts are about no session")]
    pub(super) fn take(&mut self, entry: &EntryId, fact: &Fact, kiosk: Option<KioskId>) {
        match (fact, kiosk) {
            (Fact::CodeIssued(f), None) => self.issue(f.session, *entry, f.seconds),
            (Fact::CodesIssued(f), None) => {
                for (session, _) in &f.codes {
                    self.issue(*session, last_of(entry, &f.part), f.seconds);
                }
            }
            (Fact::SessionExtended(f), None) => {
                self.extend(f.session, *entry, f.request, i64::from(f.seconds) * 1000);
            }
            (Fact::Withdrawn(f), None) => self.of(f.session).ended.push(*entry),
            (Fact::CloseAsked(f), None) if f.keep_rest => {
                self.order(f.session, entry, false, &f.sees);
            }
            (Fact::CloseAsked(f), None) => self.of(f.session).ended.push(*entry),
            (Fact::PauseAsked(f), None) => self.order(f.session, entry, true, &f.sees),
            (Fact::SessionOpened(f), Some(at)) => {
                self.step(f.session, entry, StepKind::Opened, at, &f.replaces);
            }
            (Fact::SessionPaused(f), Some(at)) => {
                self.step(f.session, entry, StepKind::Paused, at, &f.replaces);
            }
            (Fact::SessionResumed(f), Some(at)) => {
                self.step(f.session, entry, StepKind::Resumed, at, &f.replaces);
            }
            (Fact::SessionClosed(f), Some(at)) => {
                self.step(f.session, entry, StepKind::Closed(f.cause), at, &f.replaces);
            }
            _ => {}
        }
    }

    fn of(&mut self, session: SessionId) -> &mut Session {
        self.all.entry(session).or_default()
    }

    fn issue(&mut self, session: SessionId, entry: EntryId, seconds: u32) {
        let grant = Grant { entry, request: None, ms: i64::from(seconds) * 1000 };
        self.of(session).grants.push(grant);
    }

    fn order(&mut self, session: SessionId, entry: &EntryId, pause: bool, sees: &[EntryId]) {
        let order = Order { entry: *entry, pause, sees: sees.to_vec() };
        self.of(session).orders.push(order);
    }

    fn extend(&mut self, session: SessionId, entry: EntryId, request: RequestId, ms: i64) {
        let first = *self.extensions.entry(request).or_insert((session, ms));
        if first != (session, ms) {
            self.of(first.0).request_reused = true;
            self.of(session).request_reused = true;
        }
        self.of(session).grants.push(Grant { entry, request: Some(request), ms });
    }

    fn step(
        &mut self,
        session: SessionId,
        entry: &EntryId,
        kind: StepKind,
        kiosk: KioskId,
        replaces: &[EntryId],
    ) {
        let step = Step { entry: *entry, kind, kiosk, replaces: replaces.to_vec() };
        self.of(session).steps.push(step);
    }

    /// One session.
    pub fn get(&self, session: &SessionId) -> Option<&Session> {
        self.all.get(session)
    }

    /// Every session.
    pub fn all(&self) -> impl Iterator<Item = (&SessionId, &Session)> {
        self.all.iter()
    }
}

/// The last piece of an intent whose pieces were written in one go.
fn last_of(entry: &EntryId, part: &Part) -> EntryId {
    let after = part.count.saturating_sub(1).saturating_sub(part.index);
    EntryId { seq: entry.seq.saturating_add(u64::from(after)), ..*entry }
}
