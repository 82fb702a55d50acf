//! The contract of a ledger's store, as functions over any store: each store's tests run them all.

use crate::error::StoreError;
use crate::ledger_store::LedgerStore;
use crate::operation::{ENTRY_MAX, KEY_MAX, Op, Table, Ticket, VALUE_MAX};

pub(crate) const A: [u8; 32] = [0xA1; 32];
pub(crate) const B: [u8; 32] = [0xB2; 32];

pub(crate) fn put_entry(epoch: [u8; 32], seq: u64, bytes: &[u8]) -> Op {
    Op::PutEntry { epoch, seq, bytes: bytes.to_vec() }
}

pub(crate) fn put(table: Table, key: &[u8], value: &[u8]) -> Op {
    Op::Put { table, key: key.to_vec(), value: value.to_vec() }
}

pub(crate) fn remove(table: Table, key: &[u8]) -> Op {
    Op::Remove { table, key: key.to_vec() }
}

/// Bytes that differ from place to place and from seed to seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(next).collect()
}

/// One function of the contract, with its name.
type Clause<S> = (&'static str, fn(&S));

/// Every function of the contract with its name, so that no store forgets one.
pub(crate) fn all<S: LedgerStore>() -> Vec<Clause<S>> {
    vec![
        ("an_empty_store_holds_nothing", an_empty_store_holds_nothing),
        ("what_is_staged_is_seen_at_once", what_is_staged_is_seen_at_once),
        ("tickets_grow_by_one", tickets_grow_by_one),
        ("an_empty_batch_stages_nothing", an_empty_batch_stages_nothing),
        ("steps_take_effect_in_their_order", steps_take_effect_in_their_order),
        ("entries_are_bounded_by_count_and_bytes", entries_are_bounded_by_count_and_bytes),
        ("pages_walk_every_entry_once", pages_walk_every_entry_once),
        ("pages_walk_a_table_and_no_other", pages_walk_a_table_and_no_other),
        ("dropping_below_spares_the_rest", dropping_below_spares_the_rest),
        ("long_values_come_back_and_go_away", long_values_come_back_and_go_away),
        ("what_is_too_large_leaves_nothing_behind", what_is_too_large_leaves_nothing_behind),
        ("keys_at_the_edges_stay_apart", keys_at_the_edges_stay_apart),
    ]
}

fn an_empty_store_holds_nothing<S: LedgerStore>(store: &S) {
    assert_eq!(store.entry(&A, 0).unwrap(), None);
    assert!(store.entries(&A, 0, 10, 10_000).unwrap().is_empty());
    assert!(store.scan_entries(None, 10).unwrap().is_empty());
    for table in Table::ALL {
        assert_eq!(store.get(table, b"").unwrap(), None);
        assert!(store.scan(table, None, 10).unwrap().is_empty());
    }
    assert_eq!(store.barrier().unwrap(), Ticket(0));
}

fn what_is_staged_is_seen_at_once<S: LedgerStore>(store: &S) {
    store.stage(vec![put_entry(A, 7, b"seven"), put(Table::Local, b"k", b"v")]).unwrap();
    assert_eq!(store.entry(&A, 7).unwrap().as_deref(), Some(&b"seven"[..]));
    assert_eq!(store.entry(&B, 7).unwrap(), None);
    assert_eq!(store.get(Table::Local, b"k").unwrap().as_deref(), Some(&b"v"[..]));
    store.stage(vec![put_entry(A, 7, b"other"), remove(Table::Local, b"k")]).unwrap();
    assert_eq!(store.entry(&A, 7).unwrap().as_deref(), Some(&b"other"[..]));
    assert_eq!(store.get(Table::Local, b"k").unwrap(), None);
}

fn tickets_grow_by_one<S: LedgerStore>(store: &S) {
    for number in 1..=5 {
        let ticket = store.stage(vec![put_entry(A, number, b"x")]).unwrap();
        assert_eq!(ticket, Ticket(number));
    }
    assert_eq!(store.barrier().unwrap(), Ticket(5));
    assert_eq!(store.barrier().unwrap(), Ticket(5));
    assert_eq!(store.stage(vec![remove(Table::Rows, b"none")]).unwrap(), Ticket(6));
}

fn an_empty_batch_stages_nothing<S: LedgerStore>(store: &S) {
    assert_eq!(store.stage(Vec::new()).unwrap(), Ticket(0));
    store.stage(vec![put_entry(A, 1, b"x")]).unwrap();
    assert_eq!(store.stage(Vec::new()).unwrap(), Ticket(1));
}

fn steps_take_effect_in_their_order<S: LedgerStore>(store: &S) {
    store
        .stage(vec![
            put(Table::Rows, b"k", b"first"),
            remove(Table::Rows, b"k"),
            put(Table::Rows, b"k", b"last"),
            put(Table::Rows, b"gone", &noise(1, 9_000)),
            remove(Table::Rows, b"gone"),
            put_entry(A, 1, b"dropped"),
            Op::DropEntriesBelow { epoch: A, seq: 5 },
            put_entry(A, 2, b"after the drop"),
        ])
        .unwrap();
    assert_eq!(store.get(Table::Rows, b"k").unwrap().as_deref(), Some(&b"last"[..]));
    assert_eq!(store.get(Table::Rows, b"gone").unwrap(), None);
    assert_eq!(store.entry(&A, 1).unwrap(), None);
    assert_eq!(store.entry(&A, 2).unwrap().as_deref(), Some(&b"after the drop"[..]));
}

fn entries_are_bounded_by_count_and_bytes<S: LedgerStore>(store: &S) {
    store.stage((0..20).map(|seq| put_entry(A, seq, &noise(seq, 100))).collect()).unwrap();
    store.stage(vec![put_entry(B, 3, b"another epoch")]).unwrap();
    let numbers = |from, count, bytes| -> Vec<u64> {
        let found = store.entries(&A, from, count, bytes).unwrap();
        found.into_iter().map(|(seq, _)| seq).collect()
    };
    assert_eq!(numbers(0, 3, 10_000), [0, 1, 2]);
    assert_eq!(numbers(18, 9, 10_000), [18, 19]);
    assert_eq!(numbers(5, 9, 300), [5, 6, 7]);
    assert_eq!(numbers(5, 9, 299), [5, 6]);
    assert_eq!(numbers(5, 9, 0), [5]);
    assert_eq!(numbers(5, 0, 10_000), [0; 0]);
    assert_eq!(numbers(20, 9, 10_000), [0; 0]);
    assert_eq!(numbers(u64::MAX, usize::MAX, usize::MAX), [0; 0]);
    assert_eq!(numbers(0, usize::MAX, usize::MAX).len(), 20);
    assert_eq!(store.entries(&A, 4, 1, 10_000).unwrap(), [(4, noise(4, 100))]);
}

fn pages_walk_every_entry_once<S: LedgerStore>(store: &S) {
    let mut wanted = Vec::new();
    for seq in [0, 1, 255, 256, 1 << 40, u64::MAX] {
        for epoch in [[0; 32], A, B, [0xFF; 32]] {
            let bytes = noise(seq ^ u64::from(epoch[0]), 40);
            store.stage(vec![put_entry(epoch, seq, &bytes)]).unwrap();
            wanted.push((epoch, seq, bytes));
        }
    }
    store.stage(Table::ALL.map(|table| put(table, &[0; 40], b"no entry")).to_vec()).unwrap();
    wanted.sort();
    let mut walked = Vec::new();
    while let page @ [.., (epoch, seq, _)] =
        &store.scan_entries(walked.last().map(|(e, s, _): &(_, _, _)| (*e, *s)), 5).unwrap()[..]
    {
        assert!(page.len() <= 5, "a page up to {epoch:?}:{seq} is too long");
        walked.extend_from_slice(page);
    }
    assert_eq!(walked, wanted);
}

fn pages_walk_a_table_and_no_other<S: LedgerStore>(store: &S) {
    for table in Table::ALL {
        let rows = (0..30_u8).map(|n| put(table, &[n], &[n, table as u8]));
        store.stage(rows.collect()).unwrap();
    }
    for table in Table::ALL {
        let mut walked: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        loop {
            let after = walked.last().map(|(key, _)| key.clone());
            let page = store.scan(table, after.as_deref(), 7).unwrap();
            if page.is_empty() {
                break;
            }
            walked.extend(page);
        }
        let wanted: Vec<_> = (0..30_u8).map(|n| (vec![n], vec![n, table as u8])).collect();
        assert_eq!(walked, wanted);
    }
}

fn dropping_below_spares_the_rest<S: LedgerStore>(store: &S) {
    for epoch in [A, B] {
        store.stage((0..50).map(|seq| put_entry(epoch, seq, b"entry")).collect()).unwrap();
    }
    store.stage(vec![Op::DropEntriesBelow { epoch: A, seq: 0 }]).unwrap();
    assert_eq!(store.entries(&A, 0, 100, 100_000).unwrap().len(), 50);
    store.stage(vec![Op::DropEntriesBelow { epoch: A, seq: 40 }]).unwrap();
    let left: Vec<u64> =
        store.entries(&A, 0, 100, 100_000).unwrap().into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(left, (40..50).collect::<Vec<_>>());
    assert_eq!(store.entries(&B, 0, 100, 100_000).unwrap().len(), 50);
    store.stage(vec![Op::DropEntriesBelow { epoch: A, seq: u64::MAX }]).unwrap();
    assert!(store.entries(&A, 0, 100, 100_000).unwrap().is_empty());
}

fn long_values_come_back_and_go_away<S: LedgerStore>(store: &S) {
    for len in [0, 1, 4_095, 4_096, 4_097, 8_192, 8_193, VALUE_MAX - 1, VALUE_MAX] {
        let value = noise(len as u64, len);
        store.stage(vec![put(Table::Rows, b"long", &value)]).unwrap();
        assert_eq!(store.get(Table::Rows, b"long").unwrap(), Some(value.clone()), "{len}");
        assert_eq!(store.scan(Table::Rows, None, 10).unwrap(), [(b"long".to_vec(), value)]);
    }
    store.stage(vec![put(Table::Rows, b"long", b"short")]).unwrap();
    assert_eq!(store.get(Table::Rows, b"long").unwrap().as_deref(), Some(&b"short"[..]));
    store.stage(vec![put(Table::Rows, b"long", &noise(3, 30_000))]).unwrap();
    store.stage(vec![remove(Table::Rows, b"long")]).unwrap();
    assert_eq!(store.get(Table::Rows, b"long").unwrap(), None);
    assert!(store.scan(Table::Rows, None, 10).unwrap().is_empty());
}

fn what_is_too_large_leaves_nothing_behind<S: LedgerStore>(store: &S) {
    let too_large = [
        put_entry(A, 1, &vec![0; ENTRY_MAX + 1]),
        put(Table::Rows, &[0; KEY_MAX + 1], b""),
        put(Table::Rows, b"k", &vec![0; VALUE_MAX + 1]),
        remove(Table::Rows, &[0; KEY_MAX + 1]),
    ];
    for op in too_large {
        let result = store.stage(vec![put(Table::Local, b"beside", b"it"), op]);
        assert!(matches!(result, Err(StoreError::TooLarge { .. })), "{result:?}");
    }
    assert_eq!(store.get(Table::Local, b"beside").unwrap(), None);
    let largest = vec![
        put_entry(A, 1, &vec![7; ENTRY_MAX]),
        put(Table::Rows, &[7; KEY_MAX], &vec![7; VALUE_MAX]),
    ];
    assert_eq!(store.stage(largest).unwrap(), Ticket(1));
    assert_eq!(store.barrier().unwrap(), Ticket(1));
}

fn keys_at_the_edges_stay_apart<S: LedgerStore>(store: &S) {
    let keys: [&[u8]; 6] = [b"", b"\0", b"\0\0", b"\xFF", b"\xFF\xFF", b"\xFF\xFF\0\0\0\0"];
    for (n, key) in keys.iter().enumerate() {
        store.stage(vec![put(Table::Rows, key, &noise(n as u64, 5_000))]).unwrap();
    }
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(store.get(Table::Rows, key).unwrap(), Some(noise(n as u64, 5_000)));
    }
    store.stage(vec![remove(Table::Rows, b"")]).unwrap();
    let left = store.scan(Table::Rows, None, 100).unwrap();
    assert_eq!(left.iter().map(|(key, _)| &key[..]).collect::<Vec<_>>(), keys[1..]);
}
