//! The store on disk, on sled 0.34.7.
//!
//! What this file knows about sled and works around:
//! - `flush()` does not fsync on Linux; the barrier does, on a descriptor of its own.
//! - It panics on some damage: see the module `cage`.
//! - Its pages above 128 KiB go to files that are never synced: see the module `cell`.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::cell::{self, Cell, TICKET_KEY};
use crate::error::StoreError;
use crate::group_commit::GroupCommit;
use crate::ledger_store::{LedgerStore, Numbered, Pair, Placed};
use crate::operation::{Op, Table, Ticket, check_bounds};
use cage::Cage;
use witness::Witness;

mod cage;
mod opening;
mod trial;
mod witness;

pub use trial::try_disk;

/// What a store takes from the machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// sled's cache of pages.
    pub cache_bytes: u64,
    /// Bytes that must stay free on the disk: below this, batches that need room are refused while
    /// the store is still whole, and are taken again once there is room.
    pub reserve_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cache_bytes: 4 << 20, reserve_bytes: 16 << 20 }
    }
}

/// A store that was opened, and what became of the one that was there before.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: SledStore,
    /// Where a damaged store was moved to; the store above is then empty.
    pub moved_aside: Option<PathBuf>,
    /// What an otherwise sound store has lost at its end.
    pub rolled_back: Option<RolledBack>,
}

/// A store whose last batches are gone though a barrier had made them durable: a disk that flipped
/// bits or lied about a flush, or an old copy put back. What it holds is sound as of `found`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledBack {
    /// The last batch that is there.
    pub found: Ticket,
    /// The last batch known to have been durable.
    pub promised: Ticket,
}

/// A ledger's store in a folder on disk.
///
/// The folder is locked for this process by a file beside it (`<folder>.lock`).
pub struct SledStore {
    cage: Cage,
    data: File,
    commit: GroupCommit,
    witness: Witness,
    /// One batch at a time is worked out and applied.
    staging: Mutex<()>,
    /// Readers of several cells hold it shared, so that no batch comes between their reads.
    gate: RwLock<()>,
    reserve_bytes: u64,
    path: PathBuf,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Cells to write (`Some`) or remove (`None`), in key order.
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Bytes that are free to this user on the disk beneath a path.
fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let disk =
        rustix::fs::statvfs(path).map_err(|e| StoreError::io("asking for free room", e.into()))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

impl SledStore {
    /// Opens or creates the store in `path` and reads all of it once. A damaged one is moved aside
    /// and an empty one begun; see [`Opened::moved_aside`].
    ///
    /// # Errors
    /// `InUse` when another process holds it, `OtherLayout` for another release's, `Io` for what
    /// the file system refuses; in all of these nothing was moved.
    pub fn open(path: impl AsRef<Path>) -> Result<Opened, StoreError> {
        Self::open_with(path, &Settings::default())
    }

    /// [`open`](Self::open) with other settings.
    pub fn open_with(path: impl AsRef<Path>, settings: &Settings) -> Result<Opened, StoreError> {
        opening::open(path.as_ref(), settings)
    }

    /// Opens the store that is in `path`, or says what is wrong with it: none is begun and nothing
    /// is moved. For looking at a store, also at one that was moved aside.
    pub fn inspect(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let data = path.join("db");
        std::fs::metadata(&data)
            .map_err(|e| StoreError::io(format!("looking for {}", data.display()), e))?;
        opening::open_as_it_is(path, &Settings::default()).map(|opened| opened.store)
    }

    fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cells from `start` up to and without `end`. The caller holds the gate.
    fn page(
        &self,
        start: Bound<Vec<u8>>,
        end: &[u8],
        max_count: usize,
    ) -> Result<Vec<(sled::IVec, sled::IVec)>, StoreError> {
        let mut left = max_count;
        self.cage.cells(start, end, |_| {
            let more = left > 0;
            left = left.saturating_sub(1);
            more
        })
    }

    /// The body under a key, its parts put together. The caller holds the gate.
    fn body(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.cage.run(|db| db.get(key))? {
            Some(cell) => self.whole(key, &cell).map(Some),
            None => Ok(None),
        }
    }

    fn whole(&self, key: &[u8], cell: &[u8]) -> Result<Vec<u8>, StoreError> {
        let wrong = |what: &str| StoreError::damaged(format!("{}: {what}", cell::shown(key)));
        let (length, sum) = match cell::unseal(key, cell)? {
            Cell::Whole(body) => return Ok(body),
            Cell::Long { length, sum } => (length, sum),
            Cell::Part(_) => return Err(wrong("a part stands where a value belongs")),
        };
        let mut body = Vec::with_capacity(length);
        for part in 0..cell::part_count(length) {
            let key = cell::part_key(key, part);
            let found = self.cage.run(|db| db.get(&key))?;
            match found.map(|cell| cell::unseal(&key, &cell)).transpose()? {
                Some(Cell::Part(bytes)) => body.extend_from_slice(&bytes),
                Some(Cell::Whole(_) | Cell::Long { .. }) | None => {
                    return Err(wrong("a part is missing"));
                }
            }
        }
        if body.len() != length || crc32fast::hash(&body) != sum {
            return Err(wrong("its parts do not fit together"));
        }
        Ok(body)
    }

    /// Works out which cells a batch changes.
    fn changes(&self, batch: &[Op]) -> Result<Changes, StoreError> {
        let mut changes = Changes::new();
        for op in batch {
            match op {
                Op::PutEntry { epoch, seq, bytes } => {
                    let key = cell::entry_key(epoch, *seq);
                    cell::seal(&key, bytes, |key, cell| {
                        changes.insert(key, Some(cell));
                    });
                }
                Op::DropEntriesBelow { epoch, seq } => {
                    let range = cell::entry_key(epoch, 0)..cell::entry_key(epoch, *seq);
                    let held: Vec<sled::IVec> =
                        self.cage.run(|db| db.range(range.clone()).keys().collect())?;
                    changes.extend(held.into_iter().map(|key| (key.to_vec(), None)));
                    for (_, change) in changes.range_mut(range) {
                        *change = None;
                    }
                }
                Op::Put { table, key, value } => {
                    self.replace(&mut changes, &cell::table_key(*table, key), Some(value))?;
                }
                Op::Remove { table, key } => {
                    self.replace(&mut changes, &cell::table_key(*table, key), None)?;
                }
            }
        }
        Ok(changes)
    }

    /// Puts or removes a value that may be long, and with it the parts of what stood there.
    fn replace(
        &self,
        changes: &mut Changes,
        key: &[u8],
        body: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let before = match changes.get(key) {
            Some(change) => change.clone(),
            None => self.cage.run(|db| db.get(key))?.map(|cell| cell.to_vec()),
        };
        let Some(before) = before else {
            if let Some(body) = body {
                cell::seal(key, body, |key, cell| {
                    changes.insert(key, Some(cell));
                });
            }
            return Ok(());
        };
        if let Cell::Long { length, .. } = cell::unseal(key, &before)? {
            for part in 0..cell::part_count(length) {
                changes.insert(cell::part_key(key, part), None);
            }
        }
        match body {
            Some(body) => cell::seal(key, body, |key, cell| {
                changes.insert(key, Some(cell));
            }),
            None => {
                changes.insert(key.to_vec(), None);
            }
        }
        Ok(())
    }

    fn check_room(&self, batch: &[Op]) -> Result<(), StoreError> {
        let free = free_bytes(&self.path)?;
        if free < self.reserve_bytes && !batch.iter().all(Op::only_frees) {
            return Err(StoreError::Full { path: self.path.clone(), free });
        }
        Ok(())
    }

    /// Makes all that was staged up to `ticket` durable.
    fn sync(&self, ticket: u64) -> Result<(), StoreError> {
        self.cage.run(|db| db.flush())?;
        self.data.sync_all().map_err(|e| StoreError::io("fsync of the store", e))?;
        if let Err(error) = self.witness.note(ticket) {
            // It only ever warns of a loss, and nothing was lost.
            tracing::warn!(store = %self.path.display(), "could not note the barrier: {error}");
        }
        Ok(())
    }
}

impl LedgerStore for SledStore {
    fn stage(&self, batch: Vec<Op>) -> Result<Ticket, StoreError> {
        check_bounds(&batch)?;
        let _one = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.commit.staged()?;
        if batch.is_empty() {
            return Ok(Ticket(last));
        }
        self.check_room(&batch)?;
        let ticket = last + 1;
        let mut changes = self.changes(&batch)?;
        cell::seal(TICKET_KEY, &ticket.to_le_bytes(), |key, cell| {
            changes.insert(key, Some(cell));
        });
        let mut writes = sled::Batch::default();
        for (key, change) in changes {
            match change {
                Some(cell) => writes.insert(key, cell),
                None => writes.remove(key),
            }
        }
        let _alone = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.cage.run(|db| db.apply_batch(writes)) {
            // Some of it may be in the tree: nothing may build on that.
            self.commit.note_broken(&error.to_string());
            return Err(error);
        }
        self.commit.note_staged(ticket);
        Ok(Ticket(ticket))
    }

    fn barrier(&self) -> Result<Ticket, StoreError> {
        self.commit.wait(|ticket| self.sync(ticket)).map(Ticket)
    }

    fn entry(&self, epoch: &[u8; 32], seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let _gate = self.reading();
        self.body(&cell::entry_key(epoch, seq))
    }

    fn entries(
        &self,
        epoch: &[u8; 32],
        from: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Numbered>, StoreError> {
        let _gate = self.reading();
        let start = Bound::Included(cell::entry_key(epoch, from));
        let mut end = cell::entry_key(epoch, u64::MAX);
        end.push(0);
        let mut count = 0_usize;
        let mut sum = 0_usize;
        let cells = self.cage.cells(start, &end, |cell| {
            count += 1;
            sum = sum.saturating_add(cell::body_len(cell));
            count <= max_count && (sum <= max_bytes || count == 1)
        })?;
        let read = |(key, cell): &(sled::IVec, sled::IVec)| {
            Ok((cell::entry_place(key)?.1, self.whole(key, cell)?))
        };
        cells.iter().map(read).collect()
    }

    fn scan_entries(
        &self,
        after: Option<([u8; 32], u64)>,
        max_count: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        let start = match after {
            Some((epoch, seq)) => Bound::Excluded(cell::entry_key(&epoch, seq)),
            None => Bound::Included(cell::FIRST_ENTRY.to_vec()),
        };
        let _gate = self.reading();
        let cells = self.page(start, cell::AFTER_ENTRIES, max_count)?;
        let read = |(key, cell): &(sled::IVec, sled::IVec)| {
            let (epoch, seq) = cell::entry_place(key)?;
            Ok((epoch, seq, self.whole(key, cell)?))
        };
        cells.iter().map(read).collect()
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let _gate = self.reading();
        self.body(&cell::table_key(table, key))
    }

    fn scan(
        &self,
        table: Table,
        after: Option<&[u8]>,
        max_count: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        let prefix = cell::table_prefix(table);
        let start = match after {
            Some(key) => Bound::Excluded(cell::table_key(table, key)),
            None => Bound::Included(vec![prefix]),
        };
        let _gate = self.reading();
        let cells = self.page(start, &[prefix + 1], max_count)?;
        let read = |(key, cell): &(sled::IVec, sled::IVec)| {
            let short = key.get(1..).unwrap_or_default().to_vec();
            Ok((short, self.whole(key, cell)?))
        };
        cells.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests;
