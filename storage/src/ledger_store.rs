//! The one trait through which the rest of a node reaches its disk.

use std::sync::Arc;

use crate::error::StoreError;
use crate::operation::{Op, Table, Ticket};

/// An entry with its number in the epoch that it belongs to.
pub type Numbered = (u64, Vec<u8>);
/// An entry with its epoch and its number.
pub type Placed = ([u8; 32], u64, Vec<u8>);
/// A table's key and value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Opaque entries and tables, with a durability barrier.
///
/// Every call blocks on the disk: call it from a thread that may block. All are safe to call from
/// many threads at once.
pub trait LedgerStore: Send + Sync + 'static {
    /// Stages a batch: atomic, seen by every reader from the moment that this returns, and durable
    /// only after a [`barrier`](Self::barrier). On an error nothing of the batch may be relied on;
    /// for `TooLarge` and `Full` nothing of it was staged. An empty batch stages nothing and
    /// returns the last ticket.
    fn stage(&self, batch: Vec<Op>) -> Result<Ticket, StoreError>;

    /// Blocks until everything staged before the call is on the disk, and returns the highest
    /// ticket that is. Callers that wait at the same time share one fsync.
    fn barrier(&self) -> Result<Ticket, StoreError>;

    /// One entry.
    fn entry(&self, epoch: &[u8; 32], seq: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Entries of one epoch from number `from` on, ascending: at most `max_count`, and of at most
    /// `max_bytes` bytes in sum, but always the first one if there is one and `max_count` is not 0.
    fn entries(
        &self,
        epoch: &[u8; 32],
        from: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Numbered>, StoreError>;

    /// A page of all entries in order of epoch and number, those strictly after `after`.
    fn scan_entries(
        &self,
        after: Option<([u8; 32], u64)>,
        max_count: usize,
    ) -> Result<Vec<Placed>, StoreError>;

    /// A table's value.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// A page of a table in order of its keys, those strictly after `after`.
    fn scan(
        &self,
        table: Table,
        after: Option<&[u8]>,
        max_count: usize,
    ) -> Result<Vec<Pair>, StoreError>;
}

impl<S: LedgerStore + ?Sized> LedgerStore for Arc<S> {
    fn stage(&self, batch: Vec<Op>) -> Result<Ticket, StoreError> {
        (**self).stage(batch)
    }

    fn barrier(&self) -> Result<Ticket, StoreError> {
        (**self).barrier()
    }

    fn entry(&self, epoch: &[u8; 32], seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).entry(epoch, seq)
    }

    fn entries(
        &self,
        epoch: &[u8; 32],
        from: u64,
        max_count: usize,
        max_bytes: usize,
    ) -> Result<Vec<Numbered>, StoreError> {
        (**self).entries(epoch, from, max_count, max_bytes)
    }

    fn scan_entries(
        &self,
        after: Option<([u8; 32], u64)>,
        max_count: usize,
    ) -> Result<Vec<Placed>, StoreError> {
        (**self).scan_entries(after, max_count)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        after: Option<&[u8]>,
        max_count: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        (**self).scan(table, after, max_count)
    }
}
