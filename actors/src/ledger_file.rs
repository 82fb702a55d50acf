//! The ledger in one file, for auditors and for moving house. Its format, short enough to read in
//! any language, is in docs/ledger-format.md.
//!
//! ```text
//! "poste-ledger\n"  version (1 byte)  site key (32 bytes)
//! number of checkpoints (1 byte)
//!   checkpoint: length (2)  bytes  number of signatures (1)  node (32)  signature (64)  …
//!               its pieces, as many as it says: length (4)  bytes                       …
//! length (2 bytes, little-endian, not 0)  entry          … for each entry, by log, in order
//! 0 (2 bytes)  count (8 bytes, little-endian)  SHA-256 of everything before (32 bytes)
//! ```
//!
//! Entries that the checkpoints speak for are not in the file, whether or not the node has dropped
//! them.

mod beneath;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use domain::fact::Fact;
use domain::id::{EntryId, EpochId, NodeId, SiteId};
use domain::site::Site;
use sha2::{Digest, Sha256};
use storage::error::StoreError;
use storage::ledger_store::LedgerStore;
use storage::operation::Op;

use crate::entry::{Entry, EntryError, MOST_ENTRY, NO_ENTRY};
use crate::snapshot::shelf;
use beneath::Beneath;

const MAGIC: &[u8] = b"poste-ledger\n";
const VERSION: u8 = 2;
const PAGE: usize = 512;

/// Why a file was not written, or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not such a file, or one of a later version.
    #[error("not a ledger file of version {VERSION}")]
    NotALedger,
    /// The file is of another site.
    #[error("ledger of another site: {0}")]
    OtherSite(SiteId),
    /// The file ends early, or was changed.
    #[error("ledger file cut short or changed: {0}")]
    Damaged(&'static str),
    /// A checkpoint is not what was signed.
    #[error("checkpoint {number} of the file: {why}")]
    Checkpoint {
        /// Its place in the file, from 0.
        number: u8,
        /// What is wrong.
        why: &'static str,
    },
    /// A checkpoint that a majority of the admin nodes has not signed.
    #[error(
        "checkpoint of {as_of_ms} ms since 1970 is not signed by a majority of the admin nodes"
    )]
    NotAgreed {
        /// Its site time (ms since 1970).
        as_of_ms: i64,
    },
    /// The node adopted a checkpoint meanwhile.
    #[error("a checkpoint was adopted while the file was written: try again")]
    Moved,
    /// An entry is not what its author wrote.
    #[error("entry {number} of the file: {why}")]
    Entry {
        /// Its place in the file, from 0.
        number: u64,
        /// What is wrong.
        why: EntryError,
    },
    /// An entry does not follow the one before it in its log.
    #[error("entry {number} of the file does not follow the one before it in its log")]
    Chain {
        /// Its place in the file, from 0.
        number: u64,
    },
}

/// What a verified file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The site.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// Entries in the file.
    pub entries: u64,
    /// Logs, in the file or beneath it.
    pub logs: u64,
    /// Site time of the newest checkpoint beneath the entries (ms since 1970).
    pub checkpoint_ms: Option<i64>,
    /// Entries of kinds that this release does not know.
    pub unknown: u64,
    /// Entries that have no effect: their authors had no authority.
    pub without_effect: u64,
    /// Nodes that belong to the site.
    pub members: Vec<NodeId>,
    /// Hash of the state without registers of use, which are no entries.
    pub fingerprint: [u8; 32],
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.inner.write_all(bytes)
    }
}

/// Writes what makes up the base of `store` and every entry above; returns how many of these.
///
/// # Errors
/// Reading the store or writing the file failed.
pub fn export<S: LedgerStore>(
    store: &S,
    site: SiteId,
    out: impl Write,
) -> Result<u64, LedgerFileError> {
    let mut out = Hashing { inner: out, hash: Sha256::new() };
    out.put(MAGIC)?;
    out.put(&[VERSION])?;
    out.put(&site.0)?;
    let signed = shelf::base(store)?;
    let base = beneath::write(store, &signed, &mut out)?;
    let (mut after, mut count) = (None, 0u64);
    loop {
        let page = store.scan_entries(after, PAGE)?;
        let Some((epoch, seq, _)) = page.last() else {
            break;
        };
        after = Some((*epoch, *seq));
        let above = page
            .into_iter()
            .filter(|(epoch, seq, _)| !base.covers(&EntryId { epoch: EpochId(*epoch), seq: *seq }));
        for (_, _, bytes) in above {
            let length = u16::try_from(bytes.len())
                .map_err(|_| LedgerFileError::Damaged("entry too long"))?;
            out.put(&length.to_le_bytes())?;
            out.put(&bytes)?;
            count += 1;
        }
    }
    if shelf::base(store)? != signed {
        return Err(LedgerFileError::Moved);
    }
    out.put(&0u16.to_le_bytes())?;
    out.put(&count.to_le_bytes())?;
    let hash: [u8; 32] = out.hash.clone().finalize().into();
    out.put(&hash)?;
    out.inner.flush()?;
    Ok(count)
}

struct Reader<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Reader<R> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], LedgerFileError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), LedgerFileError> {
        self.inner.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                LedgerFileError::Damaged("it ends early")
            } else {
                LedgerFileError::Io(error)
            }
        })?;
        self.hash.update(&*bytes);
        Ok(())
    }
}

/// Reads a file and gives each entry, verified, to `each`; nothing is believed before its end was
/// reached and its hash found right, so `each` must be ready to have been told lies.
fn read(
    file: impl Read,
    mut each: impl FnMut(Entry) -> Result<(), LedgerFileError>,
) -> Result<(SiteId, Beneath), LedgerFileError> {
    let mut file = Reader { inner: file, hash: Sha256::new() };
    let mut magic = [0; MAGIC.len()];
    file.fill(&mut magic).map_err(|_| LedgerFileError::NotALedger)?;
    if magic != MAGIC || file.take::<1>()? != [VERSION] {
        return Err(LedgerFileError::NotALedger);
    }
    let site = SiteId(file.take()?);
    let beneath = beneath::read(&mut file, site)?;
    let floors = beneath.base.ground.floors.iter();
    let mut heads: BTreeMap<EpochId, (u64, [u8; 32])> =
        floors.map(|(epoch, floor)| (*epoch, (floor.height, floor.head))).collect();
    let mut number = 0u64;
    loop {
        let length = usize::from(u16::from_le_bytes(file.take()?));
        if length == 0 {
            break;
        }
        if length > MOST_ENTRY {
            return Err(LedgerFileError::Entry { number, why: EntryError::Length });
        }
        let mut bytes = vec![0; length];
        file.fill(&mut bytes)?;
        let wrong = |why| LedgerFileError::Entry { number, why };
        let entry = Entry::parse(&bytes).map_err(wrong)?;
        entry.verify().map_err(wrong)?;
        let (next, head) = heads.get(&entry.id.epoch).copied().unwrap_or((0, NO_ENTRY));
        if entry.id.seq != next || entry.prev != head {
            return Err(LedgerFileError::Chain { number });
        }
        heads.insert(entry.id.epoch, (next + 1, entry.hash()));
        each(entry)?;
        number += 1;
    }
    if u64::from_le_bytes(file.take()?) != number {
        return Err(LedgerFileError::Damaged("its count is wrong"));
    }
    let hash: [u8; 32] = file.hash.clone().finalize().into();
    if file.take::<32>()? != hash {
        return Err(LedgerFileError::Damaged("its hash is wrong"));
    }
    if file.inner.read(&mut [0])? != 0 {
        return Err(LedgerFileError::Damaged("bytes follow its end"));
    }
    Ok((site, beneath))
}

/// What a file makes of a site.
#[derive(Debug, Clone)]
pub struct Folded {
    /// The state, without registers of use other than those that checkpoints hold.
    pub site: Site,
    /// The entries above the checkpoints, each verified, by log, in order.
    pub entries: Vec<Entry>,
    /// How many are of kinds that this release does not know.
    pub unknown: u64,
}

/// Reads a file, verifies every signature, every log's chain and the whole file's hash, and applies
/// the site's rules to what it holds.
///
/// # Errors
/// The first thing that is wrong.
pub fn fold(file: impl Read) -> Result<Folded, LedgerFileError> {
    let mut entries = Vec::new();
    let (site_id, beneath) = read(file, |entry| {
        entries.push(entry);
        Ok(())
    })?;
    let mut site = Site::new(site_id);
    site.rebase(beneath.base.ground.clone(), beneath.base.members());
    let mut unknown = 0;
    let facts: Vec<_> = entries
        .iter()
        .filter_map(|entry| match Fact::decode(&entry.body) {
            Ok(Some(fact)) => Some((entry.id, fact)),
            Ok(None) | Err(_) => {
                unknown += 1;
                None
            }
        })
        .collect();
    // Membership first; then everything under the authority that stands at the end.
    for (id, fact) in &facts {
        site.apply(*id, fact);
    }
    site.unfold();
    beneath.base.settle_into(&mut site);
    for (id, fact) in &facts {
        site.apply(*id, fact);
    }
    beneath.check_agreed(&site)?;
    Ok(Folded { site, entries, unknown })
}

/// Verifies a file, and says what the site's rules make of it.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(file: impl Read) -> Result<Report, LedgerFileError> {
    let Folded { site, entries, unknown } = fold(file)?;
    let standing = site.standing();
    let without_effect = entries.iter().filter(|entry| standing.author(&entry.id).is_none());
    let members = standing.members.iter().filter(|(_, member)| !member.revoked);
    Ok(Report {
        site: site.id(),
        name: site.name().to_owned(),
        entries: entries.len() as u64,
        logs: logs(&site, &entries),
        checkpoint_ms: site.ground().as_of_ms,
        unknown,
        without_effect: without_effect.count() as u64,
        members: members.map(|(node, _)| *node).collect(),
        fingerprint: site.fingerprint().unwrap_or_default(),
    })
}

fn logs(site: &Site, entries: &[Entry]) -> u64 {
    let above = entries.iter().map(|entry| &entry.id.epoch);
    let all: BTreeSet<_> = site.ground().floors.keys().chain(above).collect();
    all.len() as u64
}

/// Puts a file's checkpoints and entries into a store that holds none: verified whole before the first
/// is written. Returns how many entries, durable.
///
/// # Errors
/// The first thing that is wrong; the store then holds what it held.
pub fn import<S: LedgerStore>(
    file: impl Read,
    site: SiteId,
    store: &S,
) -> Result<u64, LedgerFileError> {
    if !store.scan_entries(None, 1)?.is_empty() || !shelf::base(store)?.is_empty() {
        return Err(LedgerFileError::Damaged("the store already holds a ledger"));
    }
    let mut bytes = Vec::new();
    let mut file = file;
    file.read_to_end(&mut bytes)?;
    let Folded { site: folded, entries, .. } = fold(bytes.as_slice())?;
    if folded.id() != site {
        return Err(LedgerFileError::OtherSite(folded.id()));
    }
    let (_, beneath) = read(bytes.as_slice(), |_| Ok(()))?;
    beneath.put_into(store)?;
    for page in entries.chunks(PAGE) {
        let ops = page.iter().map(|entry| Op::PutEntry {
            epoch: entry.id.epoch.0,
            seq: entry.id.seq,
            bytes: entry.to_bytes(),
        });
        store.stage(ops.collect())?;
    }
    store.barrier()?;
    Ok(entries.len() as u64)
}

#[cfg(test)]
mod tests;
