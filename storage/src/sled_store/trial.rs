//! Trying a disk that has failed: a store that saw it fail takes nothing more until it is opened again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use super::{Settings, free_bytes};
use crate::error::StoreError;

/// The file that is written for a trial.
const NAME: &str = "disk-trial";
/// Its length: more than one page, so that a disk with room for nothing is not taken for a sound one.
const BYTES: usize = 64 * 1024;

/// Whether the disk beneath a folder takes writes again: there is as much room as a store wants, and a
/// file is written there, synced and removed.
///
/// # Errors
/// What keeps it from taking them.
pub fn try_disk(folder: &Path, settings: &Settings) -> Result<(), StoreError> {
    let free = free_bytes(folder)?;
    if free < settings.reserve_bytes {
        return Err(StoreError::Full { path: folder.to_owned(), free });
    }
    let file = folder.join(NAME);
    let outcome = write_and_sync(&file);
    let removed = fs::remove_file(&file);
    outcome
        .and(removed)
        .map_err(|error| StoreError::io(format!("trying {}", file.display()), error))
}

fn write_and_sync(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(&[0xa5; BYTES])?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_disk_takes_a_trial_and_keeps_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        try_disk(folder.path(), &Settings { reserve_bytes: 0, ..Settings::default() }).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_without_the_room_that_a_store_wants_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { reserve_bytes: u64::MAX, ..Settings::default() };
        let refused = try_disk(folder.path(), &settings);
        assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    }

    #[test]
    fn a_folder_that_is_gone_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let settings = Settings { reserve_bytes: 0, ..Settings::default() };
        assert!(try_disk(&gone, &settings).is_err());
    }
}
