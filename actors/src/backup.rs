//! A node's whole state in one file: entries, registers, rows as they lie (sealed), the checkpoints
//! beneath, and the small files beside the store that somebody who restores needs.
//!
//! ```text
//! "poste-backup\n"  version (1 byte)
//! kind (1 byte)  length (4 bytes, little-endian)  content      … records
//! 0 (1 byte)  40 (4 bytes)  count (8 bytes)  SHA-256 of everything before that hash (32 bytes)
//! ```
//!
//! Whoever holds the file holds the node's keys: it is written for its owner's eyes only, by the
//! caller. Nothing is restored before the whole file was read and found right.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};
use storage::error::StoreError;
use storage::ledger_store::{LedgerStore, Pair};
use storage::operation::{Op, Table};

use crate::entry::{Entry, MOST_ENTRY};
use crate::snapshot::shelf;

const MAGIC: &[u8] = b"poste-backup\n";
const VERSION: u8 = 1;
const PAGE: usize = 512;
/// Largest record, in bytes: a key and a value of a table, or a small file.
const MOST_RECORD: usize = 1024 * 1024;
const END: u8 = 0;
const FILE: u8 = 1;
const ENTRY: u8 = 2;
/// Tables that are kept, with the kind of their records. What is local to a process is not.
const TABLES: [(u8, Table); 3] = [(3, Table::Registers), (4, Table::Rows), (5, Table::Checkpoints)];
/// How often the table of checkpoints is read, when the base changes meanwhile.
const MOST_READINGS: usize = 3;

/// Why a backup was not made or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not such a file, or one of a later version.
    #[error("not a backup of version {VERSION}")]
    NotABackup,
    /// The file ends early, or was changed.
    #[error("backup cut short or changed: {0}")]
    Damaged(&'static str),
    /// The store is not empty.
    #[error("the store is not empty: a backup is restored into a new folder")]
    NotEmpty,
}

/// A small file that belongs to the node.
#[derive(Clone, PartialEq, Eq)]
pub struct SmallFile {
    /// Its name in the node's folder, at most 255 bytes.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Never the content: some of them are keys.
impl std::fmt::Debug for SmallFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmallFile").field("name", &self.name).finish_non_exhaustive()
    }
}

struct Writer<W> {
    out: W,
    hash: Sha256,
    count: u64,
}

impl<W: Write> Writer<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }

    fn record(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), BackupError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > MOST_RECORD {
            return Err(BackupError::Damaged("a record is too large"));
        }
        let length = u32::try_from(length).map_err(|_| BackupError::Damaged("a record"))?;
        self.put(&[kind])?;
        self.put(&length.to_le_bytes())?;
        for part in parts {
            self.put(part)?;
        }
        self.count += 1;
        Ok(())
    }

    fn pair(&mut self, kind: u8, key: &[u8], value: &[u8]) -> Result<(), BackupError> {
        let length =
            u16::try_from(key.len()).map_err(|_| BackupError::Damaged("a key is too long"))?;
        self.record(kind, &[&length.to_le_bytes(), key, value])
    }
}

fn each_pair<S: LedgerStore>(
    store: &S,
    table: Table,
    mut with: impl FnMut(&[u8], &[u8]) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan(table, after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        page.iter().try_for_each(|(key, value)| with(key, value))?;
    }
}

/// The base and the snapshots that make it up, as they stood at one time.
fn base_of<S: LedgerStore>(store: &S) -> Result<Vec<Pair>, BackupError> {
    for _ in 0..MOST_READINGS {
        let before = shelf::base(store)?;
        let mut pairs = Vec::new();
        each_pair(store, Table::Checkpoints, |key, value| {
            pairs.push((key.to_vec(), value.to_vec()));
            Ok(())
        })?;
        if shelf::base(store)? == before {
            return Ok(pairs);
        }
    }
    Err(BackupError::Damaged("the base changes faster than it is read"))
}

/// Writes a backup; returns the number of its records. The store may be written to meanwhile: what
/// is added then may or may not be in it, and every log in it is whole up to some entry.
///
/// # Errors
/// Reading the store or writing the file failed.
pub fn write<S: LedgerStore>(
    store: &S,
    files: &[SmallFile],
    out: impl Write,
) -> Result<u64, BackupError> {
    let mut out = Writer { out, hash: Sha256::new(), count: 0 };
    out.put(MAGIC)?;
    out.put(&[VERSION])?;
    for file in files {
        let length = u8::try_from(file.name.len())
            .map_err(|_| BackupError::Damaged("a file's name is too long"))?;
        out.record(FILE, &[&[length], file.name.as_bytes(), &file.bytes])?;
    }
    let mut after = None;
    loop {
        let page = store.scan_entries(after, PAGE)?;
        let Some((epoch, seq, _)) = page.last() else {
            break;
        };
        after = Some((*epoch, *seq));
        for (_, _, bytes) in page {
            out.record(ENTRY, &[&bytes])?;
        }
    }
    for (kind, table) in TABLES {
        if table == Table::Checkpoints {
            // After the entries: a base that was adopted meanwhile speaks for those dropped meanwhile.
            for (key, value) in base_of(store)? {
                out.pair(kind, &key, &value)?;
            }
        } else {
            each_pair(store, table, |key, value| out.pair(kind, key, value))?;
        }
    }
    let count = out.count;
    out.put(&[END])?;
    out.put(&40u32.to_le_bytes())?;
    out.put(&count.to_le_bytes())?;
    let hash: [u8; 32] = out.hash.clone().finalize().into();
    out.put(&hash)?;
    out.out.flush()?;
    Ok(count)
}

/// A backup, read and found right.
#[derive(Debug)]
pub struct Backup {
    /// The small files.
    pub files: Vec<SmallFile>,
    ops: Vec<Op>,
}

/// Reads a backup whole.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(file: impl Read) -> Result<Backup, BackupError> {
    let mut file = Reader { inner: file, hash: Sha256::new() };
    let mut magic = [0; MAGIC.len() + 1];
    file.fill(&mut magic).map_err(|_| BackupError::NotABackup)?;
    if magic.split_last() != Some((&VERSION, MAGIC)) {
        return Err(BackupError::NotABackup);
    }
    let mut backup = Backup { files: Vec::new(), ops: Vec::new() };
    let mut count = 0u64;
    loop {
        let mut head = [0; 5];
        file.fill(&mut head)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if kind == END {
            break;
        }
        if length > MOST_RECORD {
            return Err(BackupError::Damaged("a record is too large"));
        }
        let mut content = vec![0; length];
        file.fill(&mut content)?;
        backup.take(kind, content)?;
        count += 1;
    }
    let mut said = [0; 8];
    file.fill(&mut said)?;
    if u64::from_le_bytes(said) != count {
        return Err(BackupError::Damaged("its count is wrong"));
    }
    let hash: [u8; 32] = file.hash.clone().finalize().into();
    let mut said = [0; 32];
    file.fill(&mut said)?;
    if said != hash || file.inner.read(&mut [0])? != 0 {
        return Err(BackupError::Damaged("its hash is wrong"));
    }
    Ok(backup)
}

struct Reader<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Reader<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.inner.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                BackupError::Damaged("it ends early")
            } else {
                BackupError::Io(error)
            }
        })?;
        self.hash.update(&*bytes);
        Ok(())
    }
}

impl Backup {
    fn take(&mut self, kind: u8, content: Vec<u8>) -> Result<(), BackupError> {
        let malformed = BackupError::Damaged("a record makes no sense");
        match kind {
            FILE => {
                let (length, rest) = content.split_first().ok_or(malformed)?;
                let (name, bytes) = rest
                    .split_at_checked(usize::from(*length))
                    .ok_or(BackupError::Damaged("a file's name is cut short"))?;
                let name = String::from_utf8(name.to_vec())
                    .map_err(|_| BackupError::Damaged("a file's name is not text"))?;
                self.files.push(SmallFile { name, bytes: bytes.to_vec() });
            }
            ENTRY => {
                let entry = Entry::parse(&content)
                    .ok()
                    .filter(|entry| content.len() <= MOST_ENTRY && entry.verify().is_ok())
                    .ok_or(BackupError::Damaged("an entry is not what its author wrote"))?;
                let (epoch, seq) = (entry.id.epoch.0, entry.id.seq);
                self.ops.push(Op::PutEntry { epoch, seq, bytes: content });
            }
            other => {
                let table = TABLES.iter().find(|(kind, _)| *kind == other);
                let (_, table) = table.ok_or(malformed)?;
                let (length, rest) = content
                    .split_first_chunk::<2>()
                    .ok_or(BackupError::Damaged("a key is cut short"))?;
                let (key, value) = rest
                    .split_at_checked(usize::from(u16::from_le_bytes(*length)))
                    .ok_or(BackupError::Damaged("a key is cut short"))?;
                let (key, value) = (key.to_vec(), value.to_vec());
                self.ops.push(Op::Put { table: *table, key, value });
            }
        }
        Ok(())
    }

    /// Puts everything into an empty store, durably.
    ///
    /// # Errors
    /// [`BackupError::NotEmpty`], or the store failed.
    pub fn restore<S: LedgerStore>(self, store: &S) -> Result<(), BackupError> {
        let used = !store.scan_entries(None, 1)?.is_empty()
            || !store.scan(Table::Rows, None, 1)?.is_empty();
        if used {
            return Err(BackupError::NotEmpty);
        }
        let mut ops = self.ops.into_iter().peekable();
        while ops.peek().is_some() {
            store.stage(ops.by_ref().take(PAGE).collect())?;
        }
        store.barrier()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
