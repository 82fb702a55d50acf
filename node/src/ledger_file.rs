//! The ledger as a file that somebody else can check: export, verify, import.
//!
//! An [`archive`](crate::archive) of the format `poste-ledger`: lines `E` hold an
//! entry's bytes, in order of epoch and number; lines `U` hold a register of use
//! (its signed reading). See docs/ledger-format.md.

use std::collections::BTreeMap;
use std::path::Path;

use actors::entry::{Entry, NO_ENTRY};
use actors::replica::message::{SignedReading, reading_bytes};
use domain::codec;
use domain::id::{EpochId, SiteId, verifies};
use storage::{LedgerStore, Op, StoreError, Table};

use crate::archive::{Reader, Title, Writer};
use crate::texts::Say;

#[cfg(test)]
mod tests;

/// The format's name.
const FORMAT: &str = "poste-ledger";

/// Entries or registers in one look at the store, and in one batch written to it.
const PAGE: usize = 512;

/// What a ledger holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Logs.
    pub(crate) epochs: u64,
    /// Entries.
    pub(crate) entries: u64,
    /// Registers of use.
    pub(crate) registers: u64,
}

fn store_trouble(error: StoreError) -> Say {
    Say::Broken {
        reason: error.to_string(),
    }
}

/// Checks entry after entry, in order of epoch and number: each signed by its
/// epoch and naming the one before it.
#[derive(Debug, Default)]
struct Chains {
    heads: BTreeMap<EpochId, (u64, [u8; 32])>,
    tally: Tally,
}

impl Chains {
    /// Takes the next entry.
    ///
    /// # Errors
    /// What is wrong with it.
    fn take(&mut self, bytes: &[u8]) -> Result<Entry, Say> {
        let entry = Entry::parse(bytes).map_err(|error| Say::LedgerWrong {
            place: format!("{}", self.tally.entries + 1),
            reason: error.to_string(),
        })?;
        let wrong = |reason: String| Say::LedgerWrong {
            place: entry.id.to_string(),
            reason,
        };
        entry.verify().map_err(|error| wrong(error.to_string()))?;
        match self.heads.get(&entry.id.epoch) {
            Some((height, head)) => {
                if entry.id.seq != *height {
                    return Err(wrong(format!("entry {height} was expected here")));
                }
                if entry.prev != *head {
                    return Err(wrong("it does not follow the entry before it".to_owned()));
                }
            }
            // A log whose beginning was folded into a checkpoint starts later.
            None => {
                self.tally.epochs += 1;
                if entry.id.seq == 0 && entry.prev != NO_ENTRY {
                    return Err(wrong("the first entry names one before it".to_owned()));
                }
            }
        }
        let head = (entry.id.seq + 1, entry.hash());
        self.heads.insert(entry.id.epoch, head);
        self.tally.entries += 1;
        Ok(entry)
    }

    /// Takes a register of use.
    ///
    /// # Errors
    /// What is wrong with it.
    fn take_register(&mut self, bytes: &[u8]) -> Result<SignedReading, Say> {
        let wrong = |reason: &str| Say::LedgerWrong {
            place: format!("U {}", self.tally.registers + 1),
            reason: reason.to_owned(),
        };
        let signed: SignedReading =
            codec::decode(bytes).map_err(|_| wrong("not a register of use"))?;
        let proven = reading_bytes(&signed.reading)
            .is_ok_and(|bytes| verifies(&signed.reading.epoch.0, &[&bytes], &signed.signature));
        if !proven {
            return Err(wrong("not signed by its epoch"));
        }
        self.tally.registers += 1;
        Ok(signed)
    }
}

/// The place of a register in the store.
fn register_key(signed: &SignedReading) -> Vec<u8> {
    [signed.reading.session.0.as_slice(), &signed.reading.epoch.0].concat()
}

/// Hands every entry of `store` to `with`, in order.
///
/// # Errors
/// The store's, or that of `with`.
pub(crate) fn each_entry<S: LedgerStore + ?Sized>(
    store: &S,
    mut with: impl FnMut(&[u8]) -> Result<(), Say>,
) -> Result<(), Say> {
    let mut after = None;
    loop {
        let page = store.scan_entries(after, PAGE).map_err(store_trouble)?;
        let Some((epoch, seq, _)) = page.last() else {
            return Ok(());
        };
        after = Some((*epoch, *seq));
        for (_, _, bytes) in &page {
            with(bytes)?;
        }
    }
}

/// Hands every key and value of `table` to `with`, in order.
///
/// # Errors
/// The store's, or that of `with`.
pub(crate) fn each_value<S: LedgerStore + ?Sized>(
    store: &S,
    table: Table,
    mut with: impl FnMut(&[u8], &[u8]) -> Result<(), Say>,
) -> Result<(), Say> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store
            .scan(table, after.as_deref(), PAGE)
            .map_err(store_trouble)?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        for (key, value) in &page {
            with(key, value)?;
        }
    }
}

/// Writes the ledger of `store` to a new file at `path`.
///
/// # Errors
/// [`Say::AlreadyThere`]; the disk; the store.
pub(crate) fn export<S: LedgerStore + ?Sized>(
    store: &S,
    site: SiteId,
    path: &Path,
) -> Result<(), Say> {
    let title = Title {
        format: FORMAT.to_owned(),
        version: 1,
        site,
    };
    let mut writer = Writer::begin(path, &title)?;
    each_entry(store, |bytes| writer.line('E', &[bytes]))?;
    each_value(store, Table::Registers, |_, value| {
        writer.line('U', &[value])
    })?;
    writer.finish()
}

/// Checks a file's every entry and register.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn verify(path: &Path) -> Result<Tally, Say> {
    let mut chains = Chains::default();
    read(path, |letter, bytes| match letter {
        'E' => chains.take(bytes).map(|_| ()),
        _ => chains.take_register(bytes).map(|_| ()),
    })?;
    Ok(chains.tally)
}

/// Checks a store's every entry and register.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn verify_store<S: LedgerStore + ?Sized>(store: &S) -> Result<Tally, Say> {
    let mut chains = Chains::default();
    each_entry(store, |bytes| chains.take(bytes).map(|_| ()))?;
    each_value(store, Table::Registers, |_, value| {
        chains.take_register(value).map(|_| ())
    })?;
    Ok(chains.tally)
}

/// Reads a file line by line; returns its site.
fn read(path: &Path, mut with: impl FnMut(char, &[u8]) -> Result<(), Say>) -> Result<SiteId, Say> {
    let mut reader = Reader::open(path, FORMAT)?;
    while let Some((letter, fields)) = reader.next()? {
        match (letter, fields.as_slice()) {
            ('E' | 'U', [bytes]) => with(letter, bytes)?,
            _ => {
                return Err(Say::ArchiveOther {
                    file: path.display().to_string(),
                    wanted: FORMAT.to_owned(),
                });
            }
        }
    }
    Ok(reader.site())
}

/// Takes what a file holds, and `store` does not, into the store. The file is
/// checked whole before anything is written.
///
/// # Errors
/// A file of another site, or one with anything wrong; a log that contradicts the
/// store's, or that begins after the store's end of it.
pub(crate) fn import<S: LedgerStore + ?Sized>(
    store: &S,
    site: SiteId,
    path: &Path,
) -> Result<Tally, Say> {
    verify(path)?;
    if Reader::open(path, FORMAT)?.site() != site {
        return Err(Say::OtherSite);
    }
    let mut chains = Chains::default();
    let mut news = Tally::default();
    let mut batch = Vec::new();
    // The end of the log that is being read, as the store will have it.
    let mut log: Option<(EpochId, u64)> = None;
    read(path, |letter, bytes| {
        if letter == 'U' {
            let signed = chains.take_register(bytes)?;
            let key = register_key(&signed);
            if is_greater(store, &key, &signed)? {
                news.registers += 1;
                batch.push(Op::Put {
                    table: Table::Registers,
                    key,
                    value: bytes.to_vec(),
                });
            }
        } else {
            let entry = chains.take(bytes)?;
            let (epoch, seq) = (entry.id.epoch, entry.id.seq);
            match store.entry(&epoch.0, seq).map_err(store_trouble)? {
                Some(held) if held == bytes => {}
                Some(_) => {
                    return Err(Say::LedgerWrong {
                        place: entry.id.to_string(),
                        reason:
                            "this node holds another entry there: its epoch wrote two histories"
                                .to_owned(),
                    });
                }
                None => {
                    let follows = match log {
                        Some((same, height)) if same == epoch => height == seq,
                        Some(_) | None => follows(store, &entry)?,
                    };
                    if !follows {
                        return Err(Say::LedgerWrong {
                            place: entry.id.to_string(),
                            reason: "entries before it are missing here".to_owned(),
                        });
                    }
                    news.entries += 1;
                    batch.push(Op::PutEntry {
                        epoch: epoch.0,
                        seq,
                        bytes: bytes.to_vec(),
                    });
                }
            }
            if log.is_none_or(|(known, _)| known != epoch) {
                news.epochs += 1;
            }
            log = Some((epoch, seq + 1));
        }
        if batch.len() >= PAGE {
            store
                .stage(std::mem::take(&mut batch))
                .map_err(store_trouble)?;
        }
        Ok(())
    })?;
    store.stage(batch).map_err(store_trouble)?;
    store.barrier().map_err(store_trouble)?;
    Ok(news)
}

/// Whether the store holds the entry before this one, or this is a log's first.
fn follows<S: LedgerStore + ?Sized>(store: &S, entry: &Entry) -> Result<bool, Say> {
    let Some(before) = entry.id.seq.checked_sub(1) else {
        return Ok(true);
    };
    let held = store
        .entry(&entry.id.epoch.0, before)
        .map_err(store_trouble)?;
    let held = held.and_then(|bytes| Entry::parse(&bytes).ok());
    Ok(held.is_some_and(|held| held.hash() == entry.prev))
}

/// Whether the store has no register there, or a lesser one.
fn is_greater<S: LedgerStore + ?Sized>(
    store: &S,
    key: &[u8],
    signed: &SignedReading,
) -> Result<bool, Say> {
    let held = store.get(Table::Registers, key).map_err(store_trouble)?;
    let held = held.and_then(|bytes| codec::decode::<SignedReading>(&bytes).ok());
    let new = (signed.reading.n, signed.reading);
    Ok(held.is_none_or(|held| (held.reading.n, held.reading) < new))
}
