//! The durable floor of a node: opaque bytes that outlive a power cut.
//!
//! One trait, [`LedgerStore`], and two stores behind it:
//! [`SledStore`] on disk and [`MemoryStore`] for the
//! simulator and for tests. The same contract tests run on both.
//!
//! What is kept: signed entries by (epoch, seq), and tables (registers of use, the frontier, rows,
//! pieces of checkpoints, what is local to this node). This crate never looks inside any of them,
//! checks no signature and knows no rule; it imports nothing of ours.
//!
//! # The promise
//! - A batch that was [staged](ledger_store::LedgerStore::stage) is seen by readers at once, whole
//!   or not at all.
//! - A batch survives a power cut once a [barrier](ledger_store::LedgerStore::barrier) that was
//!   called after it has returned `Ok`; **only then may anything be acknowledged**. Many threads
//!   that wait at once share one fsync.
//! - What is read is what was written: each value carries a checksum over its key and its bytes.
//!   Damage is [`StoreError::Damaged`], never a panic and never other
//!   bytes.
//! - After a failed write or fsync a store takes no further batch and no further barrier until it
//!   is opened again: the kernel may have dropped the dirty pages, so a second fsync that says
//!   "fine" would prove nothing.
//!
//! # A store that does not open
//! is moved aside under a dated name (`ledger.damaged-20261122T090000Z`), never deleted, and a fresh
//! one takes its place; [`Opened`] tells so. A node re-learns from its peers.
//! A store that is sound but has lost its end is kept, and said to be
//! [`RolledBack`](sled_store::RolledBack).
//! A store that another process holds, a full disk or a missing permission are not damage: they are
//! errors of their own and nothing is moved.

pub mod error;
pub mod ledger_store;
pub mod memory;
pub mod operation;
pub mod sled_store;

mod aside;
mod cell;
mod group_commit;

#[cfg(test)]
mod contract;

pub use error::StoreError;
pub use ledger_store::LedgerStore;
pub use memory::MemoryStore;
pub use operation::{Op, Table, Ticket};
pub use sled_store::{Opened, SledStore, try_disk};
