//! Putting a damaged store out of the way without losing a byte of it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::StoreError;

/// Renames `path` to `<path>.damaged-YYYYMMDDTHHMMSSZ`, with `-2`, `-3` … behind it when that name
/// is taken, and returns the new name.
pub(crate) fn move_aside(path: &Path, now: SystemTime) -> Result<PathBuf, StoreError> {
    let dated = with_suffix(path, &format!(".damaged-{}", stamp(now)));
    let mut target = dated.clone();
    let mut attempt = 1_u32;
    while fs::symlink_metadata(&target).is_ok() {
        attempt += 1;
        target = with_suffix(&dated, &format!("-{attempt}"));
    }
    fs::rename(path, &target)
        .map_err(|e| StoreError::io(format!("moving {} aside", path.display()), e))?;
    sync_parent(path)?;
    Ok(target)
}

/// The path with a suffix behind its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes a change of names in the folder that holds `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    sync(parent)
}

/// Makes a file or folder durable.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    let synced: io::Result<()> = fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|e| StoreError::io(format!("syncing {}", path.display()), e))
}

/// A moment in UTC as `YYYYMMDDTHHMMSSZ`; a clock before 1970 gives 1970.
fn stamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// Year, month and day of a day counted from 1970-01-01, by Howard Hinnant's `civil_from_days`:
/// years begin in March there, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
