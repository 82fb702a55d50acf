//! How writes become a row: sets, in any order, with any repetition.
//!
//! Of each field the *heads* are the writes that no other write names. One head is the value;
//! several are edits that had not seen each other, all kept and shown until a later write names
//! them. What is superseded loses its value at once (personal data must not linger) and keeps its
//! name, so that the same write arriving again, late or from a node that slept, changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::codec::{self, CodecError};
use domain::id::{OperatorId, RowId};
use serde::{Deserialize, Serialize};

use super::write::{FIELDS, FieldWrite, RowKind, WriteId};

/// Most heads of one field. Beyond, the lowest names stay: the same ones on every node. Only edits
/// made truly apart count here, because a cell always travels with the names of all that its heads
/// supersede; bare writes, received with gaps, could fill it with what is long past.
pub const MOST_HEADS: usize = 8;
/// Most names of superseded writes that one field remembers; beyond, the oldest learned is
/// forgotten. A value then comes back (as a conflict to be seen) only if a node that missed this
/// many edits of one field returns.
pub const MOST_PAST: usize = 1024;

/// One field with all that is known of it. Also the unit of replication and of sealing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The row.
    pub row: RowId,
    /// The row's kind.
    pub kind: RowKind,
    /// The field.
    pub field: u16,
    /// Writes that no other names, ascending by name.
    heads: Vec<FieldWrite>,
    /// Names of superseded writes, in the order learned.
    past: Vec<WriteId>,
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("row", &self.row)
            .field("field", &self.field)
            .field("heads", &self.heads)
            .finish_non_exhaustive()
    }
}

/// What a field says to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// One value.
    One(Value),
    /// Values whose authors had not seen each other, ascending by the writes' names: the same
    /// order on every node.
    Conflict(Vec<Value>),
}

/// A value with its provenance.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    /// The bytes that were written.
    pub bytes: Vec<u8>,
    /// The write, as the next write must name it.
    pub id: WriteId,
    /// When, by the author's clock.
    pub at_ms: i64,
    /// By whom.
    pub by: OperatorId,
}

/// Never the bytes.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Field {
    /// Every value that stands, one or more.
    pub fn values(&self) -> &[Value] {
        match self {
            Field::One(value) => std::slice::from_ref(value),
            Field::Conflict(values) => values,
        }
    }

    /// What a write made by this reader replaces.
    pub fn seen(&self) -> Vec<WriteId> {
        self.values().iter().map(|value| value.id).collect()
    }
}

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing: all of it was known.
    None,
    /// Names of superseded writes were learned; readers see no difference.
    Past,
    /// The heads are others now.
    Heads,
}

impl Cell {
    /// A field that nobody has written yet.
    pub fn empty(row: RowId, kind: RowKind, field: u16) -> Self {
        Cell { row, kind, field, heads: Vec::new(), past: Vec::new() }
    }

    /// The heads, ascending by name.
    pub fn heads(&self) -> &[FieldWrite] {
        &self.heads
    }

    /// What a reader sees; `None` where nothing stands.
    pub fn field(&self) -> Option<Field> {
        let mut values: Vec<Value> = self
            .heads
            .iter()
            .map(|head| Value {
                bytes: head.value.clone(),
                id: head.id,
                at_ms: head.at_ms,
                by: head.by,
            })
            .collect();
        match values.len() {
            0 => None,
            1 => values.pop().map(Field::One),
            _ => Some(Field::Conflict(values)),
        }
    }

    /// Whether every bound holds and every head is about this field: what a received cell must
    /// satisfy before anything else is looked at.
    pub fn is_well_formed(&self) -> bool {
        self.field < FIELDS
            && (1..=MOST_HEADS).contains(&self.heads.len())
            && self.past.len() <= MOST_PAST
            && self.heads.iter().all(|head| {
                head.is_well_formed()
                    && (head.row, head.kind, head.field) == (self.row, self.kind, self.field)
            })
            && self.heads.is_sorted_by(|a, b| a.id < b.id)
            && !self.heads.iter().any(|head| self.past.contains(&head.id))
    }

    /// Adds one write about this field, already authorised.
    pub fn add(&mut self, write: FieldWrite) -> Change {
        let before = self.past.len();
        self.remember(&write.replaces);
        let superseded = self.drop_superseded();
        let known = self.past.contains(&write.id) || !self.place(write);
        match (superseded || !known, self.past.len() != before) {
            (true, _) => Change::Heads,
            (false, true) => Change::Past,
            (false, false) => Change::None,
        }
    }

    /// Takes in another node's view of this field. `trusted` says which of its heads count. Returns
    /// the change and how many heads were not trusted.
    ///
    /// Names of superseded writes carry no signature. They count only where an authorised head of
    /// the same cell stands after the merge: a bare claim, or an old head sent again, never empties
    /// a field.
    pub fn merge(
        &mut self,
        other: Cell,
        mut trusted: impl FnMut(&FieldWrite) -> bool,
    ) -> (Change, usize) {
        let offered = other.heads.len();
        let heads: Vec<FieldWrite> = other
            .heads
            .into_iter()
            .filter(|head| self.heads.contains(head) || trusted(head))
            .collect();
        let refused = offered - heads.len();
        let mut believing = self.clone();
        believing.remember(&other.past);
        let forgot = believing.drop_superseded();
        let learned = believing.past.len() != self.past.len();
        let added = believing.add_all(&heads);
        if heads.iter().any(|head| believing.heads.contains(head)) {
            *self = believing;
            let past = if learned { Change::Past } else { Change::None };
            (if forgot { Change::Heads } else { past }.max(added), refused)
        } else {
            (self.add_all(&heads), refused)
        }
    }

    fn add_all(&mut self, writes: &[FieldWrite]) -> Change {
        writes.iter().map(|write| self.add(write.clone())).max().unwrap_or(Change::None)
    }

    /// Puts `write` among the heads; says whether they changed.
    fn place(&mut self, write: FieldWrite) -> bool {
        match self.heads.binary_search_by(|head| head.id.cmp(&write.id)) {
            Ok(at) => match self.heads.get_mut(at) {
                Some(held) if *held != write && write.rank() < held.rank() => {
                    *held = write;
                    true
                }
                _ => false,
            },
            Err(at) if at < MOST_HEADS => {
                self.heads.insert(at, write);
                self.heads.truncate(MOST_HEADS);
                true
            }
            Err(_) => false,
        }
    }

    fn remember(&mut self, names: &[WriteId]) {
        let known: BTreeSet<WriteId> = self.past.iter().copied().collect();
        let mut fresh: Vec<WriteId> =
            names.iter().copied().filter(|name| !known.contains(name)).collect();
        fresh.sort_unstable();
        fresh.dedup();
        self.past.extend(fresh);
        let excess = self.past.len().saturating_sub(MOST_PAST);
        self.past.drain(..excess);
    }

    fn drop_superseded(&mut self) -> bool {
        let before = self.heads.len();
        let past = &self.past;
        self.heads.retain(|head| !past.contains(&head.id));
        self.heads.len() != before
    }
}

/// All fields of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The row.
    pub id: RowId,
    /// Its kind. Two kinds under one id are a forger's work: the lower stands, whole.
    pub kind: RowKind,
    /// Its fields.
    cells: BTreeMap<u16, Cell>,
}

impl Row {
    /// A row without fields.
    pub fn new(id: RowId, kind: RowKind) -> Self {
        Row { id, kind, cells: BTreeMap::new() }
    }

    /// The fields, with what is kept of each.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.values()
    }

    /// Whether a reader sees anything at all.
    pub fn stands(&self) -> bool {
        self.cells.values().any(|cell| !cell.heads.is_empty())
    }

    /// One field, with what is kept of it.
    pub fn cell(&self, field: u16) -> Option<&Cell> {
        self.cells.get(&field)
    }

    /// What a reader sees in a field.
    pub fn field(&self, field: u16) -> Option<Field> {
        self.cells.get(&field).and_then(Cell::field)
    }

    /// What a write to this field replaces when its author has just looked.
    pub fn seen(&self, field: u16) -> Vec<WriteId> {
        self.field(field).map(|field| field.seen()).unwrap_or_default()
    }

    /// Takes in a cell, as [`Cell::merge`].
    pub fn merge(
        &mut self,
        other: Cell,
        trusted: impl FnMut(&FieldWrite) -> bool,
    ) -> (Change, usize) {
        if other.row != self.id || other.kind > self.kind {
            return (Change::None, other.heads.len());
        }
        if other.kind < self.kind {
            let mut lower = Row::new(self.id, other.kind);
            let outcome = lower.merge(other, trusted);
            if outcome.0 == Change::Heads {
                *self = lower;
            }
            return outcome;
        }
        let empty = Cell::empty(self.id, self.kind, other.field);
        let cell = self.cells.entry(other.field).or_insert(empty);
        let (field, outcome) = (cell.field, cell.merge(other, trusted));
        if cell.heads.is_empty() && cell.past.is_empty() {
            self.cells.remove(&field);
        }
        outcome
    }

    /// Adds one write of this row and kind, already authorised; says whether it stands.
    pub fn add(&mut self, write: FieldWrite) -> bool {
        let (id, field) = (write.id, write.field);
        let empty = Cell::empty(self.id, self.kind, field);
        let cell = self.cells.entry(field).or_insert(empty);
        cell.add(write);
        cell.heads.iter().any(|head| head.id == id)
    }

    /// Puts a cell back as it was sealed.
    pub(crate) fn restore(&mut self, cell: Cell) {
        self.cells.insert(cell.field, cell);
    }

    /// Hash of what stands. What is superseded does not enter: two nodes that show the same agree.
    pub fn hash(&self) -> Result<[u8; 32], CodecError> {
        let standing: Vec<(u16, &[FieldWrite])> = self
            .cells
            .iter()
            .filter(|(_, cell)| !cell.heads.is_empty())
            .map(|(field, cell)| (*field, cell.heads.as_slice()))
            .collect();
        codec::hash(b"poste-row-1", &(self.id, self.kind, standing))
    }
}
