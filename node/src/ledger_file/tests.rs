use actors::entry::Author;
use actors::replica::message::{SignedReading, reading_bytes};
use domain::codec;
use domain::id::{SessionId, SiteId};
use domain::session::Reading;
use storage::{LedgerStore, MemoryStore, Op, Table};

use super::{Tally, export, import, verify, verify_store};
use crate::texts::Say;

const SITE: SiteId = SiteId([8; 32]);

/// A ledger of two logs and a register.
fn ledger() -> MemoryStore {
    let store = MemoryStore::new();
    for seed in [1, 2] {
        let mut author = Author::new([seed; 32]);
        for body in 0..5_u8 {
            append(&store, &mut author, body);
        }
        let reading = Reading {
            session: SessionId([seed; 16]),
            epoch: author.epoch(),
            n: 3,
            opening: 1,
            used_ms: 15_000,
            ahead_ms: 5_000,
            continues: None,
        };
        put_register(&store, &author, reading);
    }
    store
}

fn append(store: &MemoryStore, author: &mut Author, body: u8) {
    let entry = author.entry(vec![body; 10], 0).unwrap();
    author.advance(&entry);
    let op = Op::PutEntry {
        epoch: entry.id.epoch.0,
        seq: entry.id.seq,
        bytes: entry.to_bytes(),
    };
    store.stage(vec![op]).unwrap();
}

fn put_register(store: &MemoryStore, author: &Author, reading: Reading) {
    let signed = SignedReading {
        reading,
        signature: author.sign(&reading_bytes(&reading).unwrap()),
    };
    let op = Op::Put {
        table: Table::Registers,
        key: super::register_key(&signed),
        value: codec::encode(&signed).unwrap(),
    };
    store.stage(vec![op]).unwrap();
}

fn whole() -> Tally {
    Tally {
        epochs: 2,
        entries: 10,
        registers: 2,
    }
}

#[test]
fn export_verifies_and_imports_into_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    let store = ledger();
    export(&store, SITE, &file).unwrap();
    assert_eq!(verify(&file).unwrap(), whole());
    assert_eq!(verify_store(&store).unwrap(), whole());

    let fresh = MemoryStore::new();
    assert_eq!(import(&fresh, SITE, &file).unwrap(), whole());
    let again = folder.path().join("again");
    export(&fresh, SITE, &again).unwrap();
    assert_eq!(
        std::fs::read(&file).unwrap(),
        std::fs::read(&again).unwrap()
    );
    // A second time there is nothing new in it.
    let news = import(&fresh, SITE, &file).unwrap();
    assert_eq!((news.entries, news.registers), (0, 0));
}

#[test]
fn lesser_register_and_longer_log_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    export(&ledger(), SITE, &file).unwrap();
    let ahead = ledger();
    let mut author = Author::new([1; 32]);
    for _ in 0..5 {
        let entry = author.entry(vec![0; 1], 0).unwrap();
        author.advance(&entry);
    }
    let reading = Reading {
        session: SessionId([1; 16]),
        epoch: author.epoch(),
        n: 9,
        opening: 1,
        used_ms: 45_000,
        ahead_ms: 0,
        continues: None,
    };
    put_register(&ahead, &author, reading);
    let news = import(&ahead, SITE, &file).unwrap();
    assert_eq!((news.entries, news.registers), (0, 0));
}

#[test]
fn file_of_another_site_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    export(&ledger(), SITE, &file).unwrap();
    assert!(matches!(
        import(&MemoryStore::new(), SiteId([9; 32]), &file),
        Err(Say::OtherSite)
    ));
}

#[test]
fn forged_grafted_reordered_and_missing_entries_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    let mut check = |change: &dyn Fn(&MemoryStore)| {
        let store = ledger();
        change(&store);
        number += 1;
        let file = folder.path().join(number.to_string());
        export(&store, SITE, &file).unwrap();
        let verdict = verify(&file);
        assert!(
            matches!(verdict, Err(Say::LedgerWrong { .. })),
            "{number}: {verdict:?}"
        );
        let empty = MemoryStore::new();
        assert!(import(&empty, SITE, &file).is_err());
        assert!(empty.scan_entries(None, 1).unwrap().is_empty());
    };
    let epoch = Author::new([1; 32]).epoch().0;
    let held = |store: &MemoryStore, seq| store.entry(&epoch, seq).unwrap().unwrap();
    let put = |store: &MemoryStore, seq, bytes: Vec<u8>| {
        store
            .stage(vec![Op::PutEntry { epoch, seq, bytes }])
            .unwrap();
    };
    // A flipped bit in the body.
    check(&|store| {
        let mut bytes = held(store, 2);
        bytes[90] ^= 1;
        put(store, 2, bytes);
    });
    // Two entries in each other's place.
    check(&|store| {
        let (one, other) = (held(store, 2), held(store, 3));
        put(store, 2, other);
        put(store, 3, one);
    });
    // Signed by its epoch, and following another history.
    check(&|store| {
        let mut other = Author::new([1; 32]);
        for _ in 0..3 {
            let entry = other.entry(vec![9; 10], 0).unwrap();
            other.advance(&entry);
        }
        put(store, 3, other.entry(vec![9; 10], 0).unwrap().to_bytes());
    });
    // Cut short.
    check(&|store| {
        let bytes = held(store, 4);
        put(store, 4, bytes[..50].to_vec());
    });
    // A register that its epoch did not sign.
    check(&|store| {
        let author = Author::new([3; 32]);
        let reading = Reading {
            session: SessionId([1; 16]),
            epoch: Author::new([1; 32]).epoch(),
            n: 99,
            opening: 1,
            used_ms: 0,
            ahead_ms: 0,
            continues: None,
        };
        put_register(store, &author, reading);
    });
}

#[test]
fn history_that_contradicts_this_nodes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    export(&ledger(), SITE, &file).unwrap();
    let store = MemoryStore::new();
    let mut author = Author::new([1; 32]);
    append(&store, &mut author, 77);
    assert!(matches!(
        import(&store, SITE, &file),
        Err(Say::LedgerWrong { reason, .. }) if reason.contains("two histories")
    ));
}
