//! The vault's key on this node's disk: 32 random bytes in `vault.key`, for the owner alone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rand::CryptoRng;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use zeroize::Zeroizing;

const LENGTH: usize = 32;
const MODE: u32 = 0o600;

/// The key that wraps the keys of rows. Wiped from memory when dropped.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; LENGTH]>);

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(…)")
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none at this path.
    #[error("{}: no vault key here", .0.display())]
    Missing(PathBuf),
    /// There is one already; it is never overwritten, since rows may need it.
    #[error("{}: a vault key is already here and is left as it is", .0.display())]
    Exists(PathBuf),
    /// Others than the owner may read it, or it is not a plain file.
    #[error("{}: must be a plain file with mode 0600, has {mode:o}", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its type and mode.
        mode: u32,
    },
    /// Not a key.
    #[error("{}: a vault key has {LENGTH} bytes, this file has {length}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// The disk's answer.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl VaultKey {
    /// A fresh key that exists only in memory.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        rng.fill_bytes(bytes.as_mut());
        VaultKey(bytes)
    }

    /// The key from bytes that were kept elsewhere (a backup).
    pub fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        VaultKey(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// Makes a key and writes it to `path`, where nothing may be yet. When this returns, the file
    /// is whole and on the disk; cut short, there is no file at `path`.
    pub fn create(path: &Path, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self, KeyFileError> {
        let key = VaultKey::random(rng);
        key.save(path)?;
        Ok(key)
    }

    /// Writes this key to `path`, as [`VaultKey::create`].
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        let failed = |source: io::Error| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::AlreadyExists {
                KeyFileError::Exists(path)
            } else {
                KeyFileError::Io { path, source }
            }
        };
        let fresh = path.with_extension("key.new");
        // What an earlier, interrupted attempt left behind was never used.
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&fresh)
            .map_err(failed)?;
        file.write_all(self.bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        renameat_with(CWD, &fresh, CWD, path, RenameFlags::NOREPLACE)
            .map_err(|error| failed(error.into()))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }

    /// Reads the key at `path`. A file that others could read is refused, not repaired: whoever
    /// loosened it has to know.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source: io::Error| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::NotFound {
                KeyFileError::Missing(path)
            } else {
                KeyFileError::Io { path, source }
            }
        };
        let mut file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() || about.mode() & 0o7777 != MODE {
            return Err(KeyFileError::Mode { path: path.to_owned(), mode: about.mode() });
        }
        if about.len() != LENGTH as u64 {
            return Err(KeyFileError::Length { path: path.to_owned(), length: about.len() });
        }
        let mut bytes = Zeroizing::new([0; LENGTH]);
        file.read_exact(bytes.as_mut()).map_err(failed)?;
        Ok(VaultKey(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_written_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        assert!(matches!(VaultKey::load(&path), Err(KeyFileError::Missing(_))));
        let key = VaultKey::create(&path, &mut rand::rng()).unwrap();
        assert_eq!(VaultKey::load(&path).unwrap().bytes(), key.bytes());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let again = VaultKey::create(&path, &mut rand::rng());
        assert!(matches!(again, Err(KeyFileError::Exists(_))));
        assert_eq!(VaultKey::load(&path).unwrap().bytes(), key.bytes());
    }

    #[test]
    fn what_an_interrupted_attempt_left_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        fs::write(folder.path().join("vault.key.new"), b"half").unwrap();
        VaultKey::create(&path, &mut rand::rng()).unwrap();
        assert!(VaultKey::load(&path).is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_wrong_mode_or_length_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.key");
        VaultKey::create(&path, &mut rand::rng()).unwrap();
        for mode in [0o644, 0o640, 0o400, 0o4600] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = VaultKey::load(&path).unwrap_err();
            assert!(matches!(refused, KeyFileError::Mode { .. }), "{refused}");
            assert!(refused.to_string().contains("vault.key"));
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for length in [0, 31, 33, 4096] {
            fs::write(&path, vec![7; length]).unwrap();
            let refused = VaultKey::load(&path).unwrap_err();
            assert!(matches!(refused, KeyFileError::Length { .. }), "{refused}");
        }
    }
}
