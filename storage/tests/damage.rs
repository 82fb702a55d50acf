//! Flipped bytes and cut files: what was written comes back, or it is said that it does not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use storage::operation::VALUE_MAX;
use storage::sled_store::{Opened, SledStore};
use storage::{LedgerStore, Op, StoreError, Table};

/// A folder in memory where there is one: these tests open some hundreds of stores.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Everything that the reference store holds, by a name for each thing.
type Content = BTreeMap<String, Vec<u8>>;

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len).map(|_| next(&mut state) as u8).collect()
}

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 16
}

/// Fills a store over three openings, so that there is a snapshot and a log behind it.
fn fill(path: &Path) -> Content {
    let mut content = Content::new();
    for round in 0..3_u64 {
        let store = SledStore::open(path).unwrap().store;
        for n in 0..40 {
            let seed = round * 40 + n;
            store
                .stage(vec![
                    Op::PutEntry { epoch: [7; 32], seq: seed, bytes: noise(seed, 300) },
                    Op::Put {
                        table: Table::Registers,
                        key: vec![n as u8; 20],
                        value: noise(seed, 90),
                    },
                ])
                .unwrap();
            store.barrier().unwrap();
        }
        let long = noise(round, VALUE_MAX);
        store
            .stage(vec![
                Op::Put { table: Table::Rows, key: b"long".to_vec(), value: long },
                Op::Put {
                    table: Table::Checkpoints,
                    key: b"piece".to_vec(),
                    value: noise(round, 60_000),
                },
            ])
            .unwrap();
        store.barrier().unwrap();
        content = read_all(&store).unwrap();
    }
    content
}

fn read_all(store: &SledStore) -> Result<Content, StoreError> {
    let mut content = Content::new();
    for (epoch, seq, bytes) in store.scan_entries(None, 1_000)? {
        content.insert(format!("{epoch:?} {seq}"), bytes);
    }
    for table in Table::ALL {
        for (key, value) in store.scan(table, None, 1_000)? {
            content.insert(format!("{table:?} {key:?}"), value);
        }
    }
    Ok(content)
}

/// What became of a damaged store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Whole,
    RolledBack,
    MovedAside,
    ReadRefused,
}

fn reopen(path: &Path, whole: &Content, what: &str) -> Fate {
    let Opened { store, moved_aside, rolled_back } =
        SledStore::open(path).unwrap_or_else(|e| panic!("{what}: {e}"));
    let content = match read_all(&store) {
        Ok(content) => content,
        Err(StoreError::Damaged { .. }) => return Fate::ReadRefused,
        Err(other) => panic!("{what}: {other}"),
    };
    if let Some(aside) = moved_aside {
        assert!(content.is_empty(), "{what}: a fresh store holds something");
        assert!(aside.join("db").exists(), "{what}: nothing was kept");
        fs::remove_dir_all(aside).unwrap();
        return Fate::MovedAside;
    }
    if let Some(lost) = rolled_back {
        assert!(lost.found < lost.promised);
        let entries = content.iter().filter(|(name, _)| name.starts_with('['));
        for (name, bytes) in entries {
            assert_eq!(whole.get(name), Some(bytes), "{what}: {name}");
        }
        return Fate::RolledBack;
    }
    assert!(content == *whole, "{what}: other bytes came back and nothing was said");
    Fate::Whole
}

fn copy(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    fs::create_dir_all(to.join("blobs")).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<(String, usize)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap())
        .filter(|file| file.file_type().unwrap().is_file())
        .map(|f| (f.file_name().into_string().unwrap(), f.metadata().unwrap().len() as usize))
        .collect();
    files.sort();
    files
}

#[test]
fn a_flipped_byte_never_gives_other_bytes() {
    let folder = scratch();
    let (sound, hurt) = (folder.path().join("sound"), folder.path().join("hurt"));
    let whole = fill(&sound);
    assert_eq!(whole.len(), 120 + 40 + 2);
    let mut fates: BTreeMap<(String, Fate), usize> = BTreeMap::new();
    let mut state = 0x5EED_u64;
    for (name, len) in files(&sound) {
        let all = fs::read(sound.join(&name)).unwrap();
        // Where there is something to hurt: most of a segment's end is padding.
        let used: Vec<usize> = (0..len).filter(|at| all[*at] != 0).collect();
        let tries = if len < 1_000 { len } else { 150 };
        for _ in 0..tries {
            copy(&sound, &hurt);
            let at = used[next(&mut state) as usize % used.len()];
            let mut bytes = all.clone();
            bytes[at] ^= 1 << (next(&mut state) % 8);
            fs::write(hurt.join(&name), bytes).unwrap();
            let fate = reopen(&hurt, &whole, &format!("{name} flipped at {at}"));
            *fates.entry((name.split('.').next().unwrap().to_owned(), fate)).or_default() += 1;
        }
    }
    println!("{fates:#?}");
    let met = |wanted: Fate| fates.keys().any(|(_, fate)| *fate == wanted);
    assert!(met(Fate::MovedAside) && met(Fate::Whole), "the flips hurt nothing: {fates:?}");
}

#[test]
fn a_cut_file_never_gives_other_bytes() {
    let folder = scratch();
    let (sound, hurt) = (folder.path().join("sound"), folder.path().join("hurt"));
    let whole = fill(&sound);
    let mut state = 0xC0FFEE_u64;
    for (name, len) in files(&sound) {
        let mut lengths: Vec<usize> = (0..12).map(|_| next(&mut state) as usize % len).collect();
        lengths.extend([0, 1, len - 1]);
        for keep in lengths {
            copy(&sound, &hurt);
            let file = fs::OpenOptions::new().write(true).open(hurt.join(&name)).unwrap();
            file.set_len(keep as u64).unwrap();
            drop(file);
            reopen(&hurt, &whole, &format!("{name} cut to {keep}"));
        }
    }
}

#[test]
fn a_missing_file_never_gives_other_bytes() {
    let folder = scratch();
    let (sound, hurt) = (folder.path().join("sound"), folder.path().join("hurt"));
    let whole = fill(&sound);
    for (name, _) in files(&sound) {
        copy(&sound, &hurt);
        fs::remove_file(hurt.join(&name)).unwrap();
        let fate = reopen(&hurt, &whole, &format!("{name} removed"));
        println!("{name} removed: {fate:?}");
        if name == "db" {
            assert_ne!(fate, Fate::Whole);
        }
    }
}

#[test]
fn a_half_written_snapshot_does_not_stop_a_sound_store() {
    let folder = scratch();
    let path = folder.path().join("ledger");
    let whole = fill(&path);
    fs::write(path.join("snap.FFFFFFFFFFFFFFF0.generating"), b"torn by a power cut").unwrap();
    assert_eq!(reopen(&path, &whole, "half a snapshot"), Fate::Whole);
}

#[test]
fn what_is_no_store_at_all_is_moved_aside() {
    let folder = scratch();
    let path = folder.path().join("ledger");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("db"), noise(1, 3 << 19)).unwrap();
    fs::write(path.join("conf"), noise(2, 100)).unwrap();
    let opened = SledStore::open(&path).unwrap();
    let aside = opened.moved_aside.unwrap();
    assert_eq!(fs::read(aside.join("db")).unwrap(), noise(1, 3 << 19));
    opened.store.stage(vec![Op::PutEntry { epoch: [7; 32], seq: 0, bytes: vec![1] }]).unwrap();
    opened.store.barrier().unwrap();
}
