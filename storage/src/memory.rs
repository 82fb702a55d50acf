//! A store without a disk, for the simulator and for tests.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;
use crate::ledger_store::{LedgerStore, Numbered, Pair, Placed};
use crate::operation::{Op, Table, Ticket, check_bounds};

/// A store in memory with the same promises, whose power can be cut.
///
/// It holds what readers see and, apart, what a barrier has made durable;
/// [`crash`](Self::crash) gives a store with only the latter. Its disk can be told to be
/// [full](Self::set_full) and to [fail](Self::fail_next_barrier).
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: Content,
    durable: Content,
    /// Batches staged since the last barrier.
    pending: Vec<Vec<Op>>,
    staged: u64,
    durable_ticket: u64,
    full: bool,
    fail_next_barrier: bool,
    broken: Option<String>,
}

/// Values are shared between the two copies, so holding both costs little.
#[derive(Debug, Default, Clone)]
struct Content {
    entries: BTreeMap<([u8; 32], u64), Arc<[u8]>>,
    tables: BTreeMap<(Table, Vec<u8>), Arc<[u8]>>,
}

impl Content {
    fn apply(&mut self, batch: &[Op]) {
        for op in batch {
            match op {
                Op::PutEntry { epoch, seq, bytes } => {
                    self.entries.insert((*epoch, *seq), bytes.as_slice().into());
                }
                Op::DropEntriesBelow { epoch, seq } => {
                    let below: Vec<_> =
                        self.entries.range((*epoch, 0)..(*epoch, *seq)).map(|(k, _)| *k).collect();
                    for key in below {
                        self.entries.remove(&key);
                    }
                }
                Op::Put { table, key, value } => {
                    self.tables.insert((*table, key.clone()), value.as_slice().into());
                }
                Op::Remove { table, key } => {
                    self.tables.remove(&(*table, key.clone()));
                }
            }
        }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The store as it stands after a power cut now: only what a barrier had made durable. This
    /// one goes on unchanged.
    #[must_use]
    pub fn crash(&self) -> Self {
        self.crash_late(0)
    }

    /// As [`crash`](Self::crash), where the first `batches` of those that no barrier had covered
    /// came through, too: a disk may write earlier than it is told to, in order and each batch whole.
    #[must_use]
    pub fn crash_late(&self, batches: usize) -> Self {
        let state = self.lock();
        let mut durable = state.durable.clone();
        let late = &state.pending[..batches.min(state.pending.len())];
        late.iter().for_each(|batch| durable.apply(batch));
        let ticket = state.durable_ticket + late.len() as u64;
        Self {
            state: Mutex::new(State {
                seen: durable.clone(),
                durable,
                staged: ticket,
                durable_ticket: ticket,
                full: state.full,
                ..State::default()
            }),
        }
    }

    /// A barrier that was called when `ticket` was the last one staged, and returns only now: what
    /// was staged meanwhile is not covered.
    pub fn barrier_until(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        let mut state = self.lock();
        state.check_barrier()?;
        let covered = ticket.0.saturating_sub(state.durable_ticket);
        let covered = usize::try_from(covered)
            .map_or(state.pending.len(), |covered| covered.min(state.pending.len()));
        let batches: Vec<_> = state.pending.drain(..covered).collect();
        batches.iter().for_each(|batch| state.durable.apply(batch));
        state.durable_ticket += batches.len() as u64;
        Ok(Ticket(state.durable_ticket))
    }

    /// The last ticket staged, durable or not.
    pub fn staged(&self) -> Ticket {
        Ticket(self.lock().staged)
    }

    /// Batches that no barrier has covered.
    pub fn pending(&self) -> usize {
        self.lock().pending.len()
    }

    /// Bytes of what readers see.
    pub fn bytes(&self) -> u64 {
        let state = self.lock();
        let entries = state.seen.entries.values().map(|bytes| bytes.len());
        let tables = state.seen.tables.iter().map(|((_, key), value)| key.len() + value.len());
        entries.chain(tables).map(|length| length as u64).sum()
    }

    /// Whether a barrier has covered an entry.
    pub fn is_durable(&self, epoch: &[u8; 32], seq: u64) -> bool {
        self.lock().durable.entries.contains_key(&(*epoch, seq))
    }

    /// Fills the disk, or frees it: while it is full, batches that need room are refused.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Makes the next barrier fail, after which the store takes nothing more; or takes that back.
    pub fn fail_next_barrier(&self, fails: bool) {
        self.lock().fail_next_barrier = fails;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check_whole(&self) -> Result<(), StoreError> {
        match &self.broken {
            Some(why) => Err(StoreError::Broken { why: why.clone() }),
            None => Ok(()),
        }
    }

    /// As [`check_whole`](Self::check_whole), at a barrier: it may be told to fail.
    fn check_barrier(&mut self) -> Result<(), StoreError> {
        self.check_whole()?;
        if std::mem::take(&mut self.fail_next_barrier) {
            self.broken = Some("the fsync was told to fail".to_owned());
        }
        self.check_whole()
    }
}

impl LedgerStore for MemoryStore {
    fn stage(&self, batch: Vec<Op>) -> Result<Ticket, StoreError> {
        check_bounds(&batch)?;
        let mut state = self.lock();
        state.check_whole()?;
        if batch.is_empty() {
            return Ok(Ticket(state.staged));
        }
        if state.full && !batch.iter().all(Op::only_frees) {
            return Err(StoreError::Full { path: "memory".into(), free: 0 });
        }
        state.seen.apply(&batch);
        state.pending.push(batch);
        state.staged += 1;
        Ok(Ticket(state.staged))
    }

    fn barrier(&self) -> Result<Ticket, StoreError> {
        let staged = self.staged();
        self.barrier_until(staged)
    }

    fn entry(&self, epoch: &[u8; 32], seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().seen.entries.get(&(*epoch, seq)).map(|bytes| bytes.to_vec()))
    }

    fn entries(
        &self,
        epoch: &[u8; 32],
        from: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Numbered>, StoreError> {
        let state = self.lock();
        let mut found = Vec::new();
        let mut sum = 0;
        for ((_, seq), bytes) in state.seen.entries.range((*epoch, from)..=(*epoch, u64::MAX)) {
            sum += bytes.len();
            if found.len() >= max_count || (sum > max_bytes && !found.is_empty()) {
                break;
            }
            found.push((*seq, bytes.to_vec()));
        }
        Ok(found)
    }

    fn scan_entries(
        &self,
        after: Option<([u8; 32], u64)>,
        max_count: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.lock();
        let page = state.seen.entries.range((start, Bound::Unbounded)).take(max_count);
        Ok(page.map(|((epoch, seq), bytes)| (*epoch, *seq, bytes.to_vec())).collect())
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().seen.tables.get(&(table, key.to_vec())).map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        table: Table,
        after: Option<&[u8]>,
        max_count: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let start = match after {
            Some(key) => Bound::Excluded((table, key.to_vec())),
            None => Bound::Included((table, Vec::new())),
        };
        let state = self.lock();
        let page = state.seen.tables.range((start, Bound::Unbounded));
        let page = page.take_while(|((of, _), _)| *of == table).take(max_count);
        Ok(page.map(|((_, key), value)| (key.clone(), value.to_vec())).collect())
    }
}

#[cfg(test)]
mod tests;
