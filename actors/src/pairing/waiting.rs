//! The machines that wait at an admin node, and what an operator decides of each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::fact::AdminAdmitted;
use domain::id::{KioskId, NodeId, RequestId, Signature, SiteId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::WAIT;
use super::digits::Digits;
use super::words::{Reason, Request};
use crate::clock::BootClock;

/// Machines that may be at it at once.
pub const MOST_WAITING: usize = 8;

/// Conversations that may come to digits within [`WAIT`]: so many guesses in a million has whoever
/// keeps trying from in between.
pub const MOST_SHOWN: usize = 32;

/// Confirmed requests that are remembered for a repetition.
const MOST_REMEMBERED: usize = 16;

/// A machine that waits for an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Its node.
    pub node: NodeId,
    /// The digits that its screen shows, unless somebody is in between.
    pub digits: Digits,
    /// What it says of itself.
    pub request: Request,
    /// Since when, by this machine's wall clock (ms since 1970).
    pub since_ms: i64,
}

/// An operator's word.
pub(super) type Verdict = Result<KioskId, Reason>;

/// Who waits; shared by the door, which fills it, and the desk, which empties it.
#[derive(Debug)]
pub struct Pairings {
    pub(super) site: SiteId,
    pub(super) node: NodeId,
    pub(super) admission: Signature,
    seats: Arc<Semaphore>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    waiting: BTreeMap<NodeId, Undecided>,
    shown: VecDeque<Instant>,
    confirmed: VecDeque<(RequestId, NodeId, KioskId)>,
}

/// A waiting machine that an operator is deciding about: nobody else can meanwhile. Dropped, the
/// machine is refused.
#[derive(Debug)]
pub(crate) struct Undecided {
    /// Which.
    pub(crate) waiting: Waiting,
    verdict: oneshot::Sender<Verdict>,
}

impl Undecided {
    /// Tells the machine.
    pub(crate) fn conclude(self, verdict: Verdict) {
        if self.verdict.send(verdict).is_err() {
            tracing::debug!(node = %self.waiting.node, "a machine left before it heard");
        }
    }

    fn is_gone(&self) -> bool {
        self.verdict.is_closed()
    }
}

impl Pairings {
    /// A place to wait at the admin node that the site key admitted so.
    pub fn new(site: SiteId, admission: AdminAdmitted) -> Self {
        Self {
            site,
            node: admission.node,
            admission: admission.signature,
            seats: Arc::new(Semaphore::new(MOST_WAITING)),
            table: Mutex::default(),
        }
    }

    /// Who waits, longest first.
    pub fn waiting(&self) -> Vec<Waiting> {
        let mut table = self.table();
        table.waiting.retain(|_, one| !one.is_gone());
        let mut waiting: Vec<_> = table.waiting.values().map(|one| one.waiting).collect();
        waiting.sort_by_key(|one| (one.since_ms, one.node));
        waiting
    }

    /// Takes out the machine that shows these digits, to decide about it.
    pub(crate) fn take(&self, node: NodeId, digits: Digits) -> Option<Undecided> {
        let mut table = self.table();
        table.waiting.get(&node).filter(|one| one.waiting.digits == digits && !one.is_gone())?;
        table.waiting.remove(&node)
    }

    /// Nothing could be decided: the machine waits on, unless it has asked again or left.
    pub(crate) fn put_back(&self, one: Undecided) {
        if !one.is_gone() {
            self.table().waiting.entry(one.waiting.node).or_insert(one);
        }
    }

    /// Remembers a confirmation, so that a repeated request is told the same.
    pub(crate) fn remember(&self, request: RequestId, node: NodeId, kiosk: KioskId) {
        let mut table = self.table();
        table.confirmed.push_back((request, node, kiosk));
        if table.confirmed.len() > MOST_REMEMBERED {
            table.confirmed.pop_front();
        }
    }

    /// The kiosk that this very request gave to the node.
    pub(crate) fn confirmed(&self, request: RequestId, node: NodeId) -> Option<KioskId> {
        let table = self.table();
        let mut confirmed = table.confirmed.iter();
        confirmed
            .find(|(asked, paired, _)| (*asked, *paired) == (request, node))
            .map(|(_, _, kiosk)| *kiosk)
    }

    /// A place for one more conversation, until the permit is dropped.
    pub(super) fn sit(&self) -> Option<OwnedSemaphorePermit> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        let mut table = self.table();
        while table.shown.front().is_some_and(|at| at.elapsed() >= WAIT) {
            table.shown.pop_front();
        }
        if table.shown.len() >= MOST_SHOWN {
            return None;
        }
        table.shown.push_back(Instant::now());
        Some(seat)
    }

    /// Shows a machine to the operators.
    pub(super) fn show(
        &self,
        node: NodeId,
        digits: Digits,
        request: Request,
    ) -> oneshot::Receiver<Verdict> {
        let (verdict, decided) = oneshot::channel();
        let waiting = Waiting { node, digits, request, since_ms: BootClock.wall_ms() };
        let mut table = self.table();
        table.waiting.retain(|_, one| !one.is_gone());
        let former = table.waiting.insert(node, Undecided { waiting, verdict });
        drop(table);
        if let Some(former) = former {
            former.conclude(Err(Reason::AskedAgain));
        }
        decided
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
