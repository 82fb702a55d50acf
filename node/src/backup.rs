//! Copies of a node's whole state, and putting one back.
//!
//! What a copy holds and how it is proven whole is [`actors::backup`]'s; here are
//! its name, its age, and the files of the data folder that belong to it. It holds
//! the node's key and the vault's beside the sealed rows: whoever has the copy has
//! the node. It belongs under lock and key.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actors::backup::{self as archive, SmallFile};
use actors::vault::Vault;
use actors::vault::key::VaultKey;
use storage::{LedgerStore, SledStore};

use crate::config::{Config, TimeOfDay};
use crate::key_file;
use crate::moments;
use crate::texts::Say;

#[cfg(test)]
mod tests;

/// The file that makes a folder a node's.
const MEMBERSHIP: &str = "membership.json";

/// The files that make a node what it is, in the order in which they are put back.
const FILES: [&str; 3] = ["node.key", "vault.key", MEMBERSHIP];

fn trouble(path: &Path) -> impl Fn(std::io::Error) -> Say {
    move |error| Say::FileTrouble { file: path.display().to_string(), reason: error.to_string() }
}

fn broken(error: impl std::fmt::Display) -> Say {
    Say::Broken { reason: error.to_string() }
}

/// Makes a copy in `folder` and removes the oldest beyond those to keep. Gives its
/// path.
///
/// # Errors
/// The disk; the store.
pub(crate) fn make<S: LedgerStore>(
    store: &S,
    config: &Config,
    folder: &Path,
) -> Result<PathBuf, Say> {
    fs::create_dir_all(folder).map_err(trouble(folder))?;
    let mut files = Vec::new();
    for name in FILES {
        let path = config.data_dir.join(name);
        if path.exists() {
            let bytes = fs::read(&path).map_err(trouble(&path))?;
            let name = name.to_owned();
            files.push(SmallFile { name, bytes });
        }
    }
    let now = actors::clock::BootClock.wall_ms();
    let path = folder.join(format!("poste-{}.backup", moments::compact(now)));
    key_file::write_private_with(&path, |out| {
        archive::write(store, &files, out).map(|_| ()).map_err(broken)
    })?;
    prune(folder, usize::from(config.backup.keep))?;
    Ok(path)
}

/// Removes the oldest copies beyond `keep`. Their names sort by age.
fn prune(folder: &Path, keep: usize) -> Result<(), Say> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder).map_err(trouble(folder))? {
        let path = entry.map_err(trouble(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with("poste-") && name.ends_with(".backup")) {
            copies.push(path);
        }
    }
    copies.sort();
    let surplus = copies.len().saturating_sub(keep);
    for copy in copies.iter().take(surplus) {
        fs::remove_file(copy).map_err(trouble(folder))?;
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
    let file = File::open(from).map_err(trouble(from))?;
    let copy = archive::read(BufReader::new(file)).map_err(|error| Say::FileTrouble {
        file: from.display().to_string(),
        reason: error.to_string(),
    })?;
    // Nothing else is written, whatever names the copy holds.
    let mut files = Vec::with_capacity(FILES.len());
    for name in FILES {
        let held = copy.files.iter().find(|held| held.name == name);
        files.extend(held.map(|held| (name, held.bytes.clone())));
    }
    key_file::private_folder(data_dir)?;
    let store_path = data_dir.join("store");
    for path in FILES.map(|name| data_dir.join(name)).iter().chain([&store_path]) {
        if path.exists() {
            return Err(Say::AlreadyThere { file: path.display().to_string() });
        }
    }
    let opened = SledStore::open(&store_path).map_err(broken)?;
    let store = Arc::new(opened.store);
    copy.restore(&store).map_err(broken)?;
    for (name, bytes) in files {
        if name == MEMBERSHIP && !alone {
            // Shut before the folder is a node's: no run comes in between.
            set_vault(data_dir, &store, false)?;
        }
        key_file::write_private(&data_dir.join(name), &bytes)?;
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
    let key = VaultKey::load(&path).map_err(broken)?;
    let mut vault = Vault::open(Arc::clone(store), key, &mut rand::rng()).map_err(broken)?;
    let ticket = if open { vault.open_after_catch_up() } else { vault.shut() };
    ticket.map_err(broken)?;
    store.barrier().map_err(broken)?;
    Ok(())
}

/// Milliseconds from `now_ms` (since 1970) to the next `at`, on a clock that is
/// `offset_s` ahead of UTC.
pub(crate) fn until_next(at: TimeOfDay, now_ms: i64, offset_s: i64) -> u64 {
    const DAY_MS: i64 = 24 * 3_600_000;
    let due = (i64::from(at.hour) * 60 + i64::from(at.minute)) * 60_000;
    let of_day = now_ms.saturating_add(offset_s.saturating_mul(1000)).rem_euclid(DAY_MS);
    let wait = (due - of_day).rem_euclid(DAY_MS);
    u64::try_from(if wait == 0 { DAY_MS } else { wait }).unwrap_or_default()
}
