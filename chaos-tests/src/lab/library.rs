//! Ledgers that were read: nodes that agree export the same bytes, and folding those once is enough.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actors::ledger_file;
use domain::id::EntryId;
use domain::site::Site;
use sha2::{Digest, Sha256};

/// Ledgers that are kept: a few for each node, while they differ.
const MOST_KEPT: usize = 64;

/// A ledger, verified and folded.
#[derive(Debug)]
pub(crate) struct Volume {
    /// The state that its entries make, without readings.
    pub(crate) site: Site,
    /// Its entries' bytes.
    pub(crate) entries: Arc<BTreeMap<EntryId, Vec<u8>>>,
}

type Shelf = VecDeque<([u8; 32], Arc<Volume>)>;

/// The ledgers that were read lately, by what they say.
#[derive(Debug, Default)]
pub(crate) struct Library {
    shelf: Mutex<Shelf>,
}

impl Library {
    /// The ledger in a file's bytes; `None` where they are none.
    pub(crate) fn read(&self, file: &[u8]) -> Option<Arc<Volume>> {
        let name: [u8; 32] = Sha256::digest(file).into();
        let known = self.shelf().iter().find(|(known, _)| *known == name).map(|(_, v)| v.clone());
        if known.is_some() {
            return known;
        }
        let folded = ledger_file::fold(file).ok()?;
        let entries = folded.entries.iter().map(|entry| (entry.id, entry.to_bytes())).collect();
        let volume = Arc::new(Volume { site: folded.site, entries: Arc::new(entries) });
        let mut shelf = self.shelf();
        if shelf.len() >= MOST_KEPT {
            shelf.pop_front();
        }
        shelf.push_back((name, Arc::clone(&volume)));
        Some(volume)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
