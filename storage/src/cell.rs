//! How keys and values lie on disk: layout 1.
//!
//! One key space, so that a batch over several tables is one atomic batch of the tree beneath:
//!
//! | Key | What |
//! |---|---|
//! | `E` epoch(32) seq(8, big-endian) | entry |
//! | `C`, `F`, `L`, `G`, `R` key | tables: checkpoints, frontier, local, registers, rows |
//! | `P` head-key part(4, big-endian) | part of a long value |
//! | `M` name | the store's own: `layout`, `ticket` |
//!
//! A value is `crc32(key ‖ kind ‖ body) (4, little-endian) ‖ kind (1) ‖ body`. The checksum is ours
//! because the tree's own does not cover all that can flip; taking the key in also finds a value
//! that came to lie under another key.
//!
//! A body longer than [`PART`] is split, because the tree puts its pages of more than 128 KiB into
//! files of their own that it never syncs; with parts of this size a page stays below that.

use crate::error::StoreError;
use crate::operation::{Table, VALUE_MAX};

/// The longest body that one cell holds.
pub(crate) const PART: usize = 4_096;
/// This layout's number, kept in the store.
pub(crate) const LAYOUT: u64 = 1;
/// Where the layout's number is kept.
pub(crate) const LAYOUT_KEY: &[u8] = b"Mlayout";
/// Where the last ticket is kept.
pub(crate) const TICKET_KEY: &[u8] = b"Mticket";

const ENTRY: u8 = b'E';
const PARTS: u8 = b'P';
const HEAD_BYTES: usize = 5;

/// What a cell holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The whole body.
    Whole(Vec<u8>),
    /// The head of a long value: its length and the checksum over all of it.
    Long { length: usize, sum: u32 },
    /// One part of a long value.
    Part(Vec<u8>),
}

const WHOLE: u8 = 0;
const LONG: u8 = 1;
const PART_OF: u8 = 2;

/// The first byte of a table's keys.
pub(crate) fn table_prefix(table: Table) -> u8 {
    match table {
        Table::Checkpoints => b'C',
        Table::Frontier => b'F',
        Table::Local => b'L',
        Table::Registers => b'G',
        Table::Rows => b'R',
    }
}

/// The key of a table's row.
pub(crate) fn table_key(table: Table, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(1 + key.len());
    full.push(table_prefix(table));
    full.extend_from_slice(key);
    full
}

/// The key of an entry.
pub(crate) fn entry_key(epoch: &[u8; 32], seq: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(41);
    key.push(ENTRY);
    key.extend_from_slice(epoch);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// The key before every entry's.
pub(crate) const FIRST_ENTRY: &[u8] = &[ENTRY];
/// A key after every key.
pub(crate) const AFTER_ALL: &[u8] = &[0xFF];
/// A key after every entry's.
pub(crate) const AFTER_ENTRIES: &[u8] = &[ENTRY + 1];

/// Reads an entry's place back from its key.
pub(crate) fn entry_place(key: &[u8]) -> Result<([u8; 32], u64), StoreError> {
    let wrong = || StoreError::damaged(format!("the key {} is no entry's", shown(key)));
    let rest = key.strip_prefix(&[ENTRY]).ok_or_else(wrong)?;
    let (epoch, seq) = rest.split_first_chunk::<32>().ok_or_else(wrong)?;
    let seq: [u8; 8] = seq.try_into().map_err(|_| wrong())?;
    Ok((*epoch, u64::from_be_bytes(seq)))
}

/// The key of one part of a long value.
pub(crate) fn part_key(head: &[u8], part: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(head.len() + HEAD_BYTES);
    key.push(PARTS);
    key.extend_from_slice(head);
    key.extend_from_slice(&part.to_be_bytes());
    key
}

/// The head that a part belongs to, if the key is a part's.
pub(crate) fn head_of_part(key: &[u8]) -> Option<(&[u8], u32)> {
    let rest = key.strip_prefix(&[PARTS])?;
    let (head, part) = rest.split_last_chunk::<4>()?;
    Some((head, u32::from_be_bytes(*part)))
}

/// How many parts a long value of this length has.
pub(crate) fn part_count(length: usize) -> u32 {
    // A length is at most VALUE_MAX wherever it comes from, so this never saturates.
    u32::try_from(length.div_ceil(PART)).unwrap_or(u32::MAX)
}

/// Hands each cell that keeps `body` under `key` to `put`.
pub(crate) fn seal(key: &[u8], body: &[u8], mut put: impl FnMut(Vec<u8>, Vec<u8>)) {
    if body.len() <= PART {
        put(key.to_vec(), sealed(key, WHOLE, body));
        return;
    }
    let mut head = Vec::with_capacity(8);
    head.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    put(key.to_vec(), sealed(key, LONG, &head));
    for (number, part) in (0_u32..).zip(body.chunks(PART)) {
        let key = part_key(key, number);
        let cell = sealed(&key, PART_OF, part);
        put(key, cell);
    }
}

fn sealed(key: &[u8], kind: u8, body: &[u8]) -> Vec<u8> {
    let mut cell = Vec::with_capacity(HEAD_BYTES + body.len());
    cell.extend_from_slice(&checksum(key, kind, body).to_le_bytes());
    cell.push(kind);
    cell.extend_from_slice(body);
    cell
}

fn checksum(key: &[u8], kind: u8, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&[kind]);
    hasher.update(body);
    hasher.finalize()
}

/// Reads a cell back, or says which key is damaged.
pub(crate) fn unseal(key: &[u8], cell: &[u8]) -> Result<Cell, StoreError> {
    let wrong = || StoreError::damaged(format!("the value of {} fails its checksum", shown(key)));
    let (sum, rest) = cell.split_first_chunk::<4>().ok_or_else(wrong)?;
    let (kind, body) = rest.split_first().ok_or_else(wrong)?;
    if u32::from_le_bytes(*sum) != checksum(key, *kind, body) {
        return Err(wrong());
    }
    match *kind {
        WHOLE => Ok(Cell::Whole(body.to_vec())),
        PART_OF => Ok(Cell::Part(body.to_vec())),
        LONG => {
            let (length, sum) = body.split_first_chunk::<4>().ok_or_else(wrong)?;
            let sum: [u8; 4] = sum.try_into().map_err(|_| wrong())?;
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| wrong())?;
            if length > VALUE_MAX {
                return Err(wrong());
            }
            Ok(Cell::Long { length, sum: u32::from_le_bytes(sum) })
        }
        _ => Err(wrong()),
    }
}

/// How long the body in a cell is, without reading it.
pub(crate) fn body_len(cell: &[u8]) -> usize {
    cell.len().saturating_sub(HEAD_BYTES)
}

/// A key as an error names it: its first byte as a letter, the rest in hex.
pub(crate) fn shown(key: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for (place, byte) in key.iter().enumerate() {
        let written = match place {
            0 if byte.is_ascii_graphic() => write!(text, "{}:", char::from(*byte)),
            _ => write!(text, "{byte:02x}"),
        };
        // Writing to a String cannot fail.
        debug_assert!(written.is_ok());
    }
    text
}

#[cfg(test)]
mod tests;
