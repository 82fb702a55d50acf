//! Writes to a store until it is stopped, saying what is durable; or checks what was said.
//!
//! `writer write FOLDER` prints `A <thread> <seq>` after each barrier.
//! `writer verify FOLDER THREAD:SEQ…` opens the store and checks that all of it is there.
//!
//! The power-cut test drives it; each batch spans entries, a register and now and then the pieces of
//! a checkpoint, so that a batch that came back in part is found.
#![allow(clippy::print_stdout, reason = "its output is what the test reads")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use storage::sled_store::SledStore;
use storage::{LedgerStore, Op, Table};

const THREADS: u8 = 4;
/// Pieces of a checkpoint.
const PIECES: u8 = 4;
/// Entries of each thread that are kept behind its newest.
const KEPT: u64 = 400;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", folder] => write(Path::new(folder)),
        ["verify", folder, wanted @ ..] => verify(Path::new(folder), wanted),
        _ => Err("usage: writer write FOLDER | writer verify FOLDER THREAD:SEQ…".into()),
    }
}

fn write(folder: &Path) -> Outcome<()> {
    let store = Arc::new(SledStore::open(folder)?.store);
    let mut writers = Vec::new();
    for thread in 0..THREADS {
        let store = Arc::clone(&store);
        writers.push(thread::spawn(move || write_one(&store, thread)));
    }
    for writer in writers {
        writer.join().map_err(|_| "a writer panicked")??;
    }
    Ok(())
}

fn write_one(store: &SledStore, thread: u8) -> Outcome<()> {
    let mut seq = height(store, thread)?;
    loop {
        seq += 1;
        let mut batch = vec![
            Op::PutEntry { epoch: [thread; 32], seq, bytes: body(thread, seq, 350) },
            Op::Put {
                table: Table::Registers,
                key: vec![thread],
                value: seq.to_be_bytes().to_vec(),
            },
        ];
        if seq % 40 == 0 {
            let below = seq.saturating_sub(KEPT);
            batch.push(Op::DropEntriesBelow { epoch: [thread; 32], seq: below });
            batch.push(Op::Put {
                table: Table::Rows,
                key: vec![thread],
                value: body(thread, seq, 30_000),
            });
        }
        if thread == 0 && seq % 60 == 0 {
            batch.extend((0..PIECES).map(|piece| Op::Put {
                table: Table::Checkpoints,
                key: vec![piece],
                value: body(piece, seq, 60_000),
            }));
        }
        store.stage(batch)?;
        store.barrier()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "A {thread} {seq}")?;
        out.flush()?;
    }
}

fn verify(folder: &Path, wanted: &[&str]) -> Outcome<()> {
    let opened = SledStore::open(folder)?;
    if let Some(aside) = opened.moved_aside {
        return Err(format!("the store was damaged, see {}", aside.display()).into());
    }
    if let Some(lost) = opened.rolled_back {
        return Err(format!("{lost:?}").into());
    }
    let store = opened.store;
    let mut acknowledged: BTreeMap<u8, u64> = BTreeMap::new();
    for pair in wanted {
        let (thread, seq) = pair.split_once(':').ok_or("THREAD:SEQ")?;
        acknowledged.insert(thread.parse()?, seq.parse()?);
    }
    for thread in 0..THREADS {
        let height = height(&store, thread)?;
        let wanted = acknowledged.get(&thread).copied().unwrap_or(0);
        if height < wanted {
            return Err(format!("thread {thread}: {height}, acknowledged was {wanted}").into());
        }
        let entries = store.entries(&[thread; 32], 0, usize::MAX, usize::MAX)?;
        let first = entries.first().map_or(height + 1, |(seq, _)| *seq);
        if entries.len() as u64 != height + 1 - first || first > height.saturating_sub(KEPT).max(1)
        {
            return Err(format!("thread {thread}: {} from {first}", entries.len()).into());
        }
        for (place, (seq, bytes)) in (first..).zip(&entries) {
            if place != *seq || *bytes != body(thread, *seq, 350) {
                return Err(format!("thread {thread}: entry {seq} at {place}").into());
            }
        }
        let last_row = height - height % 40;
        let row = store.get(Table::Rows, &[thread])?;
        if row != (last_row > 0).then(|| body(thread, last_row, 30_000)) {
            return Err(format!("thread {thread}: not the row of {last_row}").into());
        }
    }
    let last = height(&store, 0)? / 60 * 60;
    for piece in 0..PIECES {
        let wanted = (last > 0).then(|| body(piece, last, 60_000));
        if store.get(Table::Checkpoints, &[piece])? != wanted {
            return Err(format!("piece {piece} of the checkpoint is not that of {last}").into());
        }
    }
    println!(
        "sound: {:?}",
        (0..THREADS).map(|t| height(&store, t)).collect::<Result<Vec<_>, _>>()?
    );
    Ok(())
}

fn height(store: &SledStore, thread: u8) -> Outcome<u64> {
    match store.get(Table::Registers, &[thread])? {
        Some(bytes) => Ok(u64::from_be_bytes(bytes.as_slice().try_into()?)),
        None => Ok(0),
    }
}

fn body(thread: u8, seq: u64, len: usize) -> Vec<u8> {
    let mut state = (seq << 8 | u64::from(thread)).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(&mut next).take(len).collect()
}
