//! Copies of a node's whole state, and putting one back.
//!
//! An [`archive`](crate::archive) of the format `poste-backup`: lines `F` hold a
//! file of the data folder (name, bytes), `E` an entry, `T` a table's key and value
//! (table, key, value). It holds the node's key and the vault's beside the sealed
//! rows: whoever has the copy has the node. It belongs under lock and key.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::entry::Entry;
use actors::vault::Vault;
use actors::vault::key::VaultKey;
use domain::id::SiteId;
use storage::{LedgerStore, Op, SledStore, StoreError, Table};

use crate::archive::{Reader, Title, Writer};
use crate::config::{Config, TimeOfDay};
use crate::key_file;
use crate::ledger_file::{each_entry, each_value};
use crate::membership::Membership;
use crate::moments;
use crate::texts::Say;

#[cfg(test)]
mod tests;

/// The format's name.
const FORMAT: &str = "poste-backup";

/// The files that make a node what it is, in the order in which they are put back:
/// the membership last, since with it the folder is a node's.
const FILES: [&str; 3] = ["node.key", "vault.key", "membership.json"];

/// Tables that are copied.
const TABLES: [(u8, Table); 4] = [
    (0, Table::Registers),
    (1, Table::Frontier),
    (2, Table::Rows),
    (3, Table::Local),
];

const BATCH: usize = 512;

fn store_trouble(error: StoreError) -> Say {
    Say::Broken {
        reason: error.to_string(),
    }
}

/// Makes a copy in `folder` and removes the oldest beyond those to keep. Gives its
/// path.
///
/// # Errors
/// The disk; the store.
pub(crate) fn make<S: LedgerStore + ?Sized>(
    store: &S,
    config: &Config,
    folder: &Path,
) -> Result<PathBuf, Say> {
    let membership = Membership::read(&config.data_dir)?.ok_or_else(|| Say::NoSite {
        folder: config.data_dir.display().to_string(),
    })?;
    fs::create_dir_all(folder).map_err(|error| Say::FileTrouble {
        file: folder.display().to_string(),
        reason: error.to_string(),
    })?;
    let now = actors::clock::BootClock.wall_ms();
    let path = folder.join(format!("poste-{}.backup", moments::compact(now)));
    copy(store, &config.data_dir, membership.site, &path)?;
    prune(folder, usize::from(config.backup.keep))?;
    Ok(path)
}

fn copy<S: LedgerStore + ?Sized>(
    store: &S,
    data_dir: &Path,
    site: SiteId,
    path: &Path,
) -> Result<(), Say> {
    let title = Title {
        format: FORMAT.to_owned(),
        version: 1,
        site,
    };
    let mut writer = Writer::begin(path, &title)?;
    for name in FILES {
        let file = data_dir.join(name);
        if file.exists() {
            let bytes = fs::read(&file).map_err(|error| Say::FileTrouble {
                file: file.display().to_string(),
                reason: error.to_string(),
            })?;
            writer.line('F', &[name.as_bytes(), &bytes])?;
        }
    }
    // Tables first: what is written while this goes on is then in an entry at the
    // worst, and never in a table alone.
    for (number, table) in TABLES {
        each_value(store, table, |key, value| {
            writer.line('T', &[&[number], key, value])
        })?;
    }
    each_entry(store, |bytes| writer.line('E', &[bytes]))?;
    writer.finish()
}

/// Removes the oldest copies beyond `keep`. Their names sort by age.
fn prune(folder: &Path, keep: usize) -> Result<(), Say> {
    let trouble = |error: std::io::Error| Say::FileTrouble {
        file: folder.display().to_string(),
        reason: error.to_string(),
    };
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder).map_err(trouble)? {
        let path = entry.map_err(trouble)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with("poste-") && name.ends_with(".backup")) {
            copies.push(path);
        }
    }
    copies.sort();
    let surplus = copies.len().saturating_sub(keep);
    for copy in copies.iter().take(surplus) {
        fs::remove_file(copy).map_err(trouble)?;
    }
    Ok(())
}

/// Puts a copy back into an empty data folder. The node takes a new epoch when it
/// runs; its vault stays shut until the ledger has caught up, unless `alone` says
/// that nobody is left to catch up with.
///
/// # Errors
/// A folder that has a node already; a copy that is damaged, found before anything
/// was written; the disk.
pub(crate) fn restore(data_dir: &Path, from: &Path, alone: bool) -> Result<(), Say> {
    read(from, |_| Ok(()))?;
    key_file::private_folder(data_dir)?;
    let store_path = data_dir.join("store");
    for name in FILES
        .map(|name| data_dir.join(name))
        .iter()
        .chain([&store_path])
    {
        if name.exists() {
            return Err(Say::AlreadyThere {
                file: name.display().to_string(),
            });
        }
    }
    let opened = SledStore::open(&store_path).map_err(store_trouble)?;
    let store = Arc::new(opened.store);
    let mut files = Vec::new();
    let mut batch = Vec::new();
    read(from, |piece| {
        match piece {
            Piece::File(name, bytes) => files.push((name, bytes)),
            Piece::Op(op) => batch.push(op),
        }
        if batch.len() >= BATCH {
            store
                .stage(std::mem::take(&mut batch))
                .map_err(store_trouble)?;
        }
        Ok(())
    })?;
    store.stage(batch).map_err(store_trouble)?;
    store.barrier().map_err(store_trouble)?;
    for name in FILES {
        let file = files.iter().find(|(held, _)| *held == name);
        let Some((_, bytes)) = file else { continue };
        let path = data_dir.join(name);
        if name == "membership.json" && !alone {
            // Shut before the folder is a node's: no run comes in between.
            set_vault(data_dir, &store, false)?;
        }
        key_file::write_private(&path, bytes)?;
    }
    Ok(())
}

/// Opens or shuts the vault of a node that is not running; nothing on a kiosk.
///
/// # Errors
/// The store; a vault's key that is not its own.
pub(crate) fn set_vault(data_dir: &Path, store: &Arc<SledStore>, open: bool) -> Result<(), Say> {
    let path = data_dir.join("vault.key");
    if !path.exists() {
        return Ok(());
    }
    let broken = |error: &dyn std::fmt::Display| Say::Broken {
        reason: error.to_string(),
    };
    let key = VaultKey::load(&path).map_err(|e| broken(&e))?;
    let mut vault =
        Vault::open(Arc::clone(store), key, &mut rand::rng()).map_err(|e| broken(&e))?;
    let ticket = if open {
        vault.open_after_catch_up()
    } else {
        vault.shut()
    };
    ticket.map_err(|e| broken(&e))?;
    store.barrier().map_err(store_trouble)?;
    Ok(())
}

/// A line of a copy.
enum Piece {
    File(&'static str, Vec<u8>),
    Op(Op),
}

fn read(path: &Path, mut with: impl FnMut(Piece) -> Result<(), Say>) -> Result<(), Say> {
    let mut reader = Reader::open(path, FORMAT)?;
    let other = || Say::ArchiveOther {
        file: path.display().to_string(),
        wanted: FORMAT.to_owned(),
    };
    while let Some((letter, fields)) = reader.next()? {
        let piece = match (letter, fields.as_slice()) {
            ('F', [name, bytes]) => {
                let known = FILES.into_iter().find(|known| known.as_bytes() == name);
                Piece::File(known.ok_or_else(other)?, bytes.clone())
            }
            ('T', [number, key, value]) => {
                let known = TABLES
                    .iter()
                    .find(|(known, _)| [*known] == number.as_slice());
                Piece::Op(Op::Put {
                    table: known.ok_or_else(other)?.1,
                    key: key.clone(),
                    value: value.clone(),
                })
            }
            ('E', [bytes]) => {
                let entry = Entry::parse(bytes).map_err(|_| other())?;
                Piece::Op(Op::PutEntry {
                    epoch: entry.id.epoch.0,
                    seq: entry.id.seq,
                    bytes: bytes.clone(),
                })
            }
            _ => return Err(other()),
        };
        with(piece)?;
    }
    Ok(())
}

/// Milliseconds from `now_ms` (since 1970) to the next `at`, on a clock that is
/// `offset_s` ahead of UTC.
pub(crate) fn until_next(at: TimeOfDay, now_ms: i64, offset_s: i64) -> u64 {
    const DAY_MS: i64 = 24 * 3_600_000;
    let due = (i64::from(at.hour) * 60 + i64::from(at.minute)) * 60_000;
    let of_day = now_ms
        .saturating_add(offset_s.saturating_mul(1000))
        .rem_euclid(DAY_MS);
    let wait = (due - of_day).rem_euclid(DAY_MS);
    u64::try_from(if wait == 0 { DAY_MS } else { wait }).unwrap_or_default()
}
