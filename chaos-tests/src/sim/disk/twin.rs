//! The real store beside a simulated one: it is given the same, and has to say the same.
//!
//! What a power cut leaves is the simulated disk's to say, and a new real store is filled with it; the
//! laboratory cuts the power of real ones. The end of a process closes the store, and the next one
//! opens it again.

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::memory::MemoryStore;
use storage::operation::{Op, Table};
use storage::sled_store::{Settings, SledStore};
use tempfile::TempDir;

/// Cells copied at a time.
const PAGE: usize = 256;

/// See the module. A store that does not say the same ends the process that asked: a panic, which
/// the world reports as one.
#[derive(Debug)]
pub(super) struct Twin {
    folder: Arc<OnceLock<TempDir>>,
    store: OnceLock<SledStore>,
    /// Whether the folder has nothing yet.
    is_new: bool,
}

impl Twin {
    /// One that will be filled with what the simulated store holds by then.
    pub(super) fn fresh() -> Self {
        Twin { folder: Arc::default(), store: OnceLock::new(), is_new: true }
    }

    /// The same folder for the next process, once this one has let it go.
    pub(super) fn opened_again(&self) -> Self {
        let is_new = self.folder.get().is_none();
        Twin { folder: Arc::clone(&self.folder), store: OnceLock::new(), is_new }
    }

    /// The store, opened now at the latest; what must be in a new one, `memory` says.
    fn open_on(&self, memory: &MemoryStore) -> &SledStore {
        self.store.get_or_init(|| {
            let folder = self.folder.get_or_init(|| sound(TempDir::with_prefix("poste-twin-")));
            let settings = Settings { cache_bytes: 1 << 20, reserve_bytes: 0 };
            let opened = sound(SledStore::open_with(folder.path(), &settings));
            assert!(opened.moved_aside.is_none(), "a sound store was moved aside");
            assert!(opened.rolled_back.is_none(), "the store has lost {:?}", opened.rolled_back);
            if self.is_new {
                sound(copy(memory, &opened.store));
            }
            opened.store
        })
    }

    pub(super) fn stage(&self, memory: &MemoryStore, batch: Vec<Op>) {
        sound(self.open_on(memory).stage(batch));
    }

    pub(super) fn barrier(&self, memory: &MemoryStore) {
        sound(self.open_on(memory).barrier());
    }

    /// Asks the real store what the simulated one has said.
    pub(super) fn says<T: PartialEq + Debug>(
        &self,
        memory: &MemoryStore,
        said: &T,
        read: impl Fn(&dyn LedgerStore) -> Result<T, StoreError>,
    ) {
        let real = sound(read(self.open_on(memory)));
        assert!(real == *said, "the real store says {real:?}, not {said:?}");
    }
}

fn copy(from: &MemoryStore, to: &SledStore) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = from.scan_entries(after, PAGE)?;
        let Some((epoch, seq, _)) = page.last() else {
            break;
        };
        after = Some((*epoch, *seq));
        let put = |(epoch, seq, bytes)| Op::PutEntry { epoch, seq, bytes };
        to.stage(page.into_iter().map(put).collect())?;
    }
    for table in Table::ALL {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = from.scan(table, after.as_deref(), PAGE)?;
            let Some((key, _)) = page.last() else {
                break;
            };
            after = Some(key.clone());
            let put = |(key, value)| Op::Put { table, key, value };
            to.stage(page.into_iter().map(put).collect())?;
        }
    }
    to.barrier().map(|_| ())
}

/// What a store on a sound disk must never refuse.
fn sound<T, E: Debug>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|error| panic!("the real store refused: {error:?}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::Disk;
    use super::*;

    fn put(value: u8) -> Vec<Op> {
        vec![Op::Put { table: Table::Local, key: vec![1], value: vec![value] }]
    }

    fn read(disk: &Disk) -> Option<Vec<u8>> {
        disk.get(Table::Local, &[1]).unwrap()
    }

    #[test]
    fn the_next_process_finds_what_the_last_one_wrote() {
        let disk = Disk::with_twin();
        disk.stage(put(1)).unwrap();
        assert_eq!(read(&disk), Some(vec![1]));
        let next = disk.after_kill();
        drop(disk);
        assert_eq!(read(&next), Some(vec![1]));
    }

    #[test]
    fn a_power_cut_leaves_what_a_barrier_covered() {
        let disk = Disk::with_twin();
        disk.stage(put(1)).unwrap();
        disk.barrier_until(disk.staged()).unwrap();
        disk.stage(put(2)).unwrap();
        assert_eq!(read(&disk.after_power_cut(0)), Some(vec![1]));
        assert_eq!(read(&disk.after_power_cut(1)), Some(vec![2]));
        assert_eq!(read(&disk), Some(vec![2]));
    }

    #[test]
    #[should_panic(expected = "the real store says")]
    fn a_store_that_says_something_else_is_seen() {
        let disk = Disk::with_twin();
        disk.stage(put(1)).unwrap();
        disk.twin(|twin, memory| twin.stage(memory, put(2)));
        read(&disk);
    }
}
