//! The tree beneath, held so that it can neither panic into us nor hang us at the end.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::error::StoreError;

/// How long a store may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// An open sled tree with its folder's lock.
///
/// sled panics on some kinds of damage, in reading as in opening and in its own `Drop`, where it
/// writes once more and would wait for ever for a writing thread that has panicked. Every call goes
/// through [`run`](Self::run), and closing happens on a thread of its own.
pub(super) struct Cage {
    inner: Option<(sled::Db, File)>,
    path: PathBuf,
}

impl Cage {
    /// Opens or creates the tree in `path`. `lock` is let go of only once the tree has closed.
    pub(super) fn open(path: &Path, config: &sled::Config, lock: File) -> Result<Self, StoreError> {
        let db = guarded(path, || config.open())?;
        Ok(Self { inner: Some((db, lock)), path: path.to_owned() })
    }

    /// Runs one call on the tree.
    pub(super) fn run<T>(
        &self,
        call: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, StoreError> {
        match &self.inner {
            Some((db, _)) => guarded(&self.path, || call(db)),
            None => Err(StoreError::Broken { why: "the store is closed".to_owned() }),
        }
    }
}

impl Cage {
    /// The cells from `start` up to and without `end`, for as long as `wanted` says.
    ///
    /// Each is sought anew: sled evicts pages only after so many accesses that one plain walk over
    /// a large store would leave all of it in memory.
    pub(super) fn cells(
        &self,
        mut start: Bound<Vec<u8>>,
        end: &[u8],
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> Result<Vec<(sled::IVec, sled::IVec)>, StoreError> {
        let mut cells = Vec::new();
        loop {
            let range = (start, Bound::Excluded(end.to_vec()));
            match self.run(|db| db.range(range).next().transpose())? {
                Some((key, cell)) if wanted(&cell) => {
                    start = Bound::Excluded(key.to_vec());
                    cells.push((key, cell));
                }
                Some(_) | None => return Ok(cells),
            }
        }
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else {
            return;
        };
        let (closed, closing) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("store-closing".to_owned()).spawn(move || {
                let (db, lock) = inner;
                let result = catch_unwind(AssertUnwindSafe(|| drop(db)));
                drop(lock);
                // Nobody listens any more once closing has taken too long.
                closed.send(result.is_ok()).ok();
            });
        let answer = thread.map(|_| closing.recv_timeout(CLOSING));
        if !matches!(answer, Ok(Ok(true))) {
            tracing::error!(path = %self.path.display(), "the store did not close cleanly");
        }
    }
}

/// Turns sled's errors and panics into ours.
fn guarded<T>(path: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(translate(path, error)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(StoreError::damaged(format!("the tree panicked: {}", text.unwrap_or("no text"))))
        }
    }
}

fn translate(path: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if source.to_string().contains("could not acquire lock") => {
            StoreError::InUse { path: path.to_owned() }
        }
        sled::Error::Io(source) if says_nothing_about_the_store(&source) => {
            StoreError::io(format!("the store {}", path.display()), source)
        }
        sled::Error::Io(source) => StoreError::damaged(format!("reading or writing: {source}")),
        sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => StoreError::damaged(error.to_string()),
    }
}

/// Errors of the machine around the store, after which the store itself may well be whole.
fn says_nothing_about_the_store(error: &io::Error) -> bool {
    use rustix::io::Errno;
    // sled copies errors by kind and text, which loses the number: the kinds are asked as well.
    let by_kind = matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::OutOfMemory
            | io::ErrorKind::Interrupted
            | io::ErrorKind::FileTooLarge
    );
    let by_number = Errno::from_io_error(error).is_some_and(|number| {
        matches!(number, Errno::MFILE | Errno::NFILE | Errno::AGAIN | Errno::NOBUFS)
    });
    by_kind || by_number
}
