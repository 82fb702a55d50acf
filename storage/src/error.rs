//! What can go wrong beneath a ledger.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a store did not do what it was asked.
///
/// After [`Broken`](Self::Broken) and [`Full`](Self::Full) from a barrier nothing since the last
/// good barrier may be acknowledged.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process holds the store. Nothing was touched.
    #[error("the store {} is in use by another process", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// Bytes on disk are not those that were written.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// What was found, naming the key where there is one.
        what: String,
    },
    /// Too little room is left on the disk to take this batch safely. Nothing of it was staged.
    #[error("the disk under {} is full ({free} bytes free)", path.display())]
    Full {
        /// The store's folder.
        path: PathBuf,
        /// Bytes still free to this user.
        free: u64,
    },
    /// A write or an fsync failed earlier: the store takes nothing more until it is opened again.
    #[error("the store stopped taking writes: {why}")]
    Broken {
        /// The first failure.
        why: String,
    },
    /// A key, value or batch is larger than the store allows. Nothing of the batch was staged.
    #[error("{what} of {size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Which thing.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The bound.
        limit: usize,
    },
    /// The store was written by a release with another layout. It is left as it is.
    #[error("the store has layout {found}, this release reads layout {known}")]
    OtherLayout {
        /// The layout found on disk.
        found: u64,
        /// The one that this release reads and writes.
        known: u64,
    },
    /// The file system refused something that says nothing about the store's own state.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl StoreError {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }

    /// What a store that stops because of this says from then on.
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::Damaged { what } => what,
            Self::InUse { .. }
            | Self::Full { .. }
            | Self::Broken { .. }
            | Self::TooLarge { .. }
            | Self::OtherLayout { .. }
            | Self::Io { .. } => self.to_string(),
        }
    }
}
