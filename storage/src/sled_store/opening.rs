//! From a folder to a store that can be trusted, or to a fresh one beside what was there.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::cage::Cage;
use super::witness::Witness;
use super::{Opened, RolledBack, Settings, SledStore};
use crate::aside::{move_aside, sync, sync_parent, with_suffix};
use crate::cell::{self, AFTER_ALL, Cell, LAYOUT, LAYOUT_KEY, TICKET_KEY};
use crate::error::StoreError;
use crate::group_commit::GroupCommit;
use crate::operation::Ticket;

/// How long a store may be in use before that is believed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens the store in `path`; one that is damaged is moved aside and a fresh one begun.
pub(super) fn open(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    create_folder(path)?;
    match open_as_it_is(path, settings) {
        Ok(opened) => Ok(opened),
        Err(StoreError::Damaged { what }) => {
            // The lock lies beside the folder and is taken anew, so no other process comes between
            // with the folder that was moved.
            let lock = patiently(|| lock(path))?;
            let aside = move_aside(path, SystemTime::now())?;
            drop(lock);
            tracing::error!(
                store = %path.display(),
                moved_to = %aside.display(),
                "the store is damaged and was moved aside, a fresh one begins empty: {what}"
            );
            create_folder(path)?;
            let opened = open_as_it_is(path, settings)?;
            Ok(Opened { moved_aside: Some(aside), ..opened })
        }
        Err(other) => Err(other),
    }
}

/// Opens the store in `path` and reads all of it once; nothing is moved.
pub(super) fn open_as_it_is(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    patiently(|| try_open(path, settings))
}

/// Tries again for a moment while the store is in use. A store that this very process has just
/// closed may still be held: by a thread of sled's that is finishing its last write, or by a child
/// process between its fork and its exec.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(StoreError::InUse { .. }) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn try_open(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    let lock = lock(path)?;
    remove_half_snapshots(path)?;
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(settings.cache_bytes)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(None);
    let cage = Cage::open(path, &config, lock)?;
    // Opened once and kept: a descriptor tells of every failed write-back since its opening, while
    // a new one would not tell of a failure that another had already been told of.
    let data = File::open(path.join("db"))
        .map_err(|e| StoreError::io(format!("opening {}", path.join("db").display()), e))?;
    sync(&path.join("conf"))?;
    sync(path)?;
    sync_parent(path)?;

    let witness = Witness::open(path)?;
    let blank = witness.is_blank();
    let blank = blank.map_err(|e| StoreError::io(format!("reading {}", path.display()), e))?;
    let found = match layout(&cage)? {
        Some(LAYOUT) => verify(&cage)?,
        Some(found) => {
            return Err(StoreError::OtherLayout { found, known: LAYOUT });
        }
        None if blank => {
            begin(&cage)?;
            0
        }
        None => 0,
    };
    if found == 0 && !blank {
        // sled takes a log that is damaged near its beginning for one that has only just begun.
        return Err(StoreError::damaged("it holds nothing though batches of it were durable"));
    }
    let promised = witness.promised();
    let rolled_back = (found < promised)
        .then_some(RolledBack { found: Ticket(found), promised: Ticket(promised) });
    if rolled_back.is_some() {
        tracing::error!(
            store = %path.display(), found, promised,
            "the store has lost its last batches though they were durable; it goes on without them"
        );
    }
    let store = SledStore {
        cage,
        data,
        // Numbers of lost batches are not given out again.
        commit: GroupCommit::new(found.max(promised)),
        witness,
        staging: std::sync::Mutex::new(()),
        gate: std::sync::RwLock::new(()),
        reserve_bytes: settings.reserve_bytes,
        path: path.to_owned(),
    };
    Ok(Opened { store, moved_aside: None, rolled_back })
}

/// Makes the folder, for its owner alone: what lies in it concerns people.
fn create_folder(path: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| StoreError::io(format!("creating {}", path.display()), e))
}

/// Takes the lock beside the folder. It is ours rather than sled's, whose refusal cannot be told
/// from an unreadable file.
fn lock(path: &Path) -> Result<File, StoreError> {
    let name = with_suffix(path, ".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&name);
    let file = file.map_err(|e| StoreError::io(format!("opening {}", name.display()), e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(e)) => {
            Err(StoreError::io(format!("locking {}", name.display()), e))
        }
    }
}

/// Removes what a power cut left of a snapshot being written. sled 0.34.7 would take the half file
/// for the newest snapshot and refuse to open; it is only ever a copy of what the log holds.
fn remove_half_snapshots(path: &Path) -> Result<(), StoreError> {
    let doing = |e: io::Error| StoreError::io(format!("listing {}", path.display()), e);
    for entry in fs::read_dir(path).map_err(doing)? {
        let entry = entry.map_err(doing)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(doing)?;
        }
    }
    Ok(())
}

fn layout(cage: &Cage) -> Result<Option<u64>, StoreError> {
    match number(cage, LAYOUT_KEY)? {
        Some(found) => Ok(Some(found)),
        None if cage.run(|db| db.iter().next().transpose())?.is_none() => Ok(None),
        None => Err(StoreError::damaged("it holds data and no layout number")),
    }
}

fn begin(cage: &Cage) -> Result<(), StoreError> {
    let mut batch = sled::Batch::default();
    for (key, value) in [(LAYOUT_KEY, LAYOUT), (TICKET_KEY, 0)] {
        cell::seal(key, &value.to_le_bytes(), |key, cell| batch.insert(key, cell));
    }
    cage.run(|db| db.apply_batch(batch))
}

fn number(cage: &Cage, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let Some(cell) = cage.run(|db| db.get(key))? else {
        return Ok(None);
    };
    match cell::unseal(key, &cell)? {
        Cell::Whole(body) => match body.try_into() {
            Ok(bytes) => Ok(Some(u64::from_le_bytes(bytes))),
            Err(_) => Err(StoreError::damaged(format!("{} is no number", cell::shown(key)))),
        },
        Cell::Long { .. } | Cell::Part(_) => {
            Err(StoreError::damaged(format!("{} is no number", cell::shown(key))))
        }
    }
}

/// Reads every cell once and checks that long values and their parts fit; returns the last ticket.
fn verify(cage: &Cage) -> Result<u64, StoreError> {
    /// Cells read in one go.
    const PAGE: usize = 256;
    let mut parts_wanted = 0_u64;
    let mut parts_found = 0_u64;
    let mut start = Bound::Unbounded;
    loop {
        let mut left = PAGE;
        let page = cage.cells(start, AFTER_ALL, |_| {
            left = left.saturating_sub(1);
            left > 0
        })?;
        for (key, value) in &page {
            match cell::unseal(key, value)? {
                Cell::Whole(_) => {}
                Cell::Long { length, .. } => parts_wanted += u64::from(cell::part_count(length)),
                Cell::Part(_) => {
                    parts_found += 1;
                    let head = cell::head_of_part(key).map(|(head, _)| head);
                    let known = match head {
                        Some(head) => cage.run(|db| db.contains_key(head))?,
                        None => false,
                    };
                    if !known {
                        let key = cell::shown(key);
                        return Err(StoreError::damaged(format!("{key} belongs to nothing")));
                    }
                }
            }
        }
        match page.last() {
            Some((key, _)) => start = Bound::Excluded(key.to_vec()),
            None => break,
        }
    }
    if parts_wanted != parts_found {
        return Err(StoreError::damaged(format!(
            "{parts_found} parts of long values where {parts_wanted} belong"
        )));
    }
    number(cage, TICKET_KEY)?.ok_or_else(|| StoreError::damaged("its last ticket is missing"))
}
