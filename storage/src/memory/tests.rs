use super::*;
use crate::contract::{self, A, put, put_entry};

#[test]
fn it_keeps_the_contract() {
    for (name, check) in contract::all() {
        println!("{name}");
        check(&MemoryStore::new());
    }
}

#[test]
fn a_crash_loses_what_no_barrier_covered() {
    let store = MemoryStore::new();
    store.stage(vec![put_entry(A, 1, b"kept"), put(Table::Local, b"k", b"old")]).unwrap();
    store.barrier().unwrap();
    store.stage(vec![put_entry(A, 2, b"lost"), put(Table::Local, b"k", b"new")]).unwrap();
    store.stage(vec![Op::DropEntriesBelow { epoch: A, seq: 2 }]).unwrap();

    let after = store.crash();
    assert_eq!(after.scan_entries(None, 10).unwrap(), [(A, 1, b"kept".to_vec())]);
    assert_eq!(after.get(Table::Local, b"k").unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(store.scan_entries(None, 10).unwrap(), [(A, 2, b"lost".to_vec())]);
    assert_eq!(after.barrier().unwrap(), Ticket(1));
    assert_eq!(after.stage(vec![put_entry(A, 3, b"on")]).unwrap(), Ticket(2));
    assert_eq!(after.crash().entry(&A, 3).unwrap(), None);
}

#[test]
fn a_full_disk_refuses_what_needs_room_and_takes_what_frees_it() {
    let store = MemoryStore::new();
    store.stage(vec![put(Table::Rows, b"k", b"v")]).unwrap();
    store.set_full(true);
    let refused = store.stage(vec![put(Table::Rows, b"more", b"v")]);
    assert!(matches!(refused, Err(StoreError::Full { .. })));
    assert_eq!(store.get(Table::Rows, b"more").unwrap(), None);
    store.stage(vec![Op::Remove { table: Table::Rows, key: b"k".to_vec() }]).unwrap();
    store.set_full(false);
    store.stage(vec![put(Table::Rows, b"more", b"v")]).unwrap();
}

#[test]
fn after_a_failed_fsync_nothing_more_is_taken() {
    let store = MemoryStore::new();
    store.stage(vec![put_entry(A, 1, b"never acknowledged")]).unwrap();
    store.fail_next_barrier(true);
    for _ in 0..2 {
        assert!(matches!(store.barrier(), Err(StoreError::Broken { .. })));
        let staged = store.stage(vec![put_entry(A, 2, b"x")]);
        assert!(matches!(staged, Err(StoreError::Broken { .. })));
    }
    assert_eq!(store.crash().entry(&A, 1).unwrap(), None);
}
