use super::*;
use crate::contract::{self, A, noise, put, put_entry, remove};
use crate::memory::MemoryStore;

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    (folder, path)
}

fn opened(path: &Path) -> SledStore {
    let opened = SledStore::open(path).unwrap();
    assert_eq!(opened.moved_aside, None);
    opened.store
}

#[test]
fn it_keeps_the_contract() {
    for (name, check) in contract::all() {
        println!("{name}");
        let (_folder, path) = fresh();
        check(&opened(&path));
        opened(&path);
    }
}

#[test]
fn no_page_leaves_the_file_that_the_barrier_syncs() {
    let (_folder, path) = fresh();
    let store = opened(&path);
    for round in 0..6_u64 {
        for n in 0..60_u64 {
            let value = noise(round ^ n, VALUE_MAX_TEST);
            store
                .stage(vec![put(Table::Rows, &noise(n, 128), &value)])
                .unwrap();
        }
        let folded = noise(round, 3_000_000);
        store.stage(vec![Op::PutFolded(folded)]).unwrap();
        store.barrier().unwrap();
        let outside = std::fs::read_dir(path.join("blobs")).unwrap().count();
        assert_eq!(outside, 0, "round {round}");
    }
}

const VALUE_MAX_TEST: usize = crate::operation::VALUE_MAX;
