//! Secrets on disk: thirty-two bytes, mode 0600, whole or not there.
//!
//! A file is written beside its place, synced, renamed over it, and the folder is
//! synced: after a power cut there is the old file or the new one, never a half.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::seed::Seed;
use crate::texts::Say;

fn broken(path: &Path, error: &std::io::Error) -> Say {
    Say::FileTrouble { file: path.display().to_string(), reason: error.to_string() }
}

/// Makes `folder` and what leads to it, for this account only.
///
/// # Errors
/// When it cannot be made, or is there and open to others.
pub(crate) fn private_folder(folder: &Path) -> Result<(), Say> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|e| broken(folder, &e))?;
    let metadata = fs::metadata(folder).map_err(|e| broken(folder, &e))?;
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
            .map_err(|e| broken(folder, &e))?;
    }
    Ok(())
}

/// Writes `bytes` at `path` with mode 0600, replacing what is there, durably.
///
/// # Errors
/// When the disk refuses; what was at `path` is then still there.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Say> {
    write_private_with(path, |file| file.write_all(bytes).map_err(|error| broken(path, &error)))
}

/// As [`write_private`], for what is too large to hold: `write` writes it.
///
/// # Errors
/// That of `write`, or the disk's; what was at `path` is then still there.
pub(crate) fn write_private_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Say>,
) -> Result<(), Say> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match fs::remove_file(beside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(broken(beside, &error)),
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)
        .map_err(|error| broken(path, &error))?;
    let mut file = BufWriter::new(file);
    let written = write(&mut file).and_then(|()| {
        file.flush()
            .and_then(|()| file.get_ref().sync_all())
            .and_then(|()| fs::rename(beside, path))
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|error| broken(path, &error))
    });
    if written.is_err() {
        // A half is of no use; that it cannot be removed changes nothing.
        fs::remove_file(beside).ok();
    }
    written
}

/// Writes the secret of a node or a site at `path`.
///
/// # Errors
/// As [`write_private`]; [`Say::AlreadyThere`] when there is one already: a key
/// is never replaced by accident.
pub(crate) fn create_seed(path: &Path, seed: &Seed) -> Result<(), Say> {
    if path.exists() {
        return Err(Say::AlreadyThere { file: path.display().to_string() });
    }
    write_private(path, seed.bytes())
}

/// Reads what [`create_seed`] wrote.
///
/// # Errors
/// A file that others can read, or that has another length, is refused: its
/// secret is no longer one, or is not whole.
pub(crate) fn read_seed(path: &Path) -> Result<Seed, Say> {
    let file = File::open(path).map_err(|e| broken(path, &e))?;
    let mode = file.metadata().map_err(|e| broken(path, &e))?.mode();
    if mode & 0o077 != 0 {
        return Err(Say::KeyOpenToOthers { file: path.display().to_string(), mode: mode & 0o777 });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(40));
    file.take(33).read_to_end(&mut bytes).map_err(|e| broken(path, &e))?;
    let whole: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| Say::KeyNotWhole { file: path.display().to_string() })?;
    Ok(Seed::from_bytes(whole))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::{create_seed, private_folder, read_seed, write_private, write_private_with};
    use crate::seed::Seed;
    use crate::texts::Say;

    #[test]
    fn seed_is_kept_for_this_account_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/node.key");
        private_folder(path.parent().unwrap()).unwrap();
        let seed = Seed::fresh().unwrap();
        create_seed(&path, &seed).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let mode = fs::metadata(path.parent().unwrap()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(read_seed(&path).unwrap(), seed);
        assert!(matches!(
            create_seed(&path, &Seed::fresh().unwrap()),
            Err(Say::AlreadyThere { .. })
        ));
        assert_eq!(read_seed(&path).unwrap(), seed);
    }

    #[test]
    fn key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        create_seed(&path, &Seed::fresh().unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_seed(&path), Err(Say::KeyOpenToOthers { mode: 0o640, .. })));
    }

    #[test]
    fn key_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        for length in [0, 31, 33, 100_000] {
            write_private(&path, &vec![1; length]).unwrap();
            assert!(matches!(read_seed(&path), Err(Say::KeyNotWhole { .. })));
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(read_seed(&path), Err(Say::FileTrouble { .. })));
    }

    #[test]
    fn leftover_of_a_cut_write_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        fs::write(folder.path().join("node.key.new"), b"half").unwrap();
        write_private(&path, &[3; 32]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), [3; 32]);
        assert!(!folder.path().join("node.key.new").exists());
    }

    #[test]
    fn interrupted_writing_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_private(&path, b"before").unwrap();
        let cut = write_private_with(&path, |file| {
            std::io::Write::write_all(file, b"half").unwrap();
            Err(Say::NothingTyped)
        });
        assert!(matches!(cut, Err(Say::NothingTyped)));
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn seed_prints_as_nothing() {
        let seed = Seed::from_bytes([0xab; 32]);
        assert_eq!(format!("{seed:?}"), "Seed(…)");
    }
}
