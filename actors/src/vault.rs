//! The vault: rows of personal data, on admin nodes only.
//!
//! A pure machine over a store: no clock, no randomness of its own, no network. The actor and the
//! simulator drive the same one. What it promises:
//!
//! - **Merge.** Writes form a set per field ([`row`]); any order and any repetition gives the same
//!   row, and edits that had not seen each other are all shown.
//! - **Erasure** beats every edit, before and after, for ever; it removes the row and its key.
//! - **At rest** everything is sealed (XChaCha20-Poly1305): each row under a key of its own, that key
//!   under the vault's. A row that does not open is reported, and learned again from another admin
//!   node.
//! - **Between admin nodes** rows travel as [`exchange::RowMessage`]; whatever comes in is hostile
//!   until its signature, its sizes and its place have been checked.
//! - **After a restore** the vault is shut: it shows, takes and tells nothing, and forgets what the
//!   ledger tells it to, until [`Vault::open_after_catch_up`].
//!
//! What changes the store returns a [`Ticket`]; acknowledge nothing before a barrier has reached it.
//!
//! Erasure removes a row's key and its fields from the store. How soon the disk beneath reuses those
//! bytes is the store's matter: until then, somebody with the disk *and* `vault.key` could dig both
//! out. A backup without `vault.key` gives nothing.

pub mod account;
pub mod exchange;
pub mod key;
pub mod login;
pub mod note;
pub mod password;
pub mod refusal;
pub mod row;
pub mod text;
pub mod write;

mod seal;
mod shelf;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use domain::codec::CodecError;
use domain::id::{EpochId, OperatorId, RowId, Signature};
use domain::planted::{self, Bug};
use rand::CryptoRng;
use storage::operation::{Op, Ticket};
use storage::{LedgerStore, StoreError};

use exchange::RowMessage;
use key::VaultKey;
use refusal::VaultRefusal;
use row::{Cell, Row};
use shelf::{Check, Held, Shelf};
use tree::Tree;
use write::{FIELDS, FieldWrite, MOST_REPLACED, MOST_VALUE, RowKind, WriteId};

/// Most rows of one vault.
pub const MOST_ROWS: usize = 100_000;

/// Why the vault did not do what it was asked: a rule, or something that broke.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A rule.
    #[error(transparent)]
    Refused(#[from] VaultRefusal),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row that cannot be written as bytes.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Bytes that cannot be sealed.
    #[error("a row could not be sealed")]
    Unsealable,
}

/// Who writes, and with what.
pub struct Author<'a> {
    /// The operator who pressed the button.
    pub by: OperatorId,
    /// This node's epoch.
    pub epoch: EpochId,
    /// The time to show beside the edit.
    pub at_ms: i64,
    /// Signs for the epoch.
    pub sign: &'a dyn Fn(&[u8]) -> Signature,
}

/// One field's new value.
#[derive(Clone)]
pub struct Edit {
    /// Which field.
    pub field: u16,
    /// What it becomes.
    pub value: Vec<u8>,
    /// The writes that the operator was looking at ([`row::Field::seen`]). One that is missing here
    /// stays beside the new value as a conflict.
    pub seen: Vec<WriteId>,
}

/// A write that was staged.
#[derive(Debug)]
pub struct Written {
    /// Acknowledge when a barrier has reached it.
    pub ticket: Ticket,
    /// For the other admin nodes.
    pub messages: Vec<RowMessage>,
}

/// A row that stands in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    kind: RowKind,
    hash: [u8; 32],
}

/// Rows of personal data. See the module.
#[derive(Debug)]
pub struct Vault<S> {
    shelf: Shelf<S>,
    index: BTreeMap<RowId, Standing>,
    tree: Tree,
    shut: bool,
    damaged: BTreeSet<RowId>,
}

impl<S: LedgerStore> Vault<S> {
    /// Opens the vault in `store`. Rows that do not open under `key` are [reported](Self::damaged)
    /// and skipped; where none does, the key is the wrong one.
    pub fn open(
        store: S,
        key: VaultKey,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, VaultError> {
        let shelf = Shelf::new(store, key);
        let (check, shut) = (shelf.check()?, shelf.is_shut()?);
        let (index, tree, damaged) = (BTreeMap::new(), Tree::default(), BTreeSet::new());
        let mut vault = Vault { shelf, index, tree, shut, damaged };
        vault.inspect()?;
        if check != Check::Right {
            if vault.index.is_empty() && !vault.damaged.is_empty() {
                return Err(VaultRefusal::WrongKey.into());
            }
            vault.shelf.store().stage(vec![vault.shelf.check_op(rng)?])?;
        }
        Ok(vault)
    }

    /// Reads every row again and takes those that do not open out of the index, so that the next
    /// exchange brings them back. Returns the damaged ones.
    pub fn inspect(&mut self) -> Result<&BTreeSet<RowId>, VaultError> {
        let (rows, lost) = self.shelf.rows()?;
        self.index.clear();
        self.tree = Tree::default();
        self.damaged = lost.into_iter().collect();
        for row in rows {
            if let Some(held) = self.shelf.load(row)? {
                if held.is_damaged() {
                    self.damaged.insert(row);
                }
                self.enter(row, standing(&held.row)?);
            }
        }
        Ok(&self.damaged)
    }

    /// Rows of which something does not open.
    pub fn damaged(&self) -> &BTreeSet<RowId> {
        &self.damaged
    }

    /// The store beneath, for barriers.
    pub fn store(&self) -> &S {
        self.shelf.store()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Shuts the vault: a backup has been restored. Survives a restart.
    pub fn shut(&mut self) -> Result<Ticket, VaultError> {
        let ticket = self.store().stage(vec![Shelf::<S>::shut_op(true)])?;
        self.shut = true;
        Ok(ticket)
    }

    /// Whether the vault is shut.
    pub fn is_shut(&self) -> bool {
        self.shut
    }

    /// Opens the vault again: the ledger has caught up (every erasure since the backup has been
    /// [applied](Self::erase)), or an administrator says so.
    pub fn open_after_catch_up(&mut self) -> Result<Ticket, VaultError> {
        let ticket = self.store().stage(vec![Shelf::<S>::shut_op(false)])?;
        self.shut = false;
        Ok(ticket)
    }

    /// Erases a row for ever, known or not: the ledger says so. Also while shut.
    pub fn erase(&mut self, row: RowId) -> Result<Ticket, VaultError> {
        let remains = self.index.contains_key(&row) || self.damaged.contains(&row);
        let mut ops = if !remains && self.shelf.is_erased(row)? {
            Vec::new()
        } else {
            Shelf::<S>::erase_ops(row)
        };
        if remains && planted::is(Bug::ErasedKept) {
            ops.retain(|op| matches!(op, Op::Put { .. }));
        }
        let ticket = self.store().stage(ops)?;
        self.index.remove(&row);
        self.damaged.remove(&row);
        self.tree.touch(row);
        Ok(ticket)
    }

    /// Whether a row was erased.
    pub fn is_erased(&self, row: RowId) -> Result<bool, VaultError> {
        Ok(self.shelf.is_erased(row)?)
    }

    /// One row; `None` where it is unknown or erased.
    pub fn read(&self, row: RowId) -> Result<Option<Row>, VaultError> {
        self.check_open()?;
        if !self.index.contains_key(&row) {
            return Ok(None);
        }
        Ok(self.shelf.load(row)?.map(|held| held.row))
    }

    /// The rows of one kind, ascending.
    pub fn rows_of(&self, kind: RowKind) -> impl Iterator<Item = RowId> + '_ {
        let rows = self.index.iter().filter(move |(_, standing)| standing.kind == kind);
        rows.map(|(row, _)| *row).filter(|_| !self.shut)
    }

    /// Writes fields of a row, all or none. A row that is not there begins.
    pub fn write(
        &mut self,
        row: RowId,
        kind: RowKind,
        edits: Vec<Edit>,
        author: &Author<'_>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Written, VaultError> {
        self.check_open()?;
        self.check_room(row, 0)?;
        let mut held = self.shelf.load(row)?.unwrap_or_else(|| Held::fresh(row, kind));
        held.begin(kind);
        if held.row.kind != kind {
            return Err(VaultRefusal::OtherKind.into());
        }
        let mut changed = Vec::new();
        for edit in edits {
            if edit.field >= FIELDS || changed.contains(&edit.field) {
                return Err(VaultRefusal::Field.into());
            }
            changed.push(edit.field);
            if !held.row.add(signed(row, kind, edit, author, rng)?) {
                return Err(VaultRefusal::Unsettled.into());
            }
        }
        let cells: Vec<Cell> =
            changed.iter().filter_map(|field| held.row.cell(*field).cloned()).collect();
        let ticket = self.keep(vec![(held, kind, changed)], rng)?;
        Ok(Written { ticket, messages: exchange::frames(cells)? })
    }

    /// Puts changed rows on the shelf in one batch, then into the index.
    fn keep(
        &mut self,
        rows: Vec<(Held, RowKind, Vec<u16>)>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Ticket, VaultError> {
        let (mut ops, mut kept) = (Vec::new(), Vec::new());
        for (held, kind_before, changed) in rows {
            kept.push((held.row.id, standing(&held.row)?));
            ops.extend(self.shelf.save_ops(held, kind_before, &changed, rng)?);
        }
        let ticket = self.store().stage(ops)?;
        for (row, standing) in kept {
            self.damaged.remove(&row);
            self.enter(row, standing);
        }
        Ok(ticket)
    }

    fn enter(&mut self, row: RowId, standing: Option<Standing>) {
        match standing {
            Some(standing) => self.index.insert(row, standing),
            None => self.index.remove(&row),
        };
        self.tree.touch(row);
    }

    fn check_open(&self) -> Result<(), VaultRefusal> {
        if self.shut { Err(VaultRefusal::Shut) } else { Ok(()) }
    }

    /// Whether `row` may be written: it stands, or it is new and there is room for it beside
    /// `fresh` others.
    fn check_room(&self, row: RowId, fresh: usize) -> Result<(), VaultError> {
        if self.index.contains_key(&row) {
            return Ok(());
        }
        if self.shelf.is_erased(row)? {
            return Err(VaultRefusal::Erased.into());
        }
        if self.index.len() + fresh >= MOST_ROWS {
            return Err(VaultRefusal::Full.into());
        }
        Ok(())
    }
}

/// How a row stands in the index: not at all where no reader sees anything of it.
fn standing(row: &Row) -> Result<Option<Standing>, CodecError> {
    let hash = row.hash()?;
    Ok(row.stands().then_some(Standing { kind: row.kind, hash }))
}

fn signed(
    row: RowId,
    kind: RowKind,
    edit: Edit,
    author: &Author<'_>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<FieldWrite, VaultError> {
    if edit.value.len() > MOST_VALUE {
        return Err(VaultRefusal::ValueTooLong.into());
    }
    if edit.seen.len() > MOST_REPLACED {
        return Err(VaultRefusal::Unsettled.into());
    }
    let mut id = WriteId([0; 16]);
    rng.fill_bytes(&mut id.0);
    let mut write = FieldWrite {
        row,
        kind,
        field: edit.field,
        value: edit.value,
        id,
        replaces: edit.seen,
        at_ms: author.at_ms,
        by: author.by,
        epoch: author.epoch,
        signature: Signature([0; 64]),
    };
    write.signature = (author.sign)(&write.signed_bytes()?);
    Ok(write)
}
