//! What can be asked of a store in one batch, and the bounds on it.

use crate::error::StoreError;

/// An entry's largest size in bytes (law 1 of the ledger).
pub const ENTRY_MAX: usize = 1_200;
/// A table key's largest size in bytes.
pub const KEY_MAX: usize = 128;
/// A table value's largest size in bytes.
pub const VALUE_MAX: usize = 64 * 1024;
/// The most operations in one batch.
pub const BATCH_MAX: usize = 65_536;

/// A staged batch's place in the order of staging; grows by one with each batch, also across a
/// clean reopening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticket(pub u64);

/// A small key/value table. The store gives no meaning to any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Snapshots of checkpoints, in pieces.
    Checkpoints,
    /// Cells of which the greatest is kept (used time).
    Registers,
    /// What is held of each epoch.
    Frontier,
    /// Opaque rows (the vault's, and short-lived texts).
    Rows,
    /// What concerns this node alone and is never sent.
    Local,
}

impl Table {
    /// All tables, in the order of their bytes on disk.
    pub const ALL: [Table; 5] =
        [Table::Checkpoints, Table::Frontier, Table::Local, Table::Registers, Table::Rows];
}

/// One step of a batch. Steps take effect in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Keep an entry (≤ [`ENTRY_MAX`] bytes); bytes already held at this place are replaced.
    PutEntry {
        /// The author's epoch.
        epoch: [u8; 32],
        /// The entry's number in that epoch.
        seq: u64,
        /// The signed bytes.
        bytes: Vec<u8>,
    },
    /// Forget every entry of an epoch whose number is lower than `seq`.
    DropEntriesBelow {
        /// The author's epoch.
        epoch: [u8; 32],
        /// The lowest number that stays.
        seq: u64,
    },
    /// Set a key of a table ([`KEY_MAX`], [`VALUE_MAX`]).
    Put {
        /// Which table.
        table: Table,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// Remove a key of a table; a missing one is no error.
    Remove {
        /// Which table.
        table: Table,
        /// The key.
        key: Vec<u8>,
    },
}

impl Op {
    /// Whether the step only frees room, so that it is still taken when the disk is nearly full.
    pub(crate) fn only_frees(&self) -> bool {
        matches!(self, Op::Remove { .. } | Op::DropEntriesBelow { .. })
    }
}

/// Checks every size in a batch before anything of it is staged.
pub(crate) fn check_bounds(batch: &[Op]) -> Result<(), StoreError> {
    within("a batch (in operations)", batch.len(), BATCH_MAX)?;
    for op in batch {
        match op {
            Op::PutEntry { bytes, .. } => within("an entry", bytes.len(), ENTRY_MAX)?,
            Op::DropEntriesBelow { .. } => {}
            Op::Put { key, value, .. } => {
                within("a key", key.len(), KEY_MAX)?;
                within("a value", value.len(), VALUE_MAX)?;
            }
            Op::Remove { key, .. } => within("a key", key.len(), KEY_MAX)?,
        }
    }
    Ok(())
}

fn within(what: &'static str, size: usize, limit: usize) -> Result<(), StoreError> {
    if size > limit {
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}
