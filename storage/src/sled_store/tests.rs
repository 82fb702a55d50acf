use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::contract::{self, A, B, noise, put, put_entry, remove};
use crate::memory::MemoryStore;
use crate::operation::VALUE_MAX;

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    (folder, path)
}

fn opened(path: &Path) -> SledStore {
    let opened = SledStore::open(path).unwrap();
    assert_eq!((opened.moved_aside, opened.rolled_back), (None, None));
    opened.store
}

/// All that a store shows, for comparing two.
fn shown(store: &dyn LedgerStore) -> impl PartialEq + std::fmt::Debug + use<> {
    let entries = store.scan_entries(None, usize::MAX).unwrap();
    let by_epoch = [A, B].map(|epoch| store.entries(&epoch, 2, 5, 700).unwrap());
    let tables = Table::ALL.map(|table| store.scan(table, None, usize::MAX).unwrap());
    (entries, by_epoch, tables)
}

#[test]
fn it_keeps_the_contract_and_opens_again_after_it() {
    for (name, check) in contract::all() {
        println!("{name}");
        let (_folder, path) = fresh();
        let store = opened(&path);
        check(&store);
        store.barrier().unwrap();
        let before = shown(&store);
        drop(store);
        assert_eq!(shown(&opened(&path)), before, "{name}");
    }
}

#[test]
fn tickets_go_on_after_opening_again() {
    let (_folder, path) = fresh();
    for round in 0..3 {
        let store = opened(&path);
        assert_eq!(store.barrier().unwrap(), Ticket(round * 2));
        store.stage(vec![put_entry(A, round, b"x")]).unwrap();
        assert_eq!(store.stage(vec![put_entry(B, round, b"x")]).unwrap(), Ticket(round * 2 + 2));
        store.barrier().unwrap();
    }
}

/// sled writes pages of more than 128 KiB to files that it never syncs: what lies there would not
/// survive a power cut.
#[test]
fn no_page_leaves_the_file_that_the_barrier_syncs() {
    let (_folder, path) = fresh();
    let store = opened(&path);
    for round in 0..4_u64 {
        for n in 0..60_u64 {
            let value = noise(round ^ n, VALUE_MAX);
            store.stage(vec![put(Table::Rows, &noise(n, 128), &value)]).unwrap();
        }
        let piece =
            |n: u64| put(Table::Checkpoints, &n.to_be_bytes(), &noise(round ^ n, VALUE_MAX));
        store.stage((0..46).map(piece).collect()).unwrap();
        store.barrier().unwrap();
        let outside = std::fs::read_dir(path.join("blobs")).unwrap().count();
        assert_eq!(outside, 0, "round {round}");
    }
}

#[test]
fn sixteen_threads_each_find_what_their_barrier_covered() {
    let (_folder, path) = fresh();
    let store = opened(&path);
    let slowest = AtomicU64::new(0);
    thread::scope(|scope| {
        for writer in 0..16_u8 {
            let (store, slowest) = (&store, &slowest);
            scope.spawn(move || {
                for seq in 0..20 {
                    let staged = store.stage(vec![put_entry([writer; 32], seq, b"entry")]).unwrap();
                    let durable = store.barrier().unwrap();
                    assert!(durable >= staged);
                    slowest.fetch_max(durable.0, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(slowest.load(Ordering::SeqCst), 320);
    drop(store);
    assert_eq!(opened(&path).scan_entries(None, 1_000).unwrap().len(), 320);
}

#[test]
fn after_a_failed_fsync_nothing_more_is_taken_until_it_is_opened_again() {
    let (_folder, path) = fresh();
    let mut store = opened(&path);
    store.stage(vec![put_entry(A, 1, b"acknowledged")]).unwrap();
    store.barrier().unwrap();
    // Syncing this device is an error.
    store.data = File::open("/dev/null").unwrap();
    store.stage(vec![put_entry(A, 2, b"not acknowledged")]).unwrap();
    assert!(matches!(store.barrier(), Err(StoreError::Broken { .. })));
    store.data = File::open(path.join("db")).unwrap();
    assert!(matches!(store.barrier(), Err(StoreError::Broken { .. })));
    let staged = store.stage(vec![put_entry(A, 3, b"x")]);
    assert!(matches!(staged, Err(StoreError::Broken { .. })));
    assert_eq!(store.entry(&A, 1).unwrap().as_deref(), Some(&b"acknowledged"[..]));
    drop(store);
    let store = opened(&path);
    assert_eq!(store.entry(&A, 1).unwrap().as_deref(), Some(&b"acknowledged"[..]));
    store.stage(vec![put_entry(A, 4, b"on")]).unwrap();
    store.barrier().unwrap();
}

#[test]
fn too_little_room_refuses_before_the_disk_is_full() {
    let (_folder, path) = fresh();
    let mut store = opened(&path);
    store.stage(vec![put(Table::Rows, b"k", b"v"), put_entry(A, 1, b"x")]).unwrap();
    store.reserve_bytes = u64::MAX;
    let refused = store.stage(vec![put(Table::Rows, b"more", b"v")]);
    assert!(matches!(refused, Err(StoreError::Full { .. })), "{refused:?}");
    assert_eq!(store.get(Table::Rows, b"more").unwrap(), None);
    let frees = vec![remove(Table::Rows, b"k"), Op::DropEntriesBelow { epoch: A, seq: 9 }];
    store.stage(frees).unwrap();
    store.barrier().unwrap();
    store.reserve_bytes = 0;
    store.stage(vec![put(Table::Rows, b"more", b"v")]).unwrap();
    assert_eq!(store.barrier().unwrap(), Ticket(3));
}

#[test]
fn a_lost_tail_is_noticed_and_its_tickets_are_not_given_again() {
    let (_folder, path) = fresh();
    let store = opened(&path);
    store.stage(vec![put_entry(A, 1, b"x")]).unwrap();
    store.barrier().unwrap();
    store.witness.note(9).unwrap();
    drop(store);
    let opened_again = SledStore::open(&path).unwrap();
    let lost = RolledBack { found: Ticket(1), promised: Ticket(9) };
    assert_eq!(opened_again.rolled_back, Some(lost));
    let store = opened_again.store;
    assert_eq!(store.entry(&A, 1).unwrap().as_deref(), Some(&b"x"[..]));
    assert_eq!(store.stage(vec![put_entry(A, 2, b"y")]).unwrap(), Ticket(10));
    store.barrier().unwrap();
    drop(store);
    opened(&path);
}

#[test]
fn a_store_that_has_lost_everything_is_moved_aside() {
    for note in [&9_u64.to_le_bytes()[..], b"unreadable"] {
        let (_folder, path) = fresh();
        drop(opened(&path));
        std::fs::write(path.join("durable"), note).unwrap();
        let opened_again = SledStore::open(&path).unwrap();
        let aside = opened_again.moved_aside.unwrap();
        assert!(aside.join("db").exists());
        drop(opened_again.store);
        assert_eq!(SledStore::open(&path).unwrap().moved_aside, None);
    }
}

#[test]
fn another_layout_is_left_where_it_is() {
    let (_folder, path) = fresh();
    drop(opened(&path));
    let db = sled::open(&path).unwrap();
    cell::seal(cell::LAYOUT_KEY, &99_u64.to_le_bytes(), |key, cell| {
        db.insert(key, cell).unwrap();
    });
    drop(db);
    let result = SledStore::open(&path);
    assert!(matches!(result, Err(StoreError::OtherLayout { found: 99, known: 1 })), "{result:?}");
    assert!(path.join("db").exists());
}

#[test]
fn a_damaged_value_is_named_and_moves_the_store_aside() {
    let (folder, path) = fresh();
    let store = opened(&path);
    store.stage(vec![put_entry(A, 1, b"entry"), put(Table::Rows, b"r", &noise(1, 9_000))]).unwrap();
    store.barrier().unwrap();
    let key = cell::entry_key(&A, 1);
    store.cage.run(|db| db.insert(&key, b"0000\0entry")).unwrap();
    let text = store.entry(&A, 1).unwrap_err().to_string();
    assert!(text.contains("E:a1a1"), "{text}");
    let part = cell::part_key(&cell::table_key(Table::Rows, b"r"), 1);
    store.cage.run(|db| db.remove(&part)).unwrap();
    let lost_part = store.get(Table::Rows, b"r");
    assert!(matches!(lost_part, Err(StoreError::Damaged { .. })), "{lost_part:?}");
    store.barrier().unwrap();
    drop(store);

    assert!(matches!(SledStore::inspect(&path), Err(StoreError::Damaged { .. })));
    let reopened = SledStore::open(&path).unwrap();
    let aside = reopened.moved_aside.unwrap();
    assert_eq!(aside.parent(), Some(folder.path()));
    assert!(aside.file_name().unwrap().to_str().unwrap().starts_with("ledger.damaged-2"));
    assert!(aside.join("db").exists());
    assert!(reopened.store.scan_entries(None, 9).unwrap().is_empty());
}

#[test]
fn looking_at_a_store_that_is_not_there_begins_none() {
    let (_folder, path) = fresh();
    assert!(matches!(SledStore::inspect(&path), Err(StoreError::Io { .. })));
    assert!(!path.exists());
}

#[test]
fn a_folder_that_may_not_be_written_is_no_damage() {
    let result = SledStore::open("/proc/no/such/ledger");
    assert!(matches!(result, Err(StoreError::Io { .. })), "{result:?}");
}

#[test]
fn its_folder_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = fresh();
    let _store = opened(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
}

/// The store is held twice over: by a second opening here, and by another process, which is this
/// very test run again with the folder's name in its environment.
#[test]
fn a_store_in_use_is_refused_and_left_alone() {
    const HELD: &str = "STORAGE_TEST_HELD";
    if let Some(path) = std::env::var_os(HELD) {
        let _store = opened(Path::new(&path));
        println!("held");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let (_folder, path) = fresh();
    let store = opened(&path);
    store.stage(vec![put_entry(A, 1, b"x")]).unwrap();
    store.barrier().unwrap();
    assert!(matches!(SledStore::open(&path), Err(StoreError::InUse { .. })));
    drop(store);

    let name = "sled_store::tests::a_store_in_use_is_refused_and_left_alone";
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(HELD, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.ends_with("held"))));
    let refused = SledStore::open(&path);
    assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
    drop(other.stdin.take());
    lines.for_each(drop);
    assert!(other.wait().unwrap().success());
    assert_eq!(opened(&path).entry(&A, 1).unwrap().as_deref(), Some(&b"x"[..]));
}

#[test]
fn a_store_that_is_being_closed_is_waited_for() {
    let (_folder, path) = fresh();
    let store = opened(&path);
    store.stage(vec![put_entry(A, 1, b"x")]).unwrap();
    let (begin, begun) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let opening = scope.spawn(|| {
            begin.send(()).unwrap();
            opened(&path).entry(&A, 1).unwrap()
        });
        begun.recv().unwrap();
        drop(store);
        assert_eq!(opening.join().unwrap().as_deref(), Some(&b"x"[..]));
    });
}

#[test]
fn what_is_replaced_does_not_stay_on_disk() {
    let (_folder, path) = fresh();
    let store = opened(&path);
    let size = || std::fs::metadata(path.join("db")).unwrap().len();
    // Cold rows come to lie between the many versions of a hot one, so that hardly a segment of the
    // file ever holds nothing alive.
    for round in 0..400_u64 {
        let cold = put(Table::Rows, &round.to_be_bytes(), &noise(round, 200));
        let hot = put(Table::Local, b"hot", &noise(round, 60_000));
        store.stage(vec![cold, hot]).unwrap();
        store.barrier().unwrap();
    }
    let written = 400 * 60_000;
    assert!(size() < written / 3, "{} bytes of {written} stay on disk", size());
}

fn any_op() -> impl Strategy<Value = Op> {
    let epoch = || prop_oneof![Just(A), Just(B)];
    let table = || proptest::sample::select(Table::ALL.to_vec());
    let key = || {
        proptest::sample::select(vec![b"".to_vec(), b"a".to_vec(), b"a\0".to_vec(), vec![255; 128]])
    };
    let len = prop_oneof![4 => 0..60_usize, 1 => 4_090..4_100_usize, 1 => 8_000..20_000_usize];
    prop_oneof![
        6 => (epoch(), 0..12_u64, any::<u64>(), 0..400_usize)
            .prop_map(|(epoch, seq, seed, len)| put_entry(epoch, seq, &noise(seed, len))),
        1 => (epoch(), 0..14_u64).prop_map(|(epoch, seq)| Op::DropEntriesBelow { epoch, seq }),
        6 => (table(), key(), any::<u64>(), len)
            .prop_map(|(table, key, seed, len)| put(table, &key, &noise(seed, len))),
        3 => (table(), key()).prop_map(|(table, key)| remove(table, &key)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Any batches, with the store opened again now and then, read the same from both stores.
    #[test]
    fn both_stores_read_the_same(
        rounds in proptest::collection::vec(
            (proptest::collection::vec(any_op(), 0..12), proptest::bool::weighted(0.15)),
            1..14,
        )
    ) {
        let (_folder, path) = fresh();
        let (mut disk, mut memory) = (opened(&path), MemoryStore::new());
        for (batch, power_cycle) in rounds {
            let staged = disk.stage(batch.clone()).unwrap();
            prop_assert_eq!(staged, memory.stage(batch).unwrap());
            prop_assert_eq!(shown(&disk), shown(&memory));
            if power_cycle {
                prop_assert_eq!(disk.barrier().unwrap(), memory.barrier().unwrap());
                drop(disk);
                disk = opened(&path);
                memory = memory.crash();
                prop_assert_eq!(shown(&disk), shown(&memory));
            }
        }
    }
}
