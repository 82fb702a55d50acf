//! Where a store keeps snapshots: in one table, the signatures that make up the base first, then of
//! each checkpoint the list of its pieces and the pieces themselves.

use domain::checkpoint::{Checkpoint, CheckpointHash};
use domain::codec;
use domain::fact::CheckpointSigned;
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::{Op, Table};

use super::Snapshot;

const TABLE: Table = Table::Checkpoints;
/// Before every checkpoint's name.
const BASE_KEY: &[u8] = b"";

fn piece_key(hash: &CheckpointHash, number: u32) -> Vec<u8> {
    [hash.as_slice(), &number.to_be_bytes()].concat()
}

/// The signatures under the checkpoints that make up the base; none without a base.
///
/// # Errors
/// The store failed.
pub fn base<S: LedgerStore>(store: &S) -> Result<Vec<CheckpointSigned>, StoreError> {
    let bytes = store.get(TABLE, BASE_KEY)?;
    Ok(bytes.and_then(|bytes| codec::decode(&bytes).ok()).unwrap_or_default())
}

/// The step that notes which checkpoints make up the base.
pub fn put_base(signed: &[CheckpointSigned]) -> Op {
    let value = codec::encode(&signed).unwrap_or_default();
    Op::Put { table: TABLE, key: BASE_KEY.to_vec(), value }
}

/// The hashes of a snapshot's pieces, if it is there.
///
/// # Errors
/// The store failed.
pub fn list<S: LedgerStore>(
    store: &S,
    hash: &CheckpointHash,
) -> Result<Option<Vec<[u8; 32]>>, StoreError> {
    let bytes = store.get(TABLE, hash)?;
    Ok(bytes.and_then(|bytes| codec::decode(&bytes).ok()))
}

/// A piece of a snapshot, if it is there.
///
/// # Errors
/// The store failed.
pub fn piece<S: LedgerStore>(
    store: &S,
    hash: &CheckpointHash,
    number: u32,
) -> Result<Option<Vec<u8>>, StoreError> {
    store.get(TABLE, &piece_key(hash, number))
}

/// All pieces of a snapshot, unless one is missing or damaged.
///
/// # Errors
/// The store failed.
pub fn pieces<S: LedgerStore>(
    store: &S,
    hash: &CheckpointHash,
    checkpoint: &Checkpoint,
) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
    let mut pieces = Vec::new();
    for number in 0..checkpoint.count {
        match piece(store, hash, number) {
            Ok(Some(piece)) => pieces.push(piece),
            Ok(None) | Err(StoreError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(pieces))
}

/// A snapshot, unless a piece of it is missing or damaged.
///
/// # Errors
/// The store failed.
pub fn snapshot<S: LedgerStore>(
    store: &S,
    hash: &CheckpointHash,
    checkpoint: &Checkpoint,
) -> Result<Option<Snapshot>, StoreError> {
    let pieces = pieces(store, hash, checkpoint)?;
    let (as_of_ms, since_ms) = (checkpoint.as_of_ms, checkpoint.since_ms);
    Ok(pieces.and_then(|pieces| Snapshot::read(&pieces, as_of_ms, since_ms).ok()))
}

/// The steps that put a snapshot there, its list first.
pub fn put(
    hash: CheckpointHash,
    list: &[[u8; 32]],
    pieces: impl IntoIterator<Item = Vec<u8>>,
) -> impl Iterator<Item = Op> {
    let value = codec::encode(&list).unwrap_or_default();
    let list = Op::Put { table: TABLE, key: hash.to_vec(), value };
    let pieces = (0_u32..).zip(pieces).map(move |(number, value)| Op::Put {
        table: TABLE,
        key: piece_key(&hash, number),
        value,
    });
    std::iter::once(list).chain(pieces)
}

/// The steps that remove a snapshot.
///
/// # Errors
/// The store failed.
pub fn remove<S: LedgerStore>(store: &S, hash: &CheckpointHash) -> Result<Vec<Op>, StoreError> {
    let count = list(store, hash)?.map_or(0, |list| list.len());
    let pieces = (0_u32..).take(count);
    let pieces = pieces.map(|number| Op::Remove { table: TABLE, key: piece_key(hash, number) });
    Ok(pieces.chain([Op::Remove { table: TABLE, key: hash.to_vec() }]).collect())
}

/// The checkpoints of which anything is there.
///
/// # Errors
/// The store failed.
pub fn checkpoints<S: LedgerStore>(store: &S) -> Result<Vec<CheckpointHash>, StoreError> {
    let (mut found, mut after) = (Vec::new(), BASE_KEY.to_vec());
    while let Some((key, _)) = store.scan(TABLE, Some(&after), 1)?.first()
        && let Some(hash) = key.first_chunk::<32>()
    {
        found.push(*hash);
        after = piece_key(hash, u32::MAX);
    }
    Ok(found)
}
