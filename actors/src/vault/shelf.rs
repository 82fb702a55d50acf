//! Rows as they lie in the store: every field sealed under its row's key, every row's key under the
//! vault's.
//!
//! | Key in [`Table::Rows`] | Value |
//! |---|---|
//! | `0` | the constant by which a wrong vault key is recognised |
//! | `1` row(16) field(2, big-endian) | a cell, sealed under the row's key |
//! | `2` row(16) | kind(2, big-endian), the row's key sealed under the vault's |
//! | `3` row(16) | nothing: the row was erased, for ever |
//! | `4` | nothing: the vault is shut |
//!
//! No name, no text and no hash of one lies here in the clear.

use std::collections::BTreeMap;

use domain::codec;
use domain::id::RowId;
use rand::CryptoRng;
use storage::operation::{Op, Table};
use storage::{LedgerStore, StoreError};
use zeroize::Zeroizing;

use super::VaultError;
use super::key::VaultKey;
use super::row::{Cell, Row};
use super::seal::{self, Purpose, RowKey};
use super::write::{FIELDS, RowKind};

const CHECK: u8 = 0;
const CELL: u8 = 1;
const KEY: u8 = 2;
const ERASED: u8 = 3;
const SHUT: u8 = 4;

/// Values read from the store at once.
const PAGE: usize = 16;

/// The store with the key that opens it.
#[derive(Debug)]
pub(crate) struct Shelf<S> {
    store: S,
    key: VaultKey,
}

/// A row as found, and what of it could not be opened.
pub(crate) struct Held {
    pub(crate) row: Row,
    /// Missing where the row's key itself could not be opened: then no field could be either.
    key: Option<RowKey>,
    /// Store keys of cells that do not open, now or ever.
    broken: Vec<Vec<u8>>,
}

impl Held {
    /// A row that is not in the store yet.
    pub(crate) fn fresh(row: RowId, kind: RowKind) -> Self {
        Held { row: Row::new(row, kind), key: None, broken: Vec::new() }
    }

    /// Makes room for a write of `kind` where the row's own kind was lost with its key.
    pub(crate) fn begin(&mut self, kind: RowKind) {
        if self.key.is_none() {
            self.row = Row::new(self.row.id, kind);
        }
    }

    /// Whether anything of it was lost.
    pub(crate) fn is_damaged(&self) -> bool {
        self.key.is_none() || !self.broken.is_empty()
    }
}

/// What a look for the vault key's constant found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// This key made it.
    Right,
    /// There is none yet.
    Absent,
    /// Another key made it, or it is damaged.
    Unopened,
}

fn put(key: Vec<u8>, value: Vec<u8>) -> Op {
    Op::Put { table: Table::Rows, key, value }
}

fn remove(key: Vec<u8>) -> Op {
    Op::Remove { table: Table::Rows, key }
}

fn of_row(tag: u8, row: RowId) -> Vec<u8> {
    [[tag].as_slice(), &row.0].concat()
}

fn of_cell(row: RowId, field: u16) -> Vec<u8> {
    [[CELL].as_slice(), &row.0, &field.to_be_bytes()].concat()
}

/// A damaged value is a value that is not there, and is told apart from a store that is broken.
fn or_damaged<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl<S: LedgerStore> Shelf<S> {
    pub(crate) fn new(store: S, key: VaultKey) -> Self {
        Shelf { store, key }
    }

    pub(crate) fn store(&self) -> &S {
        &self.store
    }

    pub(crate) fn check(&self) -> Result<Check, StoreError> {
        let found = match or_damaged(self.store.get(Table::Rows, &[CHECK]))? {
            Some(None) => return Ok(Check::Absent),
            Some(Some(sealed)) => seal::open(self.key.bytes(), Purpose::Check, &sealed),
            None => None,
        };
        Ok(if found.is_some() { Check::Right } else { Check::Unopened })
    }

    pub(crate) fn check_op(&self, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Op, VaultError> {
        let sealed = seal::seal(self.key.bytes(), Purpose::Check, b"", rng);
        Ok(put(vec![CHECK], sealed.ok_or(VaultError::Unsealable)?))
    }

    pub(crate) fn is_shut(&self) -> Result<bool, StoreError> {
        Ok(!matches!(or_damaged(self.store.get(Table::Rows, &[SHUT]))?, Some(None)))
    }

    pub(crate) fn shut_op(shut: bool) -> Op {
        if shut { put(vec![SHUT], Vec::new()) } else { remove(vec![SHUT]) }
    }

    pub(crate) fn is_erased(&self, row: RowId) -> Result<bool, StoreError> {
        let found = or_damaged(self.store.get(Table::Rows, &of_row(ERASED, row)))?;
        // A marker that is damaged is still a marker: nothing else ever lies under this key.
        Ok(!matches!(found, Some(None)))
    }

    /// Every row that has a key here, ascending; then those whose key record is damaged.
    pub(crate) fn rows(&self) -> Result<(Vec<RowId>, Vec<RowId>), StoreError> {
        let (mut rows, mut lost) = (Vec::new(), Vec::new());
        let mut after = vec![KEY];
        loop {
            let mut page = or_damaged(self.store.scan(Table::Rows, Some(&after), PAGE))?;
            if page.is_none() {
                page = or_damaged(self.store.scan(Table::Rows, Some(&after), 1))?;
            }
            let Some(page) = page else {
                let Some(row) = self.damaged_after(&after)? else {
                    return Ok((rows, lost));
                };
                lost.push(row);
                after = of_row(KEY, row);
                continue;
            };
            for (key, _) in &page {
                match key.split_first() {
                    Some((&KEY, row)) => rows.extend(<[u8; 16]>::try_from(row).ok().map(RowId)),
                    _ => return Ok((rows, lost)),
                }
            }
            match page.into_iter().last() {
                Some((last, _)) => after = last,
                None => return Ok((rows, lost)),
            }
        }
    }

    /// The row whose key record, the next one past `after`, is damaged. A page that holds it says
    /// nothing of its name, so the name is closed in on from below: scans that begin past it
    /// succeed. `None` where all that follows is damaged.
    fn damaged_after(&self, after: &[u8]) -> Result<Option<RowId>, StoreError> {
        let blocked = |row: u128| -> Result<bool, StoreError> {
            let from = of_row(KEY, RowId(row.to_be_bytes()));
            Ok(or_damaged(self.store.scan(Table::Rows, Some(&from), 1))?.is_none())
        };
        let row = after.get(1..).and_then(|row| <[u8; 16]>::try_from(row).ok());
        let mut below = match row.map(u128::from_be_bytes) {
            Some(row) => row,
            None if blocked(0)? => 0,
            None => return Ok(Some(RowId([0; 16]))),
        };
        let mut step = 1_u128;
        let mut above = below;
        while blocked(above)? {
            if above == u128::MAX {
                return Ok(None);
            }
            (below, above) = (above, above.saturating_add(step));
            step = step.saturating_mul(2);
        }
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if blocked(middle)? {
                below = middle;
            } else {
                above = middle;
            }
        }
        Ok(Some(RowId(above.to_be_bytes())))
    }

    /// One row; `None` where there is no trace of it.
    pub(crate) fn load(&self, id: RowId) -> Result<Option<Held>, StoreError> {
        let record = or_damaged(self.store.get(Table::Rows, &of_row(KEY, id)))?;
        let sealed = self.sealed_cells(id)?;
        if matches!(record, Some(None)) && sealed.is_empty() {
            return Ok(None);
        }
        let opened = record.flatten().and_then(|record| self.open_key(id, &record));
        let Some((kind, key)) = opened else {
            let broken = sealed.into_keys().map(|field| of_cell(id, field)).collect();
            return Ok(Some(Held { row: Row::new(id, RowKind(u16::MAX)), key: None, broken }));
        };
        let (mut row, mut broken) = (Row::new(id, kind), Vec::new());
        for (field, sealed) in sealed {
            let cell = sealed
                .and_then(|sealed| seal::open(key.bytes(), Purpose::Cell(id, kind, field), &sealed))
                .and_then(|plain| codec::decode::<Cell>(&plain).ok());
            match cell {
                Some(cell) => row.restore(cell),
                None => broken.push(of_cell(id, field)),
            }
        }
        Ok(Some(Held { row, key: Some(key), broken }))
    }

    /// Sealed cells of a row by field; `None` where the store itself calls one damaged.
    fn sealed_cells(&self, id: RowId) -> Result<BTreeMap<u16, Option<Vec<u8>>>, StoreError> {
        let prefix = of_row(CELL, id);
        let (mut cells, mut after) = (BTreeMap::new(), prefix.clone());
        while let Some(page) = or_damaged(self.store.scan(Table::Rows, Some(&after), PAGE))? {
            let full = page.len() == PAGE;
            for (key, value) in page {
                let field = key.strip_prefix(prefix.as_slice());
                let Some(field) = field.and_then(|field| <[u8; 2]>::try_from(field).ok()) else {
                    return Ok(cells);
                };
                cells.insert(u16::from_be_bytes(field), Some(value));
                after = key;
            }
            if !full {
                return Ok(cells);
            }
        }
        for field in 0..FIELDS {
            match or_damaged(self.store.get(Table::Rows, &of_cell(id, field)))? {
                Some(None) => {}
                found => {
                    cells.insert(field, found.flatten());
                }
            }
        }
        Ok(cells)
    }

    fn open_key(&self, id: RowId, record: &[u8]) -> Option<(RowKind, RowKey)> {
        let (kind, sealed) = record.split_first_chunk::<2>()?;
        let kind = RowKind(u16::from_be_bytes(*kind));
        let plain = seal::open(self.key.bytes(), Purpose::RowKey(id, kind), sealed)?;
        RowKey::from_slice(&plain).map(|key| (kind, key))
    }

    /// What puts `held` on the shelf, given the fields that changed. Broken remains are cleared
    /// away: they would never open. A row that changed its kind, or lost its key, is sealed anew.
    pub(crate) fn save_ops(
        &self,
        mut held: Held,
        kind_before: RowKind,
        changed: &[u16],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<Op>, VaultError> {
        let (id, kind) = (held.row.id, held.row.kind);
        let mut ops: Vec<Op> = held.broken.drain(..).map(remove).collect();
        let kept = held.key.take().filter(|_| kind == kind_before);
        let whole = kept.is_none();
        let key = match kept {
            Some(key) => key,
            None => {
                let key = RowKey::random(rng);
                let purpose = Purpose::RowKey(id, kind);
                let sealed = seal::seal(self.key.bytes(), purpose, key.bytes(), rng)
                    .ok_or(VaultError::Unsealable)?;
                let record = [kind.0.to_be_bytes().as_slice(), &sealed].concat();
                // Fields under the former kind are gone with it.
                ops.extend((0..FIELDS).map(|field| remove(of_cell(id, field))));
                ops.push(put(of_row(KEY, id), record));
                key
            }
        };
        for cell in held.row.cells().filter(|cell| whole || changed.contains(&cell.field)) {
            let plain = Zeroizing::new(codec::encode(cell)?);
            let purpose = Purpose::Cell(id, kind, cell.field);
            let sealed =
                seal::seal(key.bytes(), purpose, &plain, rng).ok_or(VaultError::Unsealable)?;
            ops.push(put(of_cell(id, cell.field), sealed));
        }
        Ok(ops)
    }

    /// What erases a row: its key, its fields, and the mark that keeps it away.
    pub(crate) fn erase_ops(row: RowId) -> Vec<Op> {
        let mut ops = vec![remove(of_row(KEY, row)), put(of_row(ERASED, row), Vec::new())];
        ops.extend((0..FIELDS).map(|field| remove(of_cell(row, field))));
        ops
    }
}
