//! One patron's use, from its code to its end.
//!
//! Granted time is a set that is summed; used time is one register for each epoch that measured;
//! the session's life is a set of facts in which each names those that it follows. What stands is
//! derived when somebody asks.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::command::Terms;
use crate::fact::Cause;
use crate::id::{
    CodeKey, EntryId, EpochId, KioskId, NodeId, RequestId, RowId, SessionId, Signature,
};
use crate::moment::Moment;
use crate::operator::By;
use crate::planted::{self, Bug};
use crate::replace::{MOST_REPLACED, Member, Replaceable};

/// Interval between two readings, in milliseconds; each charges this much ahead.
pub const READING_MS: u64 = 5_000;
/// Epochs without a recorded end that are forgiven the charge ahead (ARCHITECTURE.md).
pub const FORGIVEN_EPOCHS: usize = 3;

/// A reading: how much of a session an epoch has measured. One register for each (session, epoch);
/// the greatest `n` is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reading {
    /// The session.
    pub session: SessionId,
    /// The epoch that measured.
    pub epoch: EpochId,
    /// Count of this register's readings, from 1.
    pub n: u32,
    /// Number of the opening that is measured.
    pub opening: u32,
    /// Milliseconds used in this epoch, exactly.
    pub used_ms: u64,
    /// Milliseconds charged ahead; 0 records an end.
    pub ahead_ms: u32,
    /// The epoch of an earlier process of the same boot whose reading this one goes on from, with
    /// that reading's `n`: no time was lost between the two, so its charge is not due.
    pub continues: Option<(EpochId, u32)>,
}

/// A reading as this node holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The greatest reading.
    pub reading: Reading,
    /// This node's boot time when it took that reading in; on the kiosk, when it was measured. Not
    /// part of the site's state: only for telling what has run since.
    #[serde(skip)]
    pub seen_boot_ms: u64,
}

/// Issue of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The code's key.
    pub key: CodeKey,
    /// Time, validity, place.
    pub terms: Terms,
    /// For whom.
    pub label: Option<RowId>,
    /// The operator.
    pub by: By,
    hash: [u8; 32],
}

/// A step of a session's life on a kiosk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What happened.
    pub kind: StepKind,
    /// Where.
    pub kiosk: KioskId,
    /// By which node.
    pub node: NodeId,
}

/// What happened to a session on a kiosk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum StepKind {
    /// The code was typed.
    Opened {
        /// Which opening it was.
        opening: u32,
    },
    /// It pauses.
    Paused,
    /// It goes on.
    Resumed,
    /// It ended there.
    Closed(Cause),
}

/// An operator's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Order {
    /// What is ordered.
    pub kind: OrderKind,
    /// The steps that the operator's node had seen.
    pub sees: Vec<EntryId>,
    /// The operator.
    pub by: By,
}

/// What an operator orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// Close.
    Close {
        /// Whether what remains can be used later.
        keep_rest: bool,
    },
    /// Pause.
    Pause,
    /// Go on.
    Resume,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum State {
    /// Its code was issued and never used.
    Issued,
    /// It runs on a kiosk.
    Open {
        /// Where.
        kiosk: KioskId,
        /// By which node.
        node: NodeId,
    },
    /// It pauses on a kiosk.
    Paused {
        /// Where.
        kiosk: KioskId,
        /// By which node.
        node: NodeId,
    },
    /// It ended on a kiosk.
    Closed {
        /// Where.
        kiosk: KioskId,
        /// Why.
        cause: Cause,
    },
    /// Its code was withdrawn.
    Withdrawn,
}

/// A session as far as this node knows it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Session {
    issues: BTreeMap<EntryId, Issue>,
    grants: BTreeMap<RequestId, i32>,
    life: Replaceable<Step>,
    orders: BTreeMap<EntryId, Order>,
    withdrawn: BTreeSet<EntryId>,
    openings: BTreeMap<EntryId, (Signature, Member<Step>)>,
    /// Hashed apart: only those that count are part of the site's state.
    #[serde(skip)]
    cells: BTreeMap<EpochId, Cell>,
}

impl Session {
    pub(crate) fn extend(&mut self, request: RequestId, seconds: i32) {
        let twice = self.grants.get(&request).filter(|_| planted::is(Bug::RequestTwice));
        let seconds = seconds.saturating_add(twice.copied().unwrap_or(0));
        self.grants.insert(request, seconds);
    }

    pub(crate) fn unextend(&mut self, request: &RequestId) {
        self.grants.remove(request);
    }

    pub(crate) fn step(&mut self, id: EntryId, step: Member<Step>) -> bool {
        self.life.insert(id, step)
    }

    /// Takes an opening in, which counts once `proven` by the key of the code that was issued.
    pub(crate) fn open(
        &mut self,
        id: EntryId,
        proof: Signature,
        step: Member<Step>,
        proven: impl Fn(&CodeKey, &Step, &Signature) -> bool,
    ) -> bool {
        if self.openings.contains_key(&id) {
            return false;
        }
        if self.issue().is_some_and(|issue| proven(&issue.key, &step.value, &proof)) {
            self.life.insert(id, step.clone());
        }
        self.openings.insert(id, (proof, step)).is_none()
    }

    /// Takes an issue in.
    pub(crate) fn issue_by(
        &mut self,
        id: EntryId,
        issue: Issue,
        proven: impl Fn(&CodeKey, &Step, &Signature) -> bool,
    ) -> bool {
        let before = self.issue().map(|issue| issue.key);
        let fresh = self.issues.insert(id, issue).is_none();
        self.judge_openings(before, proven);
        fresh
    }

    /// Takes an issue back: the batch that it came in is not what its root says.
    pub(crate) fn unissue(
        &mut self,
        id: &EntryId,
        proven: impl Fn(&CodeKey, &Step, &Signature) -> bool,
    ) {
        let before = self.issue().map(|issue| issue.key);
        self.issues.remove(id);
        self.judge_openings(before, proven);
    }

    /// Judges the openings again if another key counts than `before`: they came before the issue, or
    /// were proven by the key of another (of two issues of one session the lower hash counts).
    fn judge_openings(
        &mut self,
        before: Option<CodeKey>,
        proven: impl Fn(&CodeKey, &Step, &Signature) -> bool,
    ) {
        let now = self.issue().map(|issue| issue.key);
        if before == now {
            return;
        }
        self.life.remove_if(|step| matches!(step.kind, StepKind::Opened { .. }));
        for (id, (proof, step)) in &self.openings {
            if now.is_some_and(|key| proven(&key, &step.value, proof)) {
                self.life.insert(*id, step.clone());
            }
        }
    }

    /// Whether some issue names `key`.
    pub(crate) fn has_key(&self, key: &CodeKey) -> bool {
        self.issues.values().any(|issue| issue.key == *key)
    }

    /// Whether all its issues name one key, as they do but for a fault or a lie.
    pub(crate) fn has_one_key(&self) -> bool {
        let mut keys = self.issues.values().map(|issue| issue.key);
        keys.next().is_some_and(|first| keys.all(|key| key == first))
    }

    /// Whether a step stands in its life: an opening only if it was proven.
    pub(crate) fn has_step(&self, id: &EntryId) -> bool {
        self.life.get(id).is_some()
    }

    /// Whether an entry says anything of it, extensions apart.
    pub(crate) fn says(&self, id: &EntryId) -> bool {
        self.issues.contains_key(id)
            || self.openings.contains_key(id)
            || self.has_step(id)
            || self.orders.contains_key(id)
            || self.withdrawn.contains(id)
    }

    /// The last moment at which a code of it opens (ms since 1970), once its issue is known.
    pub(crate) fn valid_until(&self) -> Option<i64> {
        self.issues.values().map(|issue| issue.terms.until_ms).max()
    }

    /// The kiosks of all openings, proven or not: it can stand nowhere else.
    pub(crate) fn kiosks(&self) -> impl Iterator<Item = KioskId> {
        self.openings.values().map(|(_, step)| step.value.kiosk)
    }

    pub(crate) fn order(&mut self, id: EntryId, order: Order) -> bool {
        self.orders.insert(id, order).is_none()
    }

    pub(crate) fn withdraw(&mut self, id: EntryId) -> bool {
        self.withdrawn.insert(id)
    }

    /// Forgets everything that entries said; readings, which are no entries, stay.
    pub(crate) fn only_cells(self) -> Self {
        Session { cells: self.cells, ..Session::default() }
    }

    /// Takes a reading in; says whether it is news. The greatest is kept, so any order and any
    /// repetition end alike.
    pub(crate) fn read(&mut self, reading: Reading, seen_boot_ms: u64) -> bool {
        match self.cells.get(&reading.epoch) {
            Some(known) if known.reading == reading => false,
            Some(known)
                if (known.reading.n, known.reading) > (reading.n, reading)
                    && !planted::is(Bug::LastReadingHolds) =>
            {
                false
            }
            _ => {
                self.cells.insert(reading.epoch, Cell { reading, seen_boot_ms });
                true
            }
        }
    }

    /// The issue that counts: the lowest hash, should two name the same session.
    pub fn issue(&self) -> Option<&Issue> {
        self.issues.values().min_by_key(|issue| issue.hash)
    }

    /// Whether entries say anything of it, rather than readings alone.
    pub(crate) fn is_entered(&self) -> bool {
        !(self.issues.is_empty()
            && self.grants.is_empty()
            && self.openings.is_empty()
            && self.life.is_empty()
            && self.orders.is_empty()
            && self.withdrawn.is_empty())
    }

    /// Every step known.
    pub fn steps(&self) -> impl Iterator<Item = (&EntryId, &Step)> {
        self.life.members().map(|(id, member)| (id, &member.value))
    }

    /// The readings.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.values()
    }

    /// One epoch's reading.
    pub fn cell(&self, epoch: &EpochId) -> Option<&Cell> {
        self.cells.get(epoch)
    }

    /// Openings that were proven.
    fn opened(&self) -> impl Iterator<Item = (&EntryId, &Member<Step>)> {
        let members = self.life.members();
        members.filter(|(_, m)| matches!(m.value.kind, StepKind::Opened { .. }))
    }

    /// Whether `newer` may follow `older`: a kiosk's steps follow only its own, but for an opening,
    /// which whoever knows the code may write.
    fn follows(newer: &Member<Step>, older: &Member<Step>) -> bool {
        newer.value.kiosk == older.value.kiosk
            || (matches!(newer.value.kind, StepKind::Opened { .. })
                && !planted::is(Bug::ReopenedIsDouble))
    }

    /// The kiosks that were given the code; others have no say.
    fn openers(&self) -> Vec<KioskId> {
        let mut had: Vec<_> = self.opened().map(|(_, opening)| opening.value.kiosk).collect();
        had.sort_unstable();
        had.dedup();
        had
    }

    /// Steps of these kiosks that nothing follows.
    fn heads_of(&self, had: &[KioskId]) -> Vec<(EntryId, &Member<Step>)> {
        self.life.heads_where(|step| had.contains(&step.value.kiosk), Self::follows)
    }

    /// Steps that nothing follows, of kiosks that were given the code.
    fn heads(&self) -> Vec<(EntryId, &Member<Step>)> {
        self.heads_of(&self.openers())
    }

    /// Of the heads, those on kiosks that have an opening which no other opening had seen: what a
    /// kiosk goes on to write cannot take back what an opening elsewhere has followed.
    fn contenders(&self) -> Vec<(EntryId, &Member<Step>)> {
        let had = self.openers();
        let heads = self.heads_of(&had);
        if had.len() < 2 {
            return heads; // nobody to contend with
        }
        let mut seen = BTreeSet::new();
        let mut next: Vec<_> = self.opened().map(|(_, opening)| opening).collect();
        while let Some(newer) = next.pop() {
            for older in &newer.replaces {
                if let Some(found) = self.life.get(older)
                    && Self::follows(newer, found)
                    && seen.insert(*older)
                {
                    next.push(found);
                }
            }
        }
        let unseen = self.opened().filter(|(id, _)| !seen.contains(*id));
        let kiosks: BTreeSet<_> = unseen.map(|(_, m)| m.value.kiosk).collect();
        let contend = heads.iter().filter(|(_, m)| kiosks.contains(&m.value.kiosk));
        let contenders: Vec<_> = contend.copied().collect();
        if contenders.is_empty() { heads } else { contenders }
    }

    /// The names of the heads, as the next step must follow them; the one that stands is never left
    /// out.
    pub fn head_ids(&self) -> Vec<EntryId> {
        let winner = self.winner().map(|(id, _)| id);
        let heads = self.heads().into_iter().map(|(id, _)| id);
        let others = heads.filter(|id| Some(*id) != winner);
        winner.into_iter().chain(others).take(MOST_REPLACED).collect()
    }

    /// The heads that stand on `kiosk`, as its next step must follow them.
    pub fn head_ids_on(&self, kiosk: KioskId) -> Vec<EntryId> {
        let heads = self.heads().into_iter();
        heads
            .filter(|(_, m)| m.value.kiosk == kiosk)
            .map(|(id, _)| id)
            .take(MOST_REPLACED)
            .collect()
    }

    /// The step that stands: staff's closing (which a kiosk can only carry out), then pausing, then
    /// open, then any other end; among equals the lower hash.
    pub fn winner(&self) -> Option<(EntryId, Step)> {
        let for_good = self.close_ordered();
        let rank = |kind| match kind {
            StepKind::Closed(Cause::Staff) if for_good => 3,
            StepKind::Paused => 2,
            StepKind::Opened { .. } | StepKind::Resumed => 1,
            StepKind::Closed(_) => 0,
        };
        self.contenders()
            .into_iter()
            .max_by(|(_, a), (_, b)| {
                let ranks = rank(a.value.kind).cmp(&rank(b.value.kind));
                let hashes = b.hash.cmp(&a.hash);
                ranks.then_with(|| {
                    if planted::is(Bug::HigherHashWins) { hashes.reverse() } else { hashes }
                })
            })
            .map(|(id, member)| (id, member.value))
    }

    /// Where it stands; `None` while its issue is unknown. Once staff ordered an end for good, a
    /// session that stands on no kiosk is over without anybody carrying it out; without such an order
    /// no kiosk can make its end one for good.
    pub fn state(&self) -> Option<State> {
        self.issue()?;
        if !self.withdrawn.is_empty() {
            return Some(State::Withdrawn);
        }
        Some(match self.winner() {
            None if self.close_ordered() => State::Withdrawn,
            None => State::Issued,
            Some((_, Step { kind, kiosk, node })) => match kind {
                StepKind::Opened { .. } | StepKind::Resumed => State::Open { kiosk, node },
                StepKind::Paused => State::Paused { kiosk, node },
                StepKind::Closed(cause) => {
                    let cause = if self.close_ordered() {
                        Cause::Staff
                    } else if cause == Cause::Staff {
                        Cause::Freed
                    } else {
                        cause
                    };
                    State::Closed { kiosk, cause }
                }
            },
        })
    }

    /// Whether it runs or pauses on `kiosk` as far as that kiosk alone can say: one of its heads is
    /// there and not closed.
    pub fn stands_on(&self, kiosk: KioskId) -> bool {
        self.heads().iter().any(|(_, member)| {
            member.value.kiosk == kiosk && !matches!(member.value.kind, StepKind::Closed(_))
        })
    }

    /// What stands open at the same time on several kiosks that had not seen each other.
    pub fn double_openings(&self) -> Vec<(EntryId, Step)> {
        let open: Vec<_> = self
            .contenders()
            .into_iter()
            .filter(|(_, m)| matches!(m.value.kind, StepKind::Opened { .. } | StepKind::Resumed))
            .map(|(id, m)| (id, m.value))
            .collect();
        let kiosks: BTreeSet<_> = open.iter().map(|(_, step)| step.kiosk).collect();
        if kiosks.len() > 1 { open } else { Vec::new() }
    }

    /// Whether staff ordered an end for good, carried out or not.
    pub fn close_ordered(&self) -> bool {
        let for_good = OrderKind::Close { keep_rest: false };
        !self.withdrawn.is_empty() || self.orders.values().any(|order| order.kind == for_good)
    }

    /// A step and those that it follows on its kiosk, back to the opening and including it.
    fn past(&self, head: EntryId) -> BTreeSet<EntryId> {
        let (mut past, mut ahead) = (BTreeSet::new(), Vec::from([head]));
        while let Some(id) = ahead.pop() {
            let Some(member) = self.life.get(&id) else {
                continue;
            };
            if !past.insert(id) || matches!(member.value.kind, StepKind::Opened { .. }) {
                continue;
            }
            let earlier = member.replaces.iter().filter(|id| {
                self.life.get(id).is_some_and(|other| other.value.kiosk == member.value.kiosk)
            });
            ahead.extend(earlier);
        }
        past
    }

    /// The order that `kiosk` has yet to carry out: one that saw the step that stands there.
    pub fn pending_order(&self) -> Option<OrderKind> {
        let (head, step) = self.winner()?;
        if let StepKind::Closed(_) = step.kind {
            return None;
        }
        if self.close_ordered() {
            return Some(OrderKind::Close { keep_rest: false });
        }
        let past = self.past(head);
        let mut seen = self.orders.values().filter(|order| match order.kind {
            // A pause that the operator had not seen does not make a close void.
            OrderKind::Close { .. } => order.sees.iter().any(|seen| past.contains(seen)),
            OrderKind::Pause | OrderKind::Resume => order.sees.contains(&head),
        });
        let wanted = |order: &&Order| match order.kind {
            OrderKind::Close { .. } => true,
            OrderKind::Pause => step.kind != StepKind::Paused,
            OrderKind::Resume => step.kind == StepKind::Paused,
        };
        // A close outweighs a pause given at the same time.
        let orders: Vec<_> = seen.by_ref().filter(wanted).map(|order| order.kind).collect();
        let close = orders.iter().find(|kind| matches!(kind, OrderKind::Close { .. }));
        close.or(orders.first()).copied()
    }

    /// Whether an operator's order lets it open elsewhere though a kiosk still has it.
    pub fn freed(&self) -> bool {
        matches!(
            self.pending_order(),
            Some(OrderKind::Close { keep_rest: true } | OrderKind::Pause)
        )
    }

    /// Number that the next opening bears.
    pub fn next_opening(&self) -> u32 {
        let openings = self.opened().filter_map(|(_, member)| match member.value.kind {
            StepKind::Opened { opening } => Some(opening),
            StepKind::Paused | StepKind::Resumed | StepKind::Closed(_) => None,
        });
        openings.max().unwrap_or(0).saturating_add(1)
    }

    /// Milliseconds granted: exact, never below zero.
    pub fn granted_ms(&self) -> u64 {
        let issued = self.issue().map_or(0, |issue| i64::from(issue.terms.seconds));
        let extended: i64 = self.grants.values().copied().map(i64::from).sum();
        u64::try_from(issued.saturating_add(extended)).unwrap_or(0).saturating_mul(1000)
    }

    /// Milliseconds measured and charged by all epochs of nodes that opened it, not capped.
    /// `node_of` tells an epoch's node.
    pub fn measured_ms(&self, node_of: impl Fn(&EpochId) -> Option<NodeId>) -> u64 {
        let counted = self.counted(&node_of);
        let unended = unended(&counted, node_of);
        let exact: u64 = counted.iter().map(|c| c.reading.used_ms).fold(0, u64::saturating_add);
        let forgiven = match unended.len() {
            0 => 0,
            1..=FORGIVEN_EPOCHS if planted::is(Bug::ForgivesNone) => 0,
            1..=FORGIVEN_EPOCHS => FORGIVEN_EPOCHS,
            _ if planted::is(Bug::ForgivesAll) => usize::MAX,
            _ => FORGIVEN_EPOCHS,
        };
        let charged = unended.iter().skip(forgiven).map(|r| u64::from(r.ahead_ms));
        charged.fold(exact, u64::saturating_add)
    }

    /// Epochs that recorded no end and that nothing continues: the first [`FORGIVEN_EPOCHS`] of
    /// them are forgiven what they charged ahead.
    pub fn unended(&self, node_of: impl Fn(&EpochId) -> Option<NodeId>) -> usize {
        unended(&self.counted(&node_of), node_of).len()
    }

    /// Whether `node` proved that it was given this session's code.
    pub(crate) fn was_opened_by(&self, node: NodeId) -> bool {
        self.opened().any(|(_, m)| m.value.node == node)
    }

    /// Readings by nodes that opened this session; others change nothing.
    pub(crate) fn counted(&self, node_of: impl Fn(&EpochId) -> Option<NodeId>) -> Vec<&Cell> {
        let openers: BTreeSet<_> = self.opened().map(|(_, m)| m.value.node).collect();
        self.cells
            .values()
            .filter(|cell| {
                let node = node_of(&cell.reading.epoch);
                node.is_some_and(|node| openers.contains(&node))
                    || planted::is(Bug::ForeignReadings)
            })
            .collect()
    }

    /// Milliseconds left at `moment`, and whether they are running down.
    pub fn remaining_ms(
        &self,
        node_of: impl Fn(&EpochId) -> Option<NodeId>,
        moment: Moment,
    ) -> (u64, bool) {
        let left = self.granted_ms().saturating_sub(self.measured_ms(&node_of));
        let Some(State::Open { node, .. }) = self.state() else {
            return (left, false);
        };
        let running = self
            .counted(&node_of)
            .into_iter()
            .filter(|cell| cell.reading.ahead_ms > 0 && node_of(&cell.reading.epoch) == Some(node))
            .max_by_key(|cell| (cell.reading.opening, cell.seen_boot_ms));
        match running {
            Some(cell) => (left.saturating_sub(moment.since(cell.seen_boot_ms)), true),
            None => (left, false),
        }
    }

    /// Milliseconds used beyond what was granted: listed, never hidden.
    pub fn excess_ms(&self, node_of: impl Fn(&EpochId) -> Option<NodeId>) -> u64 {
        let excess_ms = self.measured_ms(node_of).saturating_sub(self.granted_ms());
        if excess_ms > 0 && planted::is(Bug::ExcessHidden) { 0 } else { excess_ms }
    }
}

/// Readings of epochs that recorded no end and that nothing continues, as they were opened.
fn unended<'a>(
    counted: &[&'a Cell],
    node_of: impl Fn(&EpochId) -> Option<NodeId>,
) -> Vec<&'a Reading> {
    let continued: BTreeSet<_> = counted
        .iter()
        .filter_map(|cell| {
            let (earlier, n) = cell.reading.continues?;
            (node_of(&earlier) == node_of(&cell.reading.epoch)).then_some((earlier, n))
        })
        .collect();
    let mut unended: Vec<&Reading> = counted
        .iter()
        .map(|cell| &cell.reading)
        .filter(|r| {
            let gone_on = continued.range((r.epoch, r.n)..=(r.epoch, u32::MAX)).next();
            r.ahead_ms > 0 && gone_on.is_none()
        })
        .collect();
    unended.sort_by_key(|r| (r.opening, r.epoch));
    unended
}

impl Issue {
    pub(crate) fn new(
        key: CodeKey,
        terms: Terms,
        label: Option<RowId>,
        by: By,
        hash: [u8; 32],
    ) -> Self {
        Issue { key, terms, label, by, hash }
    }
}
