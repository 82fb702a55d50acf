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
    folded: Option<Arc<[u8]>>,
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
                Op::PutFolded(bytes) => self.folded = Some(bytes.as_slice().into()),
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
        let state = self.lock();
        Self {
            state: Mutex::new(State {
                seen: state.durable.clone(),
                durable: state.durable.clone(),
                staged: state.durable_ticket,
                durable_ticket: state.durable_ticket,
                full: state.full,
                ..State::default()
            }),
        }
    }

    /// Fills the disk, or frees it: while it is full, batches that need room are refused.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Makes the next barrier fail, after which the store takes nothing more.
    pub fn fail_next_barrier(&self) {
        self.lock().fail_next_barrier = true;
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
        let mut state = self.lock();
        state.check_whole()?;
        if std::mem::take(&mut state.fail_next_barrier) {
            state.broken = Some("the fsync was told to fail".to_owned());
        }
        state.check_whole()?;
        for batch in std::mem::take(&mut state.pending) {
            state.durable.apply(&batch);
        }
        state.durable_ticket = state.staged;
        Ok(Ticket(state.staged))
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

    fn folded(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().seen.folded.as_ref().map(|bytes| bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests;
