//! A note beside the tree of how far it was durable, to notice a tail that went missing.
//!
//! sled takes a damaged record at the end of its log for a write that a power cut tore, and opens
//! with what comes before it: acknowledged batches would be gone in silence. The note is written
//! after each good barrier and is never ahead of it, so a tree that ends before its note has lost
//! something. It is not synced: after a power cut it may be old, which only makes it say less.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::error::StoreError;

/// The note's file.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
}

impl Witness {
    /// Opens or creates the note in a store's folder.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("durable");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let file = file.open(&path);
        let file = file.map_err(|e| StoreError::io(format!("opening {}", path.display()), e))?;
        Ok(Self { file })
    }

    /// The last ticket noted; 0 for a note that is missing or unreadable, which promises nothing.
    pub(super) fn promised(&self) -> u64 {
        let mut note = [0; 12];
        if self.file.read_exact_at(&mut note, 0).is_err() {
            return 0;
        }
        let [t0, t1, t2, t3, t4, t5, t6, t7, sum @ ..] = note;
        let ticket = [t0, t1, t2, t3, t4, t5, t6, t7];
        if crc32fast::hash(&ticket) != u32::from_le_bytes(sum) {
            return 0;
        }
        u64::from_le_bytes(ticket)
    }

    /// Whether no barrier was ever noted, be it readable or not.
    pub(super) fn is_blank(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() == 0)
    }

    /// Notes that everything up to `ticket` is durable.
    pub(super) fn note(&self, ticket: u64) -> io::Result<()> {
        let ticket = ticket.to_le_bytes();
        let sum = crc32fast::hash(&ticket).to_le_bytes();
        self.file.write_all_at(&[&ticket[..], &sum[..]].concat(), 0)
    }
}
