//! One edit of one field, signed by the epoch that made it.

use std::fmt;

use domain::codec::{self, CodecError};
use domain::id::{EpochId, OperatorId, RowId, Signature};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Largest value of a field, in bytes. Photos are files of their own.
pub const MOST_VALUE: usize = 4 * 1024;
/// Most writes that one write replaces: twice what a reader is ever shown.
pub const MOST_REPLACED: usize = 16;
/// Fields are numbered below this.
pub const FIELDS: u16 = 64;

/// What a write's signature begins with.
const DOMAIN: &[u8] = b"poste-row-write-1";

/// A write's name: random, so that it says nothing about the value once the value is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WriteId(pub [u8; 16]);

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteId({:032x})", u128::from_be_bytes(self.0))
    }
}

/// What a row is. Kinds that this release does not know are kept and forwarded like the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowKind(pub u16);

impl RowKind {
    /// An operator's account.
    pub const ACCOUNT: RowKind = RowKind(1);
    /// A message to a kiosk.
    pub const MESSAGE: RowKind = RowKind(2);
    /// The reason given for a close, a withdrawal, an extension.
    pub const REASON: RowKind = RowKind(3);
    /// A note of the staff.
    pub const NOTE: RowKind = RowKind(4);
    /// For whom a code was issued.
    pub const LABEL: RowKind = RowKind(5);
}

/// One edit of one field. It replaces the writes that its author had seen, and no others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldWrite {
    /// The row.
    pub row: RowId,
    /// The row's kind.
    pub kind: RowKind,
    /// The field's number within the kind, below [`FIELDS`].
    pub field: u16,
    /// The new value, at most [`MOST_VALUE`] bytes. Empty means emptied.
    pub value: Vec<u8>,
    /// The write's own name.
    pub id: WriteId,
    /// The writes that its author had seen, at most [`MOST_REPLACED`].
    pub replaces: Vec<WriteId>,
    /// When, by the author's clock. Shown, never compared.
    pub at_ms: i64,
    /// Who pressed the button.
    pub by: OperatorId,
    /// Whose signature this is.
    pub epoch: EpochId,
    /// Over [`FieldWrite::signed_bytes`].
    pub signature: Signature,
}

/// Never the value: debug output ends up in log files.
impl fmt::Debug for FieldWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldWrite")
            .field("row", &self.row)
            .field("field", &self.field)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl FieldWrite {
    /// What the signature covers: everything else. Holds the value, hence wiped after use.
    pub fn signed_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CodecError> {
        let body = Zeroizing::new(codec::encode(&(
            (self.row, self.kind, self.field),
            &self.value,
            (self.id, &self.replaces),
            (self.at_ms, self.by, self.epoch),
        ))?);
        Ok(Zeroizing::new([DOMAIN, body.as_slice()].concat()))
    }

    /// Whether every bound holds. A write that names itself is malformed too.
    pub fn is_well_formed(&self) -> bool {
        self.field < FIELDS
            && self.value.len() <= MOST_VALUE
            && self.replaces.len() <= MOST_REPLACED
            && !self.replaces.contains(&self.id)
    }

    /// The order between two different writes under one name, which only a forger makes: the lower
    /// hash stands. A write without bytes comes last.
    pub(crate) fn rank(&self) -> [u8; 32] {
        codec::hash(DOMAIN, self).unwrap_or([0xff; 32])
    }
}
