//! Simulated disks: a store in memory, between a node and its promises.

use std::sync::{Arc, Mutex, PoisonError};

use domain::id::{EntryId, EpochId, RowId};
use storage::error::StoreError;
use storage::ledger_store::{LedgerStore, Numbered, Pair, Placed};
use storage::memory::MemoryStore;
use storage::operation::{Op, Table, Ticket};

use self::twin::Twin;

mod twin;

/// Entries, tables and a barrier that somebody else calls in time.
///
/// A node sees what it staged at once; what a power cut leaves is decided by
/// [`Disk::barrier_until`], which the simulator calls when a barrier returns. [`LedgerStore::barrier`]
/// is never called by a node that is simulated.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    store: MemoryStore,
    /// The same in a real store, where worlds have them.
    twin: Option<Twin>,
    /// Entries that were staged since somebody asked.
    fresh: Mutex<Vec<EntryId>>,
}

impl Disk {
    fn holding(store: MemoryStore, twin: Option<Twin>) -> Self {
        Disk(Arc::new(Inside { store, twin, fresh: Mutex::default() }))
    }

    /// An empty disk with a real store on it, beside the simulated one.
    pub(super) fn with_twin() -> Self {
        Self::holding(MemoryStore::new(), Some(Twin::fresh()))
    }

    /// A new disk of the same kind.
    pub(super) fn emptied(&self) -> Self {
        Self::holding(MemoryStore::new(), self.0.twin.as_ref().map(|_| Twin::fresh()))
    }

    /// The disk as a power cut leaves it, `late` of the batches that no barrier covered included.
    pub(super) fn after_power_cut(&self, late: usize) -> Self {
        let twin = self.0.twin.as_ref().map(|_| Twin::fresh());
        Self::holding(self.0.store.crash_late(late), twin)
    }

    /// The disk as the end of a process leaves it: the system writes everything in time.
    pub(super) fn after_kill(&self) -> Self {
        let twin = self.0.twin.as_ref().map(Twin::opened_again);
        Self::holding(self.0.store.crash_late(usize::MAX), twin)
    }

    /// Batches that no barrier has covered.
    pub(super) fn pending(&self) -> usize {
        self.0.store.pending()
    }

    /// The last batch staged.
    pub(super) fn staged(&self) -> Ticket {
        self.0.store.staged()
    }

    /// A barrier returns that was called after this batch.
    pub(super) fn barrier_until(&self, ticket: Ticket) -> Result<Ticket, StoreError> {
        let durable = self.0.store.barrier_until(ticket)?;
        self.twin(Twin::barrier);
        Ok(durable)
    }

    /// Fills the disk, or frees it.
    pub(super) fn set_full(&self, full: bool) {
        self.0.store.set_full(full);
    }

    /// Makes the next barrier fail, or takes that back.
    pub(super) fn fail_next_barrier(&self, fails: bool) {
        self.0.store.fail_next_barrier(fails);
    }

    /// Does something with the real store.
    fn twin<T>(&self, with: impl FnOnce(&Twin, &MemoryStore) -> T) -> Option<T> {
        self.0.twin.as_ref().map(|twin| with(twin, &self.0.store))
    }

    /// What the simulated store says, once the real one has said the same.
    fn agreed<T: PartialEq + std::fmt::Debug>(
        &self,
        read: impl Fn(&dyn LedgerStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let said = read(&self.0.store)?;
        self.twin(|twin, store| twin.says(store, &said, read));
        Ok(said)
    }

    /// Whether a barrier has covered an entry.
    pub(super) fn is_durable(&self, entry: &EntryId) -> bool {
        self.0.store.is_durable(&entry.epoch.0, entry.seq)
    }

    /// Bytes on it.
    pub(super) fn bytes(&self) -> u64 {
        self.0.store.bytes()
    }

    /// Entries staged since this was last asked.
    pub(super) fn take_fresh(&self) -> Vec<EntryId> {
        std::mem::take(&mut *self.0.fresh.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether anything is kept under a row's name, other than the word that it was erased.
    pub(super) fn keeps_row(&self, row: &RowId) -> bool {
        let mut after: Option<Vec<u8>> = None;
        while let Ok(page) = self.0.store.scan(Table::Rows, after.as_deref(), 1_024) {
            let Some((last, _)) = page.last() else {
                return false;
            };
            after = Some(last.clone());
            let named = |key: &[u8]| key.windows(row.0.len()).any(|part| part == row.0);
            if page.iter().any(|(key, value)| named(key) && !value.is_empty()) {
                return true;
            }
        }
        false
    }
}

impl LedgerStore for Disk {
    fn stage(&self, batch: Vec<Op>) -> Result<Ticket, StoreError> {
        let entries: Vec<EntryId> = batch
            .iter()
            .filter_map(|op| match op {
                Op::PutEntry { epoch, seq, .. } => {
                    Some(EntryId { epoch: EpochId(*epoch), seq: *seq })
                }
                Op::DropEntriesBelow { .. } | Op::Put { .. } | Op::Remove { .. } => None,
            })
            .collect();
        let again = self.0.twin.as_ref().map(|_| batch.clone());
        let ticket = self.0.store.stage(batch)?;
        if let Some(batch) = again {
            self.twin(|twin, store| twin.stage(store, batch));
        }
        if !entries.is_empty() {
            self.0.fresh.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
        }
        Ok(ticket)
    }

    fn barrier(&self) -> Result<Ticket, StoreError> {
        self.0.store.barrier()
    }

    fn entry(&self, epoch: &[u8; 32], seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.agreed(|store| store.entry(epoch, seq))
    }

    fn entries(
        &self,
        epoch: &[u8; 32],
        from: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Numbered>, StoreError> {
        self.agreed(|store| store.entries(epoch, from, max_count, max_bytes))
    }

    fn scan_entries(
        &self,
        after: Option<([u8; 32], u64)>,
        max_count: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        self.agreed(|store| store.scan_entries(after, max_count))
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.agreed(|store| store.get(table, key))
    }

    fn scan(
        &self,
        table: Table,
        after: Option<&[u8]>,
        max_count: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        self.agreed(|store| store.scan(table, after, max_count))
    }
}
