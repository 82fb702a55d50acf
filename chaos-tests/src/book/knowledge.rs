//! What one node could know of a session's time: worked out from the entries and registers that it
//! holds by the laws of time, written a second time and from their text alone (DESIGN, « Laws of time
//! on a session »). It must not share a line with `domain::session`, or it would share its mistakes.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{EntryId, EpochId, NodeId, SessionId};
use domain::session::Reading;

use super::ledger::sessions::StepKind;
use crate::checker::Scene;
use crate::cluster::NodeState;

/// Epochs without a recorded end that cost the patron nothing.
pub const FORGIVEN: usize = 3;
/// What a reading charges ahead: C, the time between two readings, in milliseconds.
pub const CHARGE_MS: u64 = 5_000;

/// What registers say a session used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Milliseconds measured by each epoch.
    pub exact: BTreeMap<EpochId, u64>,
    /// Epochs that left no end.
    pub unended: usize,
    /// Of these, the ones whose charge is due, and how much.
    pub due: BTreeMap<EpochId, u64>,
}

impl Measured {
    /// By the laws of time, from registers that count.
    pub fn of(readings: &[Reading], node_of: impl Fn(&EpochId) -> Option<NodeId>) -> Self {
        let gone_on = |reading: &Reading| {
            readings.iter().any(|later| {
                later.continues.is_some_and(|(epoch, n)| epoch == reading.epoch && n >= reading.n)
                    && node_of(&later.epoch) == node_of(&reading.epoch)
            })
        };
        let open = readings.iter().filter(|reading| reading.ahead_ms > 0 && !gone_on(reading));
        let mut unended: Vec<&Reading> = open.collect();
        unended.sort_by_key(|reading| (reading.opening, reading.epoch));
        let late = unended.iter().skip(FORGIVEN);
        Measured {
            exact: readings.iter().map(|reading| (reading.epoch, reading.used_ms)).collect(),
            unended: unended.len(),
            due: late.map(|reading| (reading.epoch, u64::from(reading.ahead_ms))).collect(),
        }
    }

    /// All of it.
    pub fn total_ms(&self) -> u64 {
        self.exact.values().chain(self.due.values()).fold(0, |sum, ms| sum.saturating_add(*ms))
    }

    /// What epochs other than these measured, and what is due for them.
    pub fn but_for(&self, own: &[EpochId]) -> u64 {
        let parts = self.exact.iter().chain(&self.due);
        let others = parts.filter(|(epoch, _)| !own.contains(epoch));
        others.fold(0, |sum, (_, ms)| sum.saturating_add(*ms))
    }
}

/// A node's knowledge of one session.
pub struct Knowledge<'a> {
    scene: Scene<'a>,
    node: &'a dyn NodeState,
    session: SessionId,
}

impl<'a> Knowledge<'a> {
    /// What `node` could know of `session` now.
    pub fn new(scene: Scene<'a>, node: &'a dyn NodeState, session: SessionId) -> Self {
        Knowledge { scene, node, session }
    }

    /// Milliseconds granted by what the node holds. `None` where the laws leave room: an issue that
    /// was not seen written, a thief at an admin node, a revocation, one request used twice.
    pub fn granted_ms(&self) -> Option<u64> {
        let Scene { book, cluster, .. } = self.scene;
        let session = book.ledger.sessions.get(&self.session)?;
        let held = session.grants.iter().filter(|grant| self.node.holds(&grant.entry));
        let held: Vec<_> = held.collect();
        let certain = |entry: &EntryId| {
            let birth = book.hosts.of(&entry.epoch);
            birth.is_some_and(|birth| book.ledger.revocation(&birth.node).is_none())
                && book.is_honest_epoch(&entry.epoch, cluster)
                && !book.ledger.is_forked(&entry.epoch)
        };
        let issues = held.iter().filter(|grant| grant.request.is_none()).count();
        let room = issues != 1 || session.request_reused || book.has_thief_at_a_desk(cluster);
        if room || !held.iter().all(|grant| certain(&grant.entry)) {
            return None;
        }
        let mut counted = BTreeSet::new();
        let sum: i64 = held
            .iter()
            .filter(|grant| grant.request.is_none_or(|request| counted.insert(request)))
            .map(|grant| grant.ms)
            .sum();
        Some(u64::try_from(sum).unwrap_or(0))
    }

    /// What the registers that the node holds say was used, of those that count: by nodes that were
    /// given the code. `None` where a thief or a revoked node has had a hand in it.
    pub fn measured(&self) -> Option<Measured> {
        let Scene { book, cluster, .. } = self.scene;
        let steps = &book.ledger.sessions.get(&self.session)?.steps;
        let opened = steps.iter().filter(|step| step.kind == StepKind::Opened);
        let mut openers = BTreeSet::new();
        for step in opened.filter(|step| self.node.holds(&step.entry)) {
            let birth = book.hosts.of(&step.entry.epoch)?;
            let sound = book.is_honest_epoch(&step.entry.epoch, cluster)
                && book.ledger.revocation(&birth.node).is_none();
            if !sound {
                return None;
            }
            openers.insert(birth.node);
        }
        let node_of = |epoch: &EpochId| book.hosts.of(epoch).map(|birth| birth.node);
        let site = self.node.site();
        let cells = site.session(&self.session)?.cells().map(|cell| cell.reading);
        let counted = cells
            .filter(|reading| node_of(&reading.epoch).is_some_and(|node| openers.contains(&node)));
        let counted: Vec<Reading> = counted.collect();
        Some(Measured::of(&counted, node_of))
    }

    /// Milliseconds used as a kiosk that runs the session could know it: what others measured, and
    /// what it has itself shown since its machine booted.
    pub fn used_here_ms(&self) -> Option<UsedHere> {
        let book = self.scene.book;
        let birth = *book.hosts.of(&self.node.epoch())?;
        let own = &book.hosts.machine(birth.host)?.epochs;
        let measured = self.measured()?;
        let stint = book.usage.on(&self.session, birth.host, birth.boot);
        let charge_ms = measured.due.get(&self.node.epoch()).copied().unwrap_or(0);
        Some(UsedHere {
            exact_ms: measured.but_for(own).saturating_add(stint.sure_ms),
            unsure_ms: stint.most_ms.saturating_sub(stint.sure_ms),
            charge_ms,
        })
    }
}

/// What was used, as the kiosk that runs a session could know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedHere {
    /// Exactly, with what is due for other epochs.
    pub exact_ms: u64,
    /// What ran perhaps, beside it: behind a page that no process drew any more.
    pub unsure_ms: u64,
    /// Charged ahead for the interval that runs, once nothing is forgiven any more.
    pub charge_ms: u64,
}
